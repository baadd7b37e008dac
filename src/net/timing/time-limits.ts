import { performance } from 'node:perf_hooks';
import { ERROR_CODE, FAULT, type Fault, WebSocketError } from '../../protocol/errors.js';
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

/** What the time limits ask of their connection, and what they do to it. */
export interface TimeLimited {
  readonly state: 'open' | 'closing' | 'closed';
  readonly inbox: {
    /** Something the peer has sent is not handled: it may have said more than we know. */
    readonly isHeldUp: boolean;
    /** Bytes of the message under way. */
    readonly messageBytes: number;
    readonly receivedBytes: number;
  };
  readonly outbox: {
    /** Bytes that have left. */
    readonly departed: number;
    /** As `departed`, with what the kernel has taken of the write under way. */
    readonly bytesTaken: number;
    readonly isBlocked: boolean;
    readonly bufferedAmount: number;
    end(): void;
  };
  sendPing(): void;
  terminate(cause?: Error): void;
  onFault(fault: Fault): void;
}

/** What a peer has done lately. */
interface Pace {
  /** It has sent enough to be alive. */
  readonly sends: boolean;
  /** The kernel has taken enough of what we sent. */
  readonly takes: boolean;
  /**
   * Before that, the kernel had refused to take more: then what it takes shows that the peer reads. What it takes without having
   * refused shows nothing, as its buffers hold megabytes.
   */
  readonly wasBlocked: boolean;
}

/** A slow message gets this long for each of its bytes on top of `messageTimeout`: one second for 8 KiB. */
const MESSAGE_MS_PER_BYTE = 1000 / 8192;

/** Between our FIN and the end of the connection, for a peer that did not answer our Close in time. */
const LINGER = 400;

const NEVER = Number.POSITIVE_INFINITY;

/**
 * How long one connection waits for its peer: for a Pong, for a byte, for the end of a message, for the end of the connection.
 * The peer is judged by what it could do: what it has sent and we have not read, or what it has still to read, is not silence.
 */
export class TimeLimits implements Timed {
  slot = 0;
  readonly #options: TimeLimitOptions;
  readonly #connection: TimeLimited;
  #keepalive: Keepalive | null = null;
  #lastRead = 0;
  /** When the message under way began to arrive; 0 without one. */
  #messageBegan = 0;
  /** Until when our Close must have left or, once it has, the connection must have ended; 0 before it is sent. */
  #closeDeadline = 0;
  #closeHasLeft = false;
  /** When it was last measured what had been received and taken by the kernel, and whether that took no more. */
  #measuredAt = 0;
  #receivedBefore = 0;
  #takenBefore = 0;
  #wasBlocked = false;
  /** What had left when the peer was heard last. */
  #departedAtLastRead = 0;

  constructor(options: TimeLimitOptions, connection: TimeLimited) {
    this.#options = options;
    this.#connection = connection;
  }

