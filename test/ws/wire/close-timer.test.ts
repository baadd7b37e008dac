import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CloseTimer } from '../../../src/ws/wire/close-timer.js';

// What `useFakeTimers` replaces are the global ones.
vi.mock('node:timers', () => {
  const names = ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] as const;
  const call =
    (name: (typeof names)[number]) =>
    (...given: unknown[]) =>
      Reflect.apply(globalThis[name], null, given);
  return Object.fromEntries(names.map((name) => [name, call(name)]));
});
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] }));
afterEach(() => void vi.useRealTimers());

/** A timer of 1000 ms over this outbox, and whether it has ended the connection. */
function makeTimer(outbox: { bufferedAmount: number; bytesTaken: number }, timeout = 1000) {
  const ended = vi.fn();
  return { timer: new CloseTimer(outbox, timeout, ended), ended };
}

test('ends the connection when its time is over, after a turn of reading', () => {
  const { ended } = makeTimer({ bufferedAmount: 0, bytesTaken: 0 });
  vi.advanceTimersByTime(999);
  expect(ended).not.toHaveBeenCalled();
  vi.advanceTimersByTime(10);
  expect(ended).toHaveBeenCalledTimes(1);
});

test('ends no connection that was stopped before, also between its timer and its judgement', () => {
  const { timer, ended } = makeTimer({ bufferedAmount: 0, bytesTaken: 0 });
  setTimeout(() => setImmediate(() => timer.stop()), 999);
  vi.advanceTimersByTime(10_000);
  expect(ended).not.toHaveBeenCalled();
});

test('waits while what was sent leaves at 8 KiB/s or more, and not below', () => {
  const outbox = { bufferedAmount: 1_000_000, bytesTaken: 0 };
  const { ended } = makeTimer(outbox);
  for (let second = 0; second < 20; second++) {
    outbox.bytesTaken += 8192;
    vi.advanceTimersByTime(1000);
  }
  vi.advanceTimersByTime(0);
  expect(ended).not.toHaveBeenCalled();
  outbox.bytesTaken += 8000;
  vi.advanceTimersByTime(2010);
  expect(ended).toHaveBeenCalledTimes(1);
});

test('waits once for what has left since close() to be read, 8 s for each MiB', () => {
  const outbox = { bufferedAmount: 1000, bytesTaken: 1_000_000 };
  const { ended } = makeTimer(outbox);
  outbox.bufferedAmount = 0;
  outbox.bytesTaken += 1_048_576;
  vi.advanceTimersByTime(8990);
  expect(ended).not.toHaveBeenCalled();
  vi.advanceTimersByTime(20);
  expect(ended).toHaveBeenCalledTimes(1);
});

test('with a time of 0 ends the connection at once, though something waits', () => {
  const { ended } = makeTimer({ bufferedAmount: 1000, bytesTaken: 0 }, 0);
  vi.advanceTimersByTime(10);
  expect(ended).toHaveBeenCalledTimes(1);
});
