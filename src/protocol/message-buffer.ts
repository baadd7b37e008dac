import { Buffer } from 'node:buffer';
import { NO_BYTES } from './bytes.js';

/** The smallest buffer of a message, in bytes, so that tiny fragments do not reallocate each time. */
const MIN_CAPACITY = 1024;

/**
 * The payload of one message while it arrives in pieces: fragments, or parts of a frame that came in several reads. It
 * grows with what has arrived, to at most twice that, and never with what a header declares. So a peer has to send what
 * it makes us hold, and a thousand tiny fragments cost no more than their bytes.
 */
export class MessageBuffer {
  #bytes: Buffer = NO_BYTES;
  #length = 0;

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
    return this.#length === bytes.length ? bytes : bytes.subarray(0, this.#length);
  }

  #grow(needed: number, toCome: number): boolean {
    const doubled = Math.max(MIN_CAPACITY, needed * 2);
    const grown = allocate(Math.min(doubled, needed + Math.max(0, toCome))) ?? allocate(needed);
    if (grown === null) return false;
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
    return true;
  }
}

/** @returns `null` if there is not enough memory: what a peer sends must not make us throw */
export function allocate(size: number): Buffer | null {
  try {
    return Buffer.allocUnsafeSlow(size);
  } catch {
    return null;
  }
}
