import { describe, expect, test } from 'vitest';
import { SCRATCH_SIZE, WINDOW_START } from '../../../src/codec/memory-map.js';
import { codec } from '../../../src/codec/select.js';
import { copyMasked } from '../../../src/net/writing/masked-copy.js';

const KEY = 0xa5_c3_01_7f;
const KEY_OCTETS = [0x7f, 0x01, 0xc3, 0xa5];

const payloadOf = (size: number) => Buffer.from(Array.from({ length: size }, (_, i) => i ^ (i >>> 8)));
/** RFC 6455 §5.3, octet by octet. */
const masked = (payload: Buffer) => payload.map((octet, i) => octet ^ KEY_OCTETS[i % 4]);

describe('a masked copy', () => {
  test.each([
    ...Array.from({ length: 70 }, (_, size) => size),
    ...[1000, 65_536, SCRATCH_SIZE - 1, SCRATCH_SIZE, SCRATCH_SIZE + 1, 2 * SCRATCH_SIZE + 5],
  ])('of %i octets is what §5.3 says, and touches nothing beside it', (size) => {
    const payload = payloadOf(size);
    const target = Buffer.alloc(size + 20, 0xee);
    copyMasked(target, 7, payload, KEY);
    expect(target.subarray(7, 7 + size).equals(masked(payload))).toBe(true);
    expect(target.subarray(0, 7)).toEqual(Buffer.alloc(7, 0xee));
    expect(target.subarray(7 + size)).toEqual(Buffer.alloc(13, 0xee));
    expect(payload.equals(payloadOf(size))).toBe(true);
  });

  test.each([20, 10_000])('of a view of the receive window, %i octets, leaves the window as it was', (size) => {
    codec.bytes.set(payloadOf(size), WINDOW_START);
    const target = Buffer.alloc(size);
    copyMasked(target, 0, codec.bytes.subarray(WINDOW_START, WINDOW_START + size), KEY);
    expect(target.equals(masked(payloadOf(size)))).toBe(true);
    expect(codec.bytes.subarray(WINDOW_START, WINDOW_START + size).equals(payloadOf(size))).toBe(true);
  });

  test('takes a Uint8Array that is no Buffer, at an odd offset of its memory', () => {
    const payload = Uint8Array.from(payloadOf(103)).subarray(3);
    const target = Buffer.alloc(100);
    copyMasked(target, 0, payload, KEY);
    expect(target.equals(masked(Buffer.from(payload)))).toBe(true);
  });
});
