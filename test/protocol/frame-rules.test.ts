import { describe, expect, it } from 'vitest';
import { FRAME_TABLE, ROW_LENGTH_HI, ROW_LENGTH_LO, WINDOW_START } from '../../src/codec/memory-map.js';
import { codec } from '../../src/codec/select.js';
import { FAULT, type Fault } from '../../src/protocol/faults.js';
import { type FrameRules, judgeFrame, payloadLength } from '../../src/protocol/frame-rules.js';
import { octetsOf } from '../support/framer.js';

const SERVER: FrameRules = {
  role: 'server',
  fragmented: false,
  room: 1_048_576,
  inflates: false,
  compressedRoom: 1_100_000,
  compressed: false,
  lenientLengths: false,
};
const CLIENT: FrameRules = { ...SERVER, role: 'client' };
const KEY = '00000000';

/** The verdict on each prefix of a frame, from one octet on. */
function judgePrefixes(hex: string, rules: FrameRules): (Fault | null)[] {
  const octets = octetsOf(hex);
  return Array.from(octets, (_, i) => {
    codec.bytes.set(octets, WINDOW_START);
    codec.scan(WINDOW_START, WINDOW_START + i + 1);
    return judgeFrame(codec.words, FRAME_TABLE, rules);
  });
}

/** Expects every prefix to pass. */
function expectValid(hex: string, rules: FrameRules): void {
  expect(judgePrefixes(hex, rules).filter((fault) => fault !== null)).toEqual([]);
}

/** Expects `fault` from the prefix of `octets` octets on, and nothing before. */
function expectFault(hex: string, rules: FrameRules, fault: Fault, octets: number): void {
  const verdicts = judgePrefixes(hex, rules);
  expect(verdicts.findIndex((verdict) => verdict !== null) + 1).toBe(octets);
  expect(verdicts.slice(octets - 1)).toEqual(verdicts.slice(octets - 1).map(() => fault));
}

describe('the first octet (RFC 6455 §5.2, §5.4, §5.5)', () => {
  it.each([0x1, 0x2, 0x8, 0x9, 0xa])('opcode %i in one frame is valid', (opcode) => {
    expectValid(`${(0x80 | opcode).toString(16)} 80 ${KEY}`, SERVER);
  });

  it.each([
    ['RSV1', 'c1'],
    ['RSV2', 'a1'],
    ['RSV3', '91'],
    ['RSV1 of a Ping', 'c9'],
    ['RSV2 of a continuation', 'a0'],
    ['RSV3 of a reserved opcode', '9f'],
    ['all of them, without FIN', '71'],
  ])('§5.2: %s fails at once', (_, first) => {
    expectFault(`${first} 80 ${KEY}`, SERVER, FAULT.RESERVED_BITS, 1);
  });

  it.each([0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf])(
    '§5.2: the reserved opcode %i fails at once, with and without FIN',
    (opcode) => {
      expectFault(`8${opcode.toString(16)} 80 ${KEY}`, SERVER, FAULT.RESERVED_OPCODE, 1);
      expectFault(`0${opcode.toString(16)} 80 ${KEY}`, SERVER, FAULT.RESERVED_OPCODE, 1);
    },
  );

  it.each(['08', '09', '0a'])('§5.5: the fragmented control frame %s fails at once', (first) => {
    expectFault(`${first} 80 ${KEY}`, SERVER, FAULT.FRAGMENTED_CONTROL, 1);
    expectFault(`${first} 80 ${KEY}`, { ...SERVER, fragmented: true }, FAULT.FRAGMENTED_CONTROL, 1);
  });

  it('§5.4: a continuation needs a message under way', () => {
    for (const first of ['80', '00']) {
      expectFault(`${first} 80 ${KEY}`, SERVER, FAULT.UNEXPECTED_CONTINUATION, 1);
      expectValid(`${first} 80 ${KEY}`, { ...SERVER, fragmented: true });
    }
  });

  it('§5.4: no new message before the last fragment of the one before', () => {
    for (const first of ['81', '82', '01', '02']) {
      expectFault(`${first} 80 ${KEY}`, { ...SERVER, fragmented: true }, FAULT.EXPECTED_CONTINUATION, 1);
      expectValid(`${first} 80 ${KEY}`, SERVER);
    }
  });

  it('§5.4: control frames may stand between fragments', () => {
    for (const first of ['88', '89', '8a']) expectValid(`${first} 80 ${KEY}`, { ...SERVER, fragmented: true });
  });
});

