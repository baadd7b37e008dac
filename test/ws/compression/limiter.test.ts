import { expect, test } from 'vitest';
import { limited } from '../../../src/ws/compression/limiter.js';

/** Starts calls that end when they are told to. */
function starter() {
  const started: string[] = [];
  const ends: Record<string, () => void> = {};
  const start = (name: string, limit: number) =>
    limited(limit, (done) => {
      started.push(name);
      ends[name] = done;
    });
  return { started, ends, start };
}

test('no more run than may, and those that wait start in order', () => {
  const { started, ends, start } = starter();
  for (const name of ['a', 'b', 'c', 'd']) start(name, 2);
  expect(started).toEqual(['a', 'b']);
  ends.b();
  expect(started).toEqual(['a', 'b', 'c']);
  ends.b();
  expect(started).toEqual(['a', 'b', 'c']);
  ends.a();
  ends.c();
  ends.d();
  expect(started).toEqual(['a', 'b', 'c', 'd']);
});

test('each call has its own limit, and none passes another', () => {
  const { started, ends, start } = starter();
  start('a', 1);
  start('b', 1);
  start('c', Number.POSITIVE_INFINITY);
  expect(started).toEqual(['a']);
  ends.a();
  expect(started).toEqual(['a', 'b', 'c']);
  ends.b();
  ends.c();
});

test('a call that throws has ended', () => {
  const { started, ends, start } = starter();
  const failing = () =>
    limited(1, () => {
      throw new Error('no');
    });
  expect(failing).toThrow('no');
  start('a', 1);
  expect(started).toEqual(['a']);
  ends.a();
});
