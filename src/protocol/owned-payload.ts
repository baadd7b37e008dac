import { Buffer } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';
import { NO_BYTES, viewOf } from './bytes.js';

/** Memory that payloads are copied to one behind the other. */
class Slab {
  readonly #size: number;
  #bytes = NO_BYTES;
  /** `#bytes.buffer`, which is slow to ask for. */
  #memory = this.#bytes.buffer;
  #used = 0;

  /** The part of the window that was copied last: `[#spanStart, #spanEnd)` stands in the slab at `#spanAt`. */
  #spanStart = 0;
  #spanEnd = 0;
  #spanAt = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** The window holds something else now. */
  begin(): void {
    this.#spanEnd = 0;
  }

  /** What was copied along from `start` on was not for this slab: it is not to take room here. */
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
      this.#bytes = Buffer.allocUnsafeSlow(this.#size);
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
 * A message that is kept keeps its slab alive: a tiny one as much as Node's own Buffer pool, a larger one at most as much as
 * a read of a stream of Node's. Payloads that are larger still get memory of their own.
 */
const tiny = new Slab(8192);
const TINY_UP_TO = 512;
const small = new Slab(32_768);
const SMALL_UP_TO = 2048;
const large = new Slab(65_536);
const LARGE_UP_TO = 16_384;

/** The slab that was copied to last: the only one that may hold what was copied along. */
let latest = tiny;

/** Forgets what was copied, because the window holds something else now. Call once before the payloads of a read are copied. */
export function beginOwnedPayloads(): void {
  latest.begin();
}

/**
 * A copy of the payload `[start, end)` of the window, for the user to keep. Small payloads are copied together with what
 * follows them, headers included: one copy serves a whole read of small frames.
 *
 * @param stop end of the bytes in the window that are fit to be copied
 * @param isHeld whether it is likely to be kept for long, so that small ones share less memory
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
  const copy = Buffer.allocUnsafeSlow(end - start);
  window.copy(copy, 0, start, end);
  return copy;
}
