/** Bytes a second. A peer that sends, or takes, as many is alive; one that takes fewer is not worth waiting for. */
export const MIN_RATE = 8192;

/** Milliseconds. A deadline that is looked at so much later was held up by a busy process. */
export const LATE = 1000;

/** Milliseconds that a peer may take to read a MiB that is on its way. */
const READING_TIME_PER_MIB = 8000;

/** Milliseconds that it may take at most, whatever is on its way. */
const MAX_READING_TIME = 120_000;

/** How much longer a peer may be silent that has so many bytes to read, in milliseconds. */
export function readingTime(bytes: number): number {
  return Math.min(MAX_READING_TIME, Math.floor((bytes / 1_048_576) * READING_TIME_PER_MIB));
}
