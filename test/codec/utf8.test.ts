import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UTF8_INVALID } from '../../src/codec/codec.js';
import { MEMORY_SIZE, WINDOW_START } from '../../src/codec/memory-map.js';
import { CODEC_TITLE, CODECS, SEED } from '../support/codecs.js';
import { NaiveCodec } from '../support/naive-codec.js';
import { UTF8_VECTORS } from '../vectors/utf8.js';

/** More than two of the longest steps, 64 octets, so that a vector may stand before, across and behind each. */
const LONGEST_PADDING = 150;

function isValidForTextDecoder(octets: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(octets);
    return true;
  } catch {
    return false;
  }
}

describe.each(CODECS)(`validateUtf8, ${CODEC_TITLE}`, ({ createCodec }) => {
  const codec = createCodec();
  const oracle = new NaiveCodec();

  /** The state behind `octets`, between guards of 0xff; expects it to be that of the oracle. */
  function stateBehind(octets: Uint8Array, state = 0, start = WINDOW_START + 64): number {
    const end = start + octets.length;
    for (const { bytes } of [codec, oracle]) {
      bytes.fill(0xff, start - 8, Math.min(end + 8, MEMORY_SIZE));
      bytes.set(octets, start);
    }
    const reached = codec.validateUtf8(start, end, state);
    if (reached !== oracle.validateUtf8(start, end, state)) {
      expect(`${Buffer.from(octets).toString('hex')} from ${state}: ${reached}`).toBe(
        `${oracle.validateUtf8(start, end, state)}`,
      );
    }
    return reached;
  }

  it.each(UTF8_VECTORS)('$name', ({ octets, isValid }) => {
    expect(isUtf8(octets)).toBe(isValid);
    expect(isValidForTextDecoder(octets)).toBe(isValid);
    expect(stateBehind(octets) === 0).toBe(isValid);
    for (const filler of ['x', 'é', '€']) {
      for (let padding = 0; padding <= LONGEST_PADDING; padding++) {
        const before = filler.repeat(padding / Buffer.byteLength(filler)).padStart(padding % 3, 'y');
        const text = Buffer.concat([Buffer.from(before), octets, Buffer.alloc(LONGEST_PADDING - padding, 'z')]);
        expect(stateBehind(text) === 0).toBe(isUtf8(text));
      }
    }
  });

  it.each(UTF8_VECTORS)('$name, cut at every octet', ({ octets, isValid }) => {
    for (let cut = 0; cut <= octets.length; cut++) {
      const state = stateBehind(octets.subarray(0, cut));
      expect(stateBehind(octets.subarray(cut), state) === 0).toBe(isValid);
    }
    let state = 0;
    for (const octet of octets) state = stateBehind(Uint8Array.of(octet), state);
    expect(state === 0).toBe(isValid);
  });

  it('tells which octets may come next', () => {
    expect(stateBehind(Buffer.of(0xc3))).toBe(0xbf_80_01);
    expect(stateBehind(Buffer.of(0xe0))).toBe(0xbf_a0_02);
    expect(stateBehind(Buffer.of(0xed))).toBe(0x9f_80_02);
    expect(stateBehind(Buffer.of(0xf0))).toBe(0xbf_90_03);
    expect(stateBehind(Buffer.of(0xf4))).toBe(0x8f_80_03);
    expect(stateBehind(Buffer.of(0xf0, 0x9f))).toBe(0xbf_80_02);
    expect(stateBehind(Buffer.of(0xf0, 0x9f, 0x98))).toBe(0xbf_80_01);
  });

  it('keeps its state over no octets, and stays invalid', () => {
    expect(stateBehind(Buffer.alloc(0), 0xbf_80_01)).toBe(0xbf_80_01);
    expect(stateBehind(Buffer.from('fine'), UTF8_INVALID)).toBe(UTF8_INVALID);
  });

  it('agrees with Node on every pair of octets, whatever follows', () => {
    const different: string[] = [];
    for (let lead = 0; lead < 256; lead++) {
      for (let second = 0; second < 256; second++) {
        for (const tail of [[], [0x80], [0x80, 0xbf], [0x41]]) {
          const octets = Buffer.of(lead, second, ...tail, 0x20, 0x20);
          const long = Buffer.alloc(80, octets);
          if ((stateBehind(octets) === 0) !== isUtf8(octets)) different.push(octets.toString('hex'));
          long.copy(codec.bytes, WINDOW_START);
          if ((codec.validateUtf8(WINDOW_START, WINDOW_START + 80, 0) === 0) !== isUtf8(long)) {
            different.push(`${octets.toString('hex')} repeated`);
          }
        }
      }
    }
    expect(different).toEqual([]);
  });

  it('accepts every code point', () => {
    let state = 0;
    for (let from = 0; from < 0x11_0000; from += 0x1000) {
      if (from >= 0xd800 && from < 0xe000) continue;
      const to = from === 0xd000 ? 0xd800 : from + 0x1000;
      const text = String.fromCodePoint(...Array.from({ length: to - from }, (_, i) => from + i));
      state ||= codec.validateUtf8(WINDOW_START, WINDOW_START + codec.bytes.write(text, WINDOW_START), 0);
    }
    expect(state).toBe(0);
  });

  it('goes up to the last octet of memory', () => {
    for (const text of ['€', 'aé', '😀', 'ASCII, and then some more of it: €']) {
      const octets = Buffer.from(text);
      expect(stateBehind(octets, 0, MEMORY_SIZE - octets.length)).toBe(0);
      expect(stateBehind(octets.subarray(0, -1), 0, MEMORY_SIZE - octets.length + 1)).not.toBe(0);
    }
  });

  it('equals the oracle and Node on any text, damaged or not, in two pieces', () => {
    const text = fc.string({ unit: 'binary', maxLength: 120, size: 'max' }).map((value) => Buffer.from(value));
    const damage = fc.option(fc.record({ at: fc.nat(400), octet: fc.nat(255) }));
    const property = fc.property(text, damage, fc.nat(400), fc.nat(15), (octets, damaged, cut, alignment) => {
      if (damaged !== null && octets.length > 0) octets[damaged.at % octets.length] = damaged.octet;
      const start = WINDOW_START + 64 + alignment;
      expect(stateBehind(octets, 0, start) === 0).toBe(isUtf8(octets));
      const state = stateBehind(octets.subarray(0, cut), 0, start);
      expect(stateBehind(octets.subarray(cut), state, start) === 0).toBe(isUtf8(octets));
    });
    fc.assert(property, { seed: SEED, numRuns: 1000 });
    expect.hasAssertions();
  });
});
