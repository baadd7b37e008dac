import { performance } from 'node:perf_hooks';
import { ERROR_CODE, WebSocketError } from '../../protocol/errors.js';
import { FAULT, type Fault } from '../../protocol/faults.js';
import { cancelDeadline, scheduleDeadline, type Timed } from './deadlines.js';
import { Keepalive } from './keepalive.js';
import { LATE, MIN_RATE, readingTime } from './pace.js';

/** Durations in milliseconds, 0 is off. */
export interface TimeLimitOptions {
  readonly pingInterval: number;
  readonly pongTimeout: number;
  readonly idleTimeout: number;
  readonly messageTimeout: number;
  readonly closeTimeout: number;
}

/** What the time limits need to know of their connection, and what they do to it. */
export interface TimeLimited {
  readonly state: 'open' | 'closing' | 'closed';
  readonly inbox: {
    /** Whether we are paused or have unhandled bytes, so that the peer may have said more than we know. */
    readonly isHeldUp: boolean;
    /** Bytes of the unfinished message that have arrived. */
    readonly messageBytes: number;
    readonly receivedBytes: number;
  };
  readonly outbox: {
    /** Bytes that have left. */
    readonly departed: number;
    /** As `departed`, with what the kernel has taken of the current write. */
    readonly bytesTaken: number;
    readonly isBlocked: boolean;
    readonly bufferedAmount: number;
    end(): void;
  };
  /** Whether everything that was sent has left. */
  readonly isFlushed: boolean;
  sendPing(): void;
  terminate(cause?: Error): void;
  onFault(fault: Fault): void;
}

/** What a peer has done since the last measurement. */
interface Pace {
  /** Whether it has sent enough to be alive. */
  readonly sends: boolean;
  /** Whether the kernel has taken enough of what we sent. */
  readonly takes: boolean;
  /**
   * Whether the kernel took no more at the last measurement. If it then takes bytes, the peer reads. Otherwise it may
   * have put them into its own buffers, which hold megabytes.
   */
  readonly wasBlocked: boolean;
}

/** The last time that the rate limit held the peer. */
interface Hold {
  /** Since when the hold counts; 0 once it is over. */
  since: number;
  /** Whether that time does not count for the unfinished message. */
  readonly isMessageExcused: boolean;
  /** Bytes of the unfinished message when the hold began; -1 if another message has begun since. */
  messageBytes: number;
}

/** A message gets this long per byte on top of `messageTimeout`: one second for 8 KiB. */
const MESSAGE_MS_PER_BYTE = 1000 / MIN_RATE;

/** Milliseconds between our FIN and the end of the connection, if the peer did not answer our Close in time. */
const LINGER = 400;

const NEVER = Number.POSITIVE_INFINITY;

/**
 * How long one connection waits for its peer: for a Pong, a byte, the end of a message, the end of the connection. A
 * peer is blamed only for what it could have done. It does not count as silent if we have not read what it sent, or
 * while it reads what we sent.
 */
export class TimeLimits implements Timed {
  slot = 0;
  readonly #options: TimeLimitOptions;
  readonly #connection: TimeLimited;
  #keepalive: Keepalive | null = null;
  #lastRead = 0;
  /** When the unfinished message began to arrive; 0 without one. */
  #messageBegan = 0;
  /**
   * The time by which our Close must have left; once it has, by which the connection must have ended. 0 before the
   * Close.
   */
  #closeDeadline = 0;
  #closeHasLeft = false;
  /** The last measurement: when, bytes received, bytes that the kernel had taken, and whether it took no more. */
  #measuredAt = 0;
  #receivedBefore = 0;
  #takenBefore = 0;
  #wasBlocked = false;
  /** `departed` when the peer was last heard. */
  #departedAtLastRead = 0;
  /** `null` until the rate limit holds the peer. */
  #hold: Hold | null = null;

  constructor(options: TimeLimitOptions, connection: TimeLimited) {
    this.#options = options;
    this.#connection = connection;
  }

