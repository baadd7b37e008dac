import { performance } from 'node:perf_hooks';
import { cancelDeadline, scheduleDeadline, type Timed } from './deadlines.js';

/** What one peer may send. `Infinity` is unlimited. */
export interface RateLimitSettings {
  /** Whole messages, frames of any kind, and bytes as they come from the network, each `per` so many milliseconds. */
  readonly messages: number;
  readonly frames: number;
  readonly bytes: number;
  readonly per: number;
  /** What becomes of a peer that sends more: nothing is read until it may send again, or the connection fails. */
  readonly action: 'pause' | 'close';
}

/** What a rate limit does to its connection. */
interface RateLimited {
  /** Nothing more may be read or handled. */
  hold(): void;
  release(): void;
}

/**
 * How much one peer may send: a token bucket each for messages, frames and bytes, which are full at first. Tokens come
 * back evenly. What a frame costs is known only when it is here, so the bytes of a read may go below zero, and are paid
 * for later.
 */
export class RateLimit implements Timed {
  slot = 0;
  readonly #settings: RateLimitSettings;
  readonly #connection: RateLimited;
  #messages: number;
  #frames: number;
  #bytes: number;
  #filledAt = performance.now();

  constructor(settings: RateLimitSettings, connection: RateLimited) {
    this.#settings = settings;
    this.#connection = connection;
    this.#messages = settings.messages;
    this.#frames = settings.frames;
    this.#bytes = settings.bytes;
  }

  /**
   * A frame has come.
   *
   * @param endsMessage whether it is the last of a message
   * @returns whether the connection fails, instead of handling it
   */
  onFrame(endsMessage: boolean): boolean {
    this.#frames--;
    if (endsMessage) this.#messages--;
    return this.#mayGoOn ? false : this.#onShortage();
  }

  /** Bytes have come. */
  onBytes(length: number): void {
    this.#bytes -= length;
  }

  /** What has come is handled. @returns whether the connection fails */
  onTurnEnd(): boolean {
    return this.#bytes > 0 ? false : this.#onShortage();
  }

  /** Whether one more frame may come. */
  get #mayGoOn(): boolean {
    return this.#frames >= 1 && this.#messages >= 1 && this.#bytes > 0;
  }

  #onShortage(): boolean {
    const now = performance.now();
    this.#fill(now);
    if (this.#settings.action === 'close') return Math.min(this.#frames, this.#messages, this.#bytes) < 0;
    if (this.#mayGoOn) return false;
    this.#connection.hold();
    scheduleDeadline(this, now + this.#shortage());
    return false;
  }

  onDeadline(now: number): void {
    this.#fill(now);
    if (this.#mayGoOn) this.#connection.release();
    else scheduleDeadline(this, now + this.#shortage());
  }

  #fill(now: number): void {
    const { messages, frames, bytes, per } = this.#settings;
    const part = (now - this.#filledAt) / per;
    this.#filledAt = now;
    this.#messages = filled(this.#messages, messages, part);
    this.#frames = filled(this.#frames, frames, part);
    this.#bytes = filled(this.#bytes, bytes, part);
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
    this.#messages = Number.POSITIVE_INFINITY;
    this.#frames = Number.POSITIVE_INFINITY;
    this.#bytes = Number.POSITIVE_INFINITY;
  }
}

/** @param part of all tokens that have come back */
function filled(tokens: number, capacity: number, part: number): number {
  return capacity === Number.POSITIVE_INFINITY ? capacity : Math.min(capacity, tokens + capacity * part);
}
