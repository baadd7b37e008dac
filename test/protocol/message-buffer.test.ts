import fc from 'fast-check';
import { afterEach, describe, expect, it, test, vi } from 'vitest';
import { MessageBuffer } from '../../src/protocol/message-buffer.js';
import { SEED } from '../support/codecs.js';

const UNKNOWN = Number.POSITIVE_INFINITY;
const SOURCE = Buffer.from(Uint8Array.from({ length: 100_000 }, (_, i) => (i * 13) & 0xff));

/** Octets that are held for what has arrived. */
function capacityOf(message: MessageBuffer): number {
  return message.take().buffer.byteLength;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('MessageBuffer', () => {
  it('holds nothing at first', () => {
    const message = new MessageBuffer();
    expect(message.length).toBe(0);
    expect(message.take()).toHaveLength(0);
    expect(capacityOf(message)).toBe(0);
  });

  it('joins pieces in order', () => {
    const message = new MessageBuffer();
    for (const [start, end] of [
      [0, 10],
      [10, 10],
      [10, 5000],
      [5000, 5001],
      [5001, 100_000],
    ]) {
      expect(message.append(SOURCE, start, end, UNKNOWN)).toBe(true);
      expect(message.length).toBe(end);
    }
    expect(message.take().equals(SOURCE)).toBe(true);
  });

  it('holds its own octets', () => {
    const source = Buffer.from('abc');
    const message = new MessageBuffer();
    message.append(source, 0, 3, 0);
    source.fill(0);
    expect(message.take().toString()).toBe('abc');
  });

  it('an empty piece allocates nothing', () => {
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow');
    const message = new MessageBuffer();
    expect(message.append(SOURCE, 5, 5, UNKNOWN)).toBe(true);
    expect(message.append(SOURCE, 5, 5, 0)).toBe(true);
    expect(allocate).not.toHaveBeenCalled();
    expect(message.take()).toHaveLength(0);
  });

  it('ends in memory of just its size where its length is known', () => {
    const message = new MessageBuffer();
    for (let at = 0; at < 10_000; at += 500) message.append(SOURCE, at, at + 500, 10_000 - at - 500);
    expect(message.length).toBe(10_000);
    expect(capacityOf(message)).toBe(10_000);
  });

  it('grows with what has arrived, not with what is to come', () => {
    const message = new MessageBuffer();
    message.append(SOURCE, 0, 1, 2 ** 40);
    expect(capacityOf(message)).toBe(1024);
    message.append(SOURCE, 1, 3000, 2 ** 40);
    expect(capacityOf(message)).toBe(4096);
  });

  it('holds at most twice of what has arrived, and 1 KiB for the smallest', () => {
    const message = new MessageBuffer();
    const exceeding: number[] = [];
    for (let at = 0; at < 50_000; at++) {
      message.append(SOURCE, at, at + 1, UNKNOWN);
      if (capacityOf(message) > Math.max(1024, 2 * (at + 1))) exceeding.push(at);
    }
    expect(exceeding).toEqual([]);
  });

  it('moves the octets seldom, however small the pieces are', () => {
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow');
    const message = new MessageBuffer();
    for (let at = 0; at < 50_000; at++) message.append(SOURCE, at, at + 1, UNKNOWN);
    expect(allocate.mock.calls.length).toBeLessThan(10);
    expect(message.take().equals(SOURCE.subarray(0, 50_000))).toBe(true);
  });

  it('is content with what it needs if there is no memory for more', () => {
    const actual = Buffer.allocUnsafeSlow;
    vi.spyOn(Buffer, 'allocUnsafeSlow').mockImplementation((size) => {
      if (size > 3000) throw new RangeError('Array buffer allocation failed');
      return actual(size);
    });
    const message = new MessageBuffer();
    expect(message.append(SOURCE, 0, 2500, UNKNOWN)).toBe(true);
    expect(capacityOf(message)).toBe(2500);
    expect(message.append(SOURCE, 2500, 3000, UNKNOWN)).toBe(true);
    expect(message.take().equals(SOURCE.subarray(0, 3000))).toBe(true);
  });

  it('says so if there is no memory, throws nothing and keeps what it has', () => {
    const message = new MessageBuffer();
    message.append(SOURCE, 0, 1024, 0);
    vi.spyOn(Buffer, 'allocUnsafeSlow').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed');
    });
    expect(message.append(SOURCE, 1024, 1025, UNKNOWN)).toBe(false);
    expect(message.length).toBe(1024);
    expect(message.take().equals(SOURCE.subarray(0, 1024))).toBe(true);
  });
});

