import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { CloseTimer } from '../../src/ws/close-timer.js';
import { until } from '../support/waiting.js';

test('ends the connection when its time is over', async () => {
  let ends = 0;
  new CloseTimer({ bufferedAmount: 0, progress: 0 }, 20, () => ends++);
  expect(ends).toBe(0);
  await until(() => ends > 0);
  await sleep(60);
  expect(ends).toBe(1);
});

test('ends no connection that was stopped before, also between its timer and its judgement', async () => {
  let ends = 0;
  const timers = [10, 10, 10].map(
    (timeout) => new CloseTimer({ bufferedAmount: 0, progress: 0 }, timeout, () => ends++),
  );
  timers[0].stop();
  setTimeout(() => timers[1].stop(), 10);
  await until(() => ends > 0);
  await sleep(30);
  expect(ends).toBe(1);
});

test('waits while what was sent leaves at 8 KiB/s or more, and not below', async () => {
  const output = { bufferedAmount: 1_000_000, progress: 0 };
  let ends = 0;
  new CloseTimer(output, 50, () => ends++);
  for (let i = 0; i < 40; i++) {
    await sleep(10);
    output.progress += 1000;
  }
  expect(ends).toBe(0);
  const slow = setInterval(() => output.progress++, 1);
  await until(() => ends > 0);
  clearInterval(slow);
  expect(ends).toBe(1);
});

test('waits once for what has left since close() to be read, 8 s for each MiB', async () => {
  const output = { bufferedAmount: 1000, progress: 1_000_000 };
  let ends = 0;
  const began = performance.now();
  new CloseTimer(output, 20, () => ends++);
  output.bufferedAmount = 0;
  output.progress += 65_536;
  await until(() => ends > 0);
  expect(performance.now() - began).toBeGreaterThan(500);
});

test('does not wait for what leaves later', async () => {
  const output = { bufferedAmount: 0, progress: 0 };
  let ends = 0;
  new CloseTimer(output, 50, () => ends++);
  const fast = setInterval(() => {
    output.progress += 100;
  }, 5);
  await until(() => ends > 0);
  clearInterval(fast);
  expect(ends).toBe(1);
});
