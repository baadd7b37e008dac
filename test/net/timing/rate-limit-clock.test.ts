import { performance } from 'node:perf_hooks';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RateLimit, type RateLimitSettings } from '../../../src/net/timing/rate-limit.js';
import { SEED } from '../../support/codecs.js';
import { limit, UNLIMITED } from '../../support/rate-limits.js';

/** The wheel of the deadlines, on a clock that the test moves. */
const wheel = vi.hoisted(() => ({ now: 0, due: Number.POSITIVE_INFINITY, keepers: 0, SLOT: 50 }));

vi.mock('../../../src/net/timing/deadlines.js', () => ({
  SLOT: wheel.SLOT,
  scheduleDeadline: (_item: unknown, at: number) => {
    const end = Math.ceil(at / wheel.SLOT) * wheel.SLOT;
    // A timer takes a millisecond at least.
    wheel.due = Math.min(wheel.due, end > wheel.now ? end : wheel.now + 1);
  },
  cancelDeadline: () => {
    wheel.due = Number.POSITIVE_INFINITY;
  },
  keepProcess: () => void wheel.keepers++,
  letProcessEnd: () => void wheel.keepers--,
}));

/** An hour: what a full bucket gains while nothing comes must not count. */
const BEGIN = 3_600_000;
/** Of sums of fractions. */
const ROUNDING = 1e-6;

beforeEach(() => {
  wheel.now = BEGIN;
  wheel.due = Number.POSITIVE_INFINITY;
  wheel.keepers = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => wheel.now);
});
afterEach(() => vi.restoreAllMocks());

/** One frame, which comes in a read of its own, or after another in the same read. */
interface Arrival {
  readonly at: number;
  readonly bytes: number;
  readonly endsMessage: boolean;
}

/** An inbox under a rate limit: what arrives while it is held waits, and so does what is above the limit within a read. */
class Simulation {
  readonly deliveries: number[] = [];
  readonly limit: RateLimit;
  readonly counters = { rateLimited: 0 };
  isHeld = false;
  failedAt = Number.NaN;
  readonly #arrived: Arrival[] = [];

  constructor(some: RateLimitSettings) {
    this.limit = new RateLimit(some, this);
  }

  hold(): void {
    this.isHeld = true;
  }

  release(): void {
    this.isHeld = false;
    this.#handle();
  }

  #handle(): void {
    while (!this.isHeld && this.deliveries.length < this.#arrived.length && Number.isNaN(this.failedAt)) {
      const { bytes, endsMessage } = this.#arrived[this.deliveries.length];
      this.limit.onBytes(bytes);
      this.limit.onTurnBegin();
      if (this.limit.onFrame(endsMessage)) this.#fail();
      else this.deliveries.push(wheel.now);
      if (this.limit.onTurnEnd()) this.#fail();
    }
  }

  #fail(): void {
    this.failedAt = wheel.now;
    this.limit.stop();
  }

  /** Moves the clock. */
  until(time: number): void {
    while (wheel.due <= time) {
      wheel.now = Math.max(wheel.now, wheel.due);
      wheel.due = UNLIMITED;
      this.limit.onDeadline();
    }
    wheel.now = time;
  }

  arrive(...arrivals: Arrival[]): this {
    for (const arrival of arrivals) {
      this.until(arrival.at);
      this.#arrived.push(arrival);
      this.#handle();
    }
    return this;
  }

  /** Goes on until all are delivered. */
  finish(count: number): this {
    while (this.deliveries.length < count)
      this.until(wheel.due === UNLIMITED ? nothingIsDue(this.deliveries) : wheel.due);
    return this;
  }
}

function nothingIsDue(deliveries: readonly number[]): never {
  throw new Error(`Nothing is due after ${deliveries.length} deliveries`);
}

