/*
 * Every threshold of the way out, in bytes. docs/decisions.md has the measurements by which those that matter were chosen.
 */

/** Payloads of this many bytes or more are not copied. */
export const UNCOPIED_FROM = 32_768;

/** Up to this many bytes, a loop masks faster than a copy through the codec's memory. */
export const MASKED_BY_LOOP = 32;

/** The sizes of pooled chunks. */
export const CHUNK_SIZES = [1024, 4096, 16_384, 65_536, 262_144] as const;

/** The largest batch of copied frames. It also keeps one connection from holding up the others. */
export const LARGEST_CHUNK = 262_144;

/** Of each size, the pool keeps free chunks of at most this many bytes in total. */
export const KEPT_CHUNKS = 1_048_576;

/** The size of chunks in which published frames are adjacent. */
export const SHARED_CHUNK = 16_384;

/**
 * A larger published frame gets memory of its own, so that little of a chunk is wasted when the next frame does not
 * fit.
 */
export const LARGEST_SHARED = SHARED_CHUNK / 4;

/** This many bytes in full chunks are written before the turn ends. */
export const EARLY_FLUSH_BYTES = 524_288;

/** The approximate length of one write, so that progress shows while a slow peer takes many megabytes. */
export const WRITE_BYTES = 1_048_576;

/** A write may be this much longer, to leave no small rest. */
export const WRITE_SLACK = 65_536;

/** Up to this many bytes leave in one write. */
export const LONGEST_WRITE = WRITE_BYTES + WRITE_SLACK;
