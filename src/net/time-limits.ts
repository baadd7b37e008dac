import { performance } from 'node:perf_hooks';
import { ERROR_CODE, FAULT, type Fault, WebSocketError } from '../protocol/errors.js';
import { cancelDeadline, scheduleDeadline, type Timed } from './deadlines.js';
import { Keepalive } from './keepalive.js';

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
  /** We ourselves do not read, so that the peer cannot be late. */
  readonly isPaused: boolean;
  /** Octets of the message under way that have arrived. */
  readonly messageOctets: number;
  /** All that was received and handled. */
  readonly receivedOctets: number;
  sendPing(): void;
  /** Sends FIN behind what was written. */
  endOutput(): void;
  terminate(cause?: Error): void;
  onFault(fault: Fault): void;
}

/** A slow message gets this long for each of its octets on top of `messageTimeout`: one second for 8 KiB. */
const MESSAGE_MS_PER_OCTET = 1000 / 8192;

/** Between our FIN and the end of the connection, for a peer that did not answer our Close in time. */
const LINGER = 400;

const NEVER = Number.POSITIVE_INFINITY;

/** How long one connection waits for its peer: for a Pong, for an octet, for the end of a message, for the end of the connection. */
export class TimeLimits implements Timed {
  slot = 0;
  readonly #options: TimeLimitOptions;
  readonly #connection: TimeLimited;
  #keepalive: Keepalive | null = null;
  #lastRead = 0;
  /** When the message under way began to arrive; 0 without one. */
  #messageBegan = 0;
  /** 0 while there is none. */
  #closeDeadline = 0;
  /** When the keepalive was looked at last, and what had been received by then. */
  #lastLook = 0;
  #octetsAtLook = 0;

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

  onRead(): void {
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
    if (this.#messageBegan > 0) this.#messageBegan = wholeNow();
    this.onRead();
    this.#schedule();
  }

  /** The connection is to end within `closeTimeout` from the first call on. */
  onClosing(): void {
    if (this.#closeDeadline !== 0 || this.#options.closeTimeout === 0) return;
    this.#closeDeadline = wholeNow() + this.#options.closeTimeout;
    this.#schedule();
  }

  onDeadline(now: number): void {
    const connection = this.#connection;
    if (this.#closeDeadline !== 0 && now >= this.#closeDeadline) return this.#endLate(now);
    if (connection.state !== 'open') return this.#schedule();
    if (now >= this.#idleDeadline()) return connection.terminate(late(ERROR_CODE.IDLE_TIMEOUT, 'nothing was received'));
    if (now >= this.#messageDeadline()) return connection.onFault(FAULT.MESSAGE_TIMEOUT);
    this.#keepAlive(now);
    this.#schedule();
  }

  /** closeTimeout is over: FIN, and a moment later the end. */
  #endLate(now: number): void {
    const end = this.#closeDeadline + LINGER;
    if (now >= end) return this.#connection.terminate();
    this.#connection.endOutput();
    scheduleDeadline(this, end);
  }

  #keepAlive(now: number): void {
    const keepalive = this.#keepalive;
    if (keepalive === null || now < keepalive.deadline) return;
    const connection = this.#connection;
    const { receivedOctets } = connection;
    const rate = ((receivedOctets - this.#octetsAtLook) * 1000) / (now - this.#lastLook);
    this.#octetsAtLook = receivedOctets;
    this.#lastLook = Math.floor(now);
    const verdict = keepalive.check(now, { paused: connection.isPaused, rate });
    if (verdict === 'dead') connection.terminate(late(ERROR_CODE.PONG_TIMEOUT, 'no Pong was received'));
    else if (verdict === 'ping') connection.sendPing();
  }

  #idleDeadline(): number {
    const { idleTimeout } = this.#options;
    return idleTimeout > 0 && !this.#connection.isPaused ? this.#lastRead + idleTimeout : NEVER;
  }

  #messageDeadline(): number {
    const { messageTimeout } = this.#options;
    if (messageTimeout === 0 || this.#messageBegan === 0 || this.#connection.isPaused) return NEVER;
    return this.#messageBegan + messageTimeout + this.#connection.messageOctets * MESSAGE_MS_PER_OCTET;
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
