import { Buffer } from 'node:buffer';
import { NO_BYTES } from './bytes.js';

/** Bytes that the first piece of a message gets at the least, so that tiny fragments do not reallocate each time. */
const MIN_CAPACITY = 1024;

/**
 * The payload of one message while it arrives in pieces: fragments, or the parts of a frame that reads cut. Grows with
 * what has arrived, at most to twice of it, never with what a header promises; so a peer pays for what we hold, and
 * a thousand tiny fragments cost no more than their bytes.
 */
export class MessageBuffer {
  #bytes: Buffer = NO_BYTES;
  #length = 0;

  /** Bytes that have arrived. */
  get length(): number {
    return this.#length;
  }

  /**
   * Copies `[start, end)` of `source` behind what is here.
   *
   * @param toCome bytes that can still follow these; caps the growth, so that a message of one frame ends in a buffer
   *   of just its size
   * @returns false if there is no memory for them; then nothing has changed
   */
  append(source: Buffer, start: number, end: number, toCome: number): boolean {
    const needed = this.#length + (end - start);
    if (needed > this.#bytes.length && !this.#grow(needed, toCome)) return false;
    source.copy(this.#bytes, this.#length, start, end);
    this.#length = needed;
    return true;
  }

  /** The bytes, which are the caller's from now on. */
  take(): Buffer {
    const bytes = this.#bytes;
    return this.#length === bytes.length ? bytes : bytes.subarray(0, this.#length);
  }

  #grow(needed: number, toCome: number): boolean {
    const doubled = Math.max(MIN_CAPACITY, needed * 2);
    const grown = allocate(Math.min(doubled, needed + toCome)) ?? allocate(needed);
    if (grown === null) return false;
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
    return true;
  }
}

/** `null` if there is no such memory: what a peer sends must not make us throw. */
function allocate(size: number): Buffer | null {
  try {
    return Buffer.allocUnsafeSlow(size);
  } catch {
    return null;
  }
}
