import { beforeEach, describe, expect, test } from 'vitest';
import { Counters, UNCOUNTED } from '../../../src/net/counters.js';
import { encodeFrame, encodeKeptFrame, SharedRun } from '../../../src/net/writing/shared-frames.js';
import { Opcode } from '../../../src/protocol/opcode.js';
import { parseFrame } from '../../support/frame-parser.js';
import { frameFor } from '../../support/framer.js';

const SIZES = [0, 1, 125, 126, 4092, 4093, 16_383, 16_384, 65_535, 65_536, 1_000_000];

describe.each([
  ['encodeFrame', encodeFrame],
  ['encodeKeptFrame', encodeKeptFrame],
])('%s', (_name, encode) => {
  test.each(SIZES)('makes one frame of a message of %d octets', (size) => {
    const payload = Buffer.alloc(size, 'abc');
    expect(encode(Opcode.Binary, payload).equals(frameFor('client', Opcode.Binary, payload))).toBe(true);
    expect(encode(Opcode.Text, payload.toString()).equals(frameFor('client', Opcode.Text, payload))).toBe(true);
  });

  test.each(['grüße', '世界 🌍', 'ü'.repeat(63), 'é'.repeat(5000), '\u{10ffff}\0'])('encodes %j as UTF-8', (text) => {
    const frame = encode(Opcode.Text, text);
    expect(frame.equals(frameFor('client', Opcode.Text, Buffer.from(text)))).toBe(true);
  });

  test.each([
    ['a\ud800b', 'a\ufffdb'],
    ['\udc00', '\ufffd'],
    ['\udc00\ud800', '\ufffd\ufffd'],
  ])('lone surrogates become U+FFFD: %j', (text, expected) => {
    expect(parseFrame(encode(Opcode.Text, text))?.frame.payload.toString()).toBe(expected);
  });

  test.each(SIZES)('copies a payload of %d octets', (size) => {
    const payload = Buffer.alloc(size, 1);
    const frame = encode(Opcode.Binary, payload);
    payload.fill(2);
    expect(frame.equals(frameFor('client', Opcode.Binary, Buffer.alloc(size, 1)))).toBe(true);
  });
});

describe('the memory of a frame', () => {
  test('follows that of the frame before, so that both are one range', () => {
    // Enough that at least nine in ten pairs are in one chunk.
    const frames = Array.from({ length: 100 }, (_, i) => encodeFrame(Opcode.Text, `message ${i}`));
    const following = frames.filter((frame, i) => {
      const before = frames[i - 1];
      return before?.buffer === frame.buffer && before.byteOffset + before.length === frame.byteOffset;
    });
    expect(following.length).toBeGreaterThanOrEqual(90);
  });

  test('is never written to again', () => {
    const texts = Array.from({ length: 5000 }, (_, i) => `${i}`.repeat(i % 200));
    const frames = texts.map((text) => encodeFrame(Opcode.Text, text));
    expect(frames.map((frame) => parseFrame(frame)?.frame.payload.toString())).toEqual(texts);
  });

  test('is its own for a frame of more than 4 KiB, and for one that is kept', () => {
    expect(encodeFrame(Opcode.Binary, Buffer.alloc(4096)).buffer.byteLength).toBe(4100);
    expect(encodeFrame(Opcode.Binary, Buffer.alloc(10)).buffer.byteLength).toBe(16_384);
    expect(encodeKeptFrame(Opcode.Binary, Buffer.alloc(10)).buffer.byteLength).toBe(12);
  });
});

