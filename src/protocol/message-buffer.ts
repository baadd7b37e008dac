import type { Buffer } from 'node:buffer';
import { NO_BYTES } from './bytes.js';
import { allocateOwned } from './owned-memory.js';

/** The smallest buffer of a message, in bytes, so that tiny fragments do not reallocate each time. */
const MIN_CAPACITY = 1024;

/**
 * The payload of one message while it arrives in pieces: fragments, or parts of a frame that came in several reads. It
 * grows with the bytes that have arrived, to at most twice as many, and never with the length that a header declares.
 * So a peer has to send the bytes that it makes us hold, and a thousand tiny fragments cost no more than their bytes.
 */
export class MessageBuffer {
  #bytes: Buffer = NO_BYTES;
  #length = 0;
  /** Whether other messages have been in `#bytes`. */
  #isSpare = false;

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
    if (this.#length === bytes.length) return bytes;
    // Otherwise its user would also hold the bytes of earlier messages, and could pass them on with the memory.
    const own = this.#isSpare ? allocate(this.#length) : null;
    if (own === null) return bytes.subarray(0, this.#length);
    bytes.copy(own, 0, 0, this.#length);
    keepSpare(bytes);
    return own;
  }

  #grow(needed: number, toCome: number): boolean {
    const most = Math.min(Math.max(MIN_CAPACITY, needed * 2), needed + Math.max(0, toCome));
    // The message will outgrow it, unless all of it fits.
    const spare = most < needed + toCome ? takeSpare(needed, most) : null;
    const grown = spare ?? allocate(most) ?? allocate(needed);
    if (grown === null) return false;
    this.#bytes.copy(grown, 0, 0, this.#length);
    keepSpare(this.#bytes);
    this.#bytes = grown;
    this.#isSpare = spare !== null;
    return true;
  }
}

/*
 * Messages have outgrown these buffers, which no user has. The next large message grows in them: fresh memory costs page
 * faults, and the garbage collector what is said in `owned-memory`. So a thread keeps up to 8 MiB.
 */

const spares: Buffer[] = [];
const SPARE_FROM = 65_536;
const SPARE_UP_TO = 2_097_152;
const MOST_SPARES = 4;

function takeSpare(least: number, most: number): Buffer | null {
  const at = spares.findIndex(({ length }) => length >= least && length <= most);
  return at === -1 ? null : spares.splice(at, 1)[0];
}

function keepSpare(bytes: Buffer): void {
  if (bytes.length >= SPARE_FROM && bytes.length <= SPARE_UP_TO && spares.length < MOST_SPARES) spares.push(bytes);
}

/** @returns `null` if there is not enough memory: what a peer sends must not make us throw */
export function allocate(size: number): Buffer | null {
  try {
    return allocateOwned(size);
  } catch {
    return null;
  }
}
