import type { Duplex } from 'node:stream';
import { codec } from '../codec/select.js';
import { CloseCode } from '../protocol/close-code.js';
import { formatClosePayload, parseClosePayload } from '../protocol/close-payload.js';
import { ClosingHandshake } from '../protocol/closing.js';
import {
  type CloseResult,
  ERROR_CODE,
  FAULT,
  type Fault,
  WebSocketClosedError,
  WebSocketError,
  WebSocketProtocolError,
} from '../protocol/errors.js';
import { newMaskingKey } from '../protocol/masking-key.js';
import { FIN, Opcode } from '../protocol/opcode.js';
import { Receiver, type ReceiverOptions, type ReceiverSink } from '../protocol/receiver.js';
import { cancelDeadline, scheduleDeadline, type Timed } from './deadlines.js';
import { Inbox, type InboxEvents } from './inbox.js';
import { Keepalive } from './keepalive.js';
import { Outbox } from './outbox.js';
import { StreamTransport } from './stream-transport.js';
import type { Transport, TransportEvents } from './transport.js';
import { canUseWindow, WindowTransport } from './window-transport.js';

/** What a door implements: all that can happen on a connection. */
export interface ConnectionHandler {
  /** A whole message. */
  onMessage(opcode: number, data: string | Buffer): void;
  /** A whole frame of any kind, in raw mode, instead of `onMessage`, `onPing` and `onPong`. */
  onFrame(fin: boolean, opcode: number, payload: Buffer): void;
  onPing(payload: Buffer): void;
  onPong(payload: Buffer): void;
  /** The peer had fallen behind and has caught up. */
  onDrain(): void;
  /** Something went wrong; `onClose` follows. */
  onError(error: Error): void;
  /** The last event. `cause` tells why, where it was not the closing handshake. */
  onClose(result: CloseResult, cause: Error | undefined): void;
}

/** What a connection is made with; one object serves all connections of a server. Durations in milliseconds, 0 is off; sizes in octets. */
export interface ConnectionOptions extends ReceiverOptions {
  readonly pingInterval: number;
  readonly pongTimeout: number;
  readonly idleTimeout: number;
  readonly messageTimeout: number;
  readonly closeTimeout: number;
  readonly highWaterMark: number;
  readonly maxBackpressure: number;
  /** Masking keys of a client; left out, they come from a CSPRNG. */
  readonly maskingKey?: () => number;
}

export type ConnectionState = 'open' | 'closing' | 'closed';

/** A slow message gets this long for each of its octets on top of `messageTimeout`: one second for 8 KiB. */
const MESSAGE_MS_PER_OCTET = 1000 / 8192;

/** Between our FIN and the end of the connection, for a peer that did not answer our Close in time. */
const LINGER = 400;

const NEVER = Number.POSITIVE_INFINITY;

/** One WebSocket connection after its opening handshake: joins transport, inbox, receiver, outbox and closing handshake. */
export class Connection implements ReceiverSink, TransportEvents, InboxEvents, Timed {
  slot = 0;
  readonly #options: ConnectionOptions;
  readonly #handler: ConnectionHandler;
  readonly #transport: Transport;
  readonly #receiver: Receiver;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #closing = new ClosingHandshake();
  #state: ConnectionState = 'open';
  #cause: Error | undefined;

  #keepalive: Keepalive | null = null;
  #lastRead = 0;
  /** When the message under way began to arrive; 0 without one. */
  #messageBegan = 0;
  #closeDeadline = NEVER;