  /** The connection starts reading. */
  start(): void {
    const { pingInterval, pongTimeout } = this.#options;
    this.onRead();
    if (this.#keepalive === null && pingInterval > 0) this.setKeepalive(pingInterval, pongTimeout);
    else this.#schedule();
  }

  /** Ends all limits, because the connection is closed. */
  stop(): void {
    cancelDeadline(this);
    this.#closeDeadline = NEVER;
  }

  /** Replaces the keepalive. @returns a function that ends the new one */
  setKeepalive(pingInterval: number, pongTimeout: number): () => void {
    const keepalive = new Keepalive(pingInterval, pongTimeout, wholeNow());
    this.#keepalive = keepalive;
    this.#schedule();
    return () => {
      if (this.#keepalive === keepalive) this.#keepalive = null;
    };
  }

  /** Makes the Ping of the keepalive due now. */
  pingNow(): void {
    this.#keepalive?.pingAt(wholeNow());
    this.#schedule();
  }

  /** The peer was heard. */
  onRead(): void {
    this.#departedAtLastRead = this.#connection.outbox.departed;
    if (this.#options.idleTimeout > 0) this.#lastRead = wholeNow();
  }

  onPong(): void {
    this.#keepalive?.onPong();
  }

  /** The Pong of a Ping of the keepalive has come. @returns the microseconds that it took; -1 if none was due */
  roundTrip(): number {
    return this.#keepalive?.roundTrip() ?? -1;
  }

  /** When the keepalive sent its Ping without a Pong, in microseconds of `clockMicros`; 0 if there is none. */
  get pingedAt(): number {
    return this.#keepalive?.pingedAt ?? 0;
  }

  onMessageEnd(): void {
    this.#messageBegan = 0;
  }

  /** Part of a message has arrived, and the rest has not. */
  onMessagePart(): void {
    if (this.#messageBegan !== 0) return;
    this.#messageBegan = wholeNow();
    if (this.#hold !== null) this.#hold.messageBytes = -1;
    if (this.#options.messageTimeout > 0) this.#schedule();
  }

  /** We did not listen to the peer while paused, so its deadlines start again. */
  onResume(): void {
    this.#beginAnew(wholeNow());
    this.#schedule();
  }

  /**
   * The rate limit stops the reading. A message may take longer by that time, but only if more of it has arrived since
   * the last hold. Otherwise a peer could leave it unfinished for ever, by sending too many Pings.
   */
  onHold(): void {
    const { messageBytes } = this.#connection.inbox;
    const isMessageExcused = messageBytes !== this.#hold?.messageBytes;
    this.#hold = { since: wholeNow(), isMessageExcused, messageBytes };
  }

  /** The rate limit lets us read again. */
  onRelease(): void {
    const now = wholeNow();
    if (this.#hold !== null && this.#hold.since > 0) {
      this.#skipHeldTime(this.#hold, now);
      this.#hold.since = 0;
    }
    this.#keepalive?.postpone(now);
    this.#schedule();
  }

  #skipHeldTime(hold: Hold, now: number): void {
    const held = Math.max(0, Math.floor(now) - hold.since);
    if (this.#messageBegan > 0 && hold.isMessageExcused) this.#messageBegan += held;
    if (this.#options.idleTimeout > 0) this.#lastRead += held;
    hold.since += held;
  }

  /** The connection is closing. It must end within `closeTimeout` once everything has left. */
  onClosing(): void {
    if (this.#closeDeadline !== 0 || this.#options.closeTimeout === 0) return;
    const now = wholeNow();
    this.#measure(now);
    this.#closeDeadline = now + this.#options.closeTimeout;
    this.onDeparted();
    this.#schedule();
  }

  #isFlushed(): boolean {
    return this.#connection.isFlushed;
  }

  /** `departed` of the outbox has grown. */
  onDeparted(): void {
    if (this.#closeDeadline === 0 || this.#closeHasLeft || !this.#isFlushed()) return;
    this.#closeHasLeft = true;
    this.#closeDeadline = wholeNow() + this.#options.closeTimeout + this.#grace();
  }

  /** How many milliseconds longer the peer may be silent, because of what it has to read. */
  #grace(): number {
    return readingTime(this.#bytesOnTheWay());
  }

  /** Bytes that have left since the peer was last heard. */
  #bytesOnTheWay(): number {
    return this.#connection.outbox.bytesTaken - this.#departedAtLastRead;
  }

  onDeadline(now: number, due: number): void {
    const connection = this.#connection;
    if (this.#closeDeadline !== 0 && now >= this.#closeDeadline) return this.#onCloseDeadline(now);
    if (connection.state !== 'open') return this.#schedule();
    if (this.#hold !== null && this.#hold.since > 0) this.#skipHeldTime(this.#hold, now);
    else if (now - due > LATE || connection.inbox.isHeldUp) this.#beginAnew(Math.ceil(now));
    if (now >= this.#messageDeadline()) return connection.onFault(FAULT.MESSAGE_TIMEOUT);
    const isIdle = now >= this.#idleDeadline();
    const isKeepaliveDue = now >= (this.#keepalive?.deadline ?? NEVER);
    if (isIdle || isKeepaliveDue) {
      const pace = this.#measure(now);
      if (now >= this.#idleDeadline()) {
        return connection.terminate(late(ERROR_CODE.IDLE_TIMEOUT, 'nothing was received in time (idleTimeout)'));
      }
      if (isKeepaliveDue) this.#keepAlive(pace, now);
    }
    this.#schedule();
  }

  #beginAnew(now: number): void {
    if (this.#messageBegan > 0) this.#messageBegan = now;
    if (this.#options.idleTimeout > 0) this.#lastRead = now;
  }

  /** Waits on while the sent bytes leave fast enough. Otherwise sends FIN, and soon after that ends the connection. */
  #onCloseDeadline(now: number): void {
    // Messages that have not come to the outbox wait for our own compressor.
    const isOurs = !this.#isFlushed() && this.#connection.outbox.bufferedAmount === 0;
    if (!this.#closeHasLeft && (this.#measure(now).takes || isOurs)) {
      this.#closeDeadline = Math.ceil(now) + this.#options.closeTimeout;
      return this.#schedule();
    }
    const end = this.#closeDeadline + LINGER;
    if (now >= end) return this.#connection.terminate();
    this.#connection.outbox.end();
    scheduleDeadline(this, end);
  }

  #keepAlive({ sends, takes, wasBlocked }: Pace, now: number): void {
    const connection = this.#connection;
    const isExcused = connection.inbox.isHeldUp || sends || (wasBlocked && takes);
    const verdict = this.#keepalive?.check(now, { isExcused, bytesOnTheWay: this.#bytesOnTheWay() });
    if (verdict === 'dead')
      connection.terminate(late(ERROR_CODE.PONG_TIMEOUT, 'no Pong was received in time (pongTimeout)'));
    else if (verdict === 'ping') connection.sendPing();
  }

  /** Measures what has happened since the last call. */
  #measure(now: number): Pace {
    const { inbox, outbox } = this.#connection;
    const { receivedBytes } = inbox;
    const { bytesTaken } = outbox;
    const elapsed = now - this.#measuredAt;
    const isFast = (bytes: number) => bytes > 0 && bytes * 1000 >= MIN_RATE * elapsed;
    const pace = {
      sends: isFast(receivedBytes - this.#receivedBefore),
      takes: isFast(bytesTaken - this.#takenBefore),
      wasBlocked: this.#wasBlocked,
    };
    this.#measuredAt = Math.floor(now);
    this.#receivedBefore = receivedBytes;
    this.#takenBefore = bytesTaken;
    this.#wasBlocked = outbox.isBlocked;
    // If the peer is busy with what we send, its silence starts again.
    const isReading = pace.wasBlocked ? pace.takes : outbox.isBlocked;
    if (isReading && this.#options.idleTimeout > 0) this.#lastRead = Math.ceil(now);
    return pace;
  }

  #idleDeadline(): number {
    const { idleTimeout } = this.#options;
    return idleTimeout > 0 ? this.#lastRead + idleTimeout + this.#grace() : NEVER;
  }

  #messageDeadline(): number {
    const { messageTimeout } = this.#options;
    if (messageTimeout === 0 || this.#messageBegan === 0) return NEVER;
    return this.#messageBegan + messageTimeout + this.#connection.inbox.messageBytes * MESSAGE_MS_PER_BYTE;
  }

  #schedule(): void {
    let next = this.#closeDeadline === 0 ? NEVER : this.#closeDeadline;
    // A closing connection has no other limit: a deadline that has passed would be due again and again.
    if (this.#connection.state === 'open') {
      next = Math.min(next, this.#keepalive?.deadline ?? NEVER, this.#idleDeadline(), this.#messageDeadline());
    }
    if (next !== NEVER) scheduleDeadline(this, next);
  }
}

/** Monotonic, in whole milliseconds: any other number takes memory of its own in each field of each connection. */
function wholeNow(): number {
  return Math.ceil(performance.now());
}

function late(code: string, what: string): WebSocketError {
  return new WebSocketError(`The connection was ended because ${what}`, code);
}
