/**
 * Bytes per second. A peer that sends or takes this many is alive; a peer that takes fewer is not worth waiting for.
 */
export const MIN_RATE = 8192;

/** Milliseconds. If a deadline is checked this late, a busy process has delayed the check. */
export const LATE = 1000;

/** Milliseconds that a peer may take to read one MiB that is on its way. */
const READING_TIME_PER_MIB = 8000;

/** The most milliseconds that a peer may take, however much is on its way. */
const MAX_READING_TIME = 120_000;

/** How many milliseconds longer a peer may be silent, because it has so many bytes to read. */
export function readingTime(bytes: number): number {
  return Math.min(MAX_READING_TIME, Math.floor((bytes / 1_048_576) * READING_TIME_PER_MIB));
}
