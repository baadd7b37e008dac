import { describe, expect, it } from 'vitest';
import { FRAME_ROWS, WINDOW_START } from '../../src/codec/memory-map.js';
import { codec } from '../../src/codec/select.js';
import { FAULT } from '../../src/protocol/faults.js';
import type { Role } from '../../src/protocol/frame-rules.js';
import { frameFor, frameHeaderFor, octetsOf } from '../support/framer.js';
import {
  binaryMessage,
  controlFrame,
  faultEvent,
  octetsUntilFault,
  ReceiverHarness,
  receiveAllWays,
  receiveReads,
  textMessage,
} from '../support/receiver-harness.js';
import { encodeFrame, RFC_6455_EXAMPLES } from '../vectors/frames.js';

const ROLES: Role[] = ['server', 'client'];
const HELLO = octetsOf('81 85 00000000 68656c6c6f');

/** Around each step between length forms, and around each step of the masking loops. */
const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 125, 126, 127, 65_535, 65_536];

function payloadOf(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + 7) & 0xff));
}

describe('the examples of RFC 6455 §5.7', () => {
  it.each([
    { name: 'a single-frame unmasked text message', role: 'client', octets: '81 05 48 65 6c 6c 6f' },
    { name: 'a single-frame masked text message', role: 'server', octets: '81 85 37 fa 21 3d 7f 9f 4d 51 58' },
    { name: 'a fragmented unmasked text message', role: 'client', octets: '01 03 48 65 6c 80 02 6c 6f' },
  ] as const)('$name', ({ role, octets }) => {
    expect(receiveAllWays(octetsOf(octets), { role })).toEqual([textMessage('Hello')]);
  });

  it('an unmasked Ping and a masked Pong', () => {
    expect(receiveAllWays(octetsOf('89 05 48 65 6c 6c 6f'), { role: 'client' })).toEqual([controlFrame(9, 'Hello')]);
    expect(receiveAllWays(octetsOf('8a 85 37 fa 21 3d 7f 9f 4d 51 58'))).toEqual([controlFrame(10, 'Hello')]);
  });

  it.each(RFC_6455_EXAMPLES.filter(({ length }) => length >= 256n))('$name', ({ octets, payload }) => {
    expect(receiveAllWays(octets, { role: 'client' })).toEqual([binaryMessage(payload)]);
  });
});

describe.each(ROLES)('payload lengths, as %s', (role) => {
  it.each(LENGTHS)('%i octets in one frame, then another frame', (length) => {
    const payload = payloadOf(length);
    const stream = [frameFor(role, 2, payload), frameFor(role, 1, 'behind')];
    expect(receiveAllWays(stream, { role })).toEqual([binaryMessage(payload), textMessage('behind')]);
  });

  it('the length of a header alone is no message', () => {
    for (const length of [1n, 125n, 126n, 65_535n, 65_536n, 1_048_576n]) {
      expect(receiveAllWays(frameHeaderFor(role, 2, length), { role })).toEqual([]);
    }
  });
});

describe('cutting', () => {
  it('hostile.F-26: a stream of frames of every kind makes the same events cut at any one octet', () => {
    const stream = Buffer.concat([
      frameFor('server', 1, 'a€😀'),
      frameFor('server', 2, payloadOf(130)),
      frameFor('server', 9, 'ping'),
      frameFor('server', 1, 'é', { fin: false }),
      frameFor('server', 10, ''),
      frameFor('server', 0, '', { fin: false }),
      frameFor('server', 0, 'è'),
      frameFor('server', 2, ''),
      frameFor('server', 8, octetsOf('03e8 627965')),
    ]);
    const events = receiveAllWays(stream);
    expect(events).toHaveLength(7);
    for (let cut = 1; cut < stream.length; cut++) {
      expect(receiveReads([stream.subarray(0, cut), stream.subarray(cut)]), `cut at ${cut}`).toEqual(events);
    }
  });

  it('a header may come in as many reads as it has octets, whatever form its length has', () => {
    for (const length of [0, 125, 126, 65_536]) {
      const harness = new ReceiverHarness();
      const frame = frameFor('server', 2, payloadOf(length));
      const headerEnd = frame.length - length;
      for (let i = 0; i < headerEnd; i++) {
        expect(harness.receiver.midMessage).toBe(i > 0);
        harness.feed(frame.subarray(i, i + 1));
      }
      harness.feed(frame.subarray(headerEnd));
      expect(harness.events).toEqual([binaryMessage(payloadOf(length))]);
      expect(harness.receiver.midMessage).toBe(false);
    }
  });

  it('an empty read changes nothing, neither within a header nor within a payload', () => {
    const harness = new ReceiverHarness();
    for (let i = 0; i < HELLO.length; i++) {
      expect(harness.receiver.receive(WINDOW_START, WINDOW_START)).toBe(WINDOW_START);
      harness.feed(HELLO.subarray(i, i + 1));
    }
    expect(harness.receiver.receive(WINDOW_START, WINDOW_START)).toBe(WINDOW_START);
    expect(harness.events).toEqual([textMessage('hello')]);
  });

  it('frames beyond what the table holds are left for the next call, in order', () => {
    const frames = Array.from({ length: 3 * FRAME_ROWS + 1 }, (_, i) => frameFor('server', 1, String(i)));
    const harness = new ReceiverHarness();
    const taken = harness.readOnce(Buffer.concat(frames));
    expect(taken).toBe(Buffer.concat(frames.slice(0, FRAME_ROWS)).length);
    expect(harness.events).toEqual(frames.slice(0, FRAME_ROWS).map((_, i) => textMessage(String(i))));
    expect(receiveAllWays(frames)).toEqual(frames.map((_, i) => textMessage(String(i))));
  });

  it('a full table in front of a header that is cut', () => {
    const frames = Array.from({ length: FRAME_ROWS }, (_, i) => frameFor('server', 1, String(i)));
    const harness = new ReceiverHarness();
    harness.feed(Buffer.concat([...frames, HELLO.subarray(0, 3)]));
    harness.feed(HELLO.subarray(3));
    expect(harness.events).toHaveLength(FRAME_ROWS + 1);
    expect(harness.events.at(-1)).toEqual(textMessage('hello'));
  });
});