test('any number of messages that grow at the same time keep their own bytes, and at most twice as much memory', () => {
  const piece = fc.record({ of: fc.nat(4), length: fc.integer({ min: 1, max: 90_000 }) });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), fc.boolean(), (pieces, isKnown) => {
      const totals = [0, 0, 0, 0, 0];
      for (const { of, length } of pieces) totals[of] += length;
      const messages = totals.map(() => new MessageBuffer());
      const finished: [Buffer, number][] = [];
      const source = (of: number, length: number) => Buffer.alloc(length, of + 1);
      for (const { of, length } of pieces) {
        const message = messages[of];
        const toCome = isKnown ? totals[of] - message.length - length : UNKNOWN;
        expect(message.append(source(of, length), 0, length, toCome)).toBe(true);
        if (message.length < totals[of]) continue;
        const bytes = message.take();
        expect(bytes.buffer.byteLength).toBeLessThanOrEqual(isKnown ? bytes.length : Math.max(1024, 2 * bytes.length));
        finished.push([bytes, of]);
      }
      // Whoever has got a message keeps it, whatever others grow to.
      for (const [bytes, of] of finished) expect(bytes.equals(source(of, totals[of]))).toBe(true);
    }),
    { seed: SEED },
  );
});

test('memory that was lent is never handed out to be kept', async () => {
  vi.resetModules();
  const { MessageBuffer } = await import('../../src/protocol/message-buffer.js');
  let lent: Buffer | null = null;
  const first = new MessageBuffer(true);
  first.append(SOURCE, 0, 65_536, 0);
  first.lend((bytes) => {
    lent = bytes;
  });
  const second = new MessageBuffer();
  second.append(SOURCE, 0, 40_000, UNKNOWN);
  second.append(SOURCE, 0, 25_536, UNKNOWN);
  const bytes = second.take();
  expect(bytes.length).toBe(65_536);
  lent!.fill(0);
  expect(bytes.equals(Buffer.concat([SOURCE.subarray(0, 40_000), SOURCE.subarray(0, 25_536)]))).toBe(true);
});

test('what is lent takes no more than the message may have', () => {
  const message = new MessageBuffer(true);
  message.append(SOURCE, 0, 90_000, 10_000);
  message.lend((bytes) => expect(bytes.buffer.byteLength).toBeLessThanOrEqual(100_000));
});

test('a message whose length nobody knew has no memory in which others were', async () => {
  // Other tests may have left as many spare buffers as a thread keeps.
  vi.resetModules();
  const { MessageBuffer } = await import('../../src/protocol/message-buffer.js');
  const first = new MessageBuffer();
  first.append(SOURCE, 0, 70_000, 100_000);
  first.append(SOURCE, 0, 100_000, 0);
  const second = new MessageBuffer();
  second.append(SOURCE, 0, 70_000, UNKNOWN);
  second.append(SOURCE, 0, 10, UNKNOWN);
  const bytes = second.take();
  expect([bytes.length, bytes.buffer.byteLength]).toEqual([70_010, 70_010]);
  expect(bytes.equals(Buffer.concat([SOURCE.subarray(0, 70_000), SOURCE.subarray(0, 10)]))).toBe(true);
});
