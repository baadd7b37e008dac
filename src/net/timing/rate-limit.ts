import { performance } from 'node:perf_hooks';
import { cancelDeadline, keepProcess, letProcessEnd, SLOT, scheduleDeadline, type Timed } from './deadlines.js';

/** What one peer may send. `Infinity` is unlimited. */
export interface RateLimitSettings {
  /** Whole messages, frames of any kind, and bytes as they come from the network, each `per` so many milliseconds. */
  readonly messages: number;
  readonly frames: number;
  readonly bytes: number;
  readonly per: number;
  /** What happens if the peer sends more: nothing is read until it may send again, or the connection fails. */
  readonly action: 'pause' | 'close';
}

/** What a rate limit does to its connection. */
interface RateLimited {
  readonly counters: { rateLimited: number };
  /** Nothing more may be read or handled. */
  hold(): void;
  release(): void;
}

/**
 * How much one peer may send: a token bucket each for messages, frames and bytes, which are full at first. Tokens come
 * back evenly. With `'pause'` a frame is handled only if there is a token for it. The number of bytes is known only
 * after a read, so their tokens may go below zero, and are paid for before the next read.
 */
export class RateLimit implements Timed {
  slot = 0;
  readonly #settings: RateLimitSettings;
  readonly #connection: RateLimited;
  #messages: number;
  #frames: number;
  #bytes: number;
  #filledAt = performance.now();
  #isHolding = false;
  /** While it holds: when there are tokens again. The wheel may be late. */
  #dueAt = 0;

  constructor(settings: RateLimitSettings, connection: RateLimited) {
    this.#settings = settings;
    this.#connection = connection;
    this.#messages = settings.messages;
    this.#frames = settings.frames;
    this.#bytes = settings.bytes;
  }

  /** Frames that have arrived will be handled. One look at the clock is enough for all of them. */
  onTurnBegin(): void {
    // It fills before the first of them: tokens that a full bucket cannot take must not count after it was emptied.
    this.#fill();
  }

  /**
   * A frame is handled.
   *
   * @param endsMessage whether it is the last of a message
   * @returns whether the connection fails, instead of handling it
   */
  onFrame(endsMessage: boolean): boolean {
    this.#frames--;
    if (endsMessage) this.#messages--;
    if (this.#settings.action === 'close') return this.#judge();
    if (this.#frames < 1 || this.#messages < 1) this.#hold();
    return false;
  }

  /** Bytes have come. */
  onBytes(length: number): void {
    this.#fill();
    this.#bytes -= length;
  }

  /**
   * Everything that has arrived is handled, or as much of it as a turn allows. @returns whether the connection fails
   */
  onTurnEnd(): boolean {
    if (this.#bytes >= 1) return false;
    this.#fill();
    if (this.#settings.action === 'close') return this.#judge();
    if (this.#bytes < 1) this.#hold();
    return false;
  }

  /** @returns whether more has arrived than is allowed */
  #judge(): boolean {
    const isOverdrawn = this.#frames < 0 || this.#messages < 0 || this.#bytes < 0;
    if (isOverdrawn) this.#connection.counters.rateLimited++;
    return isOverdrawn;
  }

  #hold(): void {
    if (!this.#isHolding) {
      this.#isHolding = true;
      this.#connection.counters.rateLimited++;
      this.#connection.hold();
      // A socket that is not read does not keep the process alive, although its peer's messages are still to come.
      keepProcess();
    }
    this.#dueAt = this.#filledAt + this.#shortage();
    scheduleDeadline(this, this.#dueAt);
  }

  onDeadline(): void {
    const now = performance.now();
    this.#fill(Math.min(now, Math.max(this.#dueAt, this.#filledAt)));
    // A waiting peer would have used at once the tokens that have come back since, so they do not fill a bucket.
    this.#fill(Math.min(now, this.#filledAt + SLOT), 1 + SLOT / this.#settings.per);
    this.#fill(now);
    if (this.#frames < 1 || this.#messages < 1 || this.#bytes < 1) return this.#hold();
    this.#endHold();
    this.#connection.release();
  }

  /** Adds the tokens that have come back. @param most how many times its capacity a bucket holds */
  #fill(now = performance.now(), most = 1): void {
    const { messages, frames, bytes, per } = this.#settings;
    const part = (now - this.#filledAt) / per;
    this.#filledAt = now;
    this.#messages = filled(this.#messages, messages, part, most);
    this.#frames = filled(this.#frames, frames, part, most);
    this.#bytes = filled(this.#bytes, bytes, part, most);
  }

  /** Milliseconds until one more frame may come. */
  #shortage(): number {
    const { messages, frames, bytes, per } = this.#settings;
    const parts = [(1 - this.#messages) / messages, (1 - this.#frames) / frames, (1 - this.#bytes) / bytes];
    return Math.max(0, ...parts.filter((part) => part > 0)) * per;
  }

  /** Limits no more, because the connection is closing. */
  stop(): void {
    cancelDeadline(this);
    this.#endHold();
    this.#messages = Number.POSITIVE_INFINITY;
    this.#frames = Number.POSITIVE_INFINITY;
    this.#bytes = Number.POSITIVE_INFINITY;
  }

  #endHold(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    letProcessEnd();
  }
}

/** @param part of all tokens that have come back @param most how many times its capacity the bucket holds */
function filled(tokens: number, capacity: number, part: number, most: number): number {
  return tokens >= capacity * most ? tokens : Math.min(capacity * most, tokens + capacity * part);
}
