import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { chooseOffer } from '../deflate/negotiation.js';
import { mayBeInAcceptance } from '../handshake/header-values.js';
import {
  type Accepted,
  chooseProtocol,
  type ExtraHeaders,
  formatAcceptance,
  isRefusal,
  judgeUpgrade,
  pairsOf,
  type Refusal,
  refusalFor,
} from '../handshake/server.js';
import { responseOn } from '../net/node/http-server.js';
import { answerInstead, shieldSocket, spendResponse } from '../net/opening/bound-response.js';
import { NO_OWNER, type PendingOwner, PendingUpgrade } from '../net/opening/pending-upgrade.js';
import { RequestHead } from '../net/opening/request-head.js';
import { NO_BYTES } from '../protocol/bytes.js';
import {
  type CloseResult,
  WebSocketCreationError,
  WebSocketHandshakeError,
  WebSocketProtocolMismatchError,
} from '../protocol/errors.js';
import { quoted } from '../protocol/quoted.js';
import { failSocket } from './handler-delivery.js';
import {
  AWAIT_OPTIONS,
  type AwaitOptions,
  REQUEST_LIMITS,
  type RequestLimits,
  type ResolvedLimits,
  resolveLimits,
} from './limits.js';
import { openForAwait } from './open.js';
import { tellRefusal } from './refusals.js';
import { type AwaitedUpgrade, awaitedUpgrade, refusalOf } from './upgrades.js';
import type { WebSocket } from './websocket.js';

/** Options of `newWebSocket` with an upgrade request. They override those of `acceptUpgrades`. */
export interface AcceptOptions<UserData = unknown> extends RequestLimits, AwaitOptions {
  /** The value of `ws.data`. Default undefined. */
  data?: UserData;
  /**
   * The socket of the `'upgrade'` event, if you listen for it yourself instead of calling `acceptUpgrades`. The library
   * then writes refusals itself. Default none.
   */
  socket?: Duplex;
  /**
   * The head of the `'upgrade'` event: the bytes that came after the request. Don't change it. Default none.
   */
  head?: Buffer;
  /** Whether to refuse the request also if only one side names subprotocols. Default off. */
  requireProtocol?: boolean;
  /**
   * Further headers of the 101: a record, or pairs if a name must appear twice. Headers that were set on the response
   * before the upgrade are sent, too, except those of a body or of the connection. A header here replaces one of the
   * same name, except for Set-Cookie. Default none.
   */
  headers?: ExtraHeaders;
}

/** The names of `AcceptOptions`. */
export const ACCEPT_OPTIONS: readonly string[] = [
  ...REQUEST_LIMITS,
  ...AWAIT_OPTIONS,
  ...['data', 'socket', 'head', 'requireProtocol', 'headers'],
];

/** Stands for options that were left out. It has no prototype, so that a polluted one adds no option. */
export const NO_OPTIONS: Readonly<Record<never, never>> = Object.freeze(Object.create(null));

/**
 * An upgrade request: that of node:http, or the object of a framework that has it. Express has the former; Fastify has
 * it as `raw`, Koa as `req`, and Hono on node-server as `env.incoming`.
 */
export type UpgradeSource =
  | IncomingMessage
  | { readonly raw: IncomingMessage }
  | { readonly req: IncomingMessage }
  | { readonly env: { readonly incoming: IncomingMessage } };

/** @throws TypeError if `source` is not such an object */
function messageOf(source: unknown): IncomingMessage {
  if (Array.isArray((source as Partial<IncomingMessage> | undefined)?.rawHeaders)) return source as IncomingMessage;
  const { raw, req, env } = Object(source) as Record<string, unknown>;
  const candidates = [raw, req, (env as { incoming?: unknown } | undefined)?.incoming];
  const message = candidates.find((each) => Array.isArray((each as Partial<IncomingMessage> | undefined)?.rawHeaders));
  if (message !== undefined) return message as IncomingMessage;
  throw new TypeError(`newWebSocket takes a URL or an upgrade request, not ${quoted(source)}`);
}

