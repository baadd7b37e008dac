import { Buffer, isUtf8 } from 'node:buffer';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { Opcode } from '../protocol/opcode.js';
import type { BrokerKey } from './broker.js';

/*
 * What goes over a broker: a header, and the message as one unmasked WebSocket frame (RFC 6455 §5.2), which the processes
 * that get it send as it is. Numbers are big-endian.
 *
 *     0   2  'WS'
 *     2   1  version: 1
 *     3   1  flags: START 1, PLAIN 2, SIGNED 4
 *     4  16  origin: the process that published it, random
 *    20   8  sequence: of the messages of this origin on this topic, without holes
 *    28   2  length of the topic, in bytes
 *    30   …  topic, UTF-8
 *     …  16  if SIGNED: HMAC-SHA-256, its first half, of the prefix of the channels' names and everything else here
 *     …   …  frame
 */
const MAGIC = 0x5753;
const VERSION = 1;
/** The origin has forgotten how far it had counted on this topic: what comes before is no hole. */
const START = 1;
/** The message is not to be compressed. */
const PLAIN = 2;
const SIGNED = 4;
const KNOWN_FLAGS = START | PLAIN | SIGNED;

const FIXED = 30;
const MAC_LENGTH = 16;
/** The length of an origin, in bytes. */
export const ORIGIN_LENGTH = 16;
/** The longest topic, in bytes: what the field for its length can hold. */
export const MAX_TOPIC = 65_535;

/** A message as it travels between processes. */
export interface Envelope {
  /** The 16 bytes of the origin as 16 characters (latin1). */
  readonly origin: string;
  /** The number of the message, among those of this origin on this topic. */
  readonly sequence: number;
  /** Whether the origin has forgotten its earlier numbers, so that there is no gap before this one. */
  readonly isStart: boolean;
  /** Whether the message may be compressed. */
  readonly compresses: boolean;
  /** The message as one unmasked frame; a view of the payload. */
  readonly frame: Uint8Array;
}

/** Why a payload is rejected. */
export type Rejection = 'format' | 'version' | 'signature' | 'topic' | 'frame';

/** Makes the payloads of one server, and judges those that arrive. */
export class Envelopes {
  readonly #origin: Buffer;
  /** The prefix, with its length. */
  readonly #prefix: Buffer;
  readonly #keys: readonly Buffer[];

  /** @param origin 16 random bytes @param keys the first signs, each is accepted; none: nothing is signed */
  constructor(origin: Buffer, prefix: string, keys: readonly Buffer[]) {
    this.#origin = origin;
    const bytes = Buffer.from(prefix);
    this.#prefix = Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 255), bytes]);
    this.#keys = keys;
  }

  /** Whether a payload names this origin. */
  isOwn(payload: Buffer): boolean {
    return payload.length >= FIXED && this.#origin.compare(payload, 4, 4 + ORIGIN_LENGTH) === 0;
  }

  /** Makes a payload that contains a frame. @returns memory of its own */
  seal(topic: string, sequence: number, isStart: boolean, compresses: boolean, frame: Uint8Array): Buffer {
    const isSigned = this.#keys.length > 0;
    const topicLength = Buffer.byteLength(topic);
    const macAt = FIXED + topicLength;
    const frameAt = macAt + (isSigned ? MAC_LENGTH : 0);
    const payload = Buffer.allocUnsafe(frameAt + frame.length);
    payload.writeUInt16BE(MAGIC, 0);
    payload[2] = VERSION;
    payload[3] = (isStart ? START : 0) | (compresses ? 0 : PLAIN) | (isSigned ? SIGNED : 0);
    this.#origin.copy(payload, 4);
    payload.writeBigUInt64BE(BigInt(sequence), 20);
    payload.writeUInt16BE(topicLength, 28);
    payload.write(topic, FIXED);
    payload.set(frame, frameAt);
    if (isSigned) this.#mac(this.#keys[0], payload, macAt).copy(payload, macAt);
    return payload;
  }

