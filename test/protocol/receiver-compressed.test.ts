import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codec } from '../../src/codec/select.js';
import { Inflater, KeepingInflater } from '../../src/deflate/inflater.js';
import { FAULT } from '../../src/protocol/faults.js';
import { Opcode, RSV1 } from '../../src/protocol/opcode.js';
import { BitWriter } from '../support/bit-writer.js';
import { SEED } from '../support/codecs.js';
import { deflated, StreamDeflater } from '../support/deflate-stream.js';
import { frameFor } from '../support/framer.js';
import {
  binaryMessage,
  dataFrame,
  faultEvent,
  ReceiverHarness,
  receiveAllWays,
  receiveReads,
  textMessage,
} from '../support/receiver-harness.js';

const OPTIONS = { inflater: new Inflater(15) };
const TEXT = 'Grüße aus Zürich, "Hello" '.repeat(20);

/** A compressed message in one frame. */
function compressed(message: string | Uint8Array, opcode: number = Opcode.Text): Buffer {
  return frameFor('server', opcode, deflated(message), { rsv: RSV1 });
}

/** A compressed message whose payload is cut into fragments of so many bytes. */
function fragmented(payload: Buffer, size: number, opcode: number = Opcode.Text): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < payload.length; at += size) parts.push(payload.subarray(at, at + size));
  return parts.map((part, i) =>
    frameFor('server', i === 0 ? opcode : Opcode.Cont, part, { rsv: i === 0 ? RSV1 : 0, fin: i === parts.length - 1 }),
  );
}

describe('the examples of RFC 7692 §7.2.3', () => {
  const raw = (hex: string) => frameFor('server', Opcode.Text, Buffer.from(hex, 'hex'), { rsv: RSV1 });
  it.each([
    ['hostile.A3.6: one compressed block', raw('f248cdc9c90700')],
    ['a block that is not compressed', raw('000500faff48656c6c6f00')],
    ['hostile.C-07: a block with BFINAL set', raw('f348cdc9c9070000')],
    ['two blocks', raw('f24805000000ffffcac9c90700')],
  ])('%s', (_, octets) => {
    expect(receiveAllWays([octets, octets], OPTIONS)).toEqual([textMessage('Hello'), textMessage('Hello')]);
  });

  it('two fragments', () => {
    const [first, second] = ['f248cd', 'c9c90700'].map((hex) => Buffer.from(hex, 'hex'));
    const frames = [
      frameFor('server', Opcode.Text, first, { rsv: RSV1, fin: false }),
      frameFor('server', Opcode.Cont, second),
    ];
    expect(receiveAllWays(Buffer.concat(frames), OPTIONS)).toEqual([textMessage('Hello')]);
  });

  it('a second message that refers to the first', () => {
    const reads = [raw('f248cdc9c90700'), raw('f200110000')];
    const harness = new ReceiverHarness({ inflater: new KeepingInflater(15) });
    for (const read of reads) harness.feed(read);
    expect(harness.events).toEqual([textMessage('Hello'), textMessage('Hello')]);
  });
});

describe('RSV1 (RFC 7692 §6)', () => {
  const payload = deflated(TEXT);
  it.each([
    ['on a continuation', [frameFor('server', 1, 'a', { fin: false }), frameFor('server', 0, payload, { rsv: RSV1 })]],
    [
      'on the continuation of a compressed message',
      [fragmented(payload, 9)[0], frameFor('server', 0, payload, { rsv: RSV1 })],
    ],
    ['on a Ping', [frameFor('server', Opcode.Ping, payload.subarray(0, 9), { rsv: RSV1 })]],
    ['on a Close', [frameFor('server', Opcode.Close, '', { rsv: RSV1 })]],
    ['with RSV2', [frameFor('server', 1, payload, { rsv: RSV1 | 0x20 })]],
  ])('hostile.C-04, hostile.C-05: %s fails with 1002', (_, frames) => {
    expect(receiveAllWays(Buffer.concat(frames), OPTIONS)).toEqual([faultEvent(FAULT.RESERVED_BITS)]);
  });

  it('hostile.A1.13: fails with 1002 if compression was not agreed', () => {
    expect(receiveAllWays(compressed('hello'))).toEqual([faultEvent(FAULT.RESERVED_BITS)]);
  });
});

