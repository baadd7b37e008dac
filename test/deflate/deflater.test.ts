import { inflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { SCRATCH_START, WINDOW_START } from '../../src/codec/memory-map.js';
import { codec } from '../../src/codec/select.js';
import { Deflater, KeepingDeflater } from '../../src/deflate/deflater.js';
import { inflated, StreamInflater } from '../support/deflate-stream.js';

const FAST = { threshold: 10, level: 'fast', windowBits: 15 } as const;
const SMALL = { ...FAST, level: 'small' } as const;

const TEXT = JSON.stringify(
  Array.from({ length: 30 }, (_, id) => ({ id, name: `user ${id}`, at: 1_700_000_000 + id })),
);

describe('a deflater', () => {
  test.each([FAST, SMALL])('makes a payload that zlib inflates, of text and of bytes: $level', (settings) => {
    const deflater = new Deflater(settings);
    for (const message of [TEXT, `${TEXT}grüße €`, Buffer.from(TEXT), new Uint8Array(5000)]) {
      const payload = deflater.deflate(message);
      expect(payload!.length).toBeLessThan(message.length);
      expect(inflated(payload!).equals(Buffer.from(message as string))).toBe(true);
    }
  });

  test('returns null for what would not be shorter', () => {
    const deflater = new Deflater({ ...FAST, threshold: 0 });
    expect(deflater.deflate('')).toBeNull();
    expect(deflater.deflate('x')).toBeNull();
    expect(deflater.deflate(Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz'))).toBeNull();
  });

  test('judges by bytes what is due, and what is long', () => {
    const deflater = new Deflater(FAST);
    expect(
      ['123456789', '1234567890', '€€€', '€€€€', Buffer.alloc(9), Buffer.alloc(10)].map((one) => deflater.isDue(one)),
    ).toEqual([...[false, true, false, true, false, true]]);
    const { atOnce } = deflater;
    const half = '€'.repeat(Math.floor(atOnce / 3));
    expect(['x'.repeat(atOnce), `${'x'.repeat(atOnce)}x`, half, `${half}€`].map((one) => deflater.isLong(one))).toEqual(
      [...[false, true, false, true]],
    );
    expect(inflated(deflater.deflate('x'.repeat(atOnce))!).length).toBe(atOnce);
  });

  test('deflates bytes that lie in the memory of the codec', () => {
    const bytes = Buffer.from(TEXT);
    for (const start of [WINDOW_START + 77, SCRATCH_START + 5000]) {
      const keeping = new KeepingDeflater(FAST, new Deflater(FAST));
      const stream = new StreamInflater();
      for (let i = 0; i < 3; i++) {
        codec.bytes.set(bytes, start);
        const view = codec.bytes.subarray(start, start + bytes.length);
        expect(inflated(new Deflater(FAST).deflate(view)!).equals(bytes)).toBe(true);
        codec.bytes.set(bytes, start);
        expect(stream.inflate(keeping.deflate(view)!).equals(bytes)).toBe(true);
      }
    }
  });

  test('keeps the distances within the window', () => {
    const record = `${'abcdefghijklmnopqrstuvwxyz'.repeat(12)}${TEXT}`;
    for (const windowBits of [8, 9, 15]) {
      const payload = new Deflater({ ...FAST, windowBits }).deflate(record)!;
      // zlib has no window of 8 bits.
      const options = { windowBits: Math.max(9, windowBits), finishFlush: 2 };
      expect(inflateRawSync(Buffer.concat([payload, Buffer.from('0000ffff', 'hex')]), options).toString()).toBe(record);
    }
  });
});

describe('a deflater that keeps what was sent', () => {
  test.each([FAST, SMALL])('makes a stream, in which later messages are shorter: $level', (settings) => {
    const deflater = new KeepingDeflater(settings, new Deflater(settings));
    const stream = new StreamInflater();
    const lengths = Array.from({ length: 50 }, (_, i) => {
      const message = TEXT.replaceAll('user', `user of ${i}`);
      const payload = deflater.deflate(message)!;
      expect(stream.inflate(payload).toString()).toBe(message);
      return payload.length;
    });
    expect(Math.max(...lengths.slice(1))).toBeLessThan(lengths[0] * 0.7);
  });

  test('is not disturbed by other deflaters, nor by messages that leave as they are', () => {
    const deflaters = Array.from({ length: 4 }, () => new KeepingDeflater(FAST, new Deflater(FAST)));
    const streams = deflaters.map(() => new StreamInflater());
    for (let round = 0; round < 40; round++) {
      for (const [i, deflater] of deflaters.entries()) {
        const message =
          round % 3 === i % 3 ? `${round}${i}-plain` : `${TEXT.slice(0, 40 * (1 + ((round * 7 + i) % 20)))}${round}`;
        const payload = deflater.deflate(message);
        if (payload !== null) expect(streams[i].inflate(payload).toString()).toBe(message);
      }
    }
  });

  test('refers to nothing after forget', () => {
    const deflater = new KeepingDeflater(FAST, new Deflater(FAST));
    deflater.deflate(TEXT);
    deflater.forget();
    expect(inflated(deflater.deflate(TEXT)!).toString()).toBe(TEXT);
  });

  test('has a shared one that keeps nothing', () => {
    const shared = new Deflater(FAST);
    expect(shared.shared).toBe(shared);
    expect(new KeepingDeflater(FAST, shared).shared).toBe(shared);
  });
});

test('a keeping deflater may lengthen a message that later ones can refer to', () => {
  for (const settings of [FAST, SMALL]) {
    const keeping = new KeepingDeflater(settings, new Deflater(settings), 16);
    const stream = new StreamInflater();
    const message = Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz');
    const first = Buffer.from(keeping.deflate(message)!);
    expect(stream.inflate(first).equals(message)).toBe(true);
    const second = keeping.deflate(message)!;
    expect(stream.inflate(second).equals(message)).toBe(true);
    expect(first.length - message.length).toBeGreaterThanOrEqual(0);
    expect(first.length - message.length).toBeLessThan(16);
    expect(second.length).toBeLessThan(10);
  }
});
