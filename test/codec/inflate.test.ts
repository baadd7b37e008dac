import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { INFLATE_FULL } from '../../src/codec/codec.js';
import { INFLATE_OUT_SIZE, WINDOW_START } from '../../src/codec/memory-map.js';
import { BitWriter, type Token } from '../support/bit-writer.js';
import { CODEC_TITLE, codecsWith, HAS_WEB_ASSEMBLY, SEED } from '../support/codecs.js';
import { newInflateCase } from '../support/inflate-cases.js';
import { compareWithZlib, InflateHarness, placesOf } from '../support/inflate-harness.js';
import { naiveInflate } from '../support/naive-inflate.js';
import { INFLATE_VECTORS, INVALID } from '../vectors/inflate.js';

/** The longest window. */
const FAR = 32_768;
const AROUND = [-2, -1, 0, 1, 2];

/** Without WebAssembly, all of this runs in an interpreter: there is less of it. */
const [WINDOWS, PORTIONS, RANDOM_CASES, STEP] = HAS_WEB_ASSEMBLY
  ? [[8, 9, 10, 11, 12, 13, 14, 15].map((bits) => 2 ** bits), [1, 2, 3], 500, 1]
  : [[256, FAR], [1], 100, 61];

/** What a sender makes of a message: flushed, without the end of the flush (RFC 7692 §7.2.1). */
function deflated(message: Buffer, options: zlib.ZlibOptions = {}): Buffer {
  return zlib.deflateRawSync(message, { finishFlush: zlib.constants.Z_SYNC_FLUSH, ...options }).subarray(0, -4);
}

/** One block with the fixed codes, and the header of the stored block. */
function block(...tokens: Token[]): Buffer {
  return new BitWriter().fixed(tokens).header(0).toBuffer();
}

/** Bytes that do not shrink. */
function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 1;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    bytes[at] = state >> 16;
  }
  return bytes;
}

