import type { Buffer } from 'node:buffer';
import { NO_BYTES } from './bytes.js';
import { allocateOwned } from './owned-memory.js';
import { keepSpare, lend, takeSpare } from './spare-memory.js';

/** The smallest buffer of a message, in bytes, so that tiny fragments do not reallocate each time. */
const MIN_CAPACITY = 1024;

/**
 * The payload of one message while it arrives in pieces: fragments, or parts of a frame that came in several reads. It
 * grows with the bytes that have arrived, to at most twice as many, and never with the length that a header declares.
 * So a peer has to send the bytes that it makes us hold, and a thousand tiny fragments cost no more than their bytes.
 */
export class MessageBuffer {
  /** Whether `lend` will be called in the end, not `take`. */
  readonly isLent: boolean;
  #bytes: Buffer = NO_BYTES;
  #length = 0;
  /** Whether other messages have been in `#bytes`. */
  #isSpare = false;

  constructor(isLent = false) {
    this.isLent = isLent;
  }

  /** How many bytes have arrived. */
  get length(): number {
    return this.#length;
  }

  /**
   * Appends a copy of `[start, end)` of `source`.
   *
   * @param toCome how many bytes can still follow these; caps the growth, so that a message of one frame ends up in a
   *   buffer of exactly its size
   * @returns false if there is no memory for them; nothing has changed then
   */
  append(source: Buffer, start: number, end: number, toCome: number): boolean {
    const needed = this.#length + (end - start);
    if (needed > this.#bytes.length && !this.#grow(needed, toCome)) return false;
    source.copy(this.#bytes, this.#length, start, end);
    this.#length = needed;
    return true;
  }

  /** Hands over the bytes, which are the caller's from now on. Call it once, last. */
  take(): Buffer {
    const bytes = this.#bytes;
    // Its user would also hold the bytes of earlier messages, and the memory may have been lent to somebody before.
    const own = this.#isSpare ? allocate(this.#length) : null;
    if (own === null) return this.#length === bytes.length ? bytes : bytes.subarray(0, this.#length);
    bytes.copy(own, 0, 0, this.#length);
    keepSpare(bytes);
    return own;
  }

  /** Lends the bytes to `use`, until that returns. Call it once, last. */
  lend(use: (bytes: Buffer) => void): void {
    lend(this.#bytes, this.#length, use);
  }

  #grow(needed: number, toCome: number): boolean {
    const total = needed + Math.max(0, toCome);
    const most = Math.min(roomFor(needed), total);
    // Who gets the bytes to keep gets memory of just their size, in which nothing was before.
    const spare = this.isLent || most < total ? takeSpare(needed, most) : null;
    const grown = spare ?? allocate(most) ?? allocate(needed);
    if (grown === null) return false;
    this.#bytes.copy(grown, 0, 0, this.#length);
    keepSpare(this.#bytes);
    this.#bytes = grown;
    this.#isSpare = spare !== null;
    return true;
  }
}

/** The largest power of two that is at most twice as much, so that few sizes are in use. */
function roomFor(length: number): number {
  return Math.max(MIN_CAPACITY, 2 ** (Math.floor(Math.log2(length)) + 1));
}

/** @returns `null` if there is not enough memory: what a peer sends must not make us throw */
export function allocate(size: number): Buffer | null {
  try {
    return allocateOwned(size);
  } catch {
    return null;
  }
}
