import { beforeEach, describe, expect, test, vi } from 'vitest';

type SpareMemory = typeof import('../../src/protocol/spare-memory.js');

/** With nothing kept. */
let memory: SpareMemory;

beforeEach(async () => {
  vi.resetModules();
  memory = await import('../../src/protocol/spare-memory.js');
});

const KiB = 1024;
const MiB = 1_048_576;

describe('spare memory', () => {
  test('is handed out once, the last that fits first', () => {
    const [first, second] = [Buffer.alloc(64 * KiB), Buffer.alloc(64 * KiB)];
    memory.keepSpare(first);
    memory.keepSpare(second);
    expect(memory.takeSpare(64 * KiB + 1, MiB)).toBe(null);
    expect(memory.takeSpare(1, 64 * KiB - 1)).toBe(null);
    expect(memory.takeSpare(1, 64 * KiB)).toBe(second);
    expect(memory.takeSpare(64 * KiB, MiB)).toBe(first);
    expect(memory.takeSpare(1, MiB)).toBe(null);
  });

  test('is 64 KiB to 2 MiB, 8 MiB in all, the latest', () => {
    memory.keepSpare(Buffer.alloc(64 * KiB - 1));
    memory.keepSpare(Buffer.alloc(2 * MiB + 1));
    expect(memory.takeSpare(0, 4 * MiB)).toBe(null);
    const all: Buffer[] = Array.from({ length: 10 }, () => Buffer.alloc(MiB));
    for (const bytes of all) memory.keepSpare(bytes);
    const taken = Array.from({ length: 10 }, () => all.indexOf(memory.takeSpare(MiB, MiB)!));
    expect(taken).toEqual([9, 8, 7, 6, 5, 4, 3, 2, -1, -1]);
  });
});

describe('memory that is lent', () => {
  const lendTo = (bytes: Buffer, use: (lent: Buffer) => void) => memory.lend(bytes, 100, use);
  const spare = () => memory.takeSpare(1, MiB);

  test('is known until the call returns, and spare then', () => {
    const bytes = Buffer.alloc(MiB);
    lendTo(bytes, (lent) => {
      expect([lent.length, lent.buffer === bytes.buffer]).toEqual([100, true]);
      expect([memory.isLent(lent), memory.isLent(lent.subarray(5)), memory.isLent(Buffer.alloc(1))]).toEqual([
        ...[true, true, false],
      ]);
      expect(spare()).toBe(null);
    });
    expect(memory.isLent(bytes)).toBe(false);
    expect(memory.leaseOf(bytes)).toBe(null);
    expect(spare()).toBe(bytes);
  });

  test('is spare when all of its readers have released it', () => {
    const bytes = Buffer.alloc(MiB);
    const leases: ReturnType<SpareMemory['leaseOf']>[] = [];
    lendTo(bytes, (lent) => leases.push(memory.leaseOf(lent), memory.leaseOf(lent), memory.leaseOf(Buffer.alloc(1))));
    expect(leases[2]).toBe(null);
    expect(spare()).toBe(null);
    leases[0]!.release();
    expect(spare()).toBe(null);
    leases[1]!.release();
    expect(spare()).toBe(bytes);
  });

  test('is not spare before the call returns, though readers have released it', () => {
    const bytes = Buffer.alloc(MiB);
    lendTo(bytes, (lent) => {
      memory.leaseOf(lent)!.release();
      expect(spare()).toBe(null);
    });
    expect(spare()).toBe(bytes);
  });

  test('is lent as a view, so that nobody has a hand on what is used again', () => {
    const bytes = Buffer.alloc(64 * KiB);
    memory.lend(bytes, bytes.length, (lent) => expect(lent).not.toBe(bytes));
    try {
      structuredClone(0, { transfer: [bytes.buffer] });
    } catch {
      // Node 20 ignores it instead.
    }
    expect(bytes).toHaveLength(64 * KiB);
  });

  test('is spare after a call that throws', () => {
    const bytes = Buffer.alloc(MiB);
    const call = () =>
      lendTo(bytes, () => {
        throw new Error('handler');
      });
    expect(call).toThrow('handler');
    expect([memory.isLent(bytes), spare()]).toEqual([false, bytes]);
  });
});
