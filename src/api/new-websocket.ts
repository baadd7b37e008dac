import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { checkProtocols, openingHeaders, parseUrl } from '../handshake/client.js';
import {
  type Accepted,
  chooseProtocol,
  type ExtraHeaders,
  formatAcceptance,
  isRefusal,
  judgeUpgrade,
  type Refusal,
  refuse,
} from '../handshake/server.js';
import { spendResponse } from '../net/opening/bound-response.js';
import { connect } from '../net/opening/connect.js';
import { NO_OWNER, PendingUpgrade } from '../net/opening/pending-upgrade.js';
import { RequestHead } from '../net/opening/request-head.js';
import { NO_BYTES } from '../protocol/bytes.js';
import { WebSocketCreationError, WebSocketError, WebSocketHandshakeError } from '../protocol/errors.js';
import { handled, rejected } from './handled-promise.js';
import {
  type ConnectionLimits,
  checkType,
  LIMIT_NAMES,
  ownOptions,
  type ResolvedLimits,
  resolveLimits,
  type ServerLimits,
} from './limits.js';
import { openClient, openForAwait } from './open.js';
import { type AwaitedUpgrade, awaitedUpgrade } from './upgrades.js';
import type { WebSocket } from './websocket.js';

interface AwaitOptions {
  /** Hand over every frame as it is, and leave Pong and Close to the caller. Default off. */
  raw?: boolean;
  /** Text as a string, or as the bytes of its UTF-8. Default `'string'`. */
  textAs?: 'string' | 'bytes';
  /** What `send` does on a socket that is not open, or is closed before it is done: reject, or nothing. Default `'reject'`. */
  onClosed?: 'reject' | 'ignore';
}

/** Options of a client; the options of `tls.connect` are handed on to it. */
export interface ClientOptions
  extends ConnectionLimits,
    AwaitOptions,
    Omit<TlsOptions, 'host' | 'port' | 'path' | 'socket' | 'timeout' | 'highWaterMark' | 'pskCallback'> {
  /** Headers of the request, besides those of the opening handshake; an array is sent as one line for each element. */
  headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Value of the Origin header. Default none. */
  origin?: string;
  /** Ends the opening handshake, at any stage, with its reason. Without effect once the socket is open. */
  signal?: AbortSignal;
  /** Follow up to 10 redirects. Credentials stay with their host, wss is not given up. Default off. */
  followRedirects?: boolean;
  /** As of `http.request`. Default none: a connection of its own. */
  agent?: RequestOptions['agent'];
  /** As of `http.request`: makes the connection, in place of the agent. */
  createConnection?: RequestOptions['createConnection'];
}

/** Options of a server that accepts the upgrade of one request. They go before those given to `acceptUpgrades`. */
export interface AcceptOptions extends ServerLimits, AwaitOptions {
  /** Of the `'upgrade'` event, for those who listen for it themselves. The library then writes refusals itself. */
  socket?: Duplex;
  /** Of the `'upgrade'` event: what came behind the request. Default nothing. */
  head?: Buffer;
  /** A client that offers subprotocols where none is wanted, or none where one is wanted, is a mismatch too. Default off. */
  requireProtocol?: boolean;
  /** Further headers of the 101: a record, or pairs where a name is to appear twice. */
  headers?: ExtraHeaders;
}

/** Our own options, which `http.request` is not to see. */
const OWN_OPTIONS: readonly string[] = [
  ...LIMIT_NAMES,
  ...['onClosed', 'headers', 'origin', 'signal', 'followRedirects', 'socket', 'head', 'requireProtocol'],
];

/**
 * Connects to a server (RFC 6455 §4.1).
 *
 * @param url `ws:` or `wss:`
 * @param protocols subprotocols to offer, most wanted first; default none
 * @throws TypeError, RangeError, SyntaxError for invalid arguments; nothing was sent then
 * @returns rejects with a `WebSocketCreationError`, `WebSocketFailedUpgradeError`, `WebSocketHandshakeError`,
 *   `WebSocketProtocolMismatchError` (offered some and got none or another), or the reason of `options.signal`
 */
export function newWebSocket<UserData = unknown>(
  url: string | URL,
  protocols?: string | readonly string[],
  options?: ClientOptions,
): Promise<WebSocket<UserData>>;
/**
 * Accepts an upgrade request, in a handler of a server that was given to `acceptUpgrades` (RFC 6455 §4.2). Writes nothing
 * if it cannot be accepted, so that the handler may answer otherwise.
 *
 * @param protocols those the server speaks; the client's first that is among them is agreed on. Left out: offers are ignored
 * @throws TypeError, RangeError, SyntaxError for invalid arguments; nothing was written then
 * @returns rejects with a `WebSocketHandshakeError` that carries the `status` and `headers` of a fitting answer,
 *   with a `WebSocketProtocolMismatchError`, or with a `WebSocketCreationError` if the client has left, if the request was
 *   answered, or if this is not the place for it
 */