  start(): void {
    const { pingInterval, pongTimeout } = this.#options;
    this.onRead();
    if (this.#keepalive === null && pingInterval > 0) this.setKeepalive(pingInterval, pongTimeout);
    else this.#schedule();
  }

  /** Forgets all limits: the connection is closed. */
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

  /** A sign of life. */
  onRead(): void {
    this.#departedAtLastRead = this.#connection.outbox.departed;
    if (this.#options.idleTimeout > 0) this.#lastRead = wholeNow();
  }

  onPong(): void {
    this.#keepalive?.onPong();
  }

  onMessageEnd(): void {
    this.#messageBegan = 0;
  }

  /** Part of a message has arrived, and the rest has not. */
  onMessagePart(): void {
    if (this.#messageBegan !== 0) return;
    this.#messageBegan = wholeNow();
    if (this.#options.messageTimeout > 0) this.#schedule();
  }

  /** The peer was not heard because we did not listen: its deadlines begin anew. */
  onResume(): void {
    this.#beginAnew(wholeNow());
    this.#schedule();
  }

  /** The connection is to end: within `closeTimeout` from the moment on at which all has left. */
  onClosing(): void {
    if (this.#closeDeadline !== 0 || this.#options.closeTimeout === 0) return;
    const now = wholeNow();
    this.#measure(now);
    this.#closeDeadline = now + this.#options.closeTimeout;
    this.onDeparted();
    this.#schedule();
  }

  get #isFlushed(): boolean {
    return this.#connection.outbox.bufferedAmount === 0;
  }

  /** Something has left. */
  onDeparted(): void {
    if (this.#closeDeadline === 0 || this.#closeHasLeft || !this.#isFlushed) return;
    this.#closeHasLeft = true;
    this.#closeDeadline = wholeNow() + this.#options.closeTimeout + this.#grace;
  }

  /** How much longer the peer may be silent, because it has so much to read. */
  get #grace(): number {
    return readingTime(this.#bytesOnTheWay);
  }

  /** Bytes that have left since the peer was heard last. */
  get #bytesOnTheWay(): number {
    return this.#connection.outbox.bytesTaken - this.#departedAtLastRead;
  }

  onDeadline(now: number, due: number): void {
    const connection = this.#connection;
    if (this.#closeDeadline !== 0 && now >= this.#closeDeadline) return this.#onCloseDeadline(now);
    if (connection.state !== 'open') return this.#schedule();
    if (now - due > LATE || connection.inbox.isHeldUp) this.#beginAnew(Math.ceil(now));
    if (now >= this.#messageDeadline()) return connection.onFault(FAULT.MESSAGE_TIMEOUT);
    const isIdle = now >= this.#idleDeadline();
    const isKeepaliveDue = now >= (this.#keepalive?.deadline ?? NEVER);
    if (isIdle || isKeepaliveDue) {
      const pace = this.#measure(now);
      if (now >= this.#idleDeadline()) {
        return connection.terminate(late(ERROR_CODE.IDLE_TIMEOUT, 'nothing was received'));
      }
      if (isKeepaliveDue) this.#keepAlive(pace, now);
    }
    this.#schedule();
  }

  #beginAnew(now: number): void {
    if (this.#messageBegan > 0) this.#messageBegan = now;
    if (this.#options.idleTimeout > 0) this.#lastRead = now;
  }

  /** What was sent still leaves, at a pace that is worth waiting for; or `closeTimeout` is over: FIN, and a moment later the end. */
  #onCloseDeadline(now: number): void {
    if (!this.#closeHasLeft && this.#measure(now).takes) {
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
    const verdict = this.#keepalive?.check(now, { isExcused, bytesOnTheWay: this.#bytesOnTheWay });
    if (verdict === 'dead') connection.terminate(late(ERROR_CODE.PONG_TIMEOUT, 'no Pong was received'));
    else if (verdict === 'ping') connection.sendPing();
  }

  /** What has happened since this was called last. */
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
    // Silent because it is busy with what we send: then it may be silent anew.
    const isReading = pace.wasBlocked ? pace.takes : outbox.isBlocked;
    if (isReading && this.#options.idleTimeout > 0) this.#lastRead = Math.ceil(now);
    return pace;
  }

  #idleDeadline(): number {
    const { idleTimeout } = this.#options;
    return idleTimeout > 0 ? this.#lastRead + idleTimeout + this.#grace : NEVER;
  }

  #messageDeadline(): number {
    const { messageTimeout } = this.#options;
    if (messageTimeout === 0 || this.#messageBegan === 0) return NEVER;
    return this.#messageBegan + messageTimeout + this.#connection.inbox.messageBytes * MESSAGE_MS_PER_BYTE;
  }

  #schedule(): void {
    let next = this.#closeDeadline === 0 ? NEVER : this.#closeDeadline;
    // A connection that is closing has no other limit: what is over already would be due again and again.
    if (this.#connection.state === 'open') {
      next = Math.min(next, this.#keepalive?.deadline ?? NEVER, this.#idleDeadline(), this.#messageDeadline());
    }
    if (next !== NEVER) scheduleDeadline(this, next);
  }
}

/** Monotonic, in whole milliseconds: every other number in a field takes memory of its own, in each connection. */
function wholeNow(): number {
  return Math.ceil(performance.now());
}

function late(code: string, what: string): WebSocketError {
  return new WebSocketError(`The connection was ended because ${what} in time`, code);
}
