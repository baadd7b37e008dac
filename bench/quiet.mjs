import { cpus } from 'node:os';
import { setTimeout } from 'node:timers/promises';

const LOOKS_FOR = 300;

/** Above this share of the cores, in percent, others disturb what is measured. */
export const DISTURBING = 10;

/** How much of these cores is busy while nothing of ours is, in percent. */
export async function othersBusy(cores) {
  const before = timesOf(cores);
  await setTimeout(LOOKS_FOR);
  const after = timesOf(cores);
  return Math.round(((after.busy - before.busy) / (after.all - before.all)) * 100);
}

function timesOf(cores) {
  const sum = { busy: 0, all: 0 };
  const all = cpus();
  for (const { times } of cores.map((core) => all[core])) {
    const total = Object.values(times).reduce((before, time) => before + time, 0);
    sum.all += total;
    sum.busy += total - times.idle;
  }
  return sum;
}
