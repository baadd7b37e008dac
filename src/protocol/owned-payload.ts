import { Buffer } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';

/** Payloads up to this size share small slabs, so that a tiny message that is kept keeps little else alive. */
const SMALL_UP_TO = 2048;
/** As Node's own Buffer pool. */
const SMALL_SLAB = 8192;
/** Payloads up to this size share large slabs; still larger ones get memory of their own. */
const LARGE_UP_TO = 16_384;
/** As one read of a stream of Node's, which a message that is kept keeps alive there. */
const LARGE_SLAB = 65_536;

/** Memory that payloads are copied to one behind the other. */
class Slab {
  readonly #size: number;
  #bytes = Buffer.alloc(0);
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
    return Buffer.from(this.#memory, this.#spanAt + (start - this.#spanStart), end - start);
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

const small = new Slab(SMALL_SLAB);
const large = new Slab(LARGE_SLAB);

/** Forgets what was copied, because the window holds something else now. Call once before the payloads of a read are copied. */
export function beginOwnedPayloads(): void {
  small.begin();
  large.begin();
}

/**
 * A copy of the payload `[start, end)` of the window, for the user to keep. Small payloads are copied together with what
 * follows them, headers included: one copy serves a whole read of small frames.
 *
 * @param stop end of the octets in the window that are fit to be copied
 */
export function ownedPayload(window: Buffer, start: number, end: number, stop: number): Buffer {
  const length = end - start;
  if (length <= SMALL_UP_TO) {
    large.giveBack(start);
    return small.payload(window, start, end, stop);
  }
  small.giveBack(start);
  if (length <= LARGE_UP_TO) return large.payload(window, start, end, stop);
  large.giveBack(start);
  const own = Buffer.allocUnsafeSlow(length);
  window.copy(own, 0, start, end);
  return own;
}
