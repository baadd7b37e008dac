import { Buffer } from 'node:buffer';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { formatRefusal, type Refusal, refusalFor } from '../../handshake/server.js';
import { NO_BYTES } from '../../protocol/bytes.js';
import { peerAddress } from '../node/peer-address.js';
import { restoreFlowing } from '../node/socket-state.js';
import { cancelDeadline, scheduleDeadline, type Timed } from '../timing/deadlines.js';
import { readAsStream, writeBeforeFrames } from '../transport/window-transport.js';
import type { RequestHead } from './request-head.js';

/** Milliseconds that a refused client has to read the answer and close. */
const REFUSED_LINGER = 800;

/** Bytes that a client may send before it has the answer. RFC 6455 §4.1: it has to wait for the answer. */
const MAX_AHEAD = 65_536;

const TOOK_TOO_LONG = 'The opening handshake took too long\n';

/** Hears of handshakes that take time, and of their ends. */
export interface PendingOwner {
  /** The answer takes time. */
  onWatched(pending: PendingUpgrade): void;
  /** The answer was given, or the client has left. Called once, also for a handshake that was not watched. */
  onSettled(pending: PendingUpgrade): void;
  /** The request is refused: by `refusal` itself, or by another answer that was given because of it. */
  onRefused(pending: PendingUpgrade, refusal: Refusal): void;
}

/** An answer that other code may write to the socket. */
export interface PendingAnswer {
  readonly hasBegun: boolean;
  /** The answer takes time, or is a refusal. */
  onWatched(): void;
}

/** The owner of a handshake that is not counted. */
export const NO_OWNER: PendingOwner = { onWatched() {}, onSettled() {}, onRefused() {} };

/**
 * A server's side of one opening handshake: one request, and one answer to it. If the answer takes time, the server has
 * to call `watch` and `readAhead`.
 */
export class PendingUpgrade implements Timed {
  slot = 0;
  readonly request: RequestHead;
  readonly socket: Duplex;
  answer: PendingAnswer | null = null;
  /** Why the request cannot be accepted, once that is known. Other code may answer it. */
  refusal: Refusal | null = null;
  /** Whether it counts towards the limits of its server, and for which address. */
  isCounted = false;
  address: string | undefined;
  /** Bytes that came after the request. */
  #head: Buffer;
  /** `#head` and the bytes that came later, once there are any. */
  #ahead: Buffer | null = null;
  #aheadLength = 0;
  #isReading = false;
  /** `readableFlowing` of the stream before we read from it. */
  #flowing: boolean | null = null;
  readonly #timeout: number;
  readonly #owner: PendingOwner;
  #state: 'pending' | 'accepted' | 'refused' | 'gone' = 'pending';
  #isWatched = false;
  #abort: AbortController | null = null;

  /** @param timeout milliseconds until a watched handshake is refused with 503; 0 is never */
  constructor(request: RequestHead, head: Buffer, timeout: number, owner: PendingOwner) {
    this.request = request;
    this.socket = request.socket;
    this.#head = head;
    this.#timeout = timeout;
    this.#owner = owner;
  }