  constructor(socket: Duplex, options: ConnectionOptions, handler: ConnectionHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#receiver = new Receiver(codec, this, options);
    this.#transport = canUseWindow(socket) ? new WindowTransport(socket, this) : new StreamTransport(socket, this);
    this.#inbox = new Inbox(this.#transport, this.#receiver, this);
    this.#outbox = new Outbox(this.#transport, {
      highWaterMark: options.highWaterMark,
      maskingKey: options.role === 'client' ? (options.maskingKey ?? newMaskingKey) : null,
      onDrain: () => handler.onDrain(),
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Octets that were sent and that the kernel has not taken. */
  get bufferedAmount(): number {
    return this.#outbox.bufferedAmount;
  }

  /** Whether more than `maxBackpressure` octets wait already. */
  get isOverloaded(): boolean {
    return this.#outbox.bufferedAmount > this.#options.maxBackpressure;
  }

  get isPaused(): boolean {
    return this.#inbox.isPaused;
  }

  /** Begins to read. @param head octets that came behind the opening handshake: they are frames */
  start(head?: Buffer): void {
    if (head !== undefined && head.length > 0) this.#inbox.onChunk(head);
    if (this.#state === 'closed') return;
    this.#inbox.start();
    const { pingInterval, pongTimeout, idleTimeout } = this.#options;
    if (idleTimeout > 0) this.#lastRead = performance.now();
    if (this.#keepalive === null && pingInterval > 0) this.setKeepalive(pingInterval, pongTimeout);
    else this.#scheduleDeadline();
  }

  /** Replaces the keepalive. @returns a function that ends the new one */
  setKeepalive(pingInterval: number, pongTimeout: number): () => void {
    const keepalive = new Keepalive(pingInterval, pongTimeout, performance.now());
    this.#keepalive = keepalive;
    this.#scheduleDeadline();
    return () => {
      if (this.#keepalive === keepalive) this.#keepalive = null;
    };
  }

  /** Sends a Ping now and expects its Pong as if the keepalive had sent it. */
  pingNow(): void {
    this.#keepalive?.pingAt(performance.now());
    this.#scheduleDeadline();
  }

  pause(): void {
    if (this.#state === 'open') this.#inbox.pause();
  }

  resume(): void {
    if (!this.#inbox.isPaused) return;
    // The peer was not heard because we did not listen: its deadlines begin anew.
    if (this.#messageBegan > 0) this.#messageBegan = performance.now();
    this.#lastRead = performance.now();
    this.#inbox.resume();
    this.#scheduleDeadline();
  }

  // ——— sending

  /**
   * Sends one frame, while the state is open.
   *
   * @returns `undefined` if the payload's memory is the caller's again and there is room for more; else a promise that
   *   settles when that is so, and rejects with a `WebSocketClosedError` if the connection ends first
   */
  send(opcode: number, payload: string | Uint8Array): undefined | Promise<void> {
    return this.#outbox.append(FIN | opcode, payload) ? undefined : this.#outbox.whenFree();
  }

  /**
   * Begins the closing handshake (RFC 6455 §7.1.2). Data that still comes is discarded.
   *
   * @throws TypeError, RangeError if code or reason may not be sent; nothing has changed then
   */
  close(closeCode?: number, reason?: string): void {
    const payload = formatClosePayload(closeCode, reason);
    if (this.#state !== 'open') return;
    this.#sendClose(payload);
    this.#setCloseDeadline();
    // The peer's Close can only be seen by one who reads.
    this.#inbox.resume();
  }

  /** Ends the connection at once, without a Close frame. */
  terminate(cause?: Error): void {
    if (this.#state === 'closed') return;
    this.#cause ??= cause;
    this.#state = 'closing';
    this.#receiver.discard();
    this.#inbox.close();
    this.#transport.destroy();
  }

  /** Fails the connection (§7.1.7) because user code threw: Close 1011, "an unexpected condition" (§7.4.1). */
  failByHandler(error: unknown): void {
    const cause = error instanceof Error ? error : new WebSocketError(String(error), ERROR_CODE.HANDLER);
    this.#fail(CloseCode.InternalError, cause);
  }

  /** What a caller gets who waits for something that the end of this connection made impossible. */
  closedError(): WebSocketClosedError {
    const cause = this.#cause;
    return new WebSocketClosedError(this.#closing.result(), cause === undefined ? undefined : { cause });
  }

  // ——— from the receiver

  onMessage(opcode: number, data: string | Buffer): void {
    // After our own Close data is of no use to anybody.
    if (this.#state !== 'open') return;
    this.#messageBegan = 0;
    this.#inbox.countMessage();
    this.#handler.onMessage(opcode, data);
  }

  onFrame(fin: boolean, opcode: number, payload: Buffer): void {
    if (this.#state !== 'open') return;
    if (fin) this.#messageBegan = 0;
    this.#inbox.countMessage();
    this.#handler.onFrame(fin, opcode, payload);
  }

  onControl(opcode: number, payload: Buffer): void {
    if (!this.#receiver.fragmented) this.#messageBegan = 0;
    this.#inbox.countMessage();
    if (opcode === Opcode.Pong) this.#keepalive?.onPong();
    if (this.#options.raw && this.#state === 'open') this.#handler.onFrame(true, opcode, payload);
    else if (opcode === Opcode.Close) this.#receiveClose(payload);
    else if (this.#state !== 'open') return;
    else if (opcode === Opcode.Pong) this.#handler.onPong(payload);
    else {
      // §5.5.2: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response".
      this.#outbox.appendPong(payload);
      this.#handler.onPing(payload);
    }
  }

  onFault(fault: Fault): void {
    this.#fail(fault.closeCode, new WebSocketProtocolError(fault));
  }

  // ——— from inbox and transport

  onWindow(length: number): void {
    this.#inbox.onWindow(length);
  }

  onChunk(chunk: Buffer): void {
    this.#inbox.onChunk(chunk);
  }

  onTurnBegin(): void {
    if (this.#options.idleTimeout > 0) this.#lastRead = performance.now();
    this.#outbox.hold();
  }

  onTurnEnd(): void {
    this.#outbox.release();
    if (this.#receiver.midMessage) this.#watchMessage();
    else this.#messageBegan = 0;
  }

  onThrow(error: unknown): void {
    this.failByHandler(error);
  }

  onWritten(): void {
    this.#outbox.written();
  }

  /** The peer sent FIN. Without a Close frame before it that is an abnormal end; either way we have nothing to wait for. */
  onEnd(): void {
    if (this.#state === 'open') this.#state = 'closing';
    this.#setCloseDeadline();
    this.#outbox.end();
  }

  onError(error: Error): void {
    this.#cause ??= error;
  }

  /** §7.1.4: now the connection is closed. */
  onClose(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    cancelDeadline(this);
    this.#receiver.discard();
    this.#inbox.close();
    this.#outbox.close(this.closedError());
    this.#handler.onClose(this.#closing.result(), this.#cause);
  }

  // ——— closing

  #receiveClose(payload: Buffer): void {
    const status = parseClosePayload(payload);
    if ('section' in status) return this.onFault(status);
    const answer = this.#closing.onReceived(status);
    this.#receiver.discard();
    if (!this.#closing.sent) this.#sendClose(formatClosePayload(answer));
    this.#setCloseDeadline();
    // §7.1.1: the server closes the TCP connection first; the client waits for that, within limits.
    if (this.#options.role === 'server') this.#outbox.end();
  }

  #sendClose(payload: Buffer): void {
    this.#state = 'closing';
    this.#closing.onSent();
    this.#outbox.append(FIN | Opcode.Close, payload);
  }

  /** §7.1.7: a Close frame with the reason, and the end of the TCP connection without waiting for the peer's. */
  #fail(closeCode: number, cause: Error): void {
    if (this.#state === 'closed') return;
    this.#cause ??= cause;
    this.#receiver.discard();
    if (this.#state === 'open') this.#sendClose(formatClosePayload(closeCode));
    this.#setCloseDeadline();
    this.#inbox.resume();
    this.#outbox.end();
    this.#handler.onError(cause);
  }

  #setCloseDeadline(): void {
    if (this.#closeDeadline !== NEVER || this.#options.closeTimeout === 0) return;
    this.#closeDeadline = performance.now() + this.#options.closeTimeout;
    this.#scheduleDeadline();
  }

  // ——— deadlines

  onDeadline(now: number): void {
    if (this.#state === 'closed') return;
    if (now >= this.#closeDeadline) return this.#endLate(now);
    if (this.#state === 'open') {
      if (now >= this.#idleDeadline()) return this.terminate(timeout(ERROR_CODE.IDLE_TIMEOUT, 'nothing was received'));
      if (now >= this.#messageDeadline()) return this.onFault(FAULT.MESSAGE_TIMEOUT);
      this.#keepAlive(now);
    }
    this.#scheduleDeadline();
  }

  /** closeTimeout is over: FIN, and a moment later the end. */
  #endLate(now: number): void {
    if (this.#closeDeadline + LINGER <= now) return this.terminate();
    this.#outbox.end();
    scheduleDeadline(this, this.#closeDeadline + LINGER);
  }

  #keepAlive(now: number): void {
    const keepalive = this.#keepalive;
    if (keepalive === null || now < keepalive.deadline) return;
    const rate = this.#messageBegan > 0 ? (this.#receiver.messageOctets * 1000) / (now - this.#messageBegan) : 0;
    const verdict = keepalive.check(now, { paused: this.isPaused, rate });
    if (verdict === 'dead') this.terminate(timeout(ERROR_CODE.PONG_TIMEOUT, 'no Pong was received'));
    else if (verdict === 'ping') this.#outbox.append(FIN | Opcode.Ping, NO_OCTETS);
  }

  #watchMessage(): void {
    if (this.#messageBegan !== 0) return;
    this.#messageBegan = performance.now();
    if (this.#options.messageTimeout > 0) this.#scheduleDeadline();
  }

  #idleDeadline(): number {
    const { idleTimeout } = this.#options;
    return idleTimeout > 0 && !this.isPaused ? this.#lastRead + idleTimeout : NEVER;
  }

  #messageDeadline(): number {
    const { messageTimeout } = this.#options;
    if (messageTimeout === 0 || this.#messageBegan === 0 || this.isPaused) return NEVER;
    return this.#messageBegan + messageTimeout + this.#receiver.messageOctets * MESSAGE_MS_PER_OCTET;
  }

  #scheduleDeadline(): void {
    const keepalive = this.#state === 'open' ? (this.#keepalive?.deadline ?? NEVER) : NEVER;
    const next = Math.min(keepalive, this.#idleDeadline(), this.#messageDeadline(), this.#closeDeadline);
    if (next !== NEVER) scheduleDeadline(this, next);
  }
}

const NO_OCTETS = new Uint8Array(0);

function timeout(code: string, what: string): WebSocketError {
  return new WebSocketError(`The connection was ended because ${what} in time`, code);
}
