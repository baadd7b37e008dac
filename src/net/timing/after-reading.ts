/** The longest delay that timers take, in milliseconds: 24 days. A longer one would fire at once. */
export const MAX_DELAY = 0x7fff_ffff;

/**
 * Calls `judge` once so many milliseconds have passed and what the kernel holds by then has been read. If our own loop was
 * blocked, a peer may have spoken in time without having been heard.
 *
 * @returns what cancels it
 */
export function afterReading(milliseconds: number, judge: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  // Timers, then reading, then immediates: one turn of the event loop.
  const timer = setTimeout(() => (immediate = setImmediate(judge)), Math.min(milliseconds, MAX_DELAY));
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
