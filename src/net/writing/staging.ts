import { Chunk } from './chunk.js';

/*
 * The chunks in which frames of one turn are put together for one write. Pooled: an idle connection holds none, and a busy
 * one gets the same octets again and again, which stay in the processor's cache.
 */

/** Sizes of the chunks in the pool. */
const SIZES = [1024, 4096, 16_384, 65_536, 262_144] as const;
/** The largest batch of copied frames; also keeps one connection from holding the others up. */
export const LARGEST_CHUNK = 262_144;
/** Octets of free chunks that are kept of each size. */
const KEPT = 1_048_576;

const free: Chunk[][] = SIZES.map(() => []);

function sizeIndex(octets: number): number {
  return octets <= 1024 ? 0 : octets <= 4096 ? 1 : octets <= 16_384 ? 2 : octets <= 65_536 ? 3 : 4;
}

/** A chunk of at least `octets`; its content is undefined. Above `LARGEST_CHUNK` it is of just that size and is not pooled. */
export function takeChunk(octets: number): Chunk {
  if (octets > LARGEST_CHUNK) return new Chunk(octets);
  const index = sizeIndex(octets);
  return free[index].pop() ?? new Chunk(SIZES[index]);
}

/** A chunk of at least `octets` with what is in `chunk`, which goes back. */
export function enlargeChunk(chunk: Chunk, octets: number): Chunk {
  const larger = takeChunk(octets);
  larger.appendEncoded(chunk.frames);
  giveChunkBack(chunk);
  return larger;
}

/** Gives a chunk back, once and only when nobody reads it any more, the kernel included. */
export function giveChunkBack(chunk: Chunk): void {
  const { size } = chunk;
  const index = sizeIndex(size);
  if (SIZES[index] !== size || free[index].length * size >= KEPT) return;
  chunk.used = 0;
  free[index].push(chunk);
}
