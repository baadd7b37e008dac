import { Inflater } from '../../deflate/inflater.js';
import { UNCOUNTED } from '../../net/counters.js';
import type { OutboxSettings } from '../../net/writing/outbox.js';
import { newMaskingKey } from '../../protocol/masking-key.js';
import type { ReceiverOptions } from '../../protocol/receiver-options.js';
import { agreementIn, inflaterFor } from '../compression/agreement.js';
import type { BinaryType } from '../payload.js';
import { type GenerateMask, maskingKey } from '../sender.js';

/** The options that take effect when a socket opens. Sizes in bytes; 0 is unlimited. */
export interface SocketOptions {
  readonly allowSynchronousEvents?: boolean;
  readonly generateMask?: GenerateMask;
  readonly maxBufferedChunks?: number;
  readonly maxFragments?: number;
  readonly maxPayload?: number;
  readonly skipUTF8Validation?: boolean;
}

/** Picks the options that take effect when a socket opens from those of its client or server. */
export function socketOptions(options: SocketOptions): SocketOptions {
  const { allowSynchronousEvents, generateMask, maxBufferedChunks, maxFragments, maxPayload, skipUTF8Validation } =
    options;
  return { allowSynchronousEvents, generateMask, maxBufferedChunks, maxFragments, maxPayload, skipUTF8Validation };
}

/** The options of its client or server that a socket keeps. `closeTimeout` in milliseconds. */
export interface KeptOptions {
  readonly autoPong?: boolean;
  readonly maxPendingAutoPongs?: number;
  readonly closeTimeout?: number;
  readonly throwUnlistened?: boolean;
}

/** The defaults that clients and servers share. */
export const DEFAULTS = {
  allowSynchronousEvents: true,
  autoPong: true,
  closeTimeout: 30_000,
  maxBufferedChunks: 262_144,
  maxFragments: 16_384,
  maxPayload: 104_857_600,
  maxPendingAutoPongs: 60,
  skipUTF8Validation: false,
};

/** The settings that all wires of a server, or of a client, share. */
export interface WireSettings {
  readonly receiver: ReceiverOptions;
  readonly outbox: OutboxSettings;
  /** Whether several events may be emitted in one turn of the event loop. */
  readonly isSynchronous: boolean;
}

/** Reads a limit as npm `ws` does. */
function limit(value: number | undefined): number {
  return (Number(value) | 0) > 0 ? Number(value) | 0 : Number.POSITIVE_INFINITY;
}

// The options of the socket opened last: usually all sockets have the same and can share one object.
let latestOfServer: ReceiverOptions | null = null;
let latestOfClient: ReceiverOptions | null = null;

function receiverOptions(
  isServer: boolean,
  options: SocketOptions,
  binaryType: BinaryType,
  extensions: unknown,
): ReceiverOptions {
  const maxPayload = limit(options.maxPayload);
  const agreement = agreementIn(extensions);
  const inflater = agreement && inflaterFor(agreement, maxPayload);
  const wanted: ReceiverOptions = {
    role: isServer ? 'server' : 'client',
    maxPayload,
    maxFragments: limit(options.maxFragments),
    maxPieces: limit(options.maxBufferedChunks),
    skipUtf8: !!options.skipUTF8Validation,
    textAs: 'bytes',
    zeroCopy: false,
    awaited: false,
    raw: binaryType === 'fragments',
    lenientLengths: true,
    inflater,
  };
  // An inflater that keeps something belongs to one socket.
  if (inflater !== null && inflater.constructor !== Inflater) return wanted;
  const latest = isServer ? latestOfServer : latestOfClient;
  if (latest !== null && isSame(latest, wanted)) return latest;
  if (isServer) latestOfServer = wanted;
  else latestOfClient = wanted;
  return wanted;
}

function isSame(one: ReceiverOptions, other: ReceiverOptions): boolean {
  return (Object.keys(one) as (keyof ReceiverOptions)[]).every((name) => one[name] === other[name]);
}

/** The same options, but for this `binaryType`. */
export function withBinaryType(options: ReceiverOptions, binaryType: BinaryType): ReceiverOptions {
  const raw = binaryType === 'fragments';
  return raw === options.raw ? options : { ...options, raw };
}

const SHARED = {
  highWaterMark: Number.POSITIVE_INFINITY,
  maxBackpressure: Number.POSITIVE_INFINITY,
  counters: UNCOUNTED,
  deflater: null,
};
const OF_SERVER: OutboxSettings = { ...SHARED, maskingKey: null };
const OF_CLIENT: OutboxSettings = { ...SHARED, maskingKey: newMaskingKey };

function outboxSettings(isServer: boolean, generateMask: GenerateMask | undefined): OutboxSettings {
  if (isServer) return OF_SERVER;
  return generateMask === undefined ? OF_CLIENT : { ...OF_CLIENT, maskingKey: () => maskingKey(generateMask) };
}

/**
 * Makes the settings of a wire, sharing objects with other wires if possible.
 *
 * @param extensions the agreed ones, by name
 */
export function wireSettings(
  isServer: boolean,
  options: SocketOptions,
  binaryType: BinaryType,
  extensions: unknown,
): WireSettings {
  return {
    receiver: receiverOptions(isServer, options, binaryType, extensions),
    outbox: outboxSettings(isServer, options.generateMask),
    isSynchronous: options.allowSynchronousEvents ?? true,
  };
}
