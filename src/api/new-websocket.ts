import type { RequestOptions } from 'node:https';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { checkProtocols, openingHeaders, parseUrl } from '../handshake/client.js';
import { connect, REQUEST_OPTIONS } from '../net/opening/connect.js';
import { type CloseResult, WebSocketError } from '../protocol/errors.js';
import { checkNames } from '../protocol/option-names.js';
import { quoted } from '../protocol/quoted.js';
import {
  ACCEPT_OPTIONS,
  type AcceptOptions,
  acceptFor,
  acceptRequest,
  type Handler,
  NO_OPTIONS,
  type UpgradeSource,
} from './accept-request.js';
import { handled, rejected } from './handled-promise.js';
import { AWAIT_OPTIONS, type AwaitOptions, CONNECTION_LIMITS, type ConnectionLimits, resolveLimits } from './limits.js';
import { openClient } from './open.js';
import { checkType, ownOptions } from './option-checks.js';
import type { WebSocket } from './websocket.js';

/**
 * Options of `newWebSocket` with a URL. Other options of `http.request`, `net.connect` and `tls.connect`, such as `ca`
 * and `lookup`, are passed on to Node.js, but the URL decides about host, port and path. An unknown option is a
 * TypeError.
 */
export interface ClientOptions
  extends ConnectionLimits,
    AwaitOptions,
    Omit<TlsOptions, 'host' | 'port' | 'path' | 'socket' | 'timeout' | 'highWaterMark' | 'pskCallback'>,
    Pick<RequestOptions, 'family' | 'hints' | 'localAddress' | 'localPort' | 'setHost' | 'socketPath'> {
  /**
   * Further headers of the request. They cannot replace those of the opening handshake itself. An array is sent as one
   * line per element. Default none.
   */
  headers?: Readonly<Record<string, string | readonly string[]>>;
  /** The value of the Origin header (RFC 6455 §4.1, item 8). Default: the header is not sent. */
  origin?: string;
  /**
   * Aborts the opening handshake at any stage: `newWebSocket` then rejects with the signal's reason. It has no effect
   * once the socket is open. Default none.
   */
  signal?: AbortSignal;
  /**
   * Follow up to 10 redirects. Cookies and authorization are sent only to the host that they were given for, and a
   * redirect from `wss:` to `ws:` is refused. Default off.
   */
  followRedirects?: boolean;
  /**
   * The agent of `http.request` or `https.request`, for a proxy, say. Default none: each socket gets a new connection.
   */
  agent?: RequestOptions['agent'];
  /**
   * `user:password` of Basic authentication, as in the URL, which replaces it. Sent only to the host of the URL. Default
   * none.
   */
  auth?: string;
  /** Makes the connection, as for `http.request`. Used only if there is no `agent`. Default: Node.js connects. */
  createConnection?: RequestOptions['createConnection'];
}

/** Our own options, which are not passed to `http.request`. */
const OWN_OPTIONS: readonly string[] = [
  ...CONNECTION_LIMITS,
  ...AWAIT_OPTIONS,
  ...['headers', 'origin', 'signal', 'followRedirects'],
];

const CLIENT_OPTIONS: readonly string[] = [...OWN_OPTIONS, ...REQUEST_OPTIONS];

/**
 * Connects to a server, as a client (RFC 6455 §4.1).
 *
 * @example
 * ```js
 * import { newWebSocket } from 'wasock';
 *
 * const ws = await newWebSocket('ws://127.0.0.1:9001/', ['v2', 'v1'], { pingInterval: 25_000 });
 * await ws.send('Hi, how are you?');
 * console.log(await ws.receiveStrPacket());
 * await ws.close();
 * ```
 * @param url a `ws:` or `wss:` URL; `http:` and `https:` work like these
 * @param protocols the subprotocols to offer, the most wanted first. Default none
 * @param options headers, limits and options of Node.js
 * @returns resolves with the open socket. Rejects with a `WebSocketCreationError` if the URL has another scheme, if there
 *   is no connection, if the server does not answer within `handshakeTimeout`, or if a redirect cannot be followed; with
 *   a `WebSocketFailedUpgradeError` if the server answers with a status other than 101; with a
 *   `WebSocketHandshakeError` if its 101 is invalid; with a `WebSocketProtocolMismatchError` if it chooses none of the
 *   offered subprotocols; or with the reason of `options.signal`
 * @throws TypeError, RangeError, SyntaxError if an argument is invalid; nothing was sent then
 */