describe.each(codecsWith('inflate'))(`inflate, ${CODEC_TITLE}`, ({ has, createCodec }) => {
  describe.skipIf(!has)('gives the message, or says why there is none', () => {
    const harness = new InflateHarness(createCodec());

    /** The verdict on which codec and oracle agree, and zlib as far as it goes. */
    function verdict(payload: Buffer, options: { history?: Buffer; windowSize?: number; most?: number } = {}): string {
      const { history, windowSize, most } = options;
      const plain = naiveInflate(payload, { history });
      compareWithZlib({ payload, history }, plain);
      const expected = windowSize === undefined && most === undefined ? plain : naiveInflate(payload, options);
      return harness.compare({ payload, ...options }, WINDOW_START, true, expected).verdict;
    }

    it.each(INFLATE_VECTORS)('$name', ({ payload, history, expected }) => {
      const inflated = harness.compare({ payload, history });
      expect(inflated.verdict === 'whole' ? inflated.message.toString('latin1') : INVALID).toBe(expected);
      compareWithZlib({ payload, history });
      for (const start of placesOf(payload.length)) harness.compare({ payload, history }, start);
      for (let cut = 0; cut < Math.min(payload.length, 200); cut++) {
        verdict(payload.subarray(0, cut), { history });
      }
      for (let most = 0; most <= Math.min(inflated.message.length + 2, 300); most++) {
        harness.compare({ payload, history, most });
      }
    });

    it('a message is whole after the header of a stored block, whatever the bits after it are', () => {
      for (const isFinal of [false, true]) {
        for (let padding = 0; padding < 32; padding++) {
          for (const before of [Buffer.alloc(0), Buffer.from('Hell'), Buffer.from('\x90\x90Hello')]) {
            const payload = new BitWriter().fixed(before).header(0, isFinal).align(padding).toBuffer();
            expect(verdict(payload)).toBe('whole');
            expect(verdict(Buffer.concat([payload, Buffer.of(0)]))).toBe('invalid');
            expect(verdict(Buffer.concat([payload, Buffer.of(0, 0, 0xff)]))).toBe('invalid');
            expect(verdict(Buffer.concat([payload, Buffer.of(0, 0, 0xff, 0xff)]))).toBe('whole');
          }
        }
      }
      // Two bits are no header, nor is one.
      for (const [size, bits] of [
        [4, 2],
        [5, 1],
      ]) {
        for (const value of [0, 1, 2, 3]) {
          const payload = new BitWriter().fixed(Buffer.alloc(size, 0xff)).bits(value, bits).toBuffer();
          expect(verdict(payload)).toBe('invalid');
        }
      }
    });

    it('a message is whole between two blocks, at the beginning of a byte', () => {
      expect(verdict(Buffer.alloc(0))).toBe('whole');
      expect(verdict(new BitWriter().stored(Buffer.from('Hello')).toBuffer())).toBe('whole');
      // Six symbols of nine bits, and ten bits for the block: there are no bits left.
      const six = new BitWriter().fixed(Buffer.alloc(6, 0xff));
      expect(six.length % 8).toBe(0);
      expect(verdict(six.toBuffer())).toBe('whole');
      const five = new BitWriter().fixed(Buffer.alloc(5, 0xff));
      expect(verdict(five.toBuffer())).toBe('invalid');
    });

    it('after a final block, the next begins at the next byte', () => {
      for (let padding = 0; padding < 128; padding += 9) {
        const one = () => new BitWriter().fixed([0x41, 0x42], { isFinal: true }).align(padding);
        expect(verdict(one().toBuffer())).toBe('whole');
        const two = () =>
          one()
            .fixed([0x43, [5, 3]], { isFinal: true })
            .align(padding);
        expect(verdict(two().toBuffer())).toBe('whole');
        expect(naiveInflate(two().toBuffer()).message.toString()).toBe('ABCABCAB');
        expect(verdict(two().stored(Buffer.from('stored'), { isFinal: true }).toBuffer())).toBe('whole');
        expect(verdict(two().header(0).toBuffer())).toBe('whole');
        expect(verdict(two().header(3).toBuffer())).toBe('invalid');
        expect(verdict(two().fixed([0x41]).toBuffer())).toBe('whole');
        expect(verdict(two().fixed([286]).toBuffer())).toBe('invalid');
      }
      // At once where the block ends with a byte.
      const six = new BitWriter().fixed(Buffer.alloc(6, 0xff), { isFinal: true }).fixed([0x41]).header(0);
      expect(verdict(six.toBuffer())).toBe('whole');
    });

    it('takes as many final blocks as there are', () => {
      const payload = Buffer.alloc(40_000, Buffer.of(0x4b, 0x04, 0x00));
      expect(verdict(payload.subarray(0, 39_999))).toBe('whole');
      expect(naiveInflate(payload.subarray(0, 39_999)).message.length).toBe(13_333);
      expect(verdict(payload)).toBe('invalid');
    });

    it('a stored block that is cut short is not whole, whatever its data looks like', () => {
      for (const size of [8, 16, 32, 64]) {
        const end = Buffer.from([size, 0, size ^ 0xff, 0xff]);
        for (const data of [
          end,
          Buffer.of(0, 0, 0xff, 0xff),
          Buffer.from('data'),
          Buffer.concat([Buffer.of(0), end]),
        ]) {
          expect(verdict(new BitWriter().stored(data).toBuffer())).toBe('whole');
          expect(verdict(new BitWriter().stored(data).header(0).toBuffer())).toBe('whole');
          for (let missing = 1; missing < size + 8; missing++) {
            const writer = new BitWriter().stored(data, { length: data.length + missing });
            expect(verdict(writer.toBuffer())).toBe('invalid');
          }
        }
      }
    });

    it('says TOO_LONG at the first byte that is too many, and looks no further', () => {
      const bad: Token = { length: 286, distance: 0 };
      for (const tokens of [
        [0x41, 0x42, 0x43],
        [0x41, [3, 1]],
        [0x41, [258, 1]],
      ] as Token[][]) {
        const payload = block(...tokens, bad);
        const { length } = naiveInflate(payload).message;
        for (let most = 0; most < length; most++) expect(verdict(payload, { most })).toBe('too long');
        expect(verdict(payload, { most: length })).toBe('invalid');
      }
      // A distance is judged before the byte that it stands for.
      expect(verdict(block(0x41, [3, 2]), { most: 1 })).toBe('invalid');
      expect(verdict(block(0x41, [3, 2]), { most: 0 })).toBe('too long');
      const stored = new BitWriter().stored(Buffer.from('ABC'), { length: 9 }).toBuffer();
      expect([2, 3, 4].map((most) => verdict(stored, { most }))).toEqual(['too long', 'invalid', 'invalid']);
    });

    it('counts no byte for a block without any', () => {
      const empty = new BitWriter()
        .stored(Buffer.alloc(0))
        .fixed([])
        .stored(Buffer.alloc(0), { isFinal: true })
        .header(0);
      expect(verdict(empty.toBuffer(), { most: 0 })).toBe('whole');
      expect(verdict(block(0x41), { most: 0 })).toBe('too long');
    });

    it.each(WINDOWS)(
      'distances up to a window of %i are valid, within the message and into the history',
      (windowSize) => {
        const history = noise(FAR);
        for (const size of [0, 1, 2, 3, 255, 256, 257, 1000, windowSize - 1, windowSize, FAR - 1, FAR]) {
          const known = history.subarray(FAR - size);
          for (const before of [0, 1, 3, 300]) {
            const literals = noise(before);
            for (const distance of [
              ...AROUND.map((around) => windowSize + around),
              ...AROUND.map((around) => size + before + around),
            ]) {
              if (distance < 1 || distance > FAR) continue;
              const isValid = distance <= windowSize && distance <= size + before;
              const payload = block(...literals, [4, distance]);
              expect(verdict(payload, { history: known, windowSize })).toBe(isValid ? 'whole' : 'invalid');
            }
          }
        }
      },
    );

    it.each(WINDOWS)('distances up to a window of %i are valid late in a long message', (windowSize) => {
      for (const before of [windowSize - 1, windowSize, windowSize + 1, FAR + 1]) {
        for (const distance of [windowSize - 1, windowSize, windowSize + 1]) {
          if (distance > FAR) continue;
          const isValid = distance <= windowSize && distance <= before;
          const payload = new BitWriter()
            .stored(noise(before))

            .fixed([[258, distance], 0x41])
            .header(0)
            .toBuffer();
          expect(verdict(payload, { windowSize })).toBe(isValid ? 'whole' : 'invalid');
          const { verdict: limited } = harness.compare({ payload, windowSize, most: before + 258 });
          expect(limited).toBe(isValid ? 'too long' : 'invalid');
        }
      }
    });

    it('gives a message that is longer than the output area in portions', () => {
      const long = Buffer.alloc(3 * INFLATE_OUT_SIZE + 2, Buffer.concat([noise(20_000), Buffer.alloc(5000)]));
      for (const portions of PORTIONS) {
        for (const around of [-1, 0, 1]) {
          const message = long.subarray(0, portions * INFLATE_OUT_SIZE + around);
          expect(verdict(deflated(message), { most: message.length })).toBe('whole');
        }
        const message = long.subarray(0, portions * INFLATE_OUT_SIZE);
        const payload = deflated(message);
        expect(harness.compare({ payload, most: message.length - 1 }).verdict).toBe('too long');
        expect(harness.compare({ payload: payload.subarray(0, -2) }).verdict).toBe('invalid');
      }
      const stored = deflated(long.subarray(0, INFLATE_OUT_SIZE + 1), { level: 0 });
      expect(verdict(stored)).toBe('whole');
      expect(verdict(stored.subarray(0, -2))).toBe('invalid');
    });

    it('goes on within a match, and within the longest distance', () => {
      const before = noise(FAR);
      for (const around of [-258, -257, -3, -2, -1, 0, 1]) {
        const size = INFLATE_OUT_SIZE + around;
        const filler = Array.from({ length: Math.floor((size - FAR) / 258) }, (): Token => [258, FAR]);
        const literals = noise((size - FAR) % 258);
        const tokens: Token[] = [...filler, ...literals, [258, FAR], [258, FAR - 1], [3, 1], [258, 257], [4, FAR]];
        const payload = new BitWriter().stored(before).fixed(tokens).header(0).toBuffer();
        expect(verdict(payload, { history: before })).toBe('whole');
        expect(verdict(payload, { windowSize: FAR / 2 })).toBe('invalid');
      }
    });

    it('gives a long message of final blocks, and one within a small window, in portions', () => {
      const writer = new BitWriter();
      const matches: Token[] = [
        [258, 300],
        [100, 1],
      ];
      for (let i = 0; i < 5; i++) writer.stored(noise(60_000), { isFinal: i % 2 === 0 }).fixed(matches);
      const payload = writer.header(0).toBuffer();
      for (const windowSize of HAS_WEB_ASSEMBLY ? [512, FAR] : [FAR]) {
        expect(verdict(payload, { windowSize })).toBe('whole');
        for (const most of [INFLATE_OUT_SIZE, INFLATE_OUT_SIZE + 1]) {
          expect(verdict(payload, { windowSize, most })).toBe('too long');
        }
      }
      expect(verdict(payload, { windowSize: 256 })).toBe('invalid');
    });

    it('keeps nothing of a message that was left half-way, nor of an invalid one', () => {
      const codec = createCodec();
      const long = deflated(Buffer.alloc(INFLATE_OUT_SIZE * 2, 'long'));
      const finals = Buffer.concat([new BitWriter().fixed([0x41], { isFinal: true }).toBuffer(), long]);
      for (const payload of [long, finals]) {
        payload.copy(codec.bytes, WINDOW_START);
        const said = codec.inflate(WINDOW_START, WINDOW_START + payload.length, 0, FAR, FAR * 100, false);
        expect(said).toBe(INFLATE_FULL);
        expect(new InflateHarness(codec).compare({ payload: block(0x48, 0x69) }).verdict).toBe('whole');
      }
      const other = new InflateHarness(codec);
      for (const payload of [block(0x41, 286), block(0x41, [3, 2]), long.subarray(0, 50)]) {
        expect(other.compare({ payload }).verdict).toBe('invalid');
        expect(other.compare({ payload: block(0x48, [3, 1]) }).verdict).toBe('whole');
        expect(other.compare({ payload: block([3, 1]) }).verdict).toBe('invalid');
      }
    });

    it('every payload of up to two bytes', () => {
      const tally: Record<string, number> = {};
      // zlib makes an Error of most of them, and none is looked at.
      const { stackTraceLimit } = Error;
      Error.stackTraceLimit = 0;
      for (let size = 0; size <= 2; size++) {
        for (let value = 0; value < 256 ** size; value += size === 2 ? STEP : 1) {
          const payload = Buffer.from([value & 0xff, value >> 8].slice(0, size));
          const { verdict: said } = harness.compare(
            { payload, history: Buffer.from('Hello, history') },
            WINDOW_START,
            false,
          );
          tally[said] = (tally[said] ?? 0) + 1;
        }
      }
      Error.stackTraceLimit = stackTraceLimit;
      expect(tally.whole).toBeGreaterThan(50);
      expect(tally.invalid).toBeGreaterThan(50);
    });

    it('any payload: what zlib makes of data, blocks of chance, and both damaged', async () => {
      const { Random } = await import('../model/random.mjs');
      for (let i = 0; i < RANDOM_CASES; i++) {
        const random = new Random(SEED, i);
        const given = newInflateCase(random, 40_000);
        const start = random.of([WINDOW_START + random.below(16), ...placesOf(given.payload.length)]);
        try {
          compareWithZlib(given);
          harness.compare(given, start, i % 8 === 0);
        } catch (error) {
          throw new Error(`Case ${i} of FC_SEED=${SEED}`, { cause: error });
        }
      }
      expect(harness.count).toBeGreaterThanOrEqual(RANDOM_CASES);
    });
  });
});