  /** Call it if the answer takes time: it starts the time-out, and handles the errors of a client that leaves. */
  watch(): this {
    if (this.#isWatched) return this;
    this.#isWatched = true;
    // After an answer, nothing takes time.
    if (this.isPending) this.#owner.onWatched(this);
    const { socket } = this;
    readAsStream(socket);
    (socket as WatchedSocket)[PENDING] = this;
    socket.on('error', onGone);
    socket.on('close', onGone);
    socket.on('end', onEnd);
    this.answer?.onWatched();
    if (this.#timeout > 0) scheduleDeadline(this, performance.now() + this.#timeout);
    return this;
  }

  /**
   * Reads what the client sends before the answer, so that its end is noticed. More than 64 KiB is refused. Call it in
   * the turn in which the request came. After an answer it does nothing.
   */
  readAhead(): void {
    if (!this.isPending) return;
    this.watch();
    if (this.#head.length > MAX_AHEAD) return this.#refuseAhead();
    const { socket } = this;
    this.#isReading = true;
    this.#flowing = socket.readableFlowing;
    socket.on('data', onData).resume();
  }

  onData(bytes: Buffer): void {
    // If the request is refused or answered like any other, what follows it is not needed.
    if (!this.isPending || this.isAnswering) return;
    const held = this.#ahead === null ? this.#head.length : this.#aheadLength;
    if (held + bytes.length > MAX_AHEAD) return this.#refuseAhead();
    if (this.#ahead === null) {
      // One buffer: a thousand small ones would cost a multiple of their bytes.
      this.#ahead = Buffer.allocUnsafeSlow(MAX_AHEAD);
      this.#head.copy(this.#ahead);
      this.#head = NO_BYTES;
    }
    bytes.copy(this.#ahead, held);
    this.#aheadLength = held + bytes.length;
  }

  #refuseAhead(): void {
    this.refuse(refusalFor('ahead', 400, { body: 'More than 64 KiB came before the answer\n' }));
  }

  /** The peer's IP address, if the transport has one. Ask before the answer: a client may leave right after it. */
  get remoteAddress(): string | undefined {
    return peerAddress(this.socket);
  }

  get isPending(): boolean {
    return this.#state === 'pending';
  }

  /** Whether other code has begun to write an answer to the socket. */
  get isAnswering(): boolean {
    return this.answer?.hasBegun === true;
  }

  /** Hands over the bytes that came after the request: the client's first frames. They are the caller's from now on. */
  takeHead(): Buffer {
    const head = this.#ahead?.subarray(0, this.#aheadLength) ?? this.#head;
    this.#head = NO_BYTES;
    this.#ahead = null;
    return head;
  }

  /** Whether the client left before it got an answer. */
  get isGone(): boolean {
    return this.#state === 'gone' || this.socket.destroyed || this.socket.readableEnded;
  }

  /** Aborted if the client leaves, or is refused, before the answer is decided. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#state === 'gone' || this.#state === 'refused') this.#abort.abort();
    return this.#abort.signal;
  }

  /** Writes the 101; from now on the socket belongs to a connection. @param acceptance from `formatAcceptance` */
  accept(acceptance: string): void {
    this.#settle('accepted');
    this.request.release();
    this.answer = null;
    try {
      writeBeforeFrames(this.socket, acceptance);
    } catch (error) {
      // A stream that throws is broken. Its later errors must not end the process.
      this.watch();
      this.socket.destroy();
      throw error;
    }
    if (this.#isWatched) this.#unwatch();
  }

  #unwatch(): void {
    (this.socket as WatchedSocket)[PENDING] = null;
    this.socket.off('error', onGone);
    this.socket.off('close', onGone);
    this.socket.off('end', onEnd);
    if (!this.#isReading) return;
    this.socket.off('data', onData);
    // The next reader gets the stream in its original state.
    restoreFlowing(this.socket, this.#flowing);
  }

  /** Writes the refusal and ends the connection, whatever else the client has sent. */
  refuse(refusal: Refusal): void {
    if (this.isPending) this.refusal = refusal;
    this.#end(formatRefusal(refusal));
  }

  /** Ends a connection after other code has written the answer. */
  end(): void {
    this.#end('');
  }

  #end(answer: string): void {
    if (this.#state !== 'pending') return;
    this.watch();
    this.#settle('refused');
    this.#abort?.abort();
    this.socket.end(answer === '' ? undefined : answer, 'utf8');
    this.#discardInput();
    if (this.refusal !== null) this.#owner.onRefused(this, this.refusal);
  }

  onDeadline(): void {
    if (this.#state !== 'pending') this.socket.destroy();
    // An answer that has begun may take its time, like any other.
    else if (!this.isAnswering) this.refuse(refusalFor('timeout', 503, { body: TOOK_TOO_LONG }));
  }

  /** If a socket closes with unread bytes, the kernel sends RST, which would overtake our answer. */
  #discardInput(): void {
    this.socket.resume();
    scheduleDeadline(this, performance.now() + REFUSED_LINGER);
  }

  #settle(state: 'accepted' | 'refused' | 'gone'): void {
    this.#state = state;
    cancelDeadline(this);
    if (state !== 'accepted') this.takeHead();
    this.#owner.onSettled(this);
  }

  /** The client has left. */
  onGone(): void {
    if (this.#state === 'pending') {
      this.#settle('gone');
      this.#abort?.abort();
    }
    if (this.#state === 'refused') cancelDeadline(this);
    this.socket.destroy();
  }
}

/** A socket keeps its watched handshake here, so that all sockets share their listeners. */
const PENDING = Symbol('wasock.pending');

type WatchedSocket = Duplex & { [PENDING]?: PendingUpgrade | null };

function onGone(this: WatchedSocket): void {
  this[PENDING]?.onGone();
}

function onData(this: WatchedSocket, bytes: Buffer): void {
  this[PENDING]?.onData(bytes);
}

/** A client that sends FIN before the answer has left, for example a browser whose user has opened another page. */
function onEnd(this: WatchedSocket): void {
  const pending = this[PENDING];
  if (pending?.isPending && !pending.isAnswering) pending.onGone();
}
