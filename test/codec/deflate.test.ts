import { describe, expect, it } from 'vitest';
import { LEVEL_FAST, LEVEL_SMALL } from '../../src/codec/codec.js';
import { DEFLATE_MOST, DEFLATE_OUT, INFLATE_STATE, MEMORY_SIZE, WINDOW_START } from '../../src/codec/memory-map.js';
import { CODEC_TITLE, codecsWith, HAS_WEB_ASSEMBLY, SEED } from '../support/codecs.js';
import { newData, newSize, randomBytes } from '../support/deflate-data.js';
import { DeflateHarness, DeflateStream, deflatePlacesOf, expectInflates } from '../support/deflate-harness.js';
import { InflateHarness } from '../support/inflate-harness.js';

const LEVELS = [
  { name: 'fast', level: LEVEL_FAST },
  { name: 'small', level: LEVEL_SMALL },
];
const KEEPS = [0, 256, 4096];

/** Around all that is a bound somewhere in DEFLATE, up to the longest message. */
const SIZES = [
  0,
  1,
  2,
  3,
  4,
  5,
  7,
  8,
  257,
  258,
  259,
  260,
  511,
  512,
  4096,
  32_767,
  32_768,
  32_769,
  65_534,
  DEFLATE_MOST,
];

/** Without WebAssembly, all of this runs in an interpreter: there is less of it. */
const [WINDOWS, RANDOM_CASES, MESSAGES] = HAS_WEB_ASSEMBLY
  ? [[8, 9, 10, 11, 12, 13, 14, 15].map((bits) => 2 ** bits), 200, 800]
  : [[256, 2048], 40, 50];

function json(count: number, from = 0): Buffer {
  const rows = Array.from({ length: count }, (_, i) => ({
    id: from + i,
    name: `user ${(from + i) * 7919}`,
    ok: i % 3 === 0,
  }));
  return Buffer.from(JSON.stringify(rows));
}

