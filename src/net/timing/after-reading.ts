import { clearImmediate, clearTimeout, setImmediate, setTimeout } from 'node:timers';

/**
 * The largest number that Node's timers (24 days in milliseconds) and its HTTP parser accept. The timers take a larger
 * number for a very short delay, the parser for a very small size.
 */
export const MAX_INT32 = 0x7fff_ffff;

/**
 * Calls `judge` after so many milliseconds, once everything that the kernel holds by then has been read. If our own
 * event loop was blocked, a peer may have sent in time without being heard.
 *
 * @returns a function that cancels the call
 */
export function afterReading(milliseconds: number, judge: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  // A turn of the event loop runs timers, then reads, then runs immediates.
  const timer = setTimeout(() => (immediate = setImmediate(judge)), Math.min(milliseconds, MAX_INT32));
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
