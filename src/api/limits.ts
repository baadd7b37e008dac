import type { IncomingMessage } from 'node:http';
import type { Broker } from '../broker/broker.js';
import { Deflater, KeepingDeflater } from '../deflate/deflater.js';
import { Inflater, KeepingInflater } from '../deflate/inflater.js';
import type { CompressionSettings, DeflateParameters } from '../deflate/negotiation.js';
import { impossibleHost, impossibleOrigin, type Rule } from '../handshake/origin.js';
import type { ConnectionOptions } from '../net/connection-handler.js';
import { UNCOUNTED } from '../net/counters.js';
import type { Role } from '../protocol/frame-rules.js';
import { newMaskingKey } from '../protocol/masking-key.js';
import { quoted } from '../protocol/quoted.js';
import { type Compression, type CompressionOptions, checkCompression } from './compression.js';
import { checkDuration, checkType, choice, flag, own, possible, whole } from './option-checks.js';
import { checkRateLimit, type RateLimit } from './rate-limit.js';
import type { SlowPeer } from './slow-peer.js';

/**
 * Limits of one connection: what a peer may cost in memory and time. Durations are whole milliseconds, and 0 turns one
 * off. Sizes are in bytes. A size or a count of 0 is an error. `Infinity` is unlimited. An invalid value throws a
 * TypeError or a RangeError at the call. docs/limits.md gives the reasons for the defaults.
 */
export interface ConnectionLimits {
  /**
   * The most bytes of one message, after inflating. A larger one is answered with Close 1009 as soon as a frame header
   * announces it. Default 1 MiB.
   */
  maxPayload?: number;
  /** The most fragments of one message (RFC 6455 §5.4). More are answered with Close 1008. Default 1024. */
  maxFragments?: number;
  /**
   * The most bytes of an HTTP head. On a client, of the response: if it is longer, the opening handshake fails. On a
   * server, of the request, if `serve` makes the HTTP server: if it is longer, the answer is 431. On an HTTP server of
   * your own, set its `maxHeaderSize` instead. Default 16 KiB.
   */
  maxHeaderBytes?: number;
  /**
   * Milliseconds for the opening handshake. On a client they cover all of it, from the call to the 101. On a server
   * they limit each step: the TLS handshake, the head of the request, and the answer, which includes your handlers. If
   * the answer takes longer, the client gets 503. On an HTTP server of your own, the first two steps are limited by its
   * `handshakeTimeout` and `headersTimeout`. Default 10 000.
   */
  handshakeTimeout?: number;
  /** Milliseconds between two Pings (RFC 6455 §5.5.2). Default 25 000 on a server, off on a client. */
  pingInterval?: number;
  /**
   * Milliseconds from a Ping of `pingInterval` to its Pong. Then the connection ends with `WASOCK_PONG_TIMEOUT`. A peer
   * that has much to read gets more time. Default 20 000.
   */
  pongTimeout?: number;
  /**
   * Milliseconds without a byte from the peer. Then the connection ends with `WASOCK_IDLE_TIMEOUT`. A peer that has
   * much to read gets more time. Default off.
   */
  idleTimeout?: number;
  /**
   * Milliseconds from the first byte of a message to its last, plus one second for each 8 KiB of it that has arrived.
   * Then the peer gets Close 1008. Default 30 000.
   */
  messageTimeout?: number;
  /**
   * Milliseconds for the connection to end after this side's Close frame has left (RFC 6455 §7.1.1). Then this side
   * ends it. Until the Close has left, the connection ends only if the peer reads slower than 8 KiB/s. Default 5000.
   */
  closeTimeout?: number;
  /** If more bytes than this wait to be written, `send` returns a promise. Default 64 KiB. */
  highWaterMark?: number;
  /**
   * If more bytes than this wait to be written, `slowPeer` decides about the next message. It is checked before a
   * message is added, so any single message can be sent. Default 1 MiB.
   */
  maxBackpressure?: number;
  /**
   * What happens to a message if more than `maxBackpressure` waits to be written; see `SlowPeer`. Default `'terminate'`
   * on a server, `'wait'` on a client.
   */
  slowPeer?: SlowPeer;
  /**
   * Compresses messages with permessage-deflate (RFC 7692), if the peer agrees: `true`, or how to compress. With a peer
   * that does not support it, messages are uncompressed. Raw sockets never use it, because a raw frame does not tell
   * whether it is compressed. Default off.
   */
  compression?: boolean | CompressionOptions;
  /** How much each peer may send in a given time. Default unlimited. */
  rateLimit?: RateLimit;
}

