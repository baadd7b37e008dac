import v8 from 'node:v8';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { allocateOwned } from '../../src/protocol/owned-memory.js';
import { heldMemory } from '../support/memory.js';

const SIZES = [0, 1, 32_767, 32_768, 65_535, 65_536, 100_001, 262_144, 262_145, 1_048_576];

afterEach(() => {
  vi.restoreAllMocks();
});

describe('memory that a user may keep', () => {
  test.each(SIZES)('%i bytes of its own', (size) => {
    const bytes = allocateOwned(size);
    expect([bytes.length, bytes.buffer.byteLength, bytes.byteOffset]).toEqual([size, size, 0]);
  });

  test('too much is a RangeError', () => {
    expect(() => allocateOwned(2 ** 53)).toThrow(RangeError);
  });

  test('what comes with it is not kept', () => {
    const rounds = (n: number) => {
      for (let i = 0; i < n; i++) allocateOwned(262_144);
    };
    rounds(100);
    const before = heldMemory().heap;
    rounds(2000);
    // What comes with 2000 rounds is 260 MB. V8's own memory wavers by 300 KiB.
    expect(heldMemory().heap - before).toBeLessThan(1_000_000);
  });

  test.each([
    ['tells nothing', () => []],
    [
      'has no such function',
      () => {
        throw new Error('Not implemented');
      },
    ],
  ])('works in a runtime that %s of its heap', (_what, statistics) => {
    const asked = vi.spyOn(v8, 'getHeapSpaceStatistics').mockImplementation(statistics as () => v8.HeapSpaceInfo[]);
    for (let i = 0; i < 200; i++) expect(allocateOwned(131_072)).toHaveLength(131_072);
    expect(asked).toHaveBeenCalled();
  });
});