describe.each(codecsWith('deflate'))(`deflate, ${CODEC_TITLE}`, ({ has, createCodec }) => {
  describe.skipIf(!has).each(LEVELS)('level $name: what it makes is the message for everybody', ({ level }) => {
    const harness = new DeflateHarness(createCodec());

    it('of every size', async () => {
      const { Random } = await import('../model/random.mjs');
      const random = new Random(SEED, 0);
      for (const size of HAS_WEB_ASSEMBLY ? SIZES : SIZES.filter((of) => of < 5000)) {
        const messages = [Buffer.alloc(size, 'a'), Buffer.alloc(size, 'abcdefghij'), randomBytes(random, size)];
        for (const message of [...messages, json(size / 20).subarray(0, size)]) {
          const payload = harness.deflate({ message, level });
          expectInflates(payload!, { message, level });
        }
      }
      expect(harness.deflate({ message: Buffer.alloc(0), level })!.length).toBeLessThan(3);
    });

    it('with matches of every length, near and far', () => {
      for (let length = 1; length <= 540; length += length < 20 || (length > 250 && length < 265) ? 1 : 13) {
        const again = json(20).subarray(0, length);
        for (const distance of [0, 1, 2, 300, 5000]) {
          const message = Buffer.concat([again, Buffer.alloc(distance, '.-'), again, Buffer.of(0), again]);
          for (const given of [
            { message, level },
            { message: Buffer.alloc(length + 1, 'x'), level },
          ]) {
            expectInflates(harness.deflate(given)!, given, 'some');
          }
        }
      }
      expect(harness.deflate({ message: json(100), level })!.length).toBeLessThan(json(100).length / 2);
    });

    it('with skewed frequencies, so that codes would be longer than is allowed', () => {
      // Fibonacci numbers give the longest codes.
      const counts = [1, 1];
      while (counts.length < 22) counts.push(counts.at(-1)! + counts.at(-2)!);
      const message = Buffer.concat(counts.map((count, symbol) => Buffer.alloc(count, symbol * 3))).subarray(
        0,
        DEFLATE_MOST,
      );
      const shuffled = Buffer.from(message);
      for (let at = 0; at < shuffled.length; at++) shuffled[at] = message[(at * 7919) % message.length];
      const given = { message: shuffled, level };
      expectInflates(harness.deflate(given)!, given);
      expect(harness.deflate(given)!.length).toBeLessThan(shuffled.length / 2);
    });

    it('wherever the message and its history lie', () => {
      const history = json(30).subarray(0, 1000);
      for (const message of [json(10), Buffer.alloc(1, 'x'), Buffer.alloc(0)]) {
        for (const start of [...deflatePlacesOf(message.length, history.length), WINDOW_START + 1003]) {
          const given = { message, history, start, level };
          expectInflates(harness.deflate(given)!, given);
        }
      }
      const long = json(3000).subarray(0, DEFLATE_MOST);
      for (const size of [1, 4096, 32_768]) {
        const given = {
          history: long.subarray(0, size),
          message: long.subarray(size),
          start: INFLATE_STATE - long.length + size,
          level,
        };
        expectInflates(harness.deflate(given)!, given);
      }
      expect(harness.deflate({ message: json(10), history, level })!.length).toBeLessThan(json(10).length / 4);
    });

    it('without what is before the history', async () => {
      const { Random } = await import('../model/random.mjs');
      // No bytes of it come again but where the history does.
      const all = randomBytes(new Random(SEED, 2), 3000);
      for (const size of [0, 1, 2, 3, 4, 5, 100, 1000]) {
        const [before, history] = [all.subarray(0, -size || undefined), all.subarray(all.length - size)];
        for (const message of [all, Buffer.concat([all.subarray(-size - 20), Buffer.of(0), all])]) {
          const given = { message, history, before, level, start: WINDOW_START + all.length };
          expectInflates(harness.deflate(given)!, given, 'some');
        }
      }
      expect(harness.deflate({ message: all, before: all, level })).toEqual(harness.deflate({ message: all, level }));
    });

    it.each(WINDOWS)('with no distance beyond a window of %i', async (windowSize) => {
      const { Random } = await import('../model/random.mjs');
      const random = new Random(SEED, windowSize);
      for (const around of [-262, -261, -258, -3, -2, -1, 0, 1, 2, 3]) {
        const period = randomBytes(random, Math.max(1, windowSize + around));
        const all = Buffer.alloc(Math.min(3 * windowSize + 600, DEFLATE_MOST), period);
        for (const size of [0, 256, windowSize, 32_768]) {
          const history = all.subarray(0, Math.min(size, all.length - 300));
          const given = { history, message: all.subarray(history.length), windowSize, level };
          expectInflates(harness.deflate(given)!, given, 'some');
        }
      }
      const given = { message: json(1000), windowSize, level };
      expectInflates(harness.deflate(given)!, given);
      expect(harness.codec.bytes.length).toBe(MEMORY_SIZE);
    });

    it('and no longer than it may be', async () => {
      const { Random } = await import('../model/random.mjs');
      const random = new Random(SEED, 1);
      for (const message of [Buffer.alloc(0), Buffer.from('Hello'), json(3), json(500), randomBytes(random, 3000)]) {
        const { length } = harness.deflate({ message, level })!;
        for (const most of [0, 1, length - 2, length - 1].filter((of) => of >= 0 && of < length)) {
          expect(harness.deflate({ message, level, most })).toBeUndefined();
        }
        for (const most of [length, length + 1]) {
          expect(harness.deflate({ message, level, most })!.length).toBe(length);
        }
      }
      const incompressible = randomBytes(random, DEFLATE_MOST);
      expect(harness.deflate({ message: incompressible, level, most: DEFLATE_MOST - 100 })).toBeUndefined();
      const { length } = harness.deflate({ message: incompressible, level })!;
      expect(length).toBeLessThanOrEqual(MEMORY_SIZE - DEFLATE_OUT);
    });

    it('in any case', async () => {
      const { Random } = await import('../model/random.mjs');
      for (let i = 0; i < RANDOM_CASES; i++) {
        const random = new Random(SEED, 1000 + i);
        const all = newData(random, newSize(random, DEFLATE_MOST));
        const history = all.subarray(0, random.once(2) ? 0 : random.below(Math.min(all.length, 32_768) + 1));
        const message = all.subarray(history.length);
        const given = { message, history, level, windowSize: random.of(WINDOWS), keep: random.of(KEEPS) };
        try {
          expectInflates(harness.deflate(given)!, given, i % 4 === 0 ? 'all' : 'some');
        } catch (error) {
          throw new Error(`Case ${i} of FC_SEED=${SEED}`, { cause: error });
        }
      }
      expect(RANDOM_CASES).toBeGreaterThan(0);
    });

    describe.each(KEEPS)('in streams that keep %i bytes', (keep) => {
      it('among others, with messages that need more than they may, and with an index that was lost', async () => {
        const { Random } = await import('../model/random.mjs');
        const random = new Random(SEED, keep);
        const twin = new DeflateHarness(createCodec());
        const streams = WINDOWS.map((windowSize) => ({
          stream: new DeflateStream(harness, { keep, windowSize, level }),
          undisturbed: new DeflateStream(twin, { keep, windowSize, level }),
        }));
        for (let i = 0; i < MESSAGES; i++) {
          const { stream, undisturbed } = random.of(streams) as (typeof streams)[0];
          const message = random.once(2)
            ? json(random.below(8), random.below(5))
            : newData(random, newSize(random, 8000));
          if (random.once(40)) for (const of of [stream, undisturbed]) of.loseIndex();
          const expected = undisturbed.send(message, undefined, undefined, 'some')!;
          // If it needs more than it may have, it is as if nothing had been called.
          const tooLittle = random.once(2) ? expected.length - 1 : random.below(expected.length);
          if (random.once(3)) expect(stream.send(message, tooLittle)).toBeUndefined();
          const start = random.of(deflatePlacesOf(message.length, stream.historySize));
          const payload = stream.send(message, undefined, start, i % 8 === 0 ? 'all' : 'some')!;
          if (!payload.equals(expected)) throw new Error(`Message ${i} of FC_SEED=${SEED} is another after a failure`);
        }
        expect(streams.some(({ stream }) => stream.historySize === keep)).toBe(true);
      });

      it('and says less of what it has said before', () => {
        const stream = new DeflateStream(harness, { keep, windowSize: 32_768, level });
        const message = json(4);
        const first = stream.send(message)!;
        const second = stream.send(message)!;
        if (keep === 0) expect(second).toEqual(first);
        else if (keep > message.length) expect(second.length).toBeLessThan(first.length / 3);
        else expect(second.length).toBeLessThanOrEqual(first.length);
      });
    });

    it('for inflate of the same codec', async () => {
      const { Random } = await import('../model/random.mjs');
      const inflating = new InflateHarness(createCodec());
      for (let i = 0; i < RANDOM_CASES / 4; i++) {
        const random = new Random(SEED, 2000 + i);
        const message = newData(random, newSize(random, DEFLATE_MOST));
        const windowSize = random.of(WINDOWS);
        const payload = harness.deflate({ message, level, windowSize })!;
        const inflated = inflating.inflate({ payload, windowSize, most: message.length });
        expect(inflated.verdict).toBe('whole');
        expect(inflated.message.equals(message)).toBe(true);
      }
    });
  });
});