/** Limits of one opening handshake on a server, and of the connection that follows. */
export interface RequestLimits extends ConnectionLimits {
  /** The most header lines of an upgrade request. More are answered with 431. Default 100. */
  maxHeaders?: number;
  /**
   * Which web pages may connect, by the Origin header (RFC 6455 §10.2): origins as strings, patterns, a function, or
   * `'*'` for all. Others get 403. A request without Origin does not come from a page in a browser, and passes.
   * Default: pages of the host and port that the Host header names. A list replaces that, so name your own page,
   * too. Outside of production, a refusal prints the warning `WASOCK_ORIGIN_REFUSED`, once for each origin.
   */
  allowedOrigins?: Rule<IncomingMessage>;
  /**
   * Which values of the Host header are allowed, in the same forms as `allowedOrigins`. Others get 403. Set it to the
   * hosts that you serve, against DNS rebinding. Default any.
   */
  allowedHosts?: Rule<IncomingMessage>;
}

/** Limits of a server: of opening handshakes, of each connection, and of all its connections together. */
export interface ServerLimits extends RequestLimits {
  /** The most opening handshakes that may wait for an answer at once. More are answered with 503. Default 1024. */
  maxPendingHandshakes?: number;
  /** The most WebSockets, pending opening handshakes included. More are answered with 503. Default unlimited. */
  maxConnections?: number;
  /**
   * The most WebSockets from one address, pending opening handshakes included. More are answered with 429. An IPv6 /64
   * counts as one address, because one subscriber has all of it. Default unlimited.
   */
  maxConnectionsPerAddress?: number;
  /**
   * Returns the address of the client that sent a request, without a port. `maxConnectionsPerAddress` needs it on a
   * server behind a proxy. Take the address from a header that the proxy sets and that no client can set. From
   * `X-Forwarded-For` take the last entry, because a proxy may add to what the client has sent. If it returns
   * `undefined`, the request is not counted. If it throws, or returns anything else, the client gets 500. Default:
   * the address of the TCP connection.
   */
  addressOf?(request: IncomingMessage): string | undefined;
  /**
   * Connects the topics of this server with those of other processes: the result of `redis`, `nats` or `cluster`, or a
   * broker of your own. It serves this server alone, and the server closes it. Default none.
   */
  broker?: Broker;
}

/** How messages are delivered. */
interface DeliveryOptions {
  /** Text as a string, or as its UTF-8 bytes. Default `'string'`. */
  textAs?: 'string' | 'bytes';
  /** Deliver views of the receive window, which are valid only until the handler returns. Default off. */
  zeroCopy?: boolean;
  /** Deliver frames instead of messages. Default off. */
  raw?: boolean;
}

type Numbers = { [Name in keyof ServerLimits]-?: number extends ServerLimits[Name] ? Name : never }[keyof ServerLimits];

const MiB = 1_048_576;
const KiB = 1024;

const SIZES: Partial<Record<Numbers, number>> = {
  maxPayload: MiB,
  maxFragments: 1024,
  maxHeaderBytes: 16 * KiB,
  maxHeaders: 100,
  maxPendingHandshakes: 1024,
  maxConnections: Number.POSITIVE_INFINITY,
  maxConnectionsPerAddress: Number.POSITIVE_INFINITY,
  highWaterMark: 64 * KiB,
  maxBackpressure: MiB,
};