describe('compressed messages', () => {
  it('come as text and as bytes, mixed with plain ones and with control frames between fragments', () => {
    const [first, ...rest] = fragmented(deflated(TEXT), 10);
    const octets = [
      ...[compressed(TEXT), frameFor('server', 1, 'plain'), first, frameFor('server', Opcode.Ping, 'p'), ...rest],
      ...[compressed(Buffer.from(TEXT), Opcode.Binary), compressed('')],
    ];
    expect(receiveAllWays(Buffer.concat(octets), OPTIONS)).toEqual([
      ...[textMessage(TEXT), textMessage('plain'), { control: Opcode.Ping, octets: '70' }],
      ...[textMessage(TEXT), binaryMessage(Buffer.from(TEXT)), textMessage('')],
    ]);
  });

  it('hostile.C-10: an empty payload, a single 00, and 64 empty stored blocks are empty messages', () => {
    for (const hex of ['', '00', `${'000000ffff'.repeat(64)}00`]) {
      const octets = frameFor('server', 2, Buffer.from(hex, 'hex'), { rsv: RSV1 });
      expect(receiveAllWays(octets, OPTIONS)).toEqual([binaryMessage('')]);
    }
  });

  it('hostile.C-08: several final blocks in one message are all inflated', () => {
    const final = Buffer.from('f348cdc9c907', 'hex');
    const octets = frameFor('server', 1, Buffer.concat([final, Buffer.of(0), final, Buffer.of(0, 0)]), { rsv: RSV1 });
    expect(receiveAllWays(octets, OPTIONS)).toEqual([textMessage('HelloHello')]);
  });

  it.each([
    ['hostile.C-06: garbage', Buffer.from('ffffffffff', 'hex')],
    ['a message that is cut short', deflated(TEXT).subarray(0, -3)],
    ['hostile.C-09: bytes after a final block', Buffer.from('f348cdc9c90700deadbeef', 'hex')],
  ])('%s fails with 1007, whole and in fragments', (_, payload) => {
    const whole = frameFor('server', 1, payload, { rsv: RSV1 });
    for (const octets of [whole, Buffer.concat(fragmented(payload, 2))]) {
      expect(receiveAllWays(octets, OPTIONS)).toEqual([faultEvent(FAULT.INVALID_DEFLATE)]);
    }
  });

  it('a message whose sender has not left out the end is whole, too', () => {
    const octets = frameFor('server', 1, Buffer.concat([deflated('x'), Buffer.from('0000ffff', 'hex')]), { rsv: RSV1 });
    expect(receiveAllWays(octets, OPTIONS)).toEqual([textMessage('x')]);
  });

  it('hostile.C-12: text that is not UTF-8 after it is inflated fails with 1007', () => {
    expect(receiveAllWays(compressed(Buffer.from('61ff62', 'hex')), OPTIONS)).toEqual([faultEvent(FAULT.INVALID_UTF8)]);
    expect(receiveAllWays(compressed(Buffer.from('61c3', 'hex')), OPTIONS)).toEqual([faultEvent(FAULT.INVALID_UTF8)]);
  });

  it('hostile.C-01, hostile.A3.2: maxPayload counts inflated bytes, to the byte', () => {
    const octets = compressed('x'.repeat(5000));
    expect(octets.length).toBeLessThan(60);
    expect(receiveAllWays(octets, { ...OPTIONS, maxPayload: 5000 })).toEqual([textMessage('x'.repeat(5000))]);
    expect(receiveAllWays(octets, { ...OPTIONS, maxPayload: 4999 })).toEqual([faultEvent(FAULT.MESSAGE_TOO_BIG)]);
  });

  it('hostile.C-03: a bomb with garbage after it is one fault', () => {
    const payload = Buffer.concat([deflated(Buffer.alloc(3_000_000)), Buffer.alloc(4, 0xff)]);
    const octets = frameFor('server', 2, payload, { rsv: RSV1 });
    expect(receiveAllWays(octets, OPTIONS)).toEqual([faultEvent(FAULT.MESSAGE_TOO_BIG)]);
  });

  it('may be longer than maxPayload before they are inflated, by what stored blocks add', () => {
    const noise = Buffer.from(Array.from({ length: 2000 }, (_, i) => (i * i * 7919) >> 3));
    const octets = compressed(noise, Opcode.Binary);
    expect(deflated(noise).length).toBeGreaterThan(0);
    expect(receiveAllWays(octets, { ...OPTIONS, maxPayload: 2000 })).toEqual([binaryMessage(noise)]);
    const beyond = frameFor('server', 2, Buffer.alloc(3200), { rsv: RSV1 });
    expect(receiveAllWays(beyond, { ...OPTIONS, maxPayload: 1000 })).toEqual([faultEvent(FAULT.MESSAGE_TOO_BIG)]);
  });

  it('may have more bytes than maxPayload in any fragments, and come as they were sent', () => {
    const noise = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * i * 7919 + i) >> 3));
    const payload = Buffer.concat([deflated(noise, { level: 0 })]);
    expect(payload.length).toBeGreaterThan(1000);
    for (const size of [100, 333, 500, 999]) {
      const frames = fragmented(payload, size, Opcode.Binary);
      expect(receiveAllWays(Buffer.concat(frames), { ...OPTIONS, maxPayload: 1000 })).toEqual([binaryMessage(noise)]);
    }
  });

  it('of many blocks that hold nothing do not end within one step', () => {
    const lengths = [...Array(256).fill(0), 1];
    const writer = new BitWriter();
    for (let i = 0; i < 600; i++)
      writer.dynamic([], { literalLengths: lengths, distanceLengths: [0], endOfBlock: true });
    const payload = Buffer.concat([writer.header(0).toBuffer(), Buffer.from('0000ffff', 'hex'), deflated('end')]);
    const frame = frameFor('server', 1, payload, { rsv: RSV1 });
    const harness = new ReceiverHarness(OPTIONS);
    let steps = 0;
    harness.onLongMessage = (message) => {
      for (; !message.hasEnded; steps++) message.step();
      message.report(harness);
    };
    harness.feed(Buffer.concat([frame, frameFor('server', 1, 'after')]));
    expect(harness.events).toEqual([textMessage('end'), textMessage('after')]);
    // Without WebAssembly a message is inflated at once.
    expect(steps > 0).toBe(codec.kind !== 'ts');
  });

  it('are one frame each in raw mode', () => {
    const octets = Buffer.concat([compressed('hello'), ...fragmented(deflated('hello'), 3)]);
    const frame = { frame: Opcode.Text, fin: true, octets: Buffer.from('hello').toString('hex') };
    expect(receiveAllWays(octets, { ...OPTIONS, raw: true })).toEqual([frame, frame]);
  });

  it('are views of memory that is used again, for zero-copy receivers', () => {
    const harness = new ReceiverHarness({ ...OPTIONS, zeroCopy: true });
    harness.feed(Buffer.concat([compressed(TEXT, Opcode.Binary), compressed(`${TEXT}!`, Opcode.Binary)]));
    expect(harness.events).toEqual([TEXT, `${TEXT}!`].map((text) => binaryMessage(Buffer.from(text))));
  });

  it('do not disturb the payloads of the same read that users keep', () => {
    const plain = (i: number) => frameFor('server', 2, Buffer.alloc(20 + i, i));
    const octets = Array.from({ length: 40 }, (_, i) =>
      i % 3 === 0 ? compressed(Buffer.alloc(30 + i, i), 2) : plain(i),
    );
    const harness = new ReceiverHarness(OPTIONS);
    harness.feed(Buffer.concat(octets));
    harness.feed(Buffer.concat(octets));
    const expected = Array.from({ length: 40 }, (_, i) => binaryMessage(Buffer.alloc((i % 3 === 0 ? 30 : 20) + i, i)));
    expect(harness.events).toEqual([...expected, ...expected]);
    harness.expectKeptIntact();
  });
});

