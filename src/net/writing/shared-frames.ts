import { Buffer } from 'node:buffer';
import { NO_BYTES, viewOf } from '../../protocol/bytes.js';
import { frameHeaderLength, writeFrameHeader } from '../../protocol/frame-header.js';
import { FIN } from '../../protocol/opcode.js';
import { LARGEST_SHARED, SHARED_CHUNK } from './sizes.js';

let chunk: Buffer = NO_BYTES;
let used = 0;

/**
 * Encodes a whole message as one unmasked frame (RFC 6455 §5.2), as a server sends it to any number of clients.
 *
 * Successive small frames are adjacent in memory, in chunks that are never reused. So an outbox may read a frame for as
 * long as it likes, and the frames of one turn as one range.
 *
 * @param payload is copied; lone surrogates of a string become U+FFFD
 * @returns memory that nobody may write to again
 */
export function encodeFrame(opcode: number, payload: string | Uint8Array): Buffer {
  return encode(opcode, payload, take);
}

/** As `encodeFrame`, for a frame that users keep: in memory of its own, so that it does not keep a chunk alive. */
export function encodeKeptFrame(opcode: number, payload: string | Uint8Array): Buffer {
  return encode(opcode, payload, Buffer.allocUnsafeSlow);
}

function encode(opcode: number, payload: string | Uint8Array, allocate: (size: number) => Buffer): Buffer {
  const isText = typeof payload === 'string';
  const length = isText ? Buffer.byteLength(payload, 'utf8') : payload.length;
  const frame = allocate(frameHeaderLength(length, false) + length);
  const at = writeFrameHeader(frame, 0, FIN | opcode, 0, length);
  if (isText) frame.write(payload, at, 'utf8');
  else frame.set(payload, at);
  return frame;
}

/** Copies an unmasked frame to where `encodeFrame` puts those that it makes. @returns it, and a view of its payload */
export function copyFrame(frame: Uint8Array): { plain: Buffer; payload: Buffer } {
  const plain = take(frame.length);
  plain.set(frame);
  const length7 = frame[1];
  return { plain, payload: plain.subarray(length7 < 126 ? 2 : length7 === 126 ? 4 : 10) };
}

function take(size: number): Buffer {
  if (size > LARGEST_SHARED) return Buffer.allocUnsafeSlow(size);
  if (used + size > chunk.length) {
    chunk = Buffer.allocUnsafeSlow(SHARED_CHUNK);
    used = 0;
  }
  used += size;
  return chunk.subarray(used - size, used);
}

/** The run that was made last. Many outboxes get the same frame, and share it. */
let latest: SharedRun | null = null;

/**
 * Encoded frames that are adjacent in memory, which many outboxes read and nobody writes to. What was published in one
 * turn leaves an outbox as one part, without a copy. Outboxes that got the same frames share one run.
 */
export class SharedRun {
  readonly #memory: ArrayBuffer;
  readonly #start: number;
  readonly #last: Uint8Array;
  readonly length: number;
  #next: SharedRun | null = null;
  #bytes: Buffer | null = null;

  private constructor(memory: ArrayBuffer, start: number, last: Uint8Array, length: number) {
    this.#memory = memory;
    this.#start = start;
    this.#last = last;
    this.length = length;
  }

  /** The run that consists of one frame. */
  static of(frame: Uint8Array): SharedRun {
    if (latest === null || latest.#last !== frame) {
      latest = new SharedRun(frame.buffer as ArrayBuffer, frame.byteOffset, frame, frame.length);
    }
    return latest;
  }

  /** Drops the run kept for the next outbox, which would keep its memory alive. */
  static forget(): void {
    latest = null;
  }

  /** The run of these frames and one more. @returns `null` if that frame is not right after them in memory */
  with(frame: Uint8Array): SharedRun | null {
    if (this.#next !== null && this.#next.#last === frame) return this.#next;
    if (frame.buffer !== this.#memory || frame.byteOffset !== this.#start + this.length) return null;
    this.#next = new SharedRun(this.#memory, this.#start, frame, this.length + frame.length);
    return this.#next;
  }

  /** The frames as one part: a view of the shared memory. */
  get bytes(): Buffer {
    this.#bytes ??= viewOf(this.#memory, this.#start, this.length);
    return this.#bytes;
  }
}