describe('masking (RFC 6455 §5.1, §5.3)', () => {
  it('hostile.F-18: a masking key of zeros is as good as any', () => {
    for (const key of [0, 0xffff_ffff, 0x0000_0080, 0x8000_0000, 0x0102_0304]) {
      expect(receiveAllWays(frameFor('server', 1, 'hello', { key }))).toEqual([textMessage('hello')]);
    }
  });

  it('hostile.F-01 hostile.A1.12: an unmasked frame fails a server, and neither it nor what follows is delivered', () => {
    const stream = Buffer.concat([octetsOf('81 05 68656c6c6f'), HELLO]);
    expect(receiveAllWays(stream)).toEqual([faultEvent(FAULT.EXPECTED_MASK)]);
    expect(FAULT.EXPECTED_MASK.closeCode).toBe(1002);
    expect(octetsUntilFault(stream)).toBe(2);
  });

  it('a masked frame fails a client, and neither it nor what follows is delivered', () => {
    const stream = Buffer.concat([HELLO, octetsOf('81 05 68656c6c6f')]);
    expect(receiveAllWays(stream, { role: 'client' })).toEqual([faultEvent(FAULT.UNEXPECTED_MASK)]);
    expect(octetsUntilFault(stream, { role: 'client' })).toBe(2);
  });

  it('hostile.A1.9: without limit, every length at every alignment, whole and in two reads, touches nothing around it', () => {
    const GUARD = 64;
    const wrong: string[] = [];
    for (const length of LENGTHS) {
      const payload = payloadOf(length);
      const frame = frameFor('server', 2, payload, { key: 0xa5_c3_01_7f });
      for (let alignment = 0; alignment < 16; alignment++) {
        for (const first of [frame.length, frame.length - Math.ceil(length / 2)]) {
          const harness = new ReceiverHarness({ maxPayload: Number.POSITIVE_INFINITY });
          for (const read of [frame.subarray(0, first), frame.subarray(first)]) {
            const start = WINDOW_START + GUARD + alignment;
            const end = start + read.length;
            codec.bytes.fill(0xee, start - GUARD, end + GUARD);
            codec.bytes.set(read, start);
            harness.receiver.receive(start, end);
            const around = [codec.bytes.subarray(start - GUARD, start), codec.bytes.subarray(end, end + GUARD)];
            if (!around.every((guard) => guard.every((octet) => octet === 0xee))) {
              wrong.push(`${length} octets at ${alignment}: touched what is around`);
            }
          }
          const expected = JSON.stringify([binaryMessage(payload)]);
          if (JSON.stringify(harness.events) !== expected)
            wrong.push(`${length} octets at ${alignment}: other payload`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('the first octet (RFC 6455 §5.2)', () => {
  it.each(['f1', 'e1', 'd1', 'c1', 'b1', 'a1', '91', 'c9', '98', '40', 'c0'])(
    'hostile.F-02: reserved bits without an extension fail with 1002 at once: %s',
    (first) => {
      const stream = octetsOf(`${first} 80 00000000`);
      expect(receiveAllWays([stream, HELLO])).toEqual([faultEvent(FAULT.RESERVED_BITS)]);
      expect(FAULT.RESERVED_BITS.closeCode).toBe(1002);
      expect(octetsUntilFault(stream)).toBe(1);
    },
  );

  it('hostile.A1.13: RSV1, for which no extension can be negotiated, fails on data, continuation and Ping alike', () => {
    const reserved = [faultEvent(FAULT.RESERVED_BITS)];
    expect(receiveAllWays(octetsOf('c1 85 00000000 68656c6c6f'))).toEqual(reserved);
    expect(receiveAllWays(octetsOf('41 81 00000000 68 c0 80 00000000'))).toEqual(reserved);
    expect(receiveAllWays(octetsOf('01 81 00000000 68 c0 80 00000000'))).toEqual(reserved);
    expect(receiveAllWays(octetsOf('c9 80 00000000'))).toEqual(reserved);
  });

  it.each([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])(
    'hostile.F-03: the reserved opcode %i fails with 1002 at once, also where the header declares a huge length',
    (opcode) => {
      const first = (0x80 | opcode).toString(16);
      for (const rest of ['80 00000000', 'ff 7fffffffffffffff', 'ff 000000007fffffff']) {
        const stream = octetsOf(`${first} ${rest}`);
        expect(receiveAllWays([stream, HELLO])).toEqual([faultEvent(FAULT.RESERVED_OPCODE)]);
        expect(octetsUntilFault(stream)).toBe(1);
      }
      expect(FAULT.RESERVED_OPCODE.closeCode).toBe(1002);
    },
  );
});

describe('the payload length (RFC 6455 §5.2)', () => {
  it.each(['8000000000000000', 'ffffffffffffffff'])(
    'hostile.A1.1 hostile.F-14: a 64-bit length with its highest bit set fails with 1002 before the masking key: %s',
    (length) => {
      const stream = octetsOf(`82 ff ${length} 00000000`);
      expect(receiveAllWays([stream, HELLO])).toEqual([faultEvent(FAULT.LENGTH_SIGN_BIT)]);
      expect(FAULT.LENGTH_SIGN_BIT.closeCode).toBe(1002);
      expect(octetsUntilFault(stream)).toBe(10);
      expect(octetsUntilFault(stream, { maxPayload: Number.POSITIVE_INFINITY, lenientLengths: true })).toBe(10);
    },
  );

  it.each([
    { form: 2, length: 0 },
    { form: 2, length: 2 },
    { form: 2, length: 125 },
    { form: 8, length: 2 },
    { form: 8, length: 125 },
    { form: 8, length: 126 },
    { form: 8, length: 127 },
    { form: 8, length: 65_535 },
  ] as const)(
    'hostile.F-17: $length octets in $form octets of length fail with 1002, and are taken with lenientLengths',
    ({ form, length }) => {
      for (const role of ROLES) {
        const stream = frameFor(role, 2, payloadOf(length), { form });
        expect(receiveAllWays(stream, { role })).toEqual([faultEvent(FAULT.LENGTH_NOT_MINIMAL)]);
        expect(octetsUntilFault(stream, { role })).toBe(2 + form);
        expect(receiveAllWays(stream, { role, lenientLengths: true })).toEqual([binaryMessage(payloadOf(length))]);
      }
      expect(FAULT.LENGTH_NOT_MINIMAL.closeCode).toBe(1002);
    },
  );

  it('lenientLengths goes for text and for fragments too', () => {
    const stream = [
      frameFor('server', 1, 'é', { form: 8, fin: false }),
      frameFor('server', 0, '', { form: 2 }),
      frameFor('server', 1, 'ü', { form: 2 }),
    ];
    expect(receiveAllWays(stream, { lenientLengths: true })).toEqual([textMessage('é'), textMessage('ü')]);
  });
});

describe('after a fault (RFC 6455 §7.1.7)', () => {
  it('what came before it in the same read is delivered, what comes after is discarded, and it is reported once', () => {
    const bad = octetsOf('83 80 00000000');
    const events = receiveAllWays([HELLO, frameFor('server', 9, 'p'), bad, HELLO, bad, HELLO]);
    expect(events).toEqual([textMessage('hello'), controlFrame(9, 'p'), faultEvent(FAULT.RESERVED_OPCODE)]);
  });

  it('a header that is good as far as it goes is judged again when more of it comes', () => {
    const harness = new ReceiverHarness();
    harness.feed(octetsOf('82'));
    harness.feed(octetsOf('fe 00'));
    expect(harness.events).toEqual([]);
    harness.feed(octetsOf('7d'));
    expect(harness.events).toEqual([faultEvent(FAULT.LENGTH_NOT_MINIMAL)]);
    expect(harness.receiver.midMessage).toBe(false);
  });

  it('every first and second octet makes the same of a frame, whole or in pieces', () => {
    const differing: string[] = [];
    for (const role of ROLES) {
      for (let first = 0; first < 256; first++) {
        for (const payload of ['', 'hi']) {
          for (const key of [null, 0x01_02_03_04]) {
            const frame = encodeFrame(first, 0, BigInt(payload.length), key, Buffer.from(payload));
            const whole = JSON.stringify(receiveReads([frame], { role }));
            const pieces = JSON.stringify(
              receiveReads(
                Array.from(frame, (_, i) => frame.subarray(i, i + 1)),
                { role },
              ),
            );
            if (whole !== pieces) differing.push(`${first.toString(16)}: ${whole}, ${pieces}`);
          }
        }
      }
    }
    expect(differing).toEqual([]);
  });
});
