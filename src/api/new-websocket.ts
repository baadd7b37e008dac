import type { RequestOptions } from 'node:https';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { checkProtocols, openingHeaders, parseUrl } from '../handshake/client.js';
import { connect } from '../net/opening/connect.js';
import { type CloseResult, WebSocketError } from '../protocol/errors.js';
import { checkNames } from '../protocol/option-names.js';
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
import {
  AWAIT_OPTIONS,
  type AwaitOptions,
  CONNECTION_LIMITS,
  type ConnectionLimits,
  checkType,
  ownOptions,
  resolveLimits,
} from './limits.js';
import { NODE_OPTIONS } from './node-options.js';
import { openClient } from './open.js';
import type { WebSocket } from './websocket.js';

/** Options of a client. Options of `tls.connect` are passed on to it. */
export interface ClientOptions
  extends ConnectionLimits,
    AwaitOptions,
    Omit<TlsOptions, 'host' | 'port' | 'path' | 'socket' | 'timeout' | 'highWaterMark' | 'pskCallback'> {
  /** Headers of the request, besides those of the opening handshake. An array is sent as one line per element. */
  headers?: Readonly<Record<string, string | readonly string[]>>;
  /** The value of the Origin header. Default none. */
  origin?: string;
  /**
   * Aborts the opening handshake at any stage; `newWebSocket` rejects with its reason. No effect once the socket is
   * open.
   */
  signal?: AbortSignal;
  /** Follow up to 10 redirects. Credentials go only to their own host, and wss never becomes ws. Default off. */
  followRedirects?: boolean;
  /** As for `http.request`. Default none: the socket gets a connection of its own. */
  agent?: RequestOptions['agent'];
  /** As for `http.request`: makes the connection instead of the agent. */
  createConnection?: RequestOptions['createConnection'];
}

/** Options that say what `ws.data` is. */
type WithData<UserData> = AcceptOptions<UserData> & { data: UserData };

/** Our own options, which `http.request` must not see. */
const OWN_OPTIONS: readonly string[] = [
  ...CONNECTION_LIMITS,
  ...AWAIT_OPTIONS,
  ...['headers', 'origin', 'signal', 'followRedirects'],
];

const CLIENT_OPTIONS: readonly string[] = [...OWN_OPTIONS, ...NODE_OPTIONS];

/**
 * Connects to a server (RFC 6455 §4.1).
 *
 * @param url `ws:` or `wss:`
 * @param protocols subprotocols to offer, most wanted first; default none
 * @throws TypeError, RangeError, SyntaxError if an argument is invalid; nothing was sent then
 * @returns the open socket. Rejects with a `WebSocketCreationError`, `WebSocketFailedUpgradeError`,
 *   `WebSocketHandshakeError`, `WebSocketProtocolMismatchError` (the server chose none of those offered), or the reason
 *   of `options.signal`
 */
export function newWebSocket(
  url: string | URL,
  protocols?: string | readonly string[],
  options?: ClientOptions,
): Promise<WebSocket>;
/**
 * Accepts an upgrade request, in a handler of a server that was given to `acceptUpgrades` (RFC 6455 §4.2). If the
 * request cannot be accepted, nothing is written, so that the handler may give another answer.
 *
 * @param protocols subprotocols that the server speaks; the client's first offer among them is chosen. If left out,
 *   offers are ignored
 * @throws TypeError, RangeError, SyntaxError if an argument is invalid; nothing was written then
 * @returns the open socket. Rejects with a `WebSocketHandshakeError`, which has the `status` and `headers` to answer
 *   with; with a `WebSocketProtocolMismatchError`; or with a `WebSocketCreationError` if the client has left, the
 *   request was answered already, or it did not come through `acceptUpgrades` or an `'upgrade'` event
 */
export function newWebSocket<UserData = unknown>(
  request: UpgradeSource,
  protocols: string | readonly string[] | undefined,
  options: WithData<UserData>,
): Promise<WebSocket<UserData>>;
export function newWebSocket(
  request: UpgradeSource,
  protocols?: string | readonly string[],
  options?: AcceptOptions,
): Promise<WebSocket>;
/**
 * Accepts an upgrade request and runs `handler` with its socket. If `handler` throws or rejects, the socket closes with
 * 1011 and `onError` of `acceptUpgrades` is called (default `console.error`), unless the client has closed cleanly. When
 * `handler` has finished, the socket closes with 1000.
 *
 * @param args `handler` is the last argument; before it `protocols` and `options`, which may be left out
 * @throws TypeError, RangeError, SyntaxError if an argument is invalid; nothing was written then
 * @returns how the connection ended, as `ws.closed`. Rejects only if the request cannot be accepted, which the client
 *   has been told then
 */
export function newWebSocket<UserData>(
  request: UpgradeSource,
  protocols: string | readonly string[] | undefined,
  options: WithData<UserData>,
  handler: (ws: WebSocket<UserData>) => unknown,
): Promise<CloseResult>;
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
    // Faults of the peer or the network reject, as they would a moment later. The caller's faults throw.
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
    throw new TypeError(`onClosed must be "reject" or "ignore", not ${String(onClosed)}`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`signal must be an AbortSignal, not ${String(signal)}`);
  }
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
