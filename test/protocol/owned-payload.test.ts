import { describe, expect, it, vi } from 'vitest';
import { beginOwnedPayloads, ownedPayload } from '../../src/protocol/owned-payload.js';

/** Stands for the receive window: octets that differ from place to place. */
function windowOf(length: number, seed = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) + seed) & 0xff));
}

/** Copies payloads of these sizes, two octets of header in front of each, out of one read. */
function copyAll(window: Buffer, sizes: readonly number[], isHeld = false): Buffer[] {
  beginOwnedPayloads();
  let at = 0;
  return sizes.map((size) => {
    const start = at + 2;
    at = start + size;
    return ownedPayload(window, start, at, window.length, isHeld);
  });
}

describe('ownedPayload', () => {
  it.each([0, 1, 125, 2047, 2048, 2049, 8192, 16_383, 16_384, 16_385, 65_536])('copies %i octets', (size) => {
    const window = windowOf(size + 10);
    const sent = Buffer.from(window.subarray(5, 5 + size));
    beginOwnedPayloads();
    const payload = ownedPayload(window, 5, 5 + size, window.length);
    window.fill(0xaa);
    expect(payload.equals(sent)).toBe(true);
    expect(payload.buffer).not.toBe(window.buffer);
  });

  it('keeps the payloads of many reads apart, whatever their sizes are', () => {
    const kept: { readonly payload: Buffer; readonly sent: Buffer }[] = [];
    for (let read = 0; read < 300; read++) {
      const sizes = Array.from(
        { length: 20 },
        (_, i) => (read * 37 + i * 101) % (i === 7 ? 20_000 : i === 11 ? 4000 : 300),
      );
      const window = windowOf(
        sizes.reduce((sum, size) => sum + size + 2, 0),
        read,
      );
      const original = Buffer.from(window);
      let at = 0;
      for (const [i, payload] of copyAll(window, sizes).entries()) {
        kept.push({ payload, sent: original.subarray(at + 2, at + 2 + sizes[i]) });
        at += 2 + sizes[i];
      }
      window.fill(0xaa);
    }
    expect(kept).toHaveLength(6000);
    expect(kept.findIndex(({ payload, sent }) => !payload.equals(sent))).toBe(-1);
  });

  it('gives each payload octets of its own', () => {
    const payloads = copyAll(windowOf(2000), [10, 0, 5, 100, 5]);
    const before = payloads.map((payload) => payload.toString('hex'));
    payloads[2].fill(0xff);
    before[2] = 'ff'.repeat(5);
    expect(payloads.map((payload) => payload.toString('hex'))).toEqual(before);
  });

  it('copies anew after a read, though the same place is asked for', () => {
    const window = windowOf(100);
    const [first] = copyAll(window, [20]);
    const sent = first.toString('hex');
    window.fill(0x55);
    const [second] = copyAll(window, [20]);
    expect(first.toString('hex')).toBe(sent);
    expect(second.equals(Buffer.alloc(20, 0x55))).toBe(true);
  });

  it('takes nothing from behind the octets that are fit to be copied', () => {
    const window = windowOf(100);
    beginOwnedPayloads();
    const first = ownedPayload(window, 2, 10, 12);
    window.fill(0x77, 12);
    const second = ownedPayload(window, 12, 30, 30);
    expect(first.equals(windowOf(100).subarray(2, 10))).toBe(true);
    expect(second.equals(Buffer.alloc(18, 0x77))).toBe(true);
  });

  it('pins 8 KiB at the most for a small payload, 32 or 64 KiB for larger ones, and nothing beside itself for a large one', () => {
    const sizes = [...Array(100).fill(50), 512, 513, 2048, 2049, 50, 16_384, 50, 100_000, 16_385, 2049, 513];
    for (const payload of copyAll(windowOf(300_000), sizes)) {
      const { length } = payload;
      const slab = length <= 512 ? 8192 : length <= 2048 ? 32_768 : 65_536;
      expect(payload.buffer.byteLength).toBe(length <= 16_384 ? slab : length);
    }
    const held = copyAll(windowOf(10_000), [512, 513, 2048, 2049], true);
    expect(held.map((payload) => payload.buffer.byteLength)).toEqual([8192, 8192, 8192, 65_536]);
  });

  it('small payloads of one read share memory and copies: neither is made for each', () => {
    const window = windowOf(10_000);
    const copy = vi.spyOn(window, 'copy');
    const buffers = new Set(copyAll(window, Array(120).fill(60)).map((payload) => payload.buffer));
    expect(buffers.size).toBeLessThanOrEqual(2);
    expect(copy.mock.calls.length).toBeLessThanOrEqual(3);
  });

  it('a user who transfers the memory of one message leaves the others alone', () => {
    const [first, second] = copyAll(windowOf(100), [10, 10]);
    const sent = second.toString('hex');
    try {
      structuredClone(first, { transfer: [first.buffer as ArrayBuffer] });
    } catch {
      // Some versions of Node throw instead of copying.
    }
    expect(second.toString('hex')).toBe(sent);
    expect(second).toHaveLength(10);
  });
});

it('small payloads between large ones share a slab: what they had copied along is given back', () => {
  const window = windowOf(100_000);
  const payloads = copyAll(
    window,
    Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 1 : 4000)),
  );
  const small = payloads.filter(({ length }) => length === 1);
  expect(new Set(small.map(({ buffer }) => buffer)).size).toBeLessThanOrEqual(2);
  let at = 0;
  for (const payload of payloads) {
    at += 2;
    expect(payload.equals(window.subarray(at, at + payload.length))).toBe(true);
    at += payload.length;
  }
});

it('payloads of all sizes in many reads, each over what the last left in the window, are whole', () => {
  const window = windowOf(200_000);
  const kept: { payload: Buffer; octets: string }[] = [];
  for (let read = 0; read < 40; read++) {
    for (let i = 0; i < window.length; i += 7) window[i] = (i + read * 31) & 0xff;
    const sizes = Array.from({ length: 12 }, (_, i) => [3, 600, 5000, 20_000, 40, 2048][(i * (read + 1) + read) % 6]);
    let at = 0;
    for (const payload of copyAll(window, sizes)) {
      at += 2;
      kept.push({ payload, octets: window.toString('latin1', at, at + payload.length) });
      at += payload.length;
    }
  }
  expect(kept.filter(({ payload, octets }) => payload.toString('latin1') !== octets)).toEqual([]);
});
