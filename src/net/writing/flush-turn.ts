import { nextTick } from 'node:process';
import { SharedRun } from './shared-frames.js';

/** Something with frames that leave at the end of this turn of the event loop. */
export interface Flushable {
  /** Must not throw: the others would not be flushed. */
  flush(): void;
}

let due: Flushable[] = [];

function flushDue(): void {
  const flushables = due;
  due = [];
  for (const flushable of flushables) flushable.flush();
  SharedRun.forget();
}

/** Has `outbox` flushed at the end of this turn, behind all that user code has still to send in it. */
export function flushAtEndOfTurn(outbox: Flushable): void {
  if (due.push(outbox) === 1) nextTick(flushDue);
}

/**
 * While one connection alone is busy, its peer has nothing to do until we answer, and we have nothing to do until it has
 * read: the two take turns at being idle. So the first answers of its turn leave early, in writes of more and more frames: both
 * are at work, for a few writes more. With several busy connections there is always something to do, and one write a turn is
 * the quickest. Measured in bench/README.md.
 */

// There is one turn at a time, as all connections of the thread share the window.
let latest: object | null = null;
let isAlone = false;
let frames = 0;
let dueAt = 0;

/** @param who has the turn */
export function beginTurn(who: object): void {
  isAlone = latest === who;
  latest = who;
  frames = 0;
  dueAt = 1;
}

/** Counts a frame of who has the turn. @returns whether what waits should leave before the turn is over */
export function isDueEarly(): boolean {
  if (!isAlone || ++frames < dueAt) return false;
  dueAt = frames + Math.max(1, frames >> 2);
  return true;
}

/** It is closed, and not to be kept for the comparison. */
export function forgetTurns(who: object): void {
  if (latest === who) latest = null;
}
