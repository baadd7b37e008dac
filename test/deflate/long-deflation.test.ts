import { describe, expect, test } from 'vitest';
import { Deflater } from '../../src/deflate/deflater.js';
import { LongDeflation } from '../../src/deflate/long-deflation.js';
import { deflated, inflated } from '../support/deflate-stream.js';

const json = (length: number) =>
  Array.from({ length: Math.ceil(length / 40) }, (_, i) => `{"id":${i},"name":"user ${i * 7919}","ok":true}`)
    .join()
    .slice(0, length);

const ended = (deflation: LongDeflation) => new Promise<void>((resolve) => deflation.onEnd(resolve));

describe.each(['fast', 'small'] as const)('a long deflation, level %s', (level) => {
  const deflater = new Deflater({ threshold: 0, level, windowBits: 15 });

  test('makes one payload of many pieces, not much longer than zlib does', async () => {
    for (const message of [json(70_000), json(1_500_000), Buffer.from(json(300_001)), 'é'.repeat(50_000)]) {
      const deflation = new LongDeflation(deflater, message);
      await ended(deflation);
      const { compressed } = deflation;
      expect(inflated(compressed!).equals(Buffer.from(message as string))).toBe(true);
      expect(compressed!.length).toBeLessThan(
        deflated(message, { level: level === 'fast' ? 1 : 6 }).length * 1.08 + 1000,
      );
    }
  });

  test('gives up on what does not get shorter', async () => {
    let state = 1;
    const noise = Uint8Array.from({ length: 200_000 }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return state >>> 16;
    });
    const deflation = new LongDeflation(deflater, noise);
    await ended(deflation);
    expect(deflation.compressed).toBeNull();
    expect(deflation.payload).toBe(noise);
  });

  test('lets others use the codec between its turns', async () => {
    const [one, two] = [json(900_000), json(900_000).toUpperCase()].map((text) => new LongDeflation(deflater, text));
    const other = json(5000);
    let others = 0;
    while (!one.hasEnded || !two.hasEnded) {
      expect(inflated(deflater.deflate(other)!).toString()).toBe(other);
      others++;
      await new Promise(setImmediate);
    }
    expect(others).toBeGreaterThan(1);
    for (const { compressed, payload } of [one, two]) expect(inflated(compressed!).equals(payload)).toBe(true);
  });
});

test('calls back in a turn of its own, also when it has ended long ago', async () => {
  const deflation = new LongDeflation(
    new Deflater({ threshold: 0, level: 'fast', windowBits: 15 }),
    'x'.repeat(70_000),
  );
  let calls = 0;
  deflation.onEnd(() => calls++);
  expect(calls).toBe(0);
  await ended(deflation);
  expect(calls).toBe(1);
  deflation.onEnd(() => calls++);
  expect(calls).toBe(1);
  await ended(deflation);
  expect(calls).toBe(2);
});

test('keeps the distances of a long message within the window', async () => {
  const message = json(200_000);
  const deflation = new LongDeflation(new Deflater({ threshold: 0, level: 'small', windowBits: 9 }), message);
  await ended(deflation);
  expect(inflated(deflation.compressed!, { windowBits: 9 }).toString()).toBe(message);
});
