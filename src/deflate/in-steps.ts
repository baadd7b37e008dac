import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';

/** Milliseconds for which long messages may go on in one turn, all of them together. */
const BUDGET = 1;

let waiting: (() => boolean)[] = [];

/**
 * Does something long in steps of a part of a millisecond, in turns in which others do so as well.
 *
 * @param step does a part of it, must not throw. @returns whether it has ended
 */
export function inSteps(step: () => boolean): void {
  if (waiting.push(step) === 1) setImmediate(goOn);
}

function goOn(): void {
  const until = performance.now() + BUDGET;
  let next = 0;
  while (next < waiting.length && (next === 0 || performance.now() < until)) {
    const step = waiting[next++];
    if (!step()) waiting.push(step);
  }
  waiting = waiting.slice(next);
  if (waiting.length > 0) setImmediate(goOn);
}