export function newWebSocket(
  url: string | URL,
  protocols?: string | readonly string[],
  options?: ClientOptions,
): Promise<WebSocket>;
/**
 * Accepts an upgrade request, as a server, and sets `ws.data` to `options.data`. Everything else is as
 * without `data`.
 *
 * @example
 * ```js
 * import { createServer } from 'node:http';
 * import { acceptUpgrades, newWebSocket } from 'wasock';
 *
 * const server = createServer(async (req) => {
 *   const ws = await newWebSocket(req, [], { data: { agent: req.headers['user-agent'] } });
 *   for await (const message of ws) await ws.send(`${ws.data.agent}: ${message}`);
 * });
 * acceptUpgrades(server.listen(9001));
 * ```
 * @param request an upgrade request of node:http, or a framework's object that has it
 * @param protocols the subprotocols that the server speaks. The first of the client's offers among them is chosen. If
 *   `undefined` or empty, offers are ignored
 * @param options `data`, further headers and limits
 * @returns resolves with the open socket, and rejects as without data
 * @throws TypeError, RangeError, SyntaxError if an argument is invalid; nothing was written then
 */
export function newWebSocket<UserData = unknown>(
  request: UpgradeSource,
  protocols: string | readonly string[] | undefined,
  options: AcceptOptions<UserData> & { data: UserData },
): Promise<WebSocket<UserData>>;
/** Accepts an upgrade request, as a server, with options that may have no `data`: `ws.data` is `undefined` then. */
export function newWebSocket<UserData = unknown>(
  request: UpgradeSource,
  protocols: string | readonly string[] | undefined,
  options: AcceptOptions<UserData>,
): Promise<WebSocket<UserData | undefined>>;
/**
 * Accepts an upgrade request, as a server (RFC 6455 §4.2). Call it in a request handler of a server that was passed to
 * `acceptUpgrades`. If the request cannot be accepted, nothing is written, so that the handler can give another answer.
 *
 * @example
 * ```js
 * import { createServer } from 'node:http';
 * import { acceptUpgrades, newWebSocket } from 'wasock';
 *
 * const server = createServer(async (req) => {
 *   const ws = await newWebSocket(req);
 *   for await (const message of ws) await ws.send(message);
 * });
 * acceptUpgrades(server.listen(9001));
 * ```
 * @param request an upgrade request of node:http, or a framework's object that has it
 * @param protocols the subprotocols that the server speaks. The first of the client's offers among them is chosen. If
 *   left out or empty, offers are ignored
 * @param options further headers and limits
 * @returns resolves with the open socket. Rejects with a `WebSocketHandshakeError`, which has the `status` and
 *   `headers` to answer with; with a `WebSocketProtocolMismatchError` if client and server have no subprotocol in
 *   common; or with a `WebSocketCreationError` if the client has left, if the request was already answered, or if it
 *   came neither through `acceptUpgrades` nor with the socket of an `'upgrade'` event
 * @throws TypeError, RangeError, SyntaxError if an argument is invalid; nothing was written then
 */
export function newWebSocket(
  request: UpgradeSource,
  protocols?: string | readonly string[],
  options?: AcceptOptions,
): Promise<WebSocket>;
/**
 * Accepts an upgrade request, as a server, sets `ws.data` to `options.data`, and runs a handler with the socket.
 * Everything else is as without data.
 *
 * @example
 * ```js
 * import { createServer } from 'node:http';
 * import { acceptUpgrades, newWebSocket } from 'wasock';
 *
 * const greet = async (ws) => { for await (const name of ws) await ws.send(`${name}, you use ${ws.data}`); };
 * const server = createServer((req) => newWebSocket(req, [], { data: req.headers['user-agent'] }, greet));
 * acceptUpgrades(server.listen(9001));
 * ```
 * @param request an upgrade request of node:http, or a framework's object that has it
 * @param protocols the subprotocols that the server speaks, or `undefined`, which ignores offers
 * @param options `data`, further headers and limits
 * @param handler uses the socket until it is no longer needed
 * @returns resolves with how the connection ended, or with why there is none, as without data
 * @throws TypeError, RangeError, SyntaxError if an argument is invalid; nothing was written then
 */