/** Handles one socket from its upgrade to its end. */
export type Handler = (ws: WebSocket) => unknown;

/**
 * Does what `acceptRequest` does, and then runs `handler`.
 *
 * @returns how the connection ended. A client that cannot be upgraded is no failure of the caller: strangers could fill a
 *   framework's log with those
 */
export function acceptFor(
  source: unknown,
  wanted: string[],
  options: AcceptOptions,
  handler: Handler,
): Promise<CloseResult> {
  const request = messageOf(source);
  const onError = awaitedUpgrade(request)?.server.given.onError;
  let ws: WebSocket;
  try {
    ws = acceptRequest(request, wanted, options);
  } catch (error) {
    if (isAnsweredFor(request, options, error)) return Promise.resolve(endOf(error as Error));
    throw error;
  }
  // `handler` runs after this call has returned, so that what it throws is not taken for a refusal.
  Promise.resolve(ws)
    .then(handler)
    .then(
      () => void ws.close(),
      (error) => failSocket(ws, error, { error: onError }),
    );
  return ws.closed;
}

/** The end of a connection that never was. */
function endOf(cause: Error): CloseResult {
  return { closeCode: 1006, reason: '', wasClean: false, cause };
}

/**
 * Answers a request that cannot be accepted. A caller that ignores the promise would leave the client waiting.
 *
 * @returns whether this client needs no answer any more
 */
function isAnsweredFor(request: IncomingMessage, { socket }: AcceptOptions, error: unknown): boolean {
  const upgrade = awaitedUpgrade(request);
  const pending = upgrade === undefined ? socket && ownUpgrades.get(socket) : upgrade.pending;
  if (error instanceof WebSocketCreationError) return pending?.isGone === true;
  if (!(error instanceof WebSocketHandshakeError || error instanceof WebSocketProtocolMismatchError)) return false;
  if (pending?.refusal) {
    const { refusal } = pending;
    pending.refuse(refusal);
    if (upgrade?.response) spendResponse(upgrade.response, pending, refusal.status);
    return true;
  }
  const response = upgrade === undefined ? responseOn(request.socket) : undefined;
  if (response?.req !== request) return false;
  answerInstead(response, refusalOf(error));
  return true;
}

/** Accepts an upgrade request. @throws what `newWebSocket` throws or rejects with */
export function acceptRequest(source: unknown, wanted: string[], options: AcceptOptions): WebSocket {
  const request = messageOf(source);
  const upgrade = awaitedUpgrade(request);
  const limits = limitsFor(upgrade, options);
  if (upgrade?.pending === null) throw new WebSocketCreationError(ANSWERED);
  const pending = upgrade?.pending ?? ownPending(request, options, limits);
  const fail = (refusal: Refusal) => {
    // A caller that passed the socket has no response to answer with.
    if (upgrade === undefined) pending?.refuse(refusal);
    else if (pending !== null) pending.refusal = refusal;
  };

  const verdict = judgeUpgrade(request, limits, () => request);
  if (isRefusal(verdict)) {
    fail(verdict);
    throw new WebSocketHandshakeError(verdict.message, verdict.status, verdict.headers);
  }
  if (pending === null) throw new WebSocketCreationError(NO_SOCKET);
  const isAnswered = !pending.isPending || upgrade?.response?.headersSent || upgrade?.response?.writableEnded;
  if (pending.isGone || isAnswered) {
    throw new WebSocketCreationError(pending.isGone ? 'The client left before its request was accepted' : ANSWERED);
  }
  const { protocol, headers } = acceptance(verdict, wanted, options, upgrade?.response ?? null, fail);
  const { parameters: deflate, answer } = chooseOffer(verdict.extensions, limits.compression);
  const text = formatAcceptance(verdict.key, protocol, headers, answer);
  const { remoteAddress } = pending;
  pending.accept(text);
  if (upgrade?.response) spendResponse(upgrade.response, pending, 101);
  const head = pending.takeHead();
  const { address } = pending;
  const opening = { request: pending.request, remoteAddress, address, head, protocol, deflate, data: options.data };
  const ws = openForAwait(opening, limits, options.onClosed === 'ignore', upgrade?.server.connections ?? null);
  if (upgrade !== undefined) {
    upgrade.ws = ws;
    upgrade.pending = null;
    upgrade.response = null;
    shieldSocket(request, pending.socket as Socket, upgrade);
  }
  return ws;
}

