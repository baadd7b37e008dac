import { expect, test } from 'vitest';
import {
  giveLentMemoryBack,
  isLentMemory,
  keepLentMemory,
  lendMemory,
  takeLentMemory,
} from '../../src/protocol/lent-memory.js';

const KiB = 1024;

test('memory is used again once the handler has returned, and not before', () => {
  const memory = Buffer.alloc(64 * KiB);
  lendMemory(memory, () => {
    expect(isLentMemory(memory.buffer)).toBe(true);
    expect(takeLentMemory(64 * KiB)).toBeNull();
  });
  expect(isLentMemory(memory.buffer)).toBe(false);
  expect(takeLentMemory(64 * KiB)).toBe(memory);
  expect(takeLentMemory(64 * KiB)).toBeNull();
});

test('also when the handler throws', () => {
  const memory = Buffer.alloc(64 * KiB);
  expect(() =>
    lendMemory(memory, () => {
      throw new Error('of the handler');
    }),
  ).toThrow('of the handler');
  expect(takeLentMemory(1 + 32 * KiB)).toBe(memory);
});

test('what the system goes on reading is not used again', () => {
  const memory = Buffer.alloc(64 * KiB);
  lendMemory(memory, keepLentMemory);
  expect(takeLentMemory(64 * KiB)).toBeNull();
});

test('too little is not handed out, tiny memory is not kept, and all that is kept is 4 MiB', () => {
  giveLentMemoryBack(Buffer.alloc(100));
  expect(takeLentMemory(100)).toBeNull();
  giveLentMemoryBack(Buffer.alloc(32 * KiB));
  expect(takeLentMemory(64 * KiB)).toBeNull();
  expect(takeLentMemory(32 * KiB)).toHaveLength(32 * KiB);
  for (let i = 0; i < 10; i++) giveLentMemoryBack(Buffer.alloc(1024 * KiB));
  const taken = Array.from({ length: 10 }, () => takeLentMemory(1024 * KiB));
  expect(taken.filter((memory) => memory !== null)).toHaveLength(4);
});
