import { describe, expect, it } from 'vitest';
import { formatClosePayload, parseClosePayload } from '../../src/protocol/close-payload.js';
import { FAULT } from '../../src/protocol/faults.js';
import { octetsOf } from '../support/framer.js';
import { UTF8_VECTORS } from '../vectors/utf8.js';

const SENDABLE = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
const NOT_SENDABLE = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];

function payloadOf(closeCode: number, reason: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.of(closeCode >> 8, closeCode & 0xff), reason]);
}

describe('parseClosePayload (RFC 6455 §5.5.1)', () => {
  it('an empty payload means 1005 (§7.1.5)', () => {
    expect(parseClosePayload(Buffer.alloc(0))).toEqual({ closeCode: 1005, reason: '' });
  });

  it('hostile.F-07: a payload of one octet is a fault, with 1002', () => {
    expect(parseClosePayload(octetsOf('03'))).toBe(FAULT.BAD_CLOSE_LENGTH);
    expect(FAULT.BAD_CLOSE_LENGTH.closeCode).toBe(1002);
  });

  it.each(SENDABLE)('%i is taken, with and without a reason', (closeCode) => {
    expect(parseClosePayload(payloadOf(closeCode))).toEqual({ closeCode, reason: '' });
    const reason = 'because €';
    expect(parseClosePayload(payloadOf(closeCode, Buffer.from(reason)))).toEqual({ closeCode, reason });
  });

  it.each(NOT_SENDABLE)('§7.4: %i may not be sent: a fault, with 1002', (closeCode) => {
    expect(parseClosePayload(payloadOf(closeCode))).toBe(FAULT.BAD_CLOSE_CODE);
    expect(parseClosePayload(payloadOf(closeCode, Buffer.from('why')))).toBe(FAULT.BAD_CLOSE_CODE);
    expect(FAULT.BAD_CLOSE_CODE.closeCode).toBe(1002);
  });

  it('hostile.F-10: a reason that is not UTF-8 is a fault, with 1007', () => {
    expect(FAULT.BAD_CLOSE_REASON.closeCode).toBe(1007);
    for (const { name, octets, isValid } of UTF8_VECTORS) {
      const parsed = parseClosePayload(payloadOf(1000, octets));
      const expected = isValid ? { closeCode: 1000, reason: octets.toString() } : FAULT.BAD_CLOSE_REASON;
      expect(parsed, name).toEqual(expected);
    }
  });

  it('the code is judged before the reason', () => {
    expect(parseClosePayload(payloadOf(1006, octetsOf('ff')))).toBe(FAULT.BAD_CLOSE_CODE);
  });

  it('takes the longest reason', () => {
    const reason = 'x'.repeat(123);
    expect(parseClosePayload(payloadOf(4000, Buffer.from(reason)))).toEqual({ closeCode: 4000, reason });
  });
});

describe('formatClosePayload', () => {
  it('is empty without a code', () => {
    expect(formatClosePayload()).toHaveLength(0);
    expect(formatClosePayload(undefined, '')).toHaveLength(0);
  });

  it.each(SENDABLE)('%i in network byte order, then the reason', (closeCode) => {
    expect(formatClosePayload(closeCode)).toEqual(payloadOf(closeCode));
    expect(formatClosePayload(closeCode, 'é')).toEqual(payloadOf(closeCode, octetsOf('c3a9')));
  });

  it.each([...NOT_SENDABLE, -1, 1000.5, 3000.5, 66_536, 70_000, Number.NaN, Number.POSITIVE_INFINITY])(
    'throws a TypeError with the value for the code %d',
    (closeCode) => {
      expect(() => formatClosePayload(closeCode)).toThrow(TypeError);
      expect(() => formatClosePayload(closeCode)).toThrow(String(closeCode));
    },
  );

  it('throws a TypeError for what is no number or no string', () => {
    for (const closeCode of ['1000', null, {}, true, 1000n]) {
      expect(() => formatClosePayload(closeCode as number)).toThrow(TypeError);
    }
    for (const reason of [1, null, {}, Buffer.from('why'), new Float32Array(20)]) {
      expect(() => formatClosePayload(1000, reason as string)).toThrow(TypeError);
    }
  });

  it('throws a TypeError for a reason without a code', () => {
    expect(() => formatClosePayload(undefined, 'why')).toThrow(TypeError);
  });

  it('takes 123 octets of reason, counted in UTF-8, and throws a RangeError for more', () => {
    expect(formatClosePayload(1000, 'x'.repeat(123))).toHaveLength(125);
    expect(formatClosePayload(1000, '€'.repeat(41))).toHaveLength(125);
    expect(() => formatClosePayload(1000, 'x'.repeat(124))).toThrow(RangeError);
    expect(() => formatClosePayload(1000, '€'.repeat(42))).toThrow('126 bytes');
  });

  it('a lone surrogate becomes U+FFFD, so that what is sent is UTF-8', () => {
    expect(formatClosePayload(1000, 'a\ud800b')).toEqual(payloadOf(1000, octetsOf('61 efbfbd 62')));
  });

  it('is what parseClosePayload reads', () => {
    for (const closeCode of SENDABLE) {
      const reason = 'going away 👋';
      expect(parseClosePayload(formatClosePayload(closeCode, reason))).toEqual({ closeCode, reason });
    }
    expect(parseClosePayload(formatClosePayload())).toEqual({ closeCode: 1005, reason: '' });
  });
});

describe('parseClosePayload that skips UTF-8', () => {
  it('takes any octets for a reason, and judges the code all the same', () => {
    expect(parseClosePayload(octetsOf('03e8 ff'), true)).toMatchObject({ closeCode: 1000 });
    expect(parseClosePayload(octetsOf('03e8 ff'))).toBe(FAULT.BAD_CLOSE_REASON);
    expect(parseClosePayload(octetsOf('03ed ff'), true)).toBe(FAULT.BAD_CLOSE_CODE);
  });
});