export function newWebSocket<UserData = unknown>(
  request: IncomingMessage,
  protocols?: string | readonly string[],
  options?: AcceptOptions,
): Promise<WebSocket<UserData>>;
export function newWebSocket(
  target: string | URL | IncomingMessage,
  protocols?: string | readonly string[],
  options: ClientOptions | AcceptOptions = {},
): Promise<WebSocket> {
  try {
    const names = checkProtocols(protocols);
    const own = checkOptions(options as ClientOptions & AcceptOptions);
    if (typeof target === 'string' || target instanceof URL) return handled(connectTo(target, names, own));
    return Promise.resolve(acceptRequest(target, names, own as AcceptOptions));
  } catch (error) {
    // What the peer or the network did rejects, as it would a moment later; what the caller got wrong throws.
    if (error instanceof WebSocketError) return rejected(error);
    throw error;
  }
}

function checkOptions(options: ClientOptions & AcceptOptions): ClientOptions & AcceptOptions {
  const own = ownOptions(options);
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
  const { handshakeTimeout, maxHeaderBytes } = limits;
  const request = Object.fromEntries(Object.entries(options).filter(([name]) => !OWN_OPTIONS.includes(name)));
  const asked = { protocols, headers, origin, signal, followRedirects, handshakeTimeout, maxHeaderBytes, request };
  // For its checks, before there is a connection.
  openingHeaders({ key: '', ...asked });
  const url = parseUrl(target);
  return connect(url, asked).then((connected) => openClient(connected, limits, options.onClosed === 'ignore'));
}

// ——— the server

function acceptRequest(request: IncomingMessage, wanted: string[], options: AcceptOptions): WebSocket {
  if (!Array.isArray(request?.rawHeaders)) {
    throw new TypeError(`newWebSocket takes a URL or an upgrade request, not ${String(request)}`);
  }
  const upgrade = awaitedUpgrade(request);
  const limits = limitsFor(upgrade, options);
  const pending = upgrade?.pending ?? ownPending(request, options, limits);
  const fail = (refusal: Refusal) => {
    // Who gave us the socket itself has no response to answer with.
    if (upgrade === undefined) pending?.refuse(refusal);
    else upgrade.refusal = refusal;
  };

  const verdict = judgeUpgrade(request, limits, () => request);
  if (isRefusal(verdict)) {
    fail(verdict);
    throw new WebSocketHandshakeError(verdict.message, verdict.status, verdict.headers);
  }
  if (pending === null) throw new WebSocketCreationError(NO_SOCKET);
  const isAnswered = !pending.isPending || upgrade?.response?.headersSent || upgrade?.response?.writableEnded;
  if (pending.isGone || isAnswered) {
    throw new WebSocketCreationError(pending.isGone ? 'The client has left' : 'The request was answered already');
  }
  const accepted = acceptance(verdict, wanted, options, fail);
  const { remoteAddress } = pending;
  pending.accept(accepted.text);
  if (upgrade?.response) spendResponse(upgrade.response, pending);
  const head = pending.takeHead();
  const opening = { request: pending.request, remoteAddress, head, protocol: accepted.protocol, data: undefined };
  const ws = openForAwait(opening, limits, options.onClosed === 'ignore', upgrade?.connections ?? null);
  if (upgrade !== undefined) {
    upgrade.ws = ws;
    // It lives as long as the request, which the socket refers to.
    upgrade.response = null;
  }
  return ws;
}

/** Those of the server, so that all its connections share one object, unless the call has limits of its own. */
function limitsFor(upgrade: AwaitedUpgrade | undefined, options: AcceptOptions): ResolvedLimits {
  const hasOwn = Object.keys(options).some((name) => LIMIT_NAMES.includes(name));
  if (upgrade !== undefined && !hasOwn) return upgrade.limits;
  return resolveLimits('server', { ...upgrade?.given, ...options }, true);
}

function acceptance(verdict: Accepted, wanted: string[], options: AcceptOptions, fail: (refusal: Refusal) => void) {
  const { requireProtocol = false, headers } = options;
  let protocol: string;
  try {
    protocol = chooseProtocol(verdict.protocols, wanted, requireProtocol);
  } catch (error) {
    fail(refuse(400, { body: `${(error as Error).message}\n` }));
    throw error;
  }
  return { protocol, text: formatAcceptance(verdict.key, protocol, headers) };
}

const NO_SOCKET =
  'This request cannot be upgraded here: call acceptUpgrades(server) once for its HTTP server, or pass the socket ' +
  "and the head of the server's 'upgrade' event as options.socket and options.head";

/** One for each socket: a call that threw may be made again, and a socket that was upgraded is not upgraded twice. */
const ownUpgrades = new WeakMap<Duplex, PendingUpgrade>();

function ownPending(request: IncomingMessage, options: AcceptOptions, limits: ResolvedLimits): PendingUpgrade | null {
  const { socket, head = NO_BYTES } = options;
  if (!Buffer.isBuffer(head)) throw new TypeError(`head must be a Buffer, not ${String(head)}`);
  if (socket === undefined) return null;
  let pending = ownUpgrades.get(socket);
  if (pending === undefined) {
    pending = new PendingUpgrade(new RequestHead(request, socket), head, limits.handshakeTimeout, NO_OWNER).watch();
    ownUpgrades.set(socket, pending);
  }
  return pending;
}