const DURATIONS: Partial<Record<Numbers, number>> = {
  handshakeTimeout: 10_000,
  pingInterval: 25_000,
  pongTimeout: 20_000,
  idleTimeout: 0,
  messageTimeout: 30_000,
  closeTimeout: 5000,
};

/** Options of a socket in await style, whose messages you receive with `for await` or `receivePacket`. */
export interface AwaitOptions {
  /**
   * Receive every frame as it is, instead of whole messages, and answer Pings with `send` and Closes with `close`
   * yourself. Default off.
   */
  raw?: boolean;
  /** Whether Text messages are received as strings, or as Buffers with their UTF-8 bytes. Default `'string'`. */
  textAs?: 'string' | 'bytes';
  /**
   * What `send` and `ping` do if the socket is not open, or closes before the message has left. `'reject'`: the promise
   * rejects with a `WebSocketClosedError`. `'ignore'`: `send` does nothing, and `ping` resolves with NaN. Default
   * `'reject'`.
   */
  onClosed?: 'reject' | 'ignore';
}

const NUMBERS_OF_REQUESTS: readonly string[] = ['maxHeaders'];
const NUMBERS_OF_SERVERS: readonly string[] = ['maxPendingHandshakes', 'maxConnections', 'maxConnectionsPerAddress'];

/** The names of `ConnectionLimits`. */
export const CONNECTION_LIMITS: readonly string[] = [
  ...[...Object.keys(SIZES), ...Object.keys(DURATIONS)].filter(
    (name) => !NUMBERS_OF_REQUESTS.includes(name) && !NUMBERS_OF_SERVERS.includes(name),
  ),
  ...['slowPeer', 'compression', 'rateLimit'],
];

/** The names of `RequestLimits`. */
export const REQUEST_LIMITS: readonly string[] = [
  ...CONNECTION_LIMITS,
  ...NUMBERS_OF_REQUESTS,
  ...['allowedOrigins', 'allowedHosts'],
];

/** The names of `ServerLimits`. */
export const SERVER_LIMITS: readonly string[] = [...REQUEST_LIMITS, ...NUMBERS_OF_SERVERS, ...['addressOf', 'broker']];

/** The names of `AwaitOptions`. */
export const AWAIT_OPTIONS: readonly string[] = ['raw', 'textAs', 'onClosed'];

/** All limits of a server or of a client, checked and with defaults. */
export type ResolvedLimits = Readonly<Record<Numbers, number>> &
  ConnectionOptions & {
    readonly slowPeer: SlowPeer;
    /** What to negotiate; `null` negotiates nothing. */
    readonly compression: CompressionSettings | null;
    /** What the connections with these limits have agreed on; `null` without compression, and before the handshake. */
    readonly agreed: Compression | null;
    readonly allowedOrigins: Rule<IncomingMessage> | undefined;
    readonly allowedHosts: Rule<IncomingMessage> | undefined;
    readonly addressOf: ServerLimits['addressOf'];
  };

const SLOW_PEER: readonly unknown[] = ['terminate', 'drop', 'wait'];

/**
 * Checks the user's limits and adds the defaults.
 *
 * @param awaited whether messages are awaited rather than passed to a handler
 * @param counters count what the connections do
 * @throws TypeError, RangeError with the value, if it is invalid
 */
