import { nextTick } from 'node:process';
import { SharedRun } from './shared-frames.js';

/** Something with frames that leave at the end of this turn of the event loop. */
interface Flushable {
  /** Must not throw, or the others would not be flushed. */
  flush(): void;
}

let due: Flushable[] = [];

function flushDue(): void {
  const flushables = due;
  due = [];
  for (const flushable of flushables) flushable.flush();
  SharedRun.forget();
}

/** Flushes `outbox` at the end of this turn, after everything that user code still sends in it. */
export function flushAtEndOfTurn(outbox: Flushable): void {
  if (due.push(outbox) === 1) nextTick(flushDue);
}

/*
 * If only one connection is busy, its peer is idle until we answer, and we are idle until the peer has read. So the
 * first answers of a turn leave early, in writes of more and more frames: for a few more writes, both work at the same
 * time. With several busy connections there is always work, and one write per turn is the fastest. Measured in
 * bench/README.md.
 */

// There is one turn at a time, because all connections of the thread share the window.
let latest: object | null = null;
let isAlone = false;
let frames = 0;
let dueAt = 0;

/** Starts the turn of a connection. */
export function beginTurn(owner: object): void {
  isAlone = latest === owner;
  latest = owner;
  frames = 0;
  dueAt = 1;
}

/** Counts a frame of the current turn. @returns whether what waits should leave before the turn ends */
export function isDueEarly(): boolean {
  if (!isAlone || ++frames < dueAt) return false;
  dueAt = frames + Math.max(1, frames >> 2);
  return true;
}

/** The connection is closed. The comparison must not keep it alive. */
export function forgetTurns(owner: object): void {
  if (latest === owner) latest = null;
}
