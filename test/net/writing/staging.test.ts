import { describe, expect, test } from 'vitest';
import { giveChunkBack, LARGEST_CHUNK, takeChunk } from '../../../src/net/writing/staging.js';

describe('a chunk of staging memory', () => {
  test.each([
    [1, 1024],
    [1024, 1024],
    [1025, 4096],
    [4096, 4096],
    [4097, 16_384],
    [16_385, 65_536],
    [65_537, LARGEST_CHUNK],
    [LARGEST_CHUNK, LARGEST_CHUNK],
  ])('for %i octets has %i', (octets, size) => {
    expect(takeChunk(octets).size).toBe(size);
  });

  test('above the largest size has just the octets that were asked for', () => {
    expect(takeChunk(LARGEST_CHUNK + 1).size).toBe(LARGEST_CHUNK + 1);
  });

  test('does not come from the pool that other Buffers share', () => {
    expect(takeChunk(100).frames.buffer.byteLength).toBe(1024);
  });

  test('is never handed out twice at once', () => {
    const taken = Array.from({ length: 50 }, () => takeChunk(1000));
    expect(new Set(taken.map((chunk) => chunk.frames.buffer)).size).toBe(50);
    for (const chunk of taken) giveChunkBack(chunk);
    const again = Array.from({ length: 50 }, () => takeChunk(1000));
    expect(new Set(again.map((chunk) => chunk.frames.buffer)).size).toBe(50);
  });

  test('is used again after it was given back', () => {
    const chunk = takeChunk(4000);
    giveChunkBack(chunk);
    expect(takeChunk(4000)).toBe(chunk);
  });

  test('is empty when it is handed out again', () => {
    const chunk = takeChunk(4000);
    chunk.appendEncoded(Buffer.from('octets'));
    giveChunkBack(chunk);
    expect(takeChunk(4000).used).toBe(0);
  });

  test('of a size that the pool does not keep is left to the garbage collector', () => {
    const odd = takeChunk(LARGEST_CHUNK + 1);
    giveChunkBack(odd);
    expect(takeChunk(LARGEST_CHUNK + 1)).not.toBe(odd);
  });

  test('is not kept once the pool holds 1 MiB of its size', () => {
    const chunks = Array.from({ length: 20 }, () => takeChunk(LARGEST_CHUNK));
    for (const chunk of chunks) giveChunkBack(chunk);
    const again = Array.from({ length: 20 }, () => takeChunk(LARGEST_CHUNK));
    expect(again.filter((chunk) => chunks.includes(chunk)).length).toBeLessThanOrEqual(16);
    expect(again.filter((chunk) => chunks.includes(chunk)).length).toBeGreaterThan(0);
  });
});
