import type { IncomingMessage } from 'node:http';
import type { Rule } from '../handshake/origin.js';
import type { ConnectionOptions } from '../net/connection-handler.js';
import type { Role } from '../protocol/frame-rules.js';
import { newMaskingKey } from '../protocol/masking-key.js';
import type { SlowPeer } from './slow-peer.js';

/**
 * What a peer may cost. Durations are whole milliseconds, 0 is off. Sizes are in bytes. `Infinity` is unlimited.
 * docs/limits.md gives the reasons for the defaults.
 */
export interface ConnectionLimits {
  /** Bytes of one message, at most. A larger one is answered with Close 1009. Default 1 MiB. */
  maxPayload?: number;
  /** Fragments of one message, at most. More are answered with Close 1008. Default 1024. */
  maxFragments?: number;
  /**
   * Bytes of a head, at most: of the response on a client, of a request if `serve` makes the HTTP server. Default 16
   * KiB.
   */
  maxHeaderBytes?: number;
  /** Time for the whole opening handshake. Default 10 000. */
  handshakeTimeout?: number;
  /** Time between two Pings. Default 25 000 on a server, off on a client. */
  pingInterval?: number;
  /** Time from a Ping to its Pong. Default 20 000. */
  pongTimeout?: number;
  /** Time without a byte from the peer. Default off. */
  idleTimeout?: number;
  /** Time from the first byte of a message to its last; each 8 KiB of it adds one second. Default 30 000. */
  messageTimeout?: number;
  /** Time from our Close frame to the end of the connection. Default 5000. */
  closeTimeout?: number;
  /** If more bytes than this wait to be written, `send` returns a promise. Default 64 KiB. */
  highWaterMark?: number;
  /** If more bytes than this wait, `slowPeer` decides about the next message. Default 1 MiB. */
  maxBackpressure?: number;
  /** What becomes of messages for a peer that is too slow. Default `'terminate'` on a server, `'wait'` on a client. */
  slowPeer?: SlowPeer;
  /** permessage-deflate (RFC 7692). Off by default, which is the only value so far. */
  compression?: false;
}

/** What a server demands of opening handshakes, besides the limits of a connection. */
export interface ServerLimits extends ConnectionLimits {
  /** Header lines of a request, at most. Default 100. */
  maxHeaders?: number;
  /** Pending opening handshakes, at most. More are answered with 503. Default 1024. */
  maxPendingHandshakes?: number;
  /**
   * Which web pages may connect: origins as strings, patterns, a function, or `'*'` for all. Default: pages of the same
   * host and port. A request without an Origin does not come from a browser, and passes.
   */
  allowedOrigins?: Rule<IncomingMessage>;
  /**
   * Which hosts clients may believe they talk to (the Host header), against DNS rebinding; as `allowedOrigins`. Default
   * any.
   */
  allowedHosts?: Rule<IncomingMessage>;
}