/** One bucket, by the book: it gains at every moment, and is never more than full. */
class ModelBucket {
  #tokens: number;
  #time = BEGIN;
  readonly #capacity: number;
  readonly #perToken: number;
  constructor(capacity: number, per: number) {
    this.#capacity = capacity;
    this.#tokens = capacity;
    this.#perToken = per / capacity;
  }
  /** When there is a whole token, not before `time`. */
  whenReady(time: number): number {
    if (this.#capacity === UNLIMITED) return time;
    return Math.max(time, this.#time + (1 - this.#tokens) * this.#perToken);
  }
  take(time: number, count: number): void {
    if (this.#capacity === UNLIMITED) return;
    this.#tokens = Math.min(this.#capacity, this.#tokens + (time - this.#time) / this.#perToken) - count;
    this.#time = time;
  }
}

/** When each frame is delivered, if one may not be delivered before each bucket has a token. */
function modelDeliveries({ messages, frames, bytes, per }: RateLimitSettings, arrivals: readonly Arrival[]): number[] {
  const buckets = [messages, frames, bytes].map((capacity) => new ModelBucket(capacity, per));
  let time = BEGIN;
  return arrivals.map((arrival) => {
    time = buckets.reduce((latest, bucket) => bucket.whenReady(latest), Math.max(time, arrival.at));
    for (const [i, count] of [Number(arrival.endsMessage), 1, arrival.bytes].entries()) buckets[i].take(time, count);
    return time;
  });
}

const frame = (at: number, bytes = 6, endsMessage = true): Arrival => ({ at: BEGIN + at, bytes, endsMessage });
const burst = (count: number, at = 0) => Array.from({ length: count }, () => frame(at));

describe('a token bucket, on a moved clock', () => {
  test('lets exactly the burst through, also after an hour of silence', () => {
    for (const some of [{ messages: 10 }, { frames: 10 }]) {
      wheel.now = BEGIN;
      const simulation = new Simulation(limit(some)).arrive(...burst(30, 3_600_000));
      expect(simulation.deliveries).toHaveLength(10);
      expect(simulation.isHeld).toBe(true);
    }
  });

  test('lets no second burst through that came back while the first was not used up', () => {
    const simulation = new Simulation(limit({ messages: 10 }));
    simulation.arrive(...burst(5), ...burst(30, 5000));
    expect(simulation.deliveries).toHaveLength(15);
  });

  test('does not count a message as two, nor a fragment as a message', () => {
    const simulation = new Simulation(limit({ messages: 2, frames: 100 }));
    const fragment = frame(0, 6, false);
    simulation.arrive(fragment, fragment, fragment, frame(0), fragment, frame(0), fragment);
    expect(simulation.deliveries).toHaveLength(6);
  });

  test('bytes go into debt, which is paid before anything else is read', () => {
    const simulation = new Simulation(limit({ bytes: 1000 })).arrive(frame(0, 5000), frame(0, 10));
    expect(simulation.deliveries).toEqual([BEGIN]);
    simulation.finish(2);
    expect(simulation.deliveries[1] - BEGIN).toBeGreaterThanOrEqual(4000);
    expect(simulation.deliveries[1] - BEGIN).toBeLessThanOrEqual(4100);
  });

  test('counts each stop once', () => {
    const simulation = new Simulation(limit({ messages: 1, frames: 1, bytes: 1 })).arrive(...burst(3)).finish(3);
    expect(simulation.counters.rateLimited).toBe(3);
  });

  test('keeps the process while it holds, and no longer', () => {
    const simulation = new Simulation(limit({ messages: 1, per: 60 })).arrive(...burst(3));
    expect(wheel.keepers).toBe(1);
    simulation.finish(3);
    expect(wheel.keepers).toBe(1);
    simulation.until(wheel.now + 1000);
    expect([wheel.keepers, wheel.due]).toEqual([0, UNLIMITED]);
  });

  test('stop ends the hold, and everything passes', () => {
    const simulation = new Simulation(limit({ messages: 1, frames: 1, bytes: 1 })).arrive(...burst(2));
    simulation.limit.stop();
    expect([wheel.keepers, wheel.due]).toEqual([0, UNLIMITED]);
    simulation.release();
    simulation.arrive(...burst(1000));
    expect(simulation.deliveries).toHaveLength(1002);
    expect([simulation.isHeld, wheel.keepers, wheel.due]).toEqual([false, 0, UNLIMITED]);
    simulation.limit.stop();
    expect(wheel.keepers).toBe(0);
  });
});

describe('close', () => {
  const closing = (some: Partial<RateLimitSettings>) => new Simulation(limit({ ...some, action: 'close' }));

  test('fails at the first above the limit, and never holds', () => {
    for (const some of [{ messages: 10 }, { frames: 10 }, { bytes: 60 }]) {
      wheel.now = BEGIN;
      const simulation = closing(some).arrive(...burst(30, 5000));
      expect(simulation.deliveries).toHaveLength(10);
      expect(simulation.failedAt).toBe(BEGIN + 5000);
      expect([simulation.isHeld, wheel.due, simulation.counters.rateLimited]).toEqual([false, UNLIMITED, 1]);
    }
  });

  test('spares a peer that stays at the limit', () => {
    const simulation = closing({ messages: 10 });
    simulation.arrive(...Array.from({ length: 10_000 }, (_, i) => frame(100 * i + ROUNDING)));
    expect(simulation.failedAt).toBeNaN();
  });
});

describe('the plain model of a token bucket', () => {
  const limits = fc
    .record({
      messages: fc.option(fc.integer({ min: 1, max: 40 }), { nil: UNLIMITED }),
      frames: fc.option(fc.integer({ min: 1, max: 80 }), { nil: UNLIMITED }),
      bytes: fc.option(fc.integer({ min: 1, max: 5000 }), { nil: UNLIMITED }),
      per: fc.constantFrom(1, 10, 49, 50, 51, 100, 1000, 60_000),
    })
    .map(limit);
  const arrivals = fc
    .array(
      fc.record({
        after: fc.oneof(fc.constant(0), fc.constant(0), fc.nat(30), fc.nat(3000)),
        bytes: fc.oneof(fc.constant(6), fc.integer({ min: 2, max: 4000 })),
        endsMessage: fc.boolean(),
      }),
      { minLength: 1, maxLength: 150 },
    )
    .map((list) => {
      let at = BEGIN;
      return list.map(({ after, ...arrival }) => {
        at += after;
        return { ...arrival, at };
      });
    });

  test('says when each frame is delivered, to the resolution of the wheel', () => {
    fc.assert(
      fc.property(limits, arrivals, (some, list) => {
        wheel.now = BEGIN;
        wheel.due = UNLIMITED;
        const { deliveries } = new Simulation(some).arrive(...list).finish(list.length);
        const expected = modelDeliveries(some, list);
        const lateness = deliveries.map((time, i) => time - expected[i]);
        // A bucket passes on at once what came back while the wheel was late, even if nobody had waited for it.
        expect(Math.min(...lateness)).toBeGreaterThanOrEqual(-2 * wheel.SLOT);
        expect(Math.max(...lateness)).toBeLessThanOrEqual(wheel.SLOT + 2);
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });

  test.each([
    [1, 1000],
    [1, 10],
    [1, 1],
    [3, 100],
    [7, 333],
    [100, 1000],
    [1000, 60_000],
  ])('a peer that always sends gets %d per %d ms in the long run, or hardly less', (messages, per) => {
    const simulation = new Simulation(limit({ messages, per }));
    const duration = Math.max(20_000, 10 * per);
    const allowed = (messages * duration) / per;
    simulation.arrive(...burst(Math.ceil(allowed) * 2 + messages * 60));
    simulation.until(BEGIN + duration);
    const afterBurst = simulation.deliveries.length - messages;
    expect(afterBurst).toBeLessThanOrEqual(allowed + (messages * wheel.SLOT) / per);
    expect(afterBurst).toBeGreaterThanOrEqual(0.95 * allowed);
  });

  test('a timer that comes late costs a peer that waits no more than it would have been full', () => {
    const simulation = new Simulation(limit({ messages: 10 })).arrive(...burst(1000));
    wheel.now += 10_000;
    wheel.due = UNLIMITED;
    simulation.limit.onDeadline();
    expect(simulation.deliveries).toHaveLength(20);
  });
});
