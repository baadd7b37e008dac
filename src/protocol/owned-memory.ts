import { Buffer } from 'node:buffer';
import v8 from 'node:v8';

/*
 * V8 frees the memory of a Buffer with the Buffer, which it finds by collecting the young generation once that is full.
 * Large messages hardly fill it: each has one small object. So memory that is no longer used adds up outside of the heap,
 * until V8 collects the whole heap, which takes ten times as long. With 400 MB of messages a second, this was a fifth of all
 * time, and answers came 15 ms late.
 *
 * So large memory comes with a little filling for the young generation, to have that collected in time.
 */

/** From this size on, in bytes, memory has too few objects of its own. */
const FILLED_FROM = 32_768;

/**
 * The young generation should be collected about once for this many bytes, of memory up to a size and above it. V8 would
 * collect the whole heap after some 64 MB. docs/decisions.md has the measurements.
 */
const BYTES_PER_COLLECTION = 16_777_216;
const LARGE_ABOVE = 262_144;
const LARGE_BYTES_PER_COLLECTION = 50_331_648;

/** Slots of one array of filling, of 8 bytes each. The last array is kept. */
const SLOTS = 2048;
const BYTES_PER_SLOT = 8;

/** Bytes that the young generation holds. */
let capacity = 0;
let bytesUntilLook = 0;
/** The most bytes of filling for each byte of memory. */
const MOST = 0.5;

/** It is not used. It is exported because V8 need not allocate what no code could use. */
export let filling: readonly undefined[] = [];

/** Bytes that the young generation holds before it is collected; 0 if this runtime does not tell. */
function youngCapacity(): number {
  try {
    const young = v8.getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
    return young === undefined ? 0 : young.space_used_size + young.space_available_size;
  } catch {
    return 0;
  }
}

function fillYoungGeneration(bytes: number): void {
  bytesUntilLook -= bytes;
  if (bytesUntilLook < 0) {
    // V8 changes the size of the young generation.
    bytesUntilLook = BYTES_PER_COLLECTION;
    capacity = youngCapacity();
  }
  const perCollection = bytes > LARGE_ABOVE ? LARGE_BYTES_PER_COLLECTION : BYTES_PER_COLLECTION;
  let slots = Math.min(capacity, bytes * Math.min(MOST, capacity / perCollection)) / BYTES_PER_SLOT;
  for (; slots >= 1; slots -= SLOTS) filling = new Array(Math.min(slots >>> 0, SLOTS));
}

/** Gets `size` bytes that a user may keep, of undefined content. @throws RangeError if there is not enough memory */
export function allocateOwned(size: number): Buffer {
  if (size >= FILLED_FROM) fillYoungGeneration(size);
  return Buffer.allocUnsafeSlow(size);
}
