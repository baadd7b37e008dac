import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type TimeLimitOptions, TimeLimits } from '../../../src/net/timing/time-limits.js';

/** When the limits want to be looked at: the wheel of the deadlines, on a clock that the test moves. */
const wheel = vi.hoisted(() => ({ due: Number.POSITIVE_INFINITY }));

vi.mock('../../../src/net/timing/deadlines.js', () => ({
  scheduleDeadline: (_item: unknown, at: number) => {
    wheel.due = Math.min(wheel.due, at);
  },
  cancelDeadline: () => {
    wheel.due = Number.POSITIVE_INFINITY;
  },
}));

const MIB = 1_048_576;
/** What the kernels of both sides take without the peer reading. */
const KERNEL = 6 * MIB;

let now = 0;

beforeEach(() => {
  now = 1;
  wheel.due = Number.POSITIVE_INFINITY;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => vi.restoreAllMocks());

const DEFAULTS: TimeLimitOptions = {
  pingInterval: 25_000,
  pongTimeout: 20_000,
  idleTimeout: 0,
  messageTimeout: 30_000,
  closeTimeout: 5000,
};

interface Peer {
  /** Bytes that it reads in a second. */
  readonly rate: number;
  /** It answers Pings and Closes that it has read. */
  readonly answers?: boolean;
}

/** A connection on which `sent` bytes are on their way to a peer. */
class Simulation {
  readonly limits: TimeLimits;
  state: 'open' | 'closing' | 'closed' = 'open';
  endedAt = 0;
  cause: Error | undefined;
  pings = 0;
  #sent: number;
  readonly #peer: Peer;
  /** Where in what was sent the Pings end that were not answered. */
  readonly #pings: number[] = [];
  readonly inbox = { isHeldUp: false, messageBytes: 0, receivedBytes: 0 };
  readonly outbox: { bytesTaken: number; departed: number; isBlocked: boolean; bufferedAmount: number; end(): void };

  get isFlushed(): boolean {
    return this.outbox.bufferedAmount === 0;
  }

  constructor(sent: number, peer: Peer, options: Partial<TimeLimitOptions> = {}) {
    this.#sent = sent;
    this.#peer = peer;
    const simulation = this;
    this.outbox = {
      get bytesTaken() {
        return Math.min(simulation.#sent, KERNEL + simulation.#read);
      },
      /** As the slices end. */
      get departed() {
        return this.bytesTaken === simulation.#sent ? this.bytesTaken : Math.floor(this.bytesTaken / MIB) * MIB;
      },
      get isBlocked() {
        return this.bytesTaken < simulation.#sent;
      },
      get bufferedAmount() {
        return simulation.#sent - this.departed;
      },
      end() {},
    };
    this.limits = new TimeLimits({ ...DEFAULTS, ...options }, this);
    this.limits.start();
  }

  get #read(): number {
    return Math.min(this.#sent, (now / 1000) * this.#peer.rate);
  }

  sendPing(): void {
    this.pings++;
    this.#sent += 2;
    this.#pings.push(this.#sent);
  }

  terminate(cause?: Error): void {
    this.state = 'closed';
    this.endedAt = now;
    this.cause = cause;
    this.limits.stop();
  }

  onFault(): void {
    this.terminate(new Error('fault'));
  }

  close(): void {
    this.state = 'closing';
    this.#sent += 4;
    this.limits.onClosing();
  }

  /** Moves the clock, in steps of 50 ms. */
  until(seconds: number): this {
    while (now < seconds * 1000 && this.state !== 'closed') {
      now += 50;
      if (this.#peer.answers !== false) this.#answer();
      this.limits.onDeparted();
      if (now < wheel.due) continue;
      const { due } = wheel;
      wheel.due = Number.POSITIVE_INFINITY;
      this.limits.onDeadline(now, due);
    }
    return this;
  }

  #answer(): void {
    while (this.#pings.length > 0 && this.#pings[0] <= this.#read) {
      this.#pings.shift();
      this.inbox.receivedBytes += 6;
      this.limits.onRead();
      this.limits.onPong();
    }
    if (this.state === 'closing' && this.#read === this.#sent) this.terminate();
  }
}

describe('on a moved clock, with the default limits', () => {
  test.each([
    ['12 MB at 150 kB/s', 12_000_000, 150_000],
    ['48 MB at 150 kB/s', 48_000_000, 150_000],
    ['1 GB at 1 MB/s', 1_000_000_000, 1_000_000],
    ['24 MB at 64 kB/s', 24_000_000, 131_072],
  ])('a peer that reads %s keeps its connection', (_name, sent, rate) => {
    const simulation = new Simulation(sent, { rate }).until(sent / rate + 200);
    expect([simulation.state, simulation.cause]).toEqual(['open', undefined]);
    expect(simulation.pings).toBeGreaterThan(2);
  });

  test('hostile.R-04: an idle peer that is gone is noticed within 45 s', () => {
    const simulation = new Simulation(0, { rate: 0, answers: false }).until(1000);
    expect(simulation.cause).toMatchObject({ code: 'WASOCK_PONG_TIMEOUT' });
    expect(simulation.endedAt).toBeLessThanOrEqual(45_100);
  });

  test('hostile.T-07: an idle connection is never silent for as long as 60 s, for proxies that cut those', () => {
    const simulation = new Simulation(0, { rate: 1_000_000 });
    const pingsUntil = (seconds: number) => simulation.until(seconds).pings;
    expect([20, 30, 45, 55, 70, 80, 95, 105].map(pingsUntil)).toEqual([0, 1, 1, 2, 2, 3, 3, 4]);
    expect(simulation.state).toBe('open');
  });

  test.each([
    ['that takes a byte a minute', 24_000_000, 1 / 60],
    ['that takes less than 8 KiB/s', 24_000_000, 8000],
    ['that is gone with 5 MiB on the way', 5 * MIB, 0],
  ])('a peer %s is noticed within 25 + 20 + 120 s', (_name, sent, rate) => {
    const simulation = new Simulation(sent, { rate, answers: false }).until(10_000);
    expect(simulation.cause).toMatchObject({ code: 'WASOCK_PONG_TIMEOUT' });
    expect(simulation.endedAt).toBeLessThanOrEqual(165_100);
  });

  test.each([
    ['1 MiB at 16 KiB/s', MIB, 16_384, 'open'],
    ['64 MiB at 8 KiB/s', 64 * MIB, 8192, 'open'],
    ['1 MiB at 4 KiB/s', MIB, 4096, 'closed'],
    ['a byte a second', 60, 1, 'closed'],
  ])('messageTimeout: of a message of %s, the connection is %3$s', (_name, length, rate, state) => {
    const simulation = new Simulation(0, { rate: 1_000_000 });
    for (let second = 0; second * rate < length && simulation.state === 'open'; second++) {
      simulation.inbox.messageBytes = second * rate;
      simulation.inbox.receivedBytes = second * rate;
      simulation.limits.onMessagePart();
      simulation.until(second);
    }
    expect(simulation.state).toBe(state);
  });

  test('idleTimeout ends no peer that is busy reading, and one that is not', () => {
    const reading = new Simulation(60_000_000, { rate: 150_000 }, { idleTimeout: 30_000, pingInterval: 0 }).until(390);
    expect(reading.state).toBe('open');
    reading.until(10_000);
    expect(reading.cause).toMatchObject({ code: 'WASOCK_IDLE_TIMEOUT' });
    now = 1;
    const idle = new Simulation(0, { rate: 0 }, { idleTimeout: 30_000, pingInterval: 0 }).until(1000);
    expect(idle.endedAt).toBeLessThanOrEqual(30_100);
  });

  test('idleTimeout ends no peer that is busy reading, however often it is pinged', () => {
    const options = { idleTimeout: 5000, pingInterval: 1000, pongTimeout: 0 };
    const simulation = new Simulation(12_000_000, { rate: 150_000 }, options).until(100);
    expect(simulation.state).toBe('open');
  });

  test.each([
    ['24 MB at 2 MB/s', 24_000_000, 2_000_000],
    ['24 MB at 150 kB/s', 24_000_000, 150_000],
  ])('close() waits for a peer that reads %s', (_name, sent, rate) => {
    const simulation = new Simulation(sent, { rate });
    simulation.close();
    simulation.until(10_000);
    expect(simulation.endedAt / 1000).toBeCloseTo(sent / rate, 0);
  });

  test('close() waits closeTimeout for the answer once the Close has left, and for a peer that takes nothing no longer', () => {
    const silent = new Simulation(0, { rate: 0, answers: false });
    silent.close();
    silent.until(100);
    expect(silent.endedAt).toBeGreaterThanOrEqual(5000);
    expect(silent.endedAt).toBeLessThan(5600);
    now = 1;
    const stuck = new Simulation(24_000_000, { rate: 8000, answers: false });
    stuck.close();
    stuck.until(100);
    // The kernel takes its share in the first 5 s.
    expect(stuck.endedAt).toBeLessThan(10_700);
  });

  test('after a stall of more than a second, a peer has another second for its Pong, and a new idleTimeout', () => {
    const simulation = new Simulation(0, { rate: 0, answers: false }, { idleTimeout: 40_000 }).until(26);
    now = 60_000;
    const { due } = wheel;
    wheel.due = Number.POSITIVE_INFINITY;
    simulation.limits.onDeadline(now, due);
    expect(simulation.state).toBe('open');
    simulation.until(1000);
    expect(simulation.cause).toMatchObject({ code: 'WASOCK_PONG_TIMEOUT' });
    expect(simulation.endedAt).toBeLessThan(61_200);
  });
});
