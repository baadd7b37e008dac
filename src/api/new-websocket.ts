import type { IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { checkProtocols, parseUrl } from '../handshake/client.js';
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
import { connect } from '../net/connect.js';
import { PendingUpgrade } from '../net/upgrade.js';
import { WebSocketCreationError, WebSocketHandshakeError } from '../protocol/errors.js';
import { awaitedUpgrade } from './accept-upgrades.js';
import { spendResponse } from './bound-response.js';
import { handled } from './handled-promise.js';
import { type ConnectionLimits, type ResolvedLimits, resolveLimits, type ServerLimits } from './limits.js';
import { openClient, openForAwait } from './open.js';
import type { WebSocket } from './websocket.js';

interface AwaitOptions {
  /** Hand over every frame as it is, and leave Pong and Close to the caller. Default off. */
  raw?: boolean;
  /** Text as a string, or as the bytes of its UTF-8. Default `'string'`. */
  textAs?: 'string' | 'bytes';
  /** What `send` does on a socket that is not open: a rejected promise, or nothing. Default `'reject'`. */
  onClosed?: 'reject' | 'ignore';
}

/** Options of a client; the options of `tls.connect` are handed on to it. */
export interface ClientOptions
  extends ConnectionLimits,
    AwaitOptions,
    Omit<TlsOptions, 'host' | 'port' | 'path' | 'socket' | 'timeout' | 'highWaterMark' | 'pskCallback'> {
  /** Headers of the request, besides those of the opening handshake. */
  headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Value of the Origin header. Default none. */
  origin?: string;
  /** Ends the opening handshake, at any stage. Without effect once the socket is open. */
  signal?: AbortSignal;
  /** Follow up to 10 redirects. Credentials stay with their host, wss is not given up. Default off. */
  followRedirects?: boolean;
  agent?: RequestOptions['agent'];
  createConnection?: RequestOptions['createConnection'];
}

/** Options of a server that accepts the upgrade of one request. */
export interface AcceptOptions extends ServerLimits, AwaitOptions {
  /** Of the `'upgrade'` event, for those who listen for it themselves. */
  socket?: Duplex;
  head?: Buffer;
  /** A client that offers subprotocols where none is wanted, or none where one is wanted, is a mismatch too. Default off. */
  requireProtocol?: boolean;
  /** Further headers of the 101. */
  headers?: ExtraHeaders;
}

/** Our own options, which `http.request` is not to see. */
const OWN_OPTIONS: readonly string[] = [
  ...['raw', 'textAs', 'onClosed', 'headers', 'origin', 'signal', 'followRedirects', 'maxPayload', 'maxFragments'],
  ...['handshakeTimeout', 'pingInterval', 'pongTimeout', 'idleTimeout', 'messageTimeout', 'closeTimeout'],
  ...['highWaterMark', 'maxBackpressure', 'slowPeer', 'compression', 'zeroCopy'],
];

/**
 * Connects to a server (RFC 6455 §4.1).
 *
 * @param url `ws:` or `wss:`
 * @param protocols subprotocols to offer, most wanted first
 * @returns rejects with a `WebSocketCreationError`, `WebSocketFailedUpgradeError`, `WebSocketHandshakeError`,
 *   `WebSocketProtocolMismatchError` (offered some and got none or another), or the reason of `options.signal`
 */
export function newWebSocket(
  url: string | URL,
  protocols?: string | readonly string[],
  options?: ClientOptions,
): Promise<WebSocket>;
/**
 * Accepts an upgrade request, in a handler of a server that was given to `acceptUpgrades` (RFC 6455 §4.2). Writes nothing
 * if it cannot be accepted, so that the handler may answer otherwise.
 *
 * @param protocols those the server speaks; the client's first that is among them is agreed on
 * @returns rejects with a `WebSocketHandshakeError` that carries the `status` and `headers` of a fitting answer, or with a
 *   `WebSocketProtocolMismatchError`
 */
export function newWebSocket(
  request: IncomingMessage,
  protocols?: string | readonly string[],
  options?: AcceptOptions,
): Promise<WebSocket>;
export function newWebSocket(
  target: string | URL | IncomingMessage,
  protocols?: string | readonly string[],
  options: ClientOptions | AcceptOptions = {},
): Promise<WebSocket> {
  const isAddress = typeof target === 'string' || target instanceof URL;
  if (!isAddress && !Array.isArray(target?.rawHeaders)) {
    throw new TypeError(`newWebSocket takes a URL or an upgrade request, not ${String(target)}`);
  }
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`options must be an object, not ${String(options)}`);
  }
  const { onClosed = 'reject' } = options;
  if (onClosed !== 'reject' && onClosed !== 'ignore') {
    throw new TypeError(`onClosed must be "reject" or "ignore", not ${String(onClosed)}`);
  }
  const names = checkProtocols(protocols);
  return handled(
    isAddress
      ? connectTo(target, names, options as ClientOptions, onClosed === 'ignore')
      : acceptRequest(target, names, options as AcceptOptions, onClosed === 'ignore'),
  );
}

function connectTo(target: string | URL, protocols: string[], options: ClientOptions, ignoreClosed: boolean) {
  const limits = resolveLimits('client', options);
  const { headers, origin, signal, followRedirects = false } = options;
  const request = Object.fromEntries(Object.entries(options).filter(([name]) => !OWN_OPTIONS.includes(name)));
  const { handshakeTimeout } = limits;
  const asked = { protocols, headers, origin, signal, followRedirects, handshakeTimeout, request };
  return open();

  async function open(): Promise<WebSocket> {
    return openClient(await connect(parseUrl(target), asked), limits, ignoreClosed);
  }
}

async function acceptRequest(
  request: IncomingMessage,
  wanted: string[],
  options: AcceptOptions,
  ignoreClosed: boolean,
): Promise<WebSocket> {
  const upgrade = awaitedUpgrade(request);
  const limits = resolveLimits('server', { ...upgrade?.given, ...options, zeroCopy: false } as ServerLimits);
  const pending = upgrade?.pending ?? ownPending(request, options, limits);
  const fail = (refusal: Refusal) => {
    // Who gave us the socket itself has no response to answer with.
    if (upgrade === undefined) pending?.refuse(refusal);
    else upgrade.refusal = refusal;
  };

  const verdict = judgeUpgrade(request, limits as Parameters<typeof judgeUpgrade>[1]);
  if (isRefusal(verdict)) {
    fail(verdict);
    throw new WebSocketHandshakeError(verdict.message, verdict.status, verdict.headers);
  }
  if (pending === null) throw new WebSocketCreationError(NO_SOCKET);
  if (!pending.isPending || pending.isGone) throw new WebSocketCreationError(whyNotPending(pending));
  const accepted = acceptance(verdict, wanted, options, fail);
  pending.accept(accepted.text);
  if (upgrade !== undefined) spendResponse(upgrade.response, pending);
  const { socket, head } = pending;
  const opening = { request, socket, head, key: verdict.key, protocol: accepted.protocol, data: undefined };
  const ws = openForAwait(opening, limits, ignoreClosed, upgrade?.connections ?? null);
  if (upgrade !== undefined) upgrade.ws = ws;
  return ws;
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

function ownPending(request: IncomingMessage, options: AcceptOptions, limits: ResolvedLimits): PendingUpgrade | null {
  const { socket, head = Buffer.alloc(0) } = options;
  return socket === undefined ? null : new PendingUpgrade(request, socket, head, limits.handshakeTimeout, () => {});
}

function whyNotPending(pending: PendingUpgrade): string {
  return pending.isGone ? 'The client has left' : 'The request was answered already';
}