export function resolveLimits(
  role: Role,
  given: ServerLimits & DeliveryOptions = {},
  awaited = false,
  counters = UNCOUNTED,
): ResolvedLimits {
  const numbers: Partial<Record<Numbers, number>> = {};
  for (const [name, value] of entries(SIZES)) numbers[name] = size(name, own(given, name), value);
  for (const [name, value] of entries(DURATIONS)) {
    const byDefault = role === 'client' && name === 'pingInterval' ? 0 : value;
    numbers[name] = checkDuration(name, own(given, name), byDefault);
  }
  const compression = checkCompression(own(given, 'compression'));
  const raw = flag('raw', own(given, 'raw'));
  const addressOf = own(given, 'addressOf');
  checkType('addressOf', addressOf, 'function');
  return {
    ...(numbers as Record<Numbers, number>),
    role,
    slowPeer: choice('slowPeer', own(given, 'slowPeer'), SLOW_PEER) ?? (role === 'server' ? 'terminate' : 'wait'),
    compression: raw ? null : compression,
    agreed: null,
    allowedOrigins: possible('allowedOrigins', own(given, 'allowedOrigins'), impossibleOrigin),
    allowedHosts: possible('allowedHosts', own(given, 'allowedHosts'), impossibleHost),
    addressOf,
    rateLimit: checkRateLimit(own(given, 'rateLimit')),
    counters,
    textAs: choice('textAs', own(given, 'textAs'), ['string', 'bytes']) ?? 'string',
    // A view of the receive window would not outlive the wait.
    zeroCopy: flag('zeroCopy', own(given, 'zeroCopy')) && !awaited,
    awaited,
    raw,
    lenientLengths: false,
    maxPieces: Number.POSITIVE_INFINITY,
    skipUtf8: false,
    maskingKey: role === 'client' ? newMaskingKey : null,
    inflater: null,
    deflater: null,
  };
}

/** The limits of sockets that have agreed on compression, by what they had before and by what was agreed. */
const limitsWhenAgreed = new WeakMap<ResolvedLimits, Map<DeflateParameters, ResolvedLimits>>();

/**
 * The limits of a socket that has agreed on compression. All sockets of a server that have agreed on the same
 * parameters share one object, so that an idle socket costs nothing more.
 *
 * @param deflate `null` without compression
 */
export function agreedLimits(limits: ResolvedLimits, deflate: DeflateParameters | null): ResolvedLimits {
  if (deflate === null || limits.compression === null) return limits;
  let known = limitsWhenAgreed.get(limits);
  if (known === undefined) {
    known = new Map();
    limitsWhenAgreed.set(limits, known);
  }
  let agreed = known.get(deflate);
  if (agreed === undefined) {
    const { threshold, level } = limits.compression;
    const compression = Object.freeze({ ...deflate, threshold, level });
    const { ours, peers } = directions(limits.role, deflate);
    const deflater = new Deflater({ threshold, level, windowBits: ours.windowBits });
    agreed = { ...limits, agreed: compression, deflater, inflater: new Inflater(peers.windowBits) };
    known.set(deflate, agreed);
  }
  return keepingLimits(agreed, deflate);
}

/** One side of a connection as a compressor. */
interface Direction {
  readonly windowBits: number;
  readonly keeps: boolean;
}

function directions(role: Role, deflate: DeflateParameters): { ours: Direction; peers: Direction } {
  const server = { windowBits: deflate.serverMaxWindowBits, keeps: !deflate.serverNoContextTakeover };
  const client = { windowBits: deflate.clientMaxWindowBits, keeps: !deflate.clientNoContextTakeover };
  return role === 'server' ? { ours: server, peers: client } : { ours: client, peers: server };
}

/** The limits of one socket, if one of its sides keeps its compressor between messages. */
function keepingLimits(agreed: ResolvedLimits, deflate: DeflateParameters): ResolvedLimits {
  const { ours, peers } = directions(agreed.role, deflate);
  if (!ours.keeps && !peers.keeps) return agreed;
  const { threshold, level } = agreed.agreed!;
  const shared = agreed.deflater!;
  return {
    ...agreed,
    deflater: ours.keeps ? new KeepingDeflater({ threshold, level, windowBits: ours.windowBits }, shared) : shared,
    inflater: peers.keeps ? new KeepingInflater(peers.windowBits) : agreed.inflater,
  };
}

function entries(record: Partial<Record<Numbers, number>>): [Numbers, number][] {
  return Object.entries(record) as [Numbers, number][];
}

function size(name: string, value: unknown, byDefault: number): number {
  if (value === undefined) return byDefault;
  const number = whole(name, value);
  if (number < 1) throw new RangeError(`${name} must be 1 or more, or Infinity for no limit, not ${quoted(value)}`);
  return number;
}
