import { nextTick } from 'node:process';
import { SharedRun } from './shared-run.js';

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
