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
  /** Hand over every frame as it is, and leave Pong and Close to the user. Default off. */
  raw?: boolean;
  /** Text as a string, or as its UTF-8 bytes. Default `'string'`. */
  textAs?: 'string' | 'bytes';
  /**
   * What `send` does if the socket is not open, or closes before the message has left: reject, or nothing. Default
   * `'reject'`.
   */
  onClosed?: 'reject' | 'ignore';
}

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

/** Options of a server that accepts one upgrade request. They override those of `acceptUpgrades`. */
export interface AcceptOptions extends ServerLimits, AwaitOptions {
  /** The socket of the `'upgrade'` event, if you listen for it yourself. The library then writes refusals itself. */
  socket?: Duplex;
  /** The head of the `'upgrade'` event: bytes that came after the request. Default none. */
  head?: Buffer;
  /** Whether it is a mismatch too if only one side names subprotocols. Default off. */
  requireProtocol?: boolean;
  /** Further headers of the 101: a record, or pairs if a name must appear twice. */
  headers?: ExtraHeaders;
}

/** Our own options, which `http.request` must not see. */
const OWN_OPTIONS: readonly string[] = [
  ...LIMIT_NAMES,
  ...['onClosed', 'headers', 'origin', 'signal', 'followRedirects', 'socket', 'head', 'requireProtocol'],
];

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
export function newWebSocket<UserData = unknown>(
  url: string | URL,
  protocols?: string | readonly string[],
  options?: ClientOptions,
): Promise<WebSocket<UserData>>;
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
    // Faults of the peer or the network reject, as they would a moment later. The caller's faults throw.
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
  // Only to check the headers before there is a connection.
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
    // A caller who passed the socket has no response to answer with.
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
    // The upgrade lives as long as the request, to which the socket refers.
    upgrade.response = null;
  }
  return ws;
}

/** The limits of the server, so that all its connections share one object, unless this call has limits of its own. */
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

/** One upgrade per socket: after a call that threw, another may follow, but no socket is upgraded twice. */
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