/** How messages are handed over. */
interface DeliveryOptions {
  /** Text as a string, or as its UTF-8 bytes. Default `'string'`. */
  textAs?: 'string' | 'bytes';
  /** Views of the receive window, valid only until the handler returns. Default off. */
  zeroCopy?: boolean;
  /** Frames instead of messages. Default off. */
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

/** Options of a socket whose messages are awaited. */
export interface AwaitOptions {
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

/** The names of all limits and delivery options. */
export const LIMIT_NAMES: readonly string[] = [
  ...Object.keys(SIZES),
  ...Object.keys(DURATIONS),
  ...['slowPeer', 'allowedOrigins', 'allowedHosts', 'compression', 'textAs', 'zeroCopy', 'raw'],
];

/** All limits of a server or of a client, checked and with defaults. */
export type ResolvedLimits = Readonly<Record<Numbers, number>> &
  ConnectionOptions & {
    readonly slowPeer: SlowPeer;
    readonly allowedOrigins: Rule<IncomingMessage> | undefined;
    readonly allowedHosts: Rule<IncomingMessage> | undefined;
  };

const SLOW_PEER: readonly unknown[] = ['terminate', 'drop', 'wait'];

/**
 * Checks the user's limits and adds the defaults.
 *
 * @param awaited whether messages are awaited rather than handed to a handler
 * @throws TypeError, RangeError with the value, if it is invalid
 */
export function resolveLimits(role: Role, given: ServerLimits & DeliveryOptions = {}, awaited = false): ResolvedLimits {
  const numbers: Partial<Record<Numbers, number>> = {};
  for (const [name, value] of entries(SIZES)) numbers[name] = size(name, own(given, name), value);
  for (const [name, value] of entries(DURATIONS)) {
    const byDefault = role === 'client' && name === 'pingInterval' ? 0 : value;
    numbers[name] = checkDuration(name, own(given, name), byDefault);
  }
  checkCompression(own(given, 'compression'));
  return {
    ...(numbers as Record<Numbers, number>),
    role,
    slowPeer: choice('slowPeer', own(given, 'slowPeer'), SLOW_PEER) ?? (role === 'server' ? 'terminate' : 'wait'),
    allowedOrigins: rule('allowedOrigins', own(given, 'allowedOrigins')),
    allowedHosts: rule('allowedHosts', own(given, 'allowedHosts')),
    textAs: choice('textAs', own(given, 'textAs'), ['string', 'bytes']) ?? 'string',
    // A view of the receive window would not outlive the wait.
    zeroCopy: flag('zeroCopy', own(given, 'zeroCopy')) && !awaited,
    awaited,
    raw: flag('raw', own(given, 'raw')),
    lenientLengths: false,
    maxPieces: Number.POSITIVE_INFINITY,
    skipUtf8: false,
    maskingKey: role === 'client' ? newMaskingKey : null,
  };
}

/** Reads own properties only, so that a polluted prototype changes no limit. */
function own<T extends object, K extends keyof T>(object: T, key: K): T[K] | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function entries(record: Partial<Record<Numbers, number>>): [Numbers, number][] {
  return Object.entries(record) as [Numbers, number][];
}

function size(name: string, value: unknown, byDefault: number): number {
  if (value === undefined) return byDefault;
  const number = whole(name, value);
  if (number < 1) throw new RangeError(`${name} must be 1 or more bytes or items, not ${show(value)}`);
  return number;
}

/**
 * Checks a duration of the user, in milliseconds. 0 and `Infinity` both become 0, off.
 *
 * @throws TypeError, RangeError with the value, if it is invalid
 */
export function checkDuration(name: string, value: unknown, byDefault: number): number {
  if (value === undefined) return byDefault;
  const number = whole(name, value);
  if (number < 0) throw new RangeError(`${name} must be 0 (off) or more milliseconds, not ${show(value)}`);
  // An infinite wait needs no deadline.
  return number === Number.POSITIVE_INFINITY ? 0 : number;
}

function whole(name: string, value: unknown): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, not ${show(value)}`);
  if (!Number.isInteger(value) && value !== Number.POSITIVE_INFINITY) {
    throw new RangeError(`${name} must be a whole number or Infinity, not ${show(value)}`);
  }
  return value;
}

function choice<T>(name: string, value: T | undefined, among: readonly unknown[]): T | undefined {
  if (value === undefined || among.includes(value)) return value;
  throw new TypeError(`${name} must be one of ${among.map(show).join(', ')}, not ${show(value)}`);
}

function flag(name: string, value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw new TypeError(`${name} must be true or false, not ${show(value)}`);
}

function rule<T>(name: string, value: T): T {
  const patterns: readonly unknown[] = Array.isArray(value) ? value : [value];
  const isRule = patterns.every((pattern) => typeof pattern === 'string' || pattern instanceof RegExp);
  if (value === undefined || typeof value === 'function' || isRule) return value;
  throw new TypeError(`${name} must be a string, a RegExp, an array of these or a function, not ${show(value)}`);
}

/** @throws TypeError with the value, if it is neither `undefined` nor of that type */
export function checkType(name: string, value: unknown, type: 'string' | 'boolean' | 'function'): void {
  if (value === undefined || typeof value === type) return;
  throw new TypeError(`${name} must be a ${type}, not ${show(value)}`);
}

/** @throws TypeError with the value, if `path` is no `PathRule` */
export function checkPath(path: unknown): void {
  rule('path', path);
  const strings = [path].flat().filter((pattern) => typeof pattern === 'string');
  const wrong = strings.find((pattern) => !pattern.startsWith('/'));
  if (wrong !== undefined) throw new TypeError(`path must begin with "/", not ${show(wrong)}`);
}

/**
 * Copies the own properties of options, without what a polluted prototype adds.
 *
 * @throws TypeError if it is not an object
 */
export function ownOptions<T extends object>(options: T): T {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`options must be an object, not ${show(options)}`);
  return Object.assign(Object.create(null), options);
}

function checkCompression(value: unknown): void {
  if (value !== undefined && value !== false) {
    throw new TypeError(
      `compression must be false, not ${show(value)}: permessage-deflate is not part of this version`,
    );
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
