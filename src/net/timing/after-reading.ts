/**
 * The largest number that Node's timers (24 days in milliseconds) and its HTTP parser take. To the first a larger one is a very
 * short delay, to the other a very small size.
 */
export const MAX_INT32 = 0x7fff_ffff;

/**
 * Calls `judge` once so many milliseconds have passed and what the kernel holds by then has been read. If our own loop was
 * blocked, a peer may have spoken in time without having been heard.
 *
 * @returns what cancels it
 */
export function afterReading(milliseconds: number, judge: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  // Timers, then reading, then immediates: one turn of the event loop.
  const timer = setTimeout(() => (immediate = setImmediate(judge)), Math.min(milliseconds, MAX_INT32));
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
