import { cpus } from 'node:os';
import { setTimeout } from 'node:timers/promises';

const LOOKS_FOR = 300;

/** Above this share of the cores, in percent, others disturb what is measured. */
export const DISTURBING = 10;

/** How much of the machine's cores is busy while nothing of ours is, in percent. */
export async function othersBusy() {
  const before = times();
  await setTimeout(LOOKS_FOR);
  const after = times();
  return Math.round(((after.busy - before.busy) / (after.all - before.all)) * 100);
}

function times() {
  const sum = { busy: 0, all: 0 };
  for (const { times } of cpus()) {
    const all = Object.values(times).reduce((total, time) => total + time, 0);
    sum.all += all;
    sum.busy += all - times.idle;
  }
  return sum;
}
