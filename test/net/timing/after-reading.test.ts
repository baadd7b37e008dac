import { stat } from 'node:fs';
import { expect, test } from 'vitest';
import { afterReading } from '../../../src/net/timing/after-reading.js';
import { tcpPair } from '../../support/sockets.js';
import { blockLoop } from '../../support/stall.js';
import { turns } from '../../support/waiting.js';

/** Writes, and then blocks the loop in another phase of its turn. */
const BLOCKED_IN = {
  'a timer': (write: () => void) =>
    setTimeout(() => {
      write();
      blockLoop(80);
    }, 1),
  'an immediate': (write: () => void) =>
    setImmediate(() => {
      write();
      blockLoop(80);
    }),
  'a callback of I/O': (write: () => void) =>
    stat('.', () => {
      write();
      blockLoop(80);
    }),
};

test.each(Object.entries(BLOCKED_IN))('judges after what came while %s blocked the loop', async (_name, block) => {
  const { near, far } = await tcpPair();
  const events: string[] = [];
  near.on('data', (octets) => events.push(String(octets)));
  await turns();
  const judged = new Promise<void>((resolve) => afterReading(40, resolve));
  block(() => far.write('in time'));
  await judged;
  expect(events).toEqual(['in time']);
});

test('is cancelled before the time is over, and after', async () => {
  let judged = 0;
  const cancelEarly = afterReading(1, () => judged++);
  cancelEarly();
  const cancelLate = afterReading(1, () => judged++);
  // Runs right after the timer of the other, before there has been any reading.
  setTimeout(cancelLate, 1);
  blockLoop(5);
  const done = new Promise<void>((resolve) => afterReading(20, resolve));
  await done;
  expect(judged).toBe(0);
});

test('takes longer times than a timer does', async () => {
  let judged = 0;
  const cancel = afterReading(2 ** 40, () => judged++);
  await turns(3);
  cancel();
  expect(judged).toBe(0);
});