/** Options that may differ between a connection and its server. */
const OF_CONNECTIONS: readonly string[] = [...REQUEST_LIMITS, 'raw', 'textAs'];

/** The limits of the server, so that all its connections share one object, unless this call has limits of its own. */
function limitsFor(upgrade: AwaitedUpgrade | undefined, options: AcceptOptions): ResolvedLimits {
  const hasOwn = Object.keys(options).some((name) => OF_CONNECTIONS.includes(name));
  if (upgrade !== undefined && !hasOwn) return upgrade.server.limits;
  const { given, limits } = upgrade?.server ?? {};
  return resolveLimits('server', { ...given, ...options }, true, limits?.counters);
}

/** The chosen subprotocol, and the further headers of the 101. */
function acceptance(
  verdict: Accepted,
  wanted: string[],
  options: AcceptOptions,
  response: ServerResponse | null,
  fail: (refusal: Refusal) => void,
) {
  const { requireProtocol = false, headers } = options;
  let protocol: string;
  try {
    protocol = chooseProtocol(verdict.protocols, wanted, requireProtocol);
  } catch (error) {
    fail(refusalFor('protocol', 400, { body: `${(error as Error).message}\n` }));
    throw error;
  }
  const before = response === null ? [] : headersOf(response);
  if (headers === undefined) return { protocol, headers: before };
  const given = [...pairsOf(headers)];
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  // Two cookies do not exclude each other, and each has a line of its own.
  names.delete('set-cookie');
  return { protocol, headers: [...before.filter(([name]) => !names.has(name.toLowerCase())), ...given] };
}

/** The headers that middleware has set on the response, without those of a body or a connection. */
function headersOf(response: ServerResponse): [string, string][] {
  const names = response.getHeaderNames();
  if (names.length === 0) return [];
  return names
    .filter(mayBeInAcceptance)
    .flatMap((name) => [response.getHeader(name)].flat().map((value): [string, string] => [name, String(value)]));
}

const ANSWERED = 'The request was already answered: call newWebSocket(req) once, and before anything else answers';

const NO_SOCKET =
  'This request cannot be upgraded here: call acceptUpgrades(server) once for its HTTP server, or pass the socket ' +
  "and the head of the server's 'upgrade' event as options.socket and options.head";

/** The owner of the handshakes whose sockets were passed. */
const OWN: PendingOwner = { ...NO_OWNER, onRefused: ({ request }, refusal) => tellRefusal(request, refusal) };

/** One upgrade per socket: after a call that threw, another call may follow, but no socket is upgraded twice. */
const ownUpgrades = new WeakMap<Duplex, PendingUpgrade>();

function ownPending(request: IncomingMessage, options: AcceptOptions, limits: ResolvedLimits): PendingUpgrade | null {
  const { socket, head = NO_BYTES } = options;
  if (!Buffer.isBuffer(head)) throw new TypeError(`head must be a Buffer, not ${quoted(head)}`);
  if (socket === undefined) return null;
  let pending = ownUpgrades.get(socket);
  if (pending === undefined) {
    pending = new PendingUpgrade(new RequestHead(request, socket), head, limits.handshakeTimeout, OWN).watch();
    ownUpgrades.set(socket, pending);
  }
  return pending;
}