  /**
   * Judges a payload that arrived on the channel of `topic`. Anyone who can write to the broker may have made it.
   *
   * @param most the longest frame to accept, in bytes
   * @returns the envelope, or why the payload is rejected
   */
  open(topic: string, payload: Buffer, most: number): Envelope | Rejection {
    if (payload.length < FIXED || payload.readUInt16BE(0) !== MAGIC) return 'format';
    const flags = payload[3];
    if (payload[2] !== VERSION || (flags & ~KNOWN_FLAGS) !== 0) return 'version';
    const macAt = FIXED + payload.readUInt16BE(28);
    const frameAt = macAt + (flags & SIGNED ? MAC_LENGTH : 0);
    if (frameAt > payload.length) return 'format';
    if (this.#keys.length > 0 && !(flags & SIGNED && this.#isSigned(payload, macAt))) return 'signature';
    if (payload.toString('utf8', FIXED, macAt) !== topic) return 'topic';
    const sequence = Number(payload.readBigUInt64BE(20));
    if (!Number.isSafeInteger(sequence)) return 'format';
    const frame = payload.subarray(frameAt);
    if (frame.length > most || !isMessage(frame)) return 'frame';
    return {
      origin: payload.toString('latin1', 4, 4 + ORIGIN_LENGTH),
      sequence,
      isStart: (flags & START) !== 0,
      compresses: (flags & PLAIN) === 0,
      frame,
    };
  }

  #isSigned(payload: Buffer, macAt: number): boolean {
    const given = payload.subarray(macAt, macAt + MAC_LENGTH);
    return this.#keys.some((key) => timingSafeEqual(given, this.#mac(key, payload, macAt)));
  }

  #mac(key: Buffer, payload: Buffer, macAt: number): Buffer {
    return createHmac('sha256', key)
      .update(this.#prefix)
      .update(payload.subarray(0, macAt))
      .update(payload.subarray(macAt + MAC_LENGTH))
      .digest()
      .subarray(0, MAC_LENGTH);
  }
}

/** RFC 6455 §5.2, §5.6: whether it is one whole Text or Binary message, unmasked, as every client takes it. */
function isMessage(frame: Buffer): boolean {
  // FIN, without a reserved bit: what is compressed is so only between two peers that have agreed on it.
  const opcode = frame[0] ^ 0x80;
  if (opcode !== Opcode.Text && opcode !== Opcode.Binary) return false;
  const start = payloadStart(frame);
  return start > 0 && (opcode === Opcode.Binary || isUtf8(frame.subarray(start)));
}

/** Where the payload of a frame begins; 0 if its length is not that of the rest, not minimal, or there is a mask. */
function payloadStart(frame: Buffer): number {
  const { length } = frame;
  const length7 = frame[1];
  if (length7 < 126) return length === 2 + length7 ? 2 : 0;
  if (length7 === 126) return length >= 4 && length - 4 === frame.readUInt16BE(2) && length - 4 >= 126 ? 4 : 0;
  if (length7 !== 127 || length < 10) return 0;
  return frame.readBigUInt64BE(2) === BigInt(length - 10) && length - 10 > 65_535 ? 10 : 0;
}

/** Bytes that a key has at least. */
const SHORTEST_KEY = 16;

/**
 * Checks the user's keys and copies them.
 *
 * @throws TypeError, RangeError if one is invalid. The message does not show it, because it is a secret
 */
export function checkKeys(key: BrokerKey | undefined): readonly Buffer[] {
  if (key === undefined) return [];
  const given = Array.isArray(key) ? (key as readonly unknown[]) : [key];
  if (given.length === 0) throw new RangeError('key must be one secret or more; leave it out for none');
  return given.map((secret) => {
    if (typeof secret !== 'string' && !(secret instanceof Uint8Array)) {
      throw new TypeError(`key must be a string, bytes, or an array of these, not ${typeof secret}`);
    }
    const bytes = Buffer.from(secret as string);
    if (bytes.length >= SHORTEST_KEY) return bytes;
    throw new RangeError(`key must have ${SHORTEST_KEY} bytes or more, not ${bytes.length}`);
  });
}
