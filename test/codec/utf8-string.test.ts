import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MEMORY_SIZE, SCRATCH_SIZE, SCRATCH_START, WINDOW_END, WINDOW_START } from '../../src/codec/memory-map.js';
import { CODEC_TITLE, CODECS, SEED } from '../support/codecs.js';
import { NaiveCodec } from '../support/naive-codec.js';
import { UTF8_VECTORS } from '../vectors/utf8.js';

describe.each(CODECS)(`utf8String, ${CODEC_TITLE}`, ({ createCodec }) => {
  const codec = createCodec();
  const oracle = new NaiveCodec();

  /** The string of `octets`, between guards of 0xff; expects the oracle to have the same, and nothing but scratch touched. */
  function stringOf(octets: Uint8Array, start = WINDOW_START + 64): string {
    const end = start + octets.length;
    for (const { bytes } of [codec, oracle]) {
      bytes.fill(0xff, start - 8, end + 8);
      bytes.set(octets, start);
    }
    const text = codec.utf8String(start, end);
    expect(text).toBe(oracle.utf8String(start, end));
    const around = codec.bytes.subarray(start - 8, Math.min(end + 8, WINDOW_END));
    expect(around.equals(oracle.bytes.subarray(start - 8, Math.min(end + 8, WINDOW_END)))).toBe(true);
    return text;
  }

  it.each(UTF8_VECTORS.filter(({ isValid }) => isValid))('$name', ({ octets }) => {
    const text = octets.toString();
    for (let padding = 0; padding <= 20; padding++) {
      expect(stringOf(Buffer.concat([Buffer.alloc(padding, 'x'), octets]))).toBe('x'.repeat(padding) + text);
      expect(stringOf(Buffer.concat([octets, Buffer.alloc(padding, 'x')]))).toBe(text + 'x'.repeat(padding));
    }
  });

  it('every code point', () => {
    const different: number[] = [];
    for (let from = 0; from < 0x11_0000; from += 0x1000) {
      if (from >= 0xd800 && from < 0xe000) continue;
      const to = from === 0xd000 ? 0xd800 : from + 0x1000;
      const text = String.fromCodePoint(...Array.from({ length: to - from }, (_, i) => from + i));
      codec.bytes.write(text, WINDOW_START);
      if (codec.utf8String(WINDOW_START, WINDOW_START + Buffer.byteLength(text)) !== text) different.push(from);
    }
    expect(different).toEqual([]);
  });

  it.each([-1, 0, 1])('a text of as many octets as fit the scratch memory in UTF-16, and %i', (more) => {
    const length = SCRATCH_SIZE / 2 + more;
    const text = 'é'.repeat(length >> 1) + 'x'.repeat(length & 1);
    expect(Buffer.byteLength(text)).toBe(length);
    expect(stringOf(Buffer.from(text)) === text).toBe(true);
    const ascii = 'x'.repeat(length);
    expect(stringOf(Buffer.from(ascii)) === ascii).toBe(true);
  });

  it('a text as long as the window', () => {
    const text = '世'.repeat((WINDOW_END - WINDOW_START - 128) / 3);
    expect(stringOf(Buffer.from(text)) === text).toBe(true);
  });

  it('writes to the scratch memory only as far as the text needs', () => {
    codec.bytes.fill(0xee, SCRATCH_START, MEMORY_SIZE);
    stringOf(Buffer.from('Grüße, 世界! 🎉'));
    const written = 'Grüße, 世界! 🎉'.length * 2;
    const rest = codec.bytes.subarray(SCRATCH_START + written);
    expect(rest.every((octet) => octet === 0xee)).toBe(true);
  });

  it('any text, at any alignment', () => {
    const text = fc
      .string({ unit: 'binary', maxLength: 120, size: 'max' })
      .filter((value) => Buffer.from(value).toString() === value);
    const property = fc.property(text, fc.nat(15), (value, alignment) => {
      expect(stringOf(Buffer.from(value), WINDOW_START + 64 + alignment)).toBe(value);
    });
    fc.assert(property, { seed: SEED, numRuns: 1000 });
    expect.hasAssertions();
  });
});
