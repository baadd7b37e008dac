import { describe, expect, it } from 'vitest';
import { frameHeaderLength, writeFrameHeader, writeMaskingKey } from '../../src/protocol/frame-header.js';
import { octetsOf } from '../support/framer.js';

const POISON = 0xee;

/** The header as written at index 3, and expects nothing around it to be touched. */
function written(firstOctet: number, maskBit: number, payloadLength: number): Buffer {
  const target = Buffer.alloc(20, POISON);
  const end = writeFrameHeader(target, 3, firstOctet, maskBit, payloadLength);
  expect([...target.subarray(0, 3), ...target.subarray(end)].every((octet) => octet === POISON)).toBe(true);
  return target.subarray(3, end);
}

describe('writeFrameHeader (RFC 6455 §5.2)', () => {
  it.each([
    [0, '82 00'],
    [1, '82 01'],
    [125, '82 7d'],
    [126, '82 7e 007e'],
    [127, '82 7e 007f'],
    [256, '82 7e 0100'],
    [65_535, '82 7e ffff'],
    [65_536, '82 7f 0000000000010000'],
    [2 ** 31, '82 7f 0000000080000000'],
    [2 ** 32 - 1, '82 7f 00000000ffffffff'],
    [2 ** 32, '82 7f 0000000100000000'],
    [2 ** 32 + 5, '82 7f 0000000100000005'],
    [Number.MAX_SAFE_INTEGER, '82 7f 001fffffffffffff'],
  ])('a length of %i takes as few octets as possible', (length, hex) => {
    expect(written(0x82, 0, length)).toEqual(octetsOf(hex));
    const masked = octetsOf(hex);
    masked[1] |= 0x80;
    expect(written(0x82, 0x80, length)).toEqual(masked);
  });

  it('writes the first octet as it is', () => {
    for (const first of [0x00, 0x01, 0x80, 0x88, 0x8a, 0xff]) expect(written(first, 0, 5)).toEqual(Buffer.of(first, 5));
  });

  it.each([0, 1, 125, 126, 65_535, 65_536, 2 ** 40])('%i: frameHeaderLength says how long it is', (length) => {
    expect(frameHeaderLength(length, false)).toBe(written(0x82, 0, length).length);
    expect(frameHeaderLength(length, true)).toBe(written(0x82, 0x80, length).length + 4);
  });
});

describe('writeMaskingKey', () => {
  it('writes four octets in the order in which the codec reads them', () => {
    const target = Buffer.alloc(10, POISON);
    expect(writeMaskingKey(target, 2, 0x3d_21_fa_37)).toBe(6);
    expect(target).toEqual(octetsOf('eeee 37fa213d eeeeeeee'));
    writeMaskingKey(target, 2, 0xff_00_80_01);
    expect(target.readUInt32LE(2)).toBe(0xff_00_80_01);
  });
});
