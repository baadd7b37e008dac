import type { Buffer } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';
import { NO_BYTES, viewOf } from './bytes.js';
import { allocateOwned } from './owned-memory.js';

/** Memory to which payloads are copied, one after the other. */
class Slab {
  readonly #size: number;
  #bytes = NO_BYTES;
  /** Kept because reading `#bytes.buffer` is slow. */
  #memory = this.#bytes.buffer;
  #used = 0;

  /** The part of the window that was copied last: `[#spanStart, #spanEnd)`, which is in the slab at `#spanAt`. */
  #spanStart = 0;
  #spanEnd = 0;
  #spanAt = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** Forgets the span, because the window now holds other bytes. */
  begin(): void {
    this.#spanEnd = 0;
  }

  /** Frees what was copied from `start` on: the payload there went to other memory. */
  giveBack(start: number): void {
    if (start >= this.#spanEnd) return;
    this.#used -= this.#spanEnd - start;
    this.#spanEnd = start;
  }

  payload(window: Buffer, start: number, end: number, stop: number): Buffer {
    if (end > this.#spanEnd) this.#copySpan(window, start, end, stop);
    return viewOf(this.#memory, this.#spanAt + (start - this.#spanStart), end - start);
  }

  #copySpan(window: Buffer, start: number, end: number, stop: number): void {
    if (this.#bytes.length - this.#used < end - start) {
      this.#bytes = allocateOwned(this.#size);
      this.#memory = this.#bytes.buffer;
      // A user may transfer the memory of a message to a worker; that must not detach other messages.
      markAsUntransferable(this.#memory);
      this.#used = 0;
    }
    const length = Math.min(stop - start, this.#bytes.length - this.#used);
    window.copy(this.#bytes, this.#used, start, start + length);
    this.#spanStart = start;
    this.#spanEnd = start + length;
    this.#spanAt = this.#used;
    this.#used += length;
  }
}

/**
 * A user that keeps a message keeps its slab alive. For a tiny message that is as much memory as with Node's own Buffer
 * pool, for a larger one at most as much as with one read of a Node stream. Still larger payloads get memory of their
 * own.
 */
const tiny = new Slab(8192);
const TINY_UP_TO = 512;
const small = new Slab(32_768);
const SMALL_UP_TO = 2048;
const large = new Slab(65_536);
const LARGE_UP_TO = 16_384;

/** The slab that was copied to last, the only one whose span is valid. */
let latest = tiny;

/**
 * Call it before the payloads of each scan are copied: the window no longer holds the bytes that were copied before.
 */
export function beginOwnedPayloads(): void {
  latest.begin();
}

/**
 * Copies the payload `[start, end)` of the window, for the user to keep. A small payload is copied together with the
 * bytes after it, headers included, so that one copy serves all small frames of a read.
 *
 * @param stop end of the bytes in the window that may be copied
 * @param isHeld whether the user is likely to keep it for long, so that small payloads share less memory
 */
export function ownedPayload(window: Buffer, start: number, end: number, stop: number, isHeld = false): Buffer {
  const slab = slabFor(end - start, isHeld);
  if (slab !== latest) {
    latest.giveBack(start);
    if (slab === null) return copyOf(window, start, end);
    slab.begin();
    latest = slab;
  }
  return slab.payload(window, start, end, stop);
}

function slabFor(length: number, isHeld: boolean): Slab | null {
  if (length <= TINY_UP_TO || (isHeld && length <= SMALL_UP_TO)) return tiny;
  if (length <= SMALL_UP_TO) return small;
  return length <= LARGE_UP_TO ? large : null;
}

function copyOf(window: Buffer, start: number, end: number): Buffer {
  const copy = allocateOwned(end - start);
  window.copy(copy, 0, start, end);
  return copy;
}