it('any messages come back, compressed or not, in any fragments and reads, with and without a history', () => {
  const message = fc.record({
    unit: fc.constantFrom('x', 'Grüße aus Zürich ', '{"id":7,"name":"user"},', ''),
    times: fc.oneof(fc.nat(40), fc.constantFrom(5000, 20_000)),
    isCompressed: fc.boolean(),
    fragment: fc.integer({ min: 1, max: 5000 }),
  });
  const scenario = fc.record({
    messages: fc.array(message, { minLength: 1, maxLength: 12 }),
    keeps: fc.boolean(),
    read: fc.integer({ min: 1, max: 4000 }),
  });
  fc.assert(
    fc.property(scenario, ({ messages, keeps, read }) => {
      const stream = new StreamDeflater();
      const texts = messages.map(({ unit, times }) => unit.repeat(times));
      const octets = messages.flatMap(({ isCompressed, fragment }, i) => {
        const bytes = Buffer.from(texts[i]);
        if (!isCompressed) return [frameFor('server', 1, bytes)];
        const payload = keeps ? stream.deflate(bytes) : deflated(bytes);
        return fragmented(payload, Math.max(fragment, payload.length >> 9));
      });
      const all = Buffer.concat(octets);
      const harness = new ReceiverHarness({ inflater: keeps ? new KeepingInflater(15) : new Inflater(15) });
      for (let at = 0; at < all.length; at += read) harness.feed(all.subarray(at, at + read));
      // Not toEqual: it would print all of them.
      expect(harness.events.length).toBe(texts.length);
      expect(harness.events.every((event, i) => 'text' in event && event.text === texts[i])).toBe(true);
    }),
    { seed: SEED, numRuns: 150 },
  );
});

