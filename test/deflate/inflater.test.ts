import { describe, expect, test } from 'vitest';
import { INFLATE_INVALID } from '../../src/codec/codec.js';
import { INFLATE_OUT, WINDOW_START } from '../../src/codec/memory-map.js';
import { codec } from '../../src/codec/select.js';
import { Inflater, KeepingInflater } from '../../src/deflate/inflater.js';
import { deflated, StreamDeflater } from '../support/deflate-stream.js';

const MOST = 1_000_000;

/** @returns the message, or what the inflater says instead */
function inflate(inflater: Inflater, payload: Buffer): string | number {
  codec.bytes.set(payload, WINDOW_START);
  const length = inflater.inflate(WINDOW_START, WINDOW_START + payload.length, MOST, false);
  if (length < 0) return length;
  inflater.finish(length, length);
  return codec.bytes.toString('utf8', INFLATE_OUT, INFLATE_OUT + length);
}

const messages = Array.from({ length: 60 }, (_, i) => `{"user":"number ${i % 7}","text":"${'hello '.repeat(i)}"}`);

describe('an inflater', () => {
  test('takes each message by itself', () => {
    const inflater = new Inflater(15);
    for (const message of messages) expect(inflate(inflater, deflated(message))).toBe(message);
  });

  test('hostile.C-11: refuses a reference to the message before, if that was not agreed', () => {
    const inflater = new Inflater(15);
    const stream = new StreamDeflater();
    const [first, second] = [0, 1].map(() => stream.deflate(Buffer.from(messages[30])));
    expect(inflate(inflater, first)).toBe(messages[30]);
    expect(inflate(inflater, second)).toBe(INFLATE_INVALID);
  });

  test('hostile.C-11: refuses a reference beyond the window that was agreed', () => {
    const message = `${'0123456789abcdef'.repeat(2)}${Buffer.alloc(300, 'x')}${'0123456789abcdef'.repeat(2)}`;
    expect(inflate(new Inflater(15), deflated(message))).toBe(message);
    expect(inflate(new Inflater(8), deflated(message))).toBe(INFLATE_INVALID);
  });
});

describe('an inflater that keeps what came', () => {
  test.each([9, 12, 15])('takes a stream with a window of %i bits, others in between', (windowBits) => {
    const pairs = Array.from({ length: 3 }, () => ({
      inflater: new KeepingInflater(windowBits),
      stream: new StreamDeflater({ windowBits }),
    }));
    for (const message of [...messages, 'x'.repeat(200_000), ...messages]) {
      for (const { inflater, stream } of pairs) {
        expect(inflate(inflater, stream.deflate(Buffer.from(message)))).toBe(message);
      }
    }
  });

  test('a final block ends nothing: the window goes on', () => {
    const inflater = new KeepingInflater(15);
    expect(inflate(inflater, Buffer.from('f348cdc9c9070000', 'hex'))).toBe('Hello');
    expect(inflate(inflater, Buffer.from('f200110000', 'hex'))).toBe('Hello');
  });
});
