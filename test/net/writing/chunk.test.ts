import { describe, expect, test } from 'vitest';
import { Chunk, textRoom } from '../../../src/net/writing/chunk.js';
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