describe('in raw mode', () => {
  const raw = { ...OPTIONS, raw: true };

  it('a compressed message is one frame, however many it came in', () => {
    const octets = [compressed(TEXT), ...fragmented(deflated(TEXT), 50), frameFor('server', 1, 'plain')];
    const events = [dataFrame(true, 1, TEXT), dataFrame(true, 1, TEXT), dataFrame(true, 1, 'plain')];
    expect(receiveAllWays(octets, raw)).toEqual(events);
  });

  it('compressed text that is not UTF-8 fails with 1007, unless nothing is to be checked', () => {
    const octets = compressed(Buffer.of(0xff, 0xfe));
    expect(receiveAllWays(octets, raw)).toEqual([faultEvent(FAULT.INVALID_UTF8)]);
    expect(receiveAllWays(octets, { ...raw, skipUtf8: true })).toEqual([dataFrame(true, 1, Buffer.of(0xff, 0xfe))]);
    expect(receiveAllWays(compressed(Buffer.of(0xff, 0xfe), 2), raw)).toHaveLength(1);
  });
});

it('a message may have any number of bytes if nothing limits it', () => {
  for (const maxPayload of [Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER, 2 ** 32, 2 ** 32 - 1]) {
    const octets = [compressed(TEXT), compressed(Buffer.alloc(400_000), 2)];
    const events = [textMessage(TEXT), binaryMessage(Buffer.alloc(400_000))];
    expect(receiveReads(octets, { ...OPTIONS, maxPayload })).toEqual(events);
  }
});
