import { expect, test } from 'vitest';
import { SharedRun } from '../../src/net/shared-run.js';

const memory = Buffer.from('one two three', 'latin1');
const [one, two, three] = [memory.subarray(0, 4), memory.subarray(4, 8), memory.subarray(8)];

test('frames that stand one behind the other are one run', () => {
  const run = new SharedRun(one);
  expect(run.extend(two)).toBe(true);
  expect(run.extend(three)).toBe(true);
  expect(run.length).toBe(memory.length);
  expect(run.octets.equals(memory)).toBe(true);
  expect(run.octets.buffer).toBe(memory.buffer);
});

test('a frame that stands elsewhere is not part of it', () => {
  const run = new SharedRun(one);
  expect(run.extend(three)).toBe(false);
  expect(run.extend(one)).toBe(false);
  expect(run.extend(Buffer.from('two '))).toBe(false);
  expect(run.octets.toString()).toBe('one ');
});

test('equal runs share one view, and different ones never do', () => {
  const runs = [new SharedRun(one), new SharedRun(one), new SharedRun(two), new SharedRun(one)];
  expect(runs[0].octets).toBe(runs[1].octets);
  runs[1].extend(two);
  expect(runs.map((run) => run.octets.toString())).toEqual(['one ', 'one two ', 'two ', 'one ']);
  SharedRun.forget();
  expect(runs[3].octets.toString()).toBe('one ');
});
