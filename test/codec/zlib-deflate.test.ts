import zlib from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { INFLATE_INVALID, INFLATE_TOO_LONG } from '../../src/codec/codec.js';
import { Inflater } from '../../src/codec/inflate.js';
import { INFLATE_OUT, MEMORY_SIZE, WINDOW_START } from '../../src/codec/memory-map.js';
import { ZlibDeflate } from '../../src/codec/zlib-deflate.js';
import { BitWriter } from '../support/bit-writer.js';

const MANY = 2 ** 24;
const bytes = Buffer.from(new ArrayBuffer(MEMORY_SIZE));
const deflate = new ZlibDeflate(bytes, new Uint32Array(bytes.buffer, bytes.byteOffset, 8));

function inflate(payload: Buffer, { windowSize = 32_768, most = MANY, history = Buffer.alloc(0) } = {}): number {
  payload.copy(bytes, WINDOW_START);
  history.copy(bytes, INFLATE_OUT - history.length);
  return deflate.inflate(WINDOW_START, WINDOW_START + payload.length, history.length, windowSize, most, false);
}

function deflated(message: Buffer, options: zlib.ZlibOptions = {}): Buffer {
  return zlib.deflateRawSync(message, { finishFlush: zlib.constants.Z_SYNC_FLUSH, ...options }).subarray(0, -4);
}

/** Counts what zlib leaves to the decoder. */
const asked = vi.spyOn(Inflater.prototype, 'inflate');
afterEach(() => asked.mockClear());

describe('zlib alone', () => {
  const json = Buffer.from(JSON.stringify(Array.from({ length: 3000 }, (_, id) => ({ id, name: `user ${id * 7}` }))));

  it.each([0, 1, 500, 20_000, 60_000])('inflates a message of %i bytes, flushed or finished', (size) => {
    const message = json.subarray(0, size);
    for (const level of [0, 1, 6, 9]) {
      const finished = zlib.deflateRawSync(message, { level });
      for (const payload of [deflated(message, { level }), finished]) {
        expect(inflate(payload)).toBe(size);
        expect(bytes.subarray(INFLATE_OUT, INFLATE_OUT + size).equals(message)).toBe(true);
      }
    }
    expect(asked).not.toHaveBeenCalled();
  });

  it('inflates a message within its limit, and one with history', () => {
    const message = Buffer.concat([json, json, json]).subarray(0, 200_000);
    expect(inflate(deflated(message), { most: message.length })).toBe(message.length);
    const history = json.subarray(0, 30_000);
    const payload = deflated(history, { dictionary: history });
    expect(payload.length).toBeLessThan(1000);
    expect(inflate(payload, { history })).toBe(history.length);
    expect(asked).not.toHaveBeenCalled();
  });

  it('inflates a message that is shorter than the window with its history', () => {
    const history = json.subarray(0, 500);
    expect(inflate(deflated(json.subarray(0, 524)), { windowSize: 1024, history })).toBe(524);
    expect(asked).not.toHaveBeenCalled();
    expect(inflate(deflated(json.subarray(0, 525)), { windowSize: 1024, history })).toBe(525);
    expect(asked).toHaveBeenCalledTimes(1);
  });
});

describe('what zlib does not settle goes to the decoder', () => {
  it.each([
    ['a message that ends between two blocks', new BitWriter().stored(Buffer.from('Hello')), 5],
    ['a block after a final one', new BitWriter().fixed([0x48], { isFinal: true }).align().fixed([0x69]).header(0), 2],
    ['a message that is cut short', new BitWriter().stored(Buffer.from('Hello'), { length: 6 }), INFLATE_INVALID],
    ['an invalid block', new BitWriter().header(3).align(), INFLATE_INVALID],
    ['a message that is too long', new BitWriter().fixed(Buffer.alloc(11)).header(0), INFLATE_TOO_LONG],
  ])('%s', (_name, writer, said) => {
    expect(inflate(writer.toBuffer(), { most: 10 })).toBe(said);
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('a stored block that would take what shows the end for its data', () => {
    // As long as the tail would be, from LEN to the random bytes.
    const data = Buffer.from('data');
    for (let missing = 1; missing < 80; missing++) {
      expect(inflate(new BitWriter().stored(data, { length: data.length + missing }).toBuffer())).toBe(INFLATE_INVALID);
    }
  });
});
