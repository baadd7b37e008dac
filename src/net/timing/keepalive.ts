import { performance } from 'node:perf_hooks';
import { LATE, readingTime } from './pace.js';

/** The state of the connection when its keepalive checks it. */
export interface Progress {
  /** Whether the peer is not to blame for its silence: its bytes wait here unhandled, or it is busy with much data. */
  readonly isExcused: boolean;
  /** Bytes that have left since the peer was last heard. */
  readonly bytesOnTheWay: number;
}

/**
 * The Pings of one connection and the deadline for their Pongs (RFC 6455 §5.5.2, §5.5.3). Times in milliseconds; 0 is
 * off.
 */
export class Keepalive {
  readonly #pingInterval: number;
  readonly #pongTimeout: number;
  #nextPing: number;
  /** 0 while no Pong is due. */
  #pongDeadline = 0;
  #pingedAt = 0;
  /** How much the deadline was extended because of bytes on their way. */
  #grace = 0;

  constructor(pingInterval: number, pongTimeout: number, now: number) {
    this.#pingInterval = pingInterval;
    this.#pongTimeout = pongTimeout;
    this.#nextPing = Math.ceil(now) + pingInterval;
  }

  /** Makes the next Ping due at `time`. */
  pingAt(time: number): void {
    this.#nextPing = time;
  }

  /** When to call `check` next. */
  get deadline(): number {
    return this.#pongDeadline === 0 ? this.#nextPing : Math.min(this.#nextPing, this.#pongDeadline);
  }

  /** When the Ping without a Pong was sent, in microseconds of `clockMicros`; 0 if there is none. */
  get pingedAt(): number {
    return this.#pingedAt;
  }

  onPong(): void {
    this.#pongDeadline = 0;
    this.#grace = 0;
  }

  /** The peer could not be heard until now, so the time for its Pong starts again. */
  postpone(now: number): void {
    if (this.#pongDeadline === 0) return;
    this.#pongDeadline = Math.ceil(now) + this.#pongTimeout;
    this.#grace = 0;
  }

  /** The Pong of the keepalive's Ping has come. @returns the microseconds that it took; -1 if none was due */
  roundTrip(): number {
    if (this.#pingedAt === 0) return -1;
    const micros = (clockMicros() - this.#pingedAt) | 0;
    this.#pingedAt = 0;
    return micros;
  }

  /** @returns whether to send a Ping, to give the peer up, or neither */
  check(now: number, progress: Progress): 'ping' | 'dead' | 'wait' {
    if (this.#pongDeadline !== 0 && now >= this.#pongDeadline && !this.#extend(now, progress)) return 'dead';
    if (now < this.#nextPing) return 'wait';
    this.#nextPing = Math.ceil(now) + this.#pingInterval;
    if (this.#pongTimeout > 0 && this.#pongDeadline === 0) {
      this.#pongDeadline = Math.ceil(now) + this.#pongTimeout;
    }
    if (this.#pingedAt === 0) this.#pingedAt = clockMicros();
    return 'ping';
  }

  /** @returns whether the peer has more time for its Pong */
  #extend(now: number, { isExcused, bytesOnTheWay }: Progress): boolean {
    if (now - this.#pongDeadline > LATE) this.#pongDeadline = Math.ceil(now) + LATE;
    else if (isExcused) this.postpone(now);
    else {
      const grace = readingTime(bytesOnTheWay);
      this.#pongDeadline += Math.max(0, grace - this.#grace);
      this.#grace = Math.max(grace, this.#grace);
    }
    return now < this.#pongDeadline;
  }
}

/**
 * Monotonic, in microseconds, as a small integer that starts again every 71 minutes and is never 0. A fraction would
 * take memory of its own in each connection.
 */
export function clockMicros(): number {
  return (performance.now() * 1000) | 1;
}
