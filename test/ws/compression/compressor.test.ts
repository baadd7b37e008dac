import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Deflater, KeepingDeflater } from '../../../src/deflate/deflater.js';
import {
  CodecCompressor,
  type Compressed,
  type Compressor,
  type Part,
} from '../../../src/ws/compression/compressor.js';
import { SEED } from '../../support/codecs.js';
import { inflated, StreamInflater } from '../../support/deflate-stream.js';
import { noise, prose } from '../../support/messages.js';

const SETTINGS = { threshold: 0, level: 'fast', windowBits: 15 } as const;

/** What is valid until the next call, and what takes longer, as a copy. */
async function kept(compressed: Compressed | Promise<Compressed>): Promise<Compressed> {
  if (compressed instanceof Promise) return kept(await compressed);
  return compressed && Buffer.from(compressed);
}

function partAt(index: number, count: number): Part {
  if (count === 1) return 'message';
  return index === count - 1 ? 'last fragment' : 'fragment';
}

async function compressAll(compressor: Compressor, parts: readonly (string | Buffer)[]): Promise<Buffer | null> {
  const payloads: Buffer[] = [];
  for (const [index, part] of parts.entries()) {
    const payload = await kept(compressor.compress(part, partAt(index, parts.length)));
    if (payload === null) return null;
    payloads.push(payload);
  }
  return Buffer.concat(payloads);
}

describe('a compressor that keeps nothing', () => {
  const compressor = new CodecCompressor(0, new Deflater(SETTINGS));

  test('compresses text and bytes, at once if they are short', async () => {
    for (const message of [prose(2000), prose(2000).toString(), prose(400_000), prose(400_000).toString()]) {
      const compressed = compressor.compress(message, 'message');
      expect(compressed instanceof Promise).toBe(message.length > 65_536);
      expect(inflated((await compressed)!).equals(Buffer.from(message as string))).toBe(true);
    }
  });

  test.each([0, 1, 20, 5000, 300_000])('leaves a message of %i bytes as it is if that is shorter', async (length) => {
    expect(await compressor.compress(noise(length), 'message')).toBeNull();
  });

  test(`compresses fragments of any kind (seed ${SEED})`, async () => {
    const length = fc.oneof(
      fc.constantFrom(0, 1, 61_440, 65_535, 65_536, 131_070),
      fc.nat({ max: 300 }),
      fc.nat({ max: 140_000 }),
    );
    const part = fc
      .tuple(length, fc.boolean(), fc.boolean())
      .map(([size, isProse, isText]) => (isProse ? (isText ? prose(size).toString() : prose(size)) : noise(size)));
    const property = fc.asyncProperty(fc.array(part, { minLength: 2, maxLength: 4 }), async (parts) => {
      const payload = await compressAll(compressor, parts);
      const message = Buffer.concat(parts.map((one) => Buffer.from(one as string)));
      expect(inflated(payload!).equals(message)).toBe(true);
    });
    await fc.assert(property, { seed: SEED, numRuns: 60 });
  });
});

test('with takeover messages refer to earlier ones, until a fragment or a long message comes between', async () => {
  const compressor = new CodecCompressor(0, new KeepingDeflater(SETTINGS, new Deflater(SETTINGS), 16));
  const peer = new StreamInflater();
  const lengths: number[] = [];
  const messages = [
    [prose(50)],
    [prose(50)],
    [prose(30), prose(20)],
    [prose(50)],
    [prose(50)],
    [prose(200_000)],
    [prose(50)],
    [prose(50)],
    [''],
    [noise(65_000)],
    [prose(50)],
  ];
  for (const parts of messages) {
    const payload = await compressAll(compressor, parts);
    lengths.push(payload?.length ?? -1);
    if (payload === null) continue;
    expect(peer.inflate(payload).equals(Buffer.concat(parts.map((part) => Buffer.from(part as string))))).toBe(true);
  }
  const [first, second, , third, fourth, , fifth, sixth, empty, plain, last] = lengths;
  expect([third, fifth]).toEqual([first, first]);
  expect(Math.max(second, fourth, sixth, last)).toBeLessThan(first / 3);
  expect([empty, plain]).toEqual([-1, -1]);
});
