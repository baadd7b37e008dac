import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { viewOf } from '../../src/protocol/bytes.js';

test('a view is what Buffer.from makes: the same memory, the same class', () => {
  const memory = Uint8Array.from({ length: 16 }, (_, i) => i).buffer;
  const view = viewOf(memory, 3, 5);
  expect(Buffer.isBuffer(view)).toBe(true);
  expect(Object.getPrototypeOf(view)).toBe(Object.getPrototypeOf(Buffer.from(memory, 3, 5)));
  expect([...view]).toEqual([3, 4, 5, 6, 7]);
  expect(view.buffer).toBe(memory);
  view[0] = 99;
  expect(new Uint8Array(memory)[3]).toBe(99);
});

test('a view beyond the memory is a RangeError, as with Buffer.from', () => {
  expect(() => viewOf(new ArrayBuffer(4), 2, 3)).toThrow(RangeError);
});
