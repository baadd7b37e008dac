/**
 * Below this many octets a second, what is arriving does not hold the Pong deadline back. Above, the peer is alive, and its
 * Pong may stand behind much else.
 */
const MIN_RATE = 8192;

/** A timer that fires this much late was held up by a busy process: the Pong may be among the octets not read yet. */
const LATE = 1000;

/** What the connection is doing when its keepalive looks at it. */
export interface Progress {
  /** We ourselves do not read, so a Pong cannot be seen. */
  readonly paused: boolean;
  /** Octets a second that were received since the last look. */
  readonly rate: number;
}

/** Pings of one connection, and the deadline for their Pongs (RFC 6455 §5.5.2, §5.5.3). All times in milliseconds; 0 is off. */
export class Keepalive {
  readonly #pingInterval: number;
  readonly #pongTimeout: number;
  #nextPing: number;
  /** 0 while no Pong is due. */
  #pongDeadline = 0;

  constructor(pingInterval: number, pongTimeout: number, now: number) {
    this.#pingInterval = pingInterval;
    this.#pongTimeout = pongTimeout;
    this.#nextPing = Math.ceil(now) + pingInterval;
  }

  /** Makes the next Ping due at `time`. */
  pingAt(time: number): void {
    this.#nextPing = time;
  }

  /** When `check` is to be called next. */
  get deadline(): number {
    return this.#pongDeadline === 0 ? this.#nextPing : Math.min(this.#nextPing, this.#pongDeadline);
  }

  onPong(): void {
    this.#pongDeadline = 0;
  }

  check(now: number, progress: Progress): 'ping' | 'dead' | 'wait' {
    if (this.#pongDeadline !== 0 && now >= this.#pongDeadline) {
      const late = now - this.#pongDeadline > LATE;
      if (!late && !progress.paused && progress.rate < MIN_RATE) return 'dead';
      this.#pongDeadline = Math.ceil(now) + (late ? LATE : this.#pongTimeout);
    }
    if (now < this.#nextPing) return 'wait';
    this.#nextPing = Math.ceil(now) + this.#pingInterval;
    if (this.#pongTimeout > 0 && this.#pongDeadline === 0) {
      this.#pongDeadline = Math.ceil(now) + this.#pongTimeout;
    }
    return 'ping';
  }
}