export function newWebSocket<UserData>(
  request: UpgradeSource,
  protocols: string | readonly string[] | undefined,
  options: AcceptOptions<UserData> & { data: UserData },
  handler: (ws: WebSocket<UserData>) => unknown,
): Promise<CloseResult>;
/** Accepts an upgrade request and runs a handler, with options that may have no `data`. */
export function newWebSocket<UserData>(
  request: UpgradeSource,
  protocols: string | readonly string[] | undefined,
  options: AcceptOptions<UserData>,
  handler: (ws: WebSocket<UserData | undefined>) => unknown,
): Promise<CloseResult>;
/**
 * Accepts an upgrade request, as a server, and runs a handler with the socket. When the handler has finished, the
 * socket closes with 1000. If it throws or rejects, the socket closes with 1011, and `onError` of `acceptUpgrades` gets
 * the error, unless the client has closed cleanly. Without `onError`, `console.error` prints errors of your code, and
 * nothing that peers do. That holds in any framework, whatever it does with the promise.
 *
 * @example
 * ```js
 * import { createServer } from 'node:http';
 * import { acceptUpgrades, newWebSocket } from 'wasock';
 *
 * const echo = async (ws) => { for await (const message of ws) await ws.send(message); };
 * const server = createServer((req) => newWebSocket(req, echo));
 * acceptUpgrades(server.listen(9001));
 * ```
 * @param request an upgrade request of node:http, or a framework's object that has it
 * @param args the last argument is the handler. `protocols` and `options` come before it, and may be left out
 * @returns resolves with how the connection ended, like `ws.closed`. If the client cannot be upgraded, it has got an answer
 *   that says so or has left; then the result has code 1006, and its `cause` is the error that `newWebSocket` without a
 *   handler rejects with. Rejects with a `WebSocketCreationError` if the request was already answered, or if it came
 *   neither through `acceptUpgrades` nor with the socket of an `'upgrade'` event
 * @throws TypeError, RangeError, SyntaxError if an argument is invalid; nothing was written then
 */
export function newWebSocket(
  request: UpgradeSource,
  ...args:
    | [handler: (ws: WebSocket) => unknown]
    | [protocols: string | readonly string[] | undefined, handler: (ws: WebSocket) => unknown]
    | [
        protocols: string | readonly string[] | undefined,
        options: AcceptOptions | undefined,
        handler: (ws: WebSocket) => unknown,
      ]
): Promise<CloseResult>;
export function newWebSocket(
  target: string | URL | UpgradeSource,
  ...rest: readonly unknown[]
): Promise<WebSocket | CloseResult> {
  try {
    return open(target, rest);
  } catch (error) {
    // An error of the peer or the network rejects, as it would a moment later. A mistake of the caller throws.
    if (error instanceof WebSocketError) return rejected(error);
    throw error;
  }
}

function open(target: string | URL | UpgradeSource, rest: readonly unknown[]): Promise<WebSocket | CloseResult> {
  const handler = typeof rest.at(-1) === 'function' ? (rest.at(-1) as Handler) : null;
  const [protocols, options] = handler === null ? rest : rest.slice(0, -1);
  const names = checkProtocols(protocols as string | readonly string[] | undefined);
  const isUrl = typeof target === 'string' || target instanceof URL;
  const own: ClientOptions & AcceptOptions =
    options === undefined ? NO_OPTIONS : checkOptions(options as ClientOptions & AcceptOptions, isUrl);
  if (isUrl && handler !== null) throw new TypeError('A handler goes with an upgrade request, not with a URL');
  if (isUrl) return handled(connectTo(target, names, own));
  if (handler !== null) return acceptFor(target, names, own, handler);
  return Promise.resolve(acceptRequest(target, names, own));
}

function checkOptions(options: ClientOptions & AcceptOptions, isUrl: boolean): ClientOptions & AcceptOptions {
  const own = ownOptions(options);
  if (isUrl) checkNames('newWebSocket', own, CLIENT_OPTIONS);
  else checkNames('newWebSocket with a request', own, ACCEPT_OPTIONS);
  const { onClosed, signal } = own;
  if (onClosed !== undefined && onClosed !== 'reject' && onClosed !== 'ignore') {
    throw new TypeError(`onClosed must be "reject" or "ignore", not ${quoted(onClosed)}`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`signal must be an AbortSignal, not ${quoted(signal)}`);
  }
  checkType('auth', own.auth, 'string');
  checkType('followRedirects', own.followRedirects, 'boolean');
  checkType('requireProtocol', own.requireProtocol, 'boolean');
  return own;
}

// ——— the client

function connectTo(target: string | URL, protocols: string[], options: ClientOptions): Promise<WebSocket> {
  const limits = resolveLimits('client', options, true);
  const { headers, origin, signal, followRedirects = false } = options;
  const { handshakeTimeout, maxHeaderBytes, compression } = limits;
  const request = Object.fromEntries(Object.entries(options).filter(([name]) => !OWN_OPTIONS.includes(name)));
  const asked = {
    protocols,
    headers,
    origin,
    signal,
    followRedirects,
    handshakeTimeout,
    maxHeaderBytes,
    compression,
    request,
  };
  // Only to check the headers before there is a connection.
  openingHeaders({ key: '', ...asked });
  const url = parseUrl(target);
  return connect(url, asked).then((connected) => openClient(connected, limits, options.onClosed === 'ignore'));
}