describe('a shared run', () => {
  const memory = Buffer.from('one two three', 'latin1');
  const [one, two, three] = [memory.subarray(0, 4), memory.subarray(4, 8), memory.subarray(8)];

  test('frames that stand one behind the other are one run', () => {
    const run = SharedRun.of(one).with(two)?.with(three);
    expect(run?.length).toBe(memory.length);
    expect(run?.bytes.equals(memory)).toBe(true);
    expect(run?.bytes.buffer).toBe(memory.buffer);
  });

  test('a frame that stands elsewhere is not part of it', () => {
    const run = SharedRun.of(one);
    expect([run.with(three), run.with(one), run.with(Buffer.from('two '))]).toEqual([null, null, null]);
    expect(run.bytes.toString()).toBe('one ');
  });

  test('outboxes that were given the same frames have the same run, and others never do', () => {
    const runs = [SharedRun.of(one), SharedRun.of(one).with(two), SharedRun.of(two), SharedRun.of(one).with(two)];
    expect(runs.map((run) => run?.bytes.toString())).toEqual(['one ', 'one two ', 'two ', 'one two ']);
    const again = SharedRun.of(one);
    expect(SharedRun.of(one)).toBe(again);
    expect(again.with(two)).toBe(again.with(two));
    SharedRun.forget();
    expect(SharedRun.of(one)).not.toBe(again);
  });

  describe('is extended for all of an audience at once', () => {
    const audience = ['a', 'b'];
    /** What an outbox does that gets `frame`, and has `run` until then. */
    const join = (
      frame: Buffer,
      run: SharedRun | null = null,
      maxBackpressure = 1000,
      counters = UNCOUNTED,
    ): SharedRun => SharedRun.joined(run, frame, { maxBackpressure, counters, deflater: null })!;
    const publish = (frame: Buffer, accepted = 2): SharedRun[] => {
      SharedRun.beginPublish();
      const runs = [join(frame), join(frame)];
      SharedRun.endPublish(audience, null, accepted);
      return runs;
    };
    beforeEach(() => SharedRun.forget());

    test('if nobody has left it, the audience is the same, and the frame stands behind it', () => {
      const [run] = publish(one);
      expect(SharedRun.isHeldBy(audience, null)).toBe(true);
      expect(SharedRun.extendLatest(two, 2)).toBe(2);
      expect(run.bytes.toString()).toBe('one two ');
      expect(SharedRun.isHeldBy([...audience], null)).toBe(false);
      expect(SharedRun.isHeldBy(audience, 'a')).toBe(false);
      expect(SharedRun.extendLatest(one, 2)).toBe(0);
      run.leave();
      expect(SharedRun.isHeldBy(audience, null)).toBe(false);
    });

    test('and it is forgotten once nobody holds it', () => {
      for (const run of publish(one)) run.leave();
      expect(SharedRun.isHeldBy(audience, null)).toBe(false);
      SharedRun.beginPublish();
      SharedRun.endPublish(audience, null, 0);
      expect(SharedRun.isHeldBy(audience, null)).toBe(false);
    });

    test('and counted for each', () => {
      const counters = new Counters();
      SharedRun.beginPublish();
      join(one, null, 1000, counters);
      join(one, null, 1000, counters);
      SharedRun.endPublish(audience, null, 2);
      SharedRun.extendLatest(two, 3);
      expect([counters.wireBytesAppended, counters.payloadBytesSent]).toEqual([8, 6]);
    });

    test('not if somebody has not accepted the message, or must be asked', () => {
      publish(one, -1);
      expect(SharedRun.isHeldBy(audience, null)).toBe(false);
      const usual = { maxBackpressure: 1000, counters: UNCOUNTED, deflater: null };
      for (const other of [{ maxBackpressure: 3 }, { deflater: {} }]) {
        SharedRun.beginPublish();
        join(one);
        SharedRun.joined(null, one, { ...usual, ...other });
        SharedRun.endPublish(audience, null, 2);
        expect(SharedRun.isHeldBy(audience, null), Object.keys(other).join()).toBe(false);
      }
    });

    test('not if as many hold it, but others: one that had the frame before, and one that got it afterwards', () => {
      const before = join(one);
      SharedRun.beginPublish();
      const runs = [join(one), join(one)];
      SharedRun.endPublish(audience, null, 2);
      expect(runs).not.toContain(before);
      runs[0].leave();
      expect(join(one)).not.toBe(runs[0]);
      expect(SharedRun.isHeldBy(audience, null)).toBe(false);
    });

    test('not if as many hold it, but others: the same with a frame behind another', () => {
      const other = join(one);
      const runs = [join(one), join(one)];
      const before = join(two, other);
      SharedRun.beginPublish();
      const moved = runs.map((run) => join(two, run));
      SharedRun.endPublish(audience, null, 2);
      expect(moved).not.toContain(before);
      expect(SharedRun.isHeldBy(audience, null)).toBe(true);
      moved[0].leave();
      expect(join(two, join(one))).not.toBe(moved[1]);
      expect(SharedRun.isHeldBy(audience, null)).toBe(false);
    });
  });
});
