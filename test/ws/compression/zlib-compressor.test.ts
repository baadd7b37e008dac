import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ZlibCompressor, ZlibStreamCompressor } from '../../../src/ws/compression/zlib-compressor.js';
import { inflated, StreamInflater } from '../../support/deflate-stream.js';
import { noise, prose } from '../../support/messages.js';

const SMALLEST = { level: 9, windowBits: 15 };

describe('zlib by itself for each message', () => {
  const compressor = new ZlibCompressor(0, SMALLEST, 1);

  test('compresses as the options say, at once if the message is short', async () => {
    const flushed = { ...SMALLEST, finishFlush: zlib.constants.Z_SYNC_FLUSH };
    for (const message of [prose(2000), prose(2000).toString(), prose(100_000)]) {
      const compressed = compressor.compress(message, 'message');
      expect(compressed instanceof Promise).toBe(message.length > 16_384);
      expect(inflated((await compressed)!).equals(Buffer.from(message as string))).toBe(true);
      expect((await compressed)!.length).toBe(zlib.deflateRawSync(message, flushed).length - 4);
    }
  });

  test.each([0, 1, 5000, 100_000])('leaves a message of %i bytes as it is if that is shorter', async (length) => {
    expect(await compressor.compress(noise(length), 'message')).toBeNull();
  });

  test('compresses fragments', async () => {
    const parts = [prose(3000), noise(50), '', prose(40_000), noise(40_000), Buffer.alloc(0)];
    const payloads: Buffer[] = [];
    for (const [index, part] of parts.entries()) {
      const payload = await compressor.compress(part, index < parts.length - 1 ? 'fragment' : 'last fragment');
      payloads.push(Buffer.from(payload!));
    }
    const message = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
    expect(inflated(Buffer.concat(payloads)).equals(message)).toBe(true);
  });

  test('begins no more asynchronous calls than it may, in order', async () => {
    const ended: number[] = [];
    const calls = [0, 1, 2, 3].map(async (i) => {
      await compressor.compress(prose(20_000 * (4 - i)), 'message');
      ended.push(i);
    });
    await Promise.all(calls);
    expect(ended).toEqual([0, 1, 2, 3]);
  });

  test('takes what else zlib has: the size of chunks, a dictionary, a strategy', () => {
    const dictionary = prose(1000);
    const options = { windowBits: 9, memLevel: 1, chunkSize: 64, strategy: zlib.constants.Z_FILTERED, dictionary };
    const other = new ZlibCompressor(0, { ...options, info: true, flush: zlib.constants.Z_FINISH }, 1);
    const payload = other.compress(prose(5000), 'message') as Buffer;
    expect(inflated(payload, { windowBits: 9, dictionary }).equals(prose(5000))).toBe(true);
  });

  test('leaves a message as it is if zlib fails', async () => {
    const limited = new ZlibCompressor(0, { ...SMALLEST, maxOutputLength: 100 }, 1);
    expect(limited.compress(prose(5000), 'message')).toBeNull();
    expect(await limited.compress(prose(50_000), 'message')).toBeNull();
    const fragments = [
      limited.compress(prose(5000), 'fragment'),
      await limited.compress(prose(50_000), 'last fragment'),
    ];
    expect(inflated(Buffer.concat(fragments as Buffer[])).length).toBe(55_000);
  });
});

describe('a stream of zlib', () => {
  test('refers to earlier messages, and to earlier fragments', async () => {
    const compressor = new ZlibStreamCompressor(SMALLEST, 10);
    const peer = new StreamInflater();
    const lengths: number[] = [];
    const compress = async (message: string | Buffer) => {
      const payload = await compressor.compress(message, 'message');
      lengths.push(payload!.length);
      expect(peer.inflate(payload!).equals(Buffer.from(message as string))).toBe(true);
    };
    await compress(prose(2000));
    await compress(prose(2000).toString());
    const fragments = [
      await compressor.compress(prose(1000), 'fragment'),
      await compressor.compress(prose(2000).subarray(1000), 'last fragment'),
    ];
    expect(peer.inflate(Buffer.concat(fragments as Buffer[])).equals(prose(2000))).toBe(true);
    await compress('');
    expect(lengths[1]).toBeLessThan(lengths[0] / 10);
    expect(Buffer.concat(fragments as Buffer[]).length).toBeLessThan(lengths[0] / 10);
    compressor.close();
  });

  test('that is closed has an end of what is under way', async () => {
    const compressor = new ZlibStreamCompressor(SMALLEST, 10);
    const compressed = compressor.compress(prose(100_000), 'message');
    compressor.close();
    expect(await compressed).toBeNull();
  });
});

test.each([{ level: 10 }, { memLevel: 0 }, { strategy: 'none' as never }, { dictionary: 'none' as never }])(
  'options that zlib does not take, %j, are refused at once',
  (options) => {
    const codes = ['ERR_OUT_OF_RANGE', 'ERR_INVALID_ARG_TYPE'];
    for (const make of [
      () => new ZlibCompressor(0, { ...options, windowBits: 15 }, 1),
      () => new ZlibStreamCompressor({ ...options, windowBits: 15 }, 1),
    ]) {
      expect(make).toThrow(expect.objectContaining({ code: expect.toBeOneOf(codes) }));
    }
  },
);
