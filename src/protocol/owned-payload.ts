import { markAsUntransferable } from 'node:worker_threads';

/** Payloads up to this size share a slab; larger ones get memory of their own, so that none keeps much more than itself alive. */
const SHARED_UP_TO = 2048;
/** As Node's own Buffer pool: what one small message that is kept can pin. */
const SLAB_SIZE = 8192;

let slab = Buffer.alloc(0);
/** `slab.buffer`, which is slow to ask for. */
let slabMemory = slab.buffer;
let slabUsed = 0;

/** The part of the window that was copied last: `[spanStart, spanEnd)` stands in `slab` at `spanAt`. */
let spanStart = 0;
let spanEnd = 0;
let spanAt = 0;

/** Forgets what was copied, because the window holds something else now. Call once before the payloads of a read are copied. */
export function beginOwnedPayloads(): void {
  spanEnd = 0;
}

/**
 * A copy of the payload `[start, end)` of the window, for the user to keep. Small payloads are copied together with what
 * follows them, headers included: one copy serves a whole read of small frames.
 *
 * @param stop end of the octets in the window that are fit to be copied
 */
export function ownedPayload(window: Buffer, start: number, end: number, stop: number): Buffer {
  const length = end - start;
  if (length > SHARED_UP_TO) {
    // It is not to take room in the slab, if a small payload in front of it had what follows copied along.
    if (start < spanEnd) {
      slabUsed -= spanEnd - start;
      spanEnd = start;
    }
    const own = Buffer.allocUnsafeSlow(length);
    window.copy(own, 0, start, end);
    return own;
  }
  if (end > spanEnd) copySpan(window, start, end, stop);
  const at = spanAt + (start - spanStart);
  return Buffer.from(slabMemory, at, length);
}

function copySpan(window: Buffer, start: number, end: number, stop: number): void {
  if (slab.length - slabUsed < end - start) {
    slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
    // A user may transfer the memory of a message to a worker; that must not detach other messages.
    slabMemory = slab.buffer;
    markAsUntransferable(slabMemory);
    slabUsed = 0;
  }
  const length = Math.min(stop - start, slab.length - slabUsed);
  window.copy(slab, slabUsed, start, start + length);
  spanStart = start;
  spanEnd = start + length;
  spanAt = slabUsed;
  slabUsed += length;
}
