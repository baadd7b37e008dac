/*
 * Every threshold of the way out, in bytes. docs/decisions.md has the measurements by which those that matter were chosen.
 */

/** Payloads of this many bytes or more leave without a copy. */
export const UNCOPIED_FROM = 32_768;

/** Up to this many bytes a loop masks faster than the way through the codec's memory. */
export const MASKED_BY_LOOP = 32;

/** Sizes of the chunks in the pool. */
export const CHUNK_SIZES = [1024, 4096, 16_384, 65_536, 262_144] as const;

/** The largest batch of copied frames; also keeps one connection from holding the others up. */
export const LARGEST_CHUNK = 262_144;

/** Free chunks of each size that are kept: together at most this many bytes. */
export const KEPT_CHUNKS = 1_048_576;

/** The chunks in which published frames stand one after the other. */
export const SHARED_CHUNK = 16_384;

/** A published frame above this gets memory of its own, so that the rest of a chunk that is given up is small. */
export const LARGEST_SHARED = SHARED_CHUNK / 4;

/** So many bytes in full chunks are worth a write before the turn is over. */
export const EARLY_FLUSH_BYTES = 524_288;

/** About the length of one write, so that what has left shows while a slow peer takes many megabytes. */
export const WRITE_BYTES = 1_048_576;

/** A write may be this much longer, rather than leave a small rest. */
export const WRITE_SLACK = 65_536;

/** Bytes that never need slicing. */
export const LONGEST_WRITE = WRITE_BYTES + WRITE_SLACK;
