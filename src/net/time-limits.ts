import { performance } from 'node:perf_hooks';
import { ERROR_CODE, FAULT, type Fault, WebSocketError } from '../protocol/errors.js';
import { cancelDeadline, scheduleDeadline, type Timed } from './deadlines.js';
import { Keepalive, LATE, MIN_RATE, readingTime } from './keepalive.js';

/** Durations in milliseconds, 0 is off. */
export interface TimeLimitOptions {
  readonly pingInterval: number;
  readonly pongTimeout: number;
  readonly idleTimeout: number;
  readonly messageTimeout: number;
  readonly closeTimeout: number;
}

/** What has come from the peer. */
interface Input {
  /** Whether we do not want to hear more, or have not handled what came: then the peer's silence is ours. */
  readonly isHeldUp: boolean;
  /** Bytes of the message under way that have arrived. */
  readonly messageOctets: number;
  /** All that has come, handled or not. */
  readonly receivedBytes: number;
}

/** What goes to the peer. */
interface Output {
  /** Bytes that have left. */
  readonly departed: number;
  /** The same with what the kernel has taken of a write that goes on. */
  readonly progress: number;
  /** Whether the kernel has not taken what was written before. */
  readonly isBlocked: boolean;
  /** Bytes that have not left. */
  readonly bufferedAmount: number;
  /** Sends FIN after what was written. */
  end(): void;
}

/** What the time limits ask of their connection, and what they do to it. */
export interface TimeLimited {
  readonly state: 'open' | 'closing' | 'closed';
  readonly input: Input;
  readonly output: Output;
  sendPing(): void;
  terminate(cause?: Error): void;
  onFault(fault: Fault): void;
}

/** A slow message gets this long for each of its octets on top of `messageTimeout`: one second for 8 KiB. */
const MESSAGE_MS_PER_OCTET = 1000 / 8192;

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
  /** When the connection was looked at last, what had been received and sent by then, and whether the kernel took no more. */
  #lastLook = 0;
  #receivedAtLook = 0;
  #sentAtLook = 0;
  #blockedAtLook = false;
  /** What had left when the peer was heard last. */
  #sentAtLife = 0;

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
    this.#sentAtLife = this.#connection.output.departed;
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
    this.#look(now);
    this.#closeDeadline = now + this.#options.closeTimeout;
    this.onDeparted();
    this.#schedule();
  }

  get #isFlushed(): boolean {
    return this.#connection.output.bufferedAmount === 0;
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
    return this.#connection.output.progress - this.#sentAtLife;
  }

  onDeadline(now: number, due: number): void {
    const connection = this.#connection;
    if (this.#closeDeadline !== 0 && now >= this.#closeDeadline) return this.#onCloseDeadline(now);
    if (connection.state !== 'open') return this.#schedule();
    if (now - due > LATE || connection.input.isHeldUp) this.#beginAnew(Math.ceil(now));
    if (now >= this.#idleDeadline() && !this.#isReading(now)) {
      return connection.terminate(late(ERROR_CODE.IDLE_TIMEOUT, 'nothing was received'));
    }
    if (now >= this.#messageDeadline()) return connection.onFault(FAULT.MESSAGE_TIMEOUT);
    this.#keepAlive(now);
    this.#schedule();
  }

  #beginAnew(now: number): void {
    if (this.#messageBegan > 0) this.#messageBegan = now;
    if (this.#options.idleTimeout > 0) this.#lastRead = now;
  }

  /** Whether the peer is silent because it is busy with what we send; then it may be silent anew. */
  #isReading(now: number): boolean {
    const isReading = this.#takesData(now) || (this.#connection.output.isBlocked && !this.#blockedAtLook);
    if (isReading) this.#lastRead = Math.ceil(now);
    this.#look(now);
    return isReading;
  }

  /** What was sent still leaves, at a pace that is worth waiting for; or `closeTimeout` is over: FIN, and a moment later the end. */
  #onCloseDeadline(now: number): void {
    if (!this.#closeHasLeft && this.#isFast(this.#connection.output.progress - this.#sentAtLook, now)) {
      this.#look(now);
      this.#closeDeadline = Math.ceil(now) + this.#options.closeTimeout;
      return this.#schedule();
    }
    const end = this.#closeDeadline + LINGER;
    if (now >= end) return this.#connection.terminate();
    this.#connection.output.end();
    scheduleDeadline(this, end);
  }

  #keepAlive(now: number): void {
    const keepalive = this.#keepalive;
    if (keepalive === null || now < keepalive.deadline) return;
    const connection = this.#connection;
    const received = connection.input.receivedBytes - this.#receivedAtLook;
    const excused = connection.input.isHeldUp || this.#isFast(received, now) || this.#takesData(now);
    this.#look(now);
    const verdict = keepalive.check(now, { excused, bytesOnTheWay: this.#bytesOnTheWay });
    if (verdict === 'dead') connection.terminate(late(ERROR_CODE.PONG_TIMEOUT, 'no Pong was received'));
    else if (verdict === 'ping') connection.sendPing();
  }

  /**
   * Whether the kernel took more, at a pace that shows that the peer reads, after it had refused to. What it takes without having
   * refused shows nothing: its buffers hold megabytes.
   */
  #takesData(now: number): boolean {
    return this.#blockedAtLook && this.#isFast(this.#connection.output.progress - this.#sentAtLook, now);
  }

  #isFast(bytes: number, now: number): boolean {
    return bytes * 1000 >= MIN_RATE * (now - this.#lastLook);
  }

  #look(now: number): void {
    const connection = this.#connection;
    this.#lastLook = Math.floor(now);
    this.#receivedAtLook = connection.input.receivedBytes;
    this.#sentAtLook = connection.output.progress;
    this.#blockedAtLook = connection.output.isBlocked;
  }

  #idleDeadline(): number {
    const { idleTimeout } = this.#options;
    return idleTimeout > 0 ? this.#lastRead + idleTimeout + this.#grace : NEVER;
  }

  #messageDeadline(): number {
    const { messageTimeout } = this.#options;
    if (messageTimeout === 0 || this.#messageBegan === 0) return NEVER;
    return this.#messageBegan + messageTimeout + this.#connection.input.messageOctets * MESSAGE_MS_PER_OCTET;
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