describe('the second octet (RFC 6455 §5.1, §5.5)', () => {
  it.each(['81', '82', '88', '89', '8a'])('§5.1: who must be masked, in a frame %s', (first) => {
    expectFault(`${first} 00`, SERVER, FAULT.EXPECTED_MASK, 2);
    expectFault(`${first} 80 ${KEY}`, CLIENT, FAULT.UNEXPECTED_MASK, 2);
    expectValid(`${first} 80 ${KEY}`, SERVER);
    expectValid(`${first} 00`, CLIENT);
  });

  it.each(['88', '89', '8a'])('§5.5: a control frame %s has 125 octets of payload at the most', (first) => {
    expectValid(`${first} fd ${KEY}`, SERVER);
    expectValid(`${first} 7d`, CLIENT);
    expectFault(`${first} fe 0005 ${KEY}`, SERVER, FAULT.CONTROL_TOO_LONG, 2);
    expectFault(`${first} ff 0000000000000005 ${KEY}`, SERVER, FAULT.CONTROL_TOO_LONG, 2);
    expectFault(`${first} 7e ffff`, { ...CLIENT, lenientLengths: true }, FAULT.CONTROL_TOO_LONG, 2);
  });

  it('§5.5.1: 125 octets of control frame do not need room for a message', () => {
    expectValid(`89 fd ${KEY}`, { ...SERVER, room: 0 });
  });
});

describe('the payload length (RFC 6455 §5.2)', () => {
  it.each([
    ['7 bits, 0', '00', 2],
    ['7 bits, 125', '7d', 2],
    ['16 bits, 126', '7e 007e', 4],
    ['16 bits, 65 535', '7e ffff', 4],
    ['64 bits, 65 536', '7f 0000000000010000', 10],
  ])('%s is minimal', (_, length) => {
    expectValid(`82 ${length}`, CLIENT);
  });

  it.each([
    ['16 bits for 0', '7e 0000', 4],
    ['16 bits for 125', '7e 007d', 4],
    ['64 bits for 0', '7f 0000000000000000', 10],
    ['64 bits for 126', '7f 000000000000007e', 10],
    ['64 bits for 127', '7f 000000000000007f', 10],
    ['64 bits for 65 535', '7f 000000000000ffff', 10],
  ])('%s is not minimal, and passes only with lenientLengths', (_, length, octets) => {
    expectFault(`82 ${length}`, CLIENT, FAULT.LENGTH_NOT_MINIMAL, octets);
    expectValid(`82 ${length}`, { ...CLIENT, lenientLengths: true });
  });

  it('is judged before the masking key has come', () => {
    expectFault(`82 fe 0001 ${KEY}`, SERVER, FAULT.LENGTH_NOT_MINIMAL, 4);
    expectFault(`82 ff 8000000000000000 ${KEY}`, SERVER, FAULT.LENGTH_SIGN_BIT, 10);
    expectFault(`82 ff 0000000000100001 ${KEY}`, SERVER, FAULT.MESSAGE_TOO_BIG, 10);
  });

  it.each(['8000000000000000', '8000000000000001', 'ffffffffffffffff'])(
    'the most significant bit must be 0: %s, with lenientLengths and without limit too',
    (length) => {
      const lenient = { ...CLIENT, lenientLengths: true, room: Number.POSITIVE_INFINITY };
      expectFault(`82 7f ${length}`, CLIENT, FAULT.LENGTH_SIGN_BIT, 10);
      expectFault(`82 7f ${length}`, lenient, FAULT.LENGTH_SIGN_BIT, 10);
    },
  );

  it.each([
    ['7 bits', 5, '05', '06', 2],
    ['16 bits', 300, '7e 012c', '7e 012d', 4],
    ['64 bits', 65_536, '7f 0000000000010000', '7f 0000000000010001', 10],
    ['more than 32 bits', 2 ** 32, '7f 0000000100000000', '7f 0000000100000001', 10],
    ['as many bits as a number holds', 2 ** 53 - 1, '7f 001fffffffffffff', '7f 0020000000000000', 10],
  ])('a message may fill its room and not one octet more: %s', (_, room, fits, exceeds, octets) => {
    expectValid(`82 ${fits}`, { ...CLIENT, room });
    expectFault(`82 ${exceeds}`, { ...CLIENT, room }, FAULT.MESSAGE_TOO_BIG, octets);
    expectFault(`80 ${exceeds}`, { ...CLIENT, room, fragmented: true }, FAULT.MESSAGE_TOO_BIG, octets);
  });

  it('a message without room may still have empty frames', () => {
    expectValid('80 00', { ...CLIENT, room: 0, fragmented: true });
    expectFault('80 01', { ...CLIENT, room: 0, fragmented: true }, FAULT.MESSAGE_TOO_BIG, 2);
  });
});

describe('payloadLength', () => {
  it.each([
    [0, 0, 0],
    [0, 0xffff_ffff, 2 ** 32 - 1],
    [1, 5, 2 ** 32 + 5],
    [0x001f_ffff, 0xffff_ffff, Number.MAX_SAFE_INTEGER],
    [0x7fff_ffff, 0xffff_ffff, 2 ** 63],
  ])('joins %i and %i', (high, low, length) => {
    codec.words[FRAME_TABLE + ROW_LENGTH_HI] = high;
    codec.words[FRAME_TABLE + ROW_LENGTH_LO] = low;
    expect(payloadLength(codec.words, FRAME_TABLE)).toBe(length);
  });
});
