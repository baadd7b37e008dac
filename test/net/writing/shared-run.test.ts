import { expect, test } from 'vitest';
import { SharedRun } from '../../../src/net/writing/shared-run.js';

const memory = Buffer.from('one two three', 'latin1');
const [one, two, three] = [memory.subarray(0, 4), memory.subarray(4, 8), memory.subarray(8)];

test('frames that stand one behind the other are one run', () => {
  const run = SharedRun.of(one).with(two)?.with(three);
  expect(run?.length).toBe(memory.length);
  expect(run?.octets.equals(memory)).toBe(true);
  expect(run?.octets.buffer).toBe(memory.buffer);
});

test('a frame that stands elsewhere is not part of it', () => {
  const run = SharedRun.of(one);
  expect([run.with(three), run.with(one), run.with(Buffer.from('two '))]).toEqual([null, null, null]);
  expect(run.octets.toString()).toBe('one ');
});

test('outboxes that were given the same frames have the same run, and others never do', () => {
  const runs = [SharedRun.of(one), SharedRun.of(one).with(two), SharedRun.of(two), SharedRun.of(one).with(two)];
  expect(runs.map((run) => run?.octets.toString())).toEqual(['one ', 'one two ', 'two ', 'one two ']);
  const again = SharedRun.of(one);
  expect(SharedRun.of(one)).toBe(again);
  expect(again.with(two)).toBe(again.with(two));
  SharedRun.forget();
  expect(SharedRun.of(one)).not.toBe(again);
});
