import { describe, expect, test } from 'vitest';
import { Chunk, giveChunkBack, takeChunk, textRoom } from '../../../src/net/writing/chunk.js';
import { LARGEST_CHUNK } from '../../../src/net/writing/sizes.js';
import { frameFor } from '../../support/framer.js';

const KEY = 0x3d_21_fa_37;
const SIZES = [0, 1, 125, 126, 65_535, 65_536];

describe('frames in a chunk', () => {
  test.each(SIZES)('of %i octets are those of an independent framer, one behind the other', (size) => {
    const payload = Buffer.alloc(size, 'payload');
    const chunk = new Chunk(3 * size + 100);
    chunk.append(0x82, payload);
    chunk.appendMasked(0x82, payload, KEY);
    chunk.appendEncoded(frameFor('client', 1, 'encoded'));
    const expected = [
      frameFor('client', 2, payload),
      frameFor('server', 2, payload, { key: KEY }),
      frameFor('client', 1, 'encoded'),
    ];
    expect(chunk.frames.equals(Buffer.concat(expected))).toBe(true);
    expect(chunk.used).toBe(chunk.frames.length);
  });

  test.each(['', 'ASCII', 'ü'.repeat(100), '€'.repeat(42), '😀'.repeat(30_000), '\ud800'])(
    'of text have its UTF-8',
    (text) => {
      const chunk = new Chunk(textRoom(text));
      chunk.appendText(0x81, text);
      expect(chunk.frames.equals(frameFor('client', 1, text))).toBe(true);
    },
  );

  test('a header may be followed by a payload elsewhere', () => {
    const chunk = new Chunk(14);
    expect(chunk.appendHeader(0x82, 70_000)).toBe(10);
    expect(chunk.frames.equals(frameFor('client', 2, Buffer.alloc(70_000)).subarray(0, 10))).toBe(true);
  });

  test('are shown in place', () => {
    const chunk = new Chunk(100);
    chunk.append(0x82, Buffer.from('a'));
    const { frames } = chunk;
    chunk.append(0x82, Buffer.from('b'));
    expect(chunk.frames.buffer).toBe(frames.buffer);
    expect(chunk.frames.byteOffset).toBe(0);
    expect(chunk.size).toBe(100);
  });
});

describe('a chunk of the pool', () => {
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
