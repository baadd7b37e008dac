import { beforeAll, describe, expect, it, vi } from 'vitest';

/** The arrays that were filled from the system's CSPRNG, and how often. */
const drawn = vi.hoisted(() => ({ pools: new Set<Uint32Array>(), times: 0 }));

vi.mock('node:crypto', async (importOriginal) => {
  const crypto = await importOriginal<typeof import('node:crypto')>();
  return {
    ...crypto,
    randomFillSync: (pool: Uint32Array) => {
      drawn.pools.add(pool);
      drawn.times++;
      return crypto.randomFillSync(pool);
    },
  };
});

/** Enough for half a percent to be more than six standard deviations of the share of a bit. */
const COUNT = 400_000;

describe(`${COUNT} masking keys (RFC 6455 §5.3)`, () => {
  const keys = new Uint32Array(COUNT);
  let unwiped = 0;
  let newMaskingKey: () => number;

  beforeAll(async () => {
    ({ newMaskingKey } = await import('../../src/protocol/masking-key.js'));
    for (let i = 0; i < COUNT; i++) {
      keys[i] = newMaskingKey();
      const [pool] = drawn.pools;
      if (pool[i % pool.length] !== 0) unwiped++;
    }
  });

  it('do not repeat more than chance makes them', () => {
    // Among 100 000 there are 1.2 repeats by chance; 12 would be one case in 10^8.
    expect(100_000 - new Set(keys.subarray(0, 100_000)).size).toBeLessThan(12);
  });

  it('have each bit set in half of them', () => {
    for (let bit = 0; bit < 32; bit++) {
      let set = 0;
      for (const key of keys) set += (key >>> bit) & 1;
      expect(Math.abs(set / COUNT - 0.5), `bit ${bit}`).toBeLessThan(0.005);
    }
  });

  it('are 32-bit words', () => {
    const key = newMaskingKey();
    expect(Number.isInteger(key) && key >= 0 && key <= 0xffff_ffff).toBe(true);
  });

  it('come from the CSPRNG, many at a time', () => {
    const perDraw = [...drawn.pools].map((pool) => pool.length)[0];
    expect(drawn.pools.size).toBe(1);
    expect(drawn.times).toBe(Math.ceil((COUNT + 1) / perDraw));
  });

  it('are wiped from the pool as they are handed out', () => {
    expect(unwiped).toBe(0);
    const [pool] = drawn.pools;
    const used = (COUNT + 1) % pool.length;
    expect(pool.subarray(0, used).every((word) => word === 0)).toBe(true);
    expect(pool.subarray(used).some((word) => word !== 0)).toBe(true);
  });
});
