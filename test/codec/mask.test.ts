import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MEMORY_SIZE, SCRATCH_START, WINDOW_START } from '../../src/codec/memory-map.js';
import { CODEC_TITLE, CODECS, SEED } from '../support/codecs.js';
import { NaiveCodec } from '../support/naive-codec.js';
import { ALIGNMENTS, MASK_SIZES, MASKING_KEYS } from '../vectors/masks.js';

/** Octets before and behind the range that must stay as they are. */
const GUARD = 64;
const PHASES = [0, 1, 2, 3];

describe.each(CODECS)(`mask, ${CODEC_TITLE}`, ({ createCodec }) => {
  const codec = createCodec();
  const oracle = new NaiveCodec();

  /** Masks the same octets with both, and tells whether they differ afterwards, guards included. */
  function isDifferent(start: number, size: number, key: number, phase: number): boolean {
    const from = start - GUARD;
    const to = Math.min(start + size + GUARD, MEMORY_SIZE);
    for (const { bytes } of [codec, oracle]) {
      bytes.fill(0xff, from, to);
      for (let i = 0; i < size; i++) bytes[start + i] = i * 7;
    }
    codec.mask(start, start + size, key, phase);
    oracle.mask(start, start + size, key, phase);
    return codec.bytes.compare(oracle.bytes, from, to, from, to) !== 0;
  }

  it.each(MASK_SIZES)('%i octets, at every alignment and phase, between guards', (size) => {
    const different = ALIGNMENTS.flatMap((alignment) =>
      PHASES.filter((phase) => isDifferent(WINDOW_START + GUARD + alignment, size, 0x9c_37_a1_5e | 0, phase)),
    );
    expect(different).toEqual([]);
  });

  it.each(MASKING_KEYS)('key %i, as an integer of either sign', (key) => {
    const words = [key, key | 0, key >>> 0];
    const different = words.filter((word) =>
      [3, 37, 200].some((size) => isDifferent(SCRATCH_START + 1, size, word, 1)),
    );
    expect(different).toEqual([]);
  });

  it('looks at the two low bits of the phase only', () => {
    const phases = [4, 5, 65_539, 2 ** 31 - 2];
    expect(phases.filter((phase) => isDifferent(WINDOW_START + GUARD, 77, 0x01_02_03_04, phase))).toEqual([]);
  });

  it('goes up to the last octet of memory', () => {
    const sizes = Array.from({ length: 140 }, (_, size) => size);
    expect(sizes.filter((size) => isDifferent(MEMORY_SIZE - size, size, 0x3d_21_fa_37, 0))).toEqual([]);
  });

  it('restores what it masked', () => {
    const text = Buffer.from('Not to be recognised while it is masked');
    text.copy(codec.bytes, WINDOW_START);
    const end = WINDOW_START + text.length;
    codec.mask(WINDOW_START, end, -559_038_737, 3);
    expect(codec.bytes.subarray(WINDOW_START, end).equals(text)).toBe(false);
    codec.mask(WINDOW_START, end, -559_038_737, 3);
    expect(codec.bytes.toString('latin1', WINDOW_START, end)).toBe(text.toString('latin1'));
  });

  it('does in pieces what it does at once', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 700 }), fc.nat(700), fc.integer(), (octets, cut, key) => {
      const size = octets.length;
      const middle = WINDOW_START + Math.min(cut, size);
      codec.bytes.set(octets, WINDOW_START);
      oracle.bytes.set(octets, WINDOW_START);
      codec.mask(WINDOW_START, middle, key, 0);
      codec.mask(middle, WINDOW_START + size, key, middle - WINDOW_START);
      oracle.mask(WINDOW_START, WINDOW_START + size, key, 0);
      const [from, to] = [WINDOW_START, WINDOW_START + size];
      expect(codec.bytes.compare(oracle.bytes, from, to, from, to)).toBe(0);
    });
    fc.assert(property, { seed: SEED });
    expect.hasAssertions();
  });
});
