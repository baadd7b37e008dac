import type { Buffer } from 'node:buffer';
import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';
import { NO_BYTES } from '../protocol/bytes.js';
import { CloseCode } from '../protocol/close-code.js';
import { formatClosePayload, parseClosePayload } from '../protocol/close-payload.js';
import { Closing, type ClosingEvent, type ConnectionState, echoedCode } from '../protocol/closing.js';
import { type CloseResult, toError, WebSocketClosedError, WebSocketProtocolError } from '../protocol/errors.js';
import { FAULT, type Fault, faultText } from '../protocol/faults.js';
import { FIN, Opcode } from '../protocol/opcode.js';
import { CompressingLink } from './compressing-link.js';
import type { ConnectionHandler, ConnectionOptions } from './connection-handler.js';
import { RateLimit } from './timing/rate-limit.js';
import { RoundTrips } from './timing/round-trips.js';
import { type TimeLimited, TimeLimits } from './timing/time-limits.js';

/** One WebSocket connection after its opening handshake: Ping → Pong (RFC 6455 §5.5.2), closing (§7), time limits. */
export class Connection extends CompressingLink implements TimeLimited {
  readonly #options: ConnectionOptions;
  readonly #handler: ConnectionHandler;
  readonly #limits: TimeLimits;
  /** `null` until the closing begins. */
  #begunClosing: Closing | null = null;
  #cause: Error | undefined;
  readonly #rate: RateLimit | null;
  /** `null` until the user sends a Ping. */
  #roundTrips: RoundTrips | null = null;
  /** Microseconds of the last round trip; -1 before. */
  #latency = -1;

  constructor(socket: Duplex, options: ConnectionOptions, handler: ConnectionHandler) {
    super('wasock.Connection', socket, options);
    this.#options = options;
    this.#handler = handler;
    this.#limits = new TimeLimits(options, this);
    this.#rate = options.rateLimit === null ? null : new RateLimit(options.rateLimit, this);
  }

  /** Milliseconds from the last Ping that was answered to its Pong. */
  get latency(): number | undefined {
    return this.#latency < 0 ? undefined : this.#latency / 1000;
  }

  get state(): ConnectionState {
    return this.#begunClosing?.state ?? 'open';
  }

  /** Whether the connection does not read: the user has paused it, enough messages wait, or the rate limit holds it. */
  get isPaused(): boolean {
    return this.inbox.isPaused || this.inbox.isHeld;
  }

  /** Starts reading. @param head bytes that came after the opening handshake: the first frames */
  start(head?: Buffer): void {
    if (head !== undefined && head.length > 0) this.inbox.onChunk(head);
    if (this.state === 'closed') return;
    this.inbox.start();
    this.#limits.start();
  }

  /** Replaces the keepalive. @returns a function that ends the new one */
  setKeepalive(pingInterval: number, pongTimeout: number): () => void {
    return this.#limits.setKeepalive(pingInterval, pongTimeout);
  }

  /** Makes the keepalive send its next Ping now. */
  pingNow(): void {
    this.#limits.pingNow();
  }

  pause(): void {
    if (this.state === 'open') this.#countPaused(() => this.inbox.pause());
  }

  resume(): void {
    if (!this.inbox.isPaused) return;
    this.#countPaused(() => this.inbox.resume());
    this.#limits.onResume();
  }

  /** Does something that may change `isPaused`, and counts the change. */
  #countPaused(act: () => void): void {
    const before = Number(this.isPaused);
    act();
    this.counters.paused += Number(this.isPaused) - before;
  }

  // ——— from the rate limit

  hold(): void {
    this.#countPaused(() => this.inbox.hold());
    this.#limits.onHold();
  }

  release(): void {
    this.#countPaused(() => this.inbox.release());
    this.#limits.onRelease();
  }

  // ——— sending

  /** Sends a Ping. @param given its payload; `null` if any will do @returns as `RoundTrips.sent`; rejects at the end */
  ping(given: Buffer | null): Promise<number> {
    this.#roundTrips ??= new RoundTrips(this.#limits.pingedAt);
    const { payload, answered } = this.#roundTrips.sent(given);
    this.inOrder(() => this.#roundTrips!.onLeft());
    this.send(Opcode.Ping, payload);
    return answered;
  }

  /** Begins the closing handshake (§7.1.2). @throws TypeError, RangeError if the code or reason may not be sent */
  close(closeCode?: number, reason?: string): void {
    const payload = formatClosePayload(closeCode, reason);
    if (this.#begunClosing?.isLost) this.inbox.discard();
    if (this.state === 'open') this.#close('close', payload);
  }

  /** Ends the connection at once, without a Close frame. What was sent before leaves if the kernel takes it at once. */
  hangup(): void {
    if (this.state === 'closed') return;
    this.outbox.flush();
    this.#abandon();
    this.transport.destroySoon();
  }

  /** Ends the connection at once, without a Close frame, and drops what has not left. @param cause goes to `onError` */
  terminate(cause?: Error): void {
    if (this.state === 'closed') return;
    this.#cause ??= cause;
    this.#abandon();
    // `onError` comes before `onClose`, but not now: user code must not run in the middle of a publish.
    if (cause !== undefined) nextTick(() => this.#tellError(cause));
    this.transport.destroy();
  }

  #abandon(): void {
    this.#closing().abandon();
    this.#rate?.stop();
    this.inbox.discard();
    this.#closeOutbox();
  }

  /** Fails the connection (§7.1.7) because user code threw: Close 1011, "an unexpected condition" (§7.4.1). */
  failByHandler(error: Error): void {
    // The reason does not tell the peer what went wrong.
    this.#fail(CloseCode.InternalError, error, 'Internal error');
  }

  /** The error for operations still pending when the connection ends. */
  closedError(): WebSocketClosedError {
    return new WebSocketClosedError(this.#result());
  }

  #result(): CloseResult {
    const result = this.#closing().result();
    return this.#cause === undefined ? result : { ...result, cause: this.#cause };
  }

  // ——— from the receiver

  #delivers(): boolean {
    return this.#begunClosing?.delivers ?? true;
  }

  onMessage(opcode: number, data: string | Buffer, length: number, isInflated: boolean): void {
    if (!this.#delivers()) return;
    if (this.#rate?.onFrame(true)) return this.onFault(FAULT.RATE_LIMIT);
    this.counters.countMessage(length, isInflated);
    this.#limits.onMessageEnd();
    this.#handler.onMessage(opcode, data, length);
    this.inbox.countMessage();
  }

  override onFragment(): void {
    if (this.#delivers() && this.#rate?.onFrame(false)) this.onFault(FAULT.RATE_LIMIT);
  }

  onFrame(fin: boolean, opcode: number, payload: Buffer): void {
    if (!this.#delivers()) return;
    if (this.#rate?.onFrame(fin)) return this.onFault(FAULT.RATE_LIMIT);
    this.counters.payloadBytesReceived += payload.length;
    if (fin) {
      this.counters.messagesReceived++;
      this.#limits.onMessageEnd();
    }
    this.#handler.onFrame(fin, opcode, payload);
    this.inbox.countMessage();
  }

  onControl(opcode: number, payload: Buffer): void {
    // A Close is not limited, because it ends the connection anyway. In raw mode another frame may follow it.
    const isLast = opcode === Opcode.Close && !this.#options.raw;
    if (this.#delivers() && !isLast && this.#rate?.onFrame(false)) return this.onFault(FAULT.RATE_LIMIT);
    if (!this.inbox.fragmented) this.#limits.onMessageEnd();
    if (opcode === Opcode.Pong) this.#onPong(payload);
    if (this.#options.raw && this.#delivers()) this.#handOverControl(opcode, payload);
    else if (opcode === Opcode.Close) this.#receiveClose(payload);
    else if (!this.#delivers()) return;
    else if (opcode === Opcode.Pong) this.#handler.onPong(payload);
    else {
      // §5.5.2: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response".
      this.appendPong(payload);
      this.#handler.onPing(payload);
    }
    this.inbox.countMessage();
  }

  #onPong(payload: Buffer): void {
    this.#limits.onPong();
    // The keepalive's Pings are empty. Once the user has sent a Ping, the round trips have those of both.
    const ofKeepalive = payload.length === 0 ? this.#limits.roundTrip() : -1;
    const micros = this.#roundTrips === null ? ofKeepalive : this.#roundTrips.onPong(payload);
    if (micros >= 0) this.#latency = micros;
  }

  /** Raw mode: the user answers. A Close frame still determines how the connection ends (§7.1.5). */
  #handOverControl(opcode: number, payload: Buffer): void {
    const status = opcode === Opcode.Close ? parseClosePayload(payload) : null;
    if (status !== null && !('section' in status)) this.#closing().onReceived(status);
    this.#handler.onFrame(true, opcode, payload);
  }

  onFault(fault: Fault): void {
    const text = faultText(fault, this.#options);
    const error = new WebSocketProtocolError(fault, text);
    this.#fail(fault.closeCode, error, text);
    this.#tellError(error);
  }

  #tellError(error: Error): void {
    this.runInAsyncScope(this.#handler.onError, this.#handler, error);
  }

  // ——— from inbox and transport

  onRead(length: number): void {
    this.counters.wireBytesReceived += length;
    this.#rate?.onBytes(length);
    this.#limits.onRead();
  }

  get answersWhilePaused(): boolean {
    // In raw mode the user answers.
    return !this.#options.raw;
  }

  override onTurnBegin(): void {
    super.onTurnBegin();
    this.#rate?.onTurnBegin();
  }

  override onTurnEnd(): void {
    super.onTurnEnd();
    if (this.#rate?.onTurnEnd()) this.onFault(FAULT.RATE_LIMIT);
    if (this.inbox.midMessage) this.#limits.onMessagePart();
    else this.#limits.onMessageEnd();
  }

  onThrow(error: unknown): void {
    const cause = toError(error);
    this.failByHandler(cause);
    this.#tellError(cause);
  }

  onDeparted(): void {
    this.#limits.onDeparted();
  }

  onWritten(): void {}

  onDrain(): void {
    this.runInAsyncScope(this.#handler.onDrain, this.#handler);
  }

  /**
   * The peer sent FIN. If no Close frame came before it, the end is abnormal. In both cases nothing more will come.
   */
  onInputEnd(): void {
    this.#close('peer end', NO_BYTES);
  }

  onError(error: Error): void {
    // What happens to the TCP connection after the peer's Close is not why the connection ended.
    if (!this.#begunClosing?.isReceived) this.#cause ??= error;
  }

  /** The TCP connection is closed. Everything received before is handled first. */
  onClose(): void {
    if (this.#closing().isLost) return;
    this.#closing().onLost();
    this.#limits.stop();
    this.#closeOutbox();
    // A user that has paused may wait for something that will never come.
    this.#readAll(true);
    this.inbox.onClose();
  }

  /** Everything received is handled: the connection is closed (§7.1.4). */
  onInputClose(): void {
    this.#closing().onClosed();
    this.inbox.discard();
    this.#roundTrips?.reject(this.closedError());
    const result = this.#result();
    this.counters.countClose(result.closeCode);
    this.runInAsyncScope(this.#handler.onClose, this.#handler, result, this.#closing().isOrderly);
  }

  // ——— closing

  #closing(): Closing {
    // From now on, published messages are not for this connection.
    if (this.#begunClosing === null) this.outbox.separate();
    this.#begunClosing ??= new Closing();
    return this.#begunClosing;
  }

  /** @param payload of the Close frame, if `event` sends one */
  #close(event: ClosingEvent, payload: Buffer): void {
    const step = this.#closing().on(event, this.#options.role);
    if (step.discards) this.inbox.discard();
    if (step.sendsClose) this.inOrder(() => this.outbox.appendClose(payload));
    this.#limits.onClosing();
    this.#readAll(step.reads);
    if (step.ends) this.inOrder(() => this.outbox.end());
  }

  /** Ends the rate limit, because little more comes. @param resumes whether to end the user's pause, too */
  #readAll(resumes: boolean): void {
    this.#rate?.stop();
    this.#countPaused(() => {
      this.inbox.release();
      if (resumes) this.inbox.resume();
    });
  }

  #receiveClose(payload: Buffer): void {
    const status = parseClosePayload(payload);
    if ('section' in status) return this.onFault(status);
    this.#closing().onReceived(status);
    this.#close('peer close', formatClosePayload(echoedCode(status)));
  }

  /** §7.1.7. @param reason tells the peer's developers what to look for */
  #fail(closeCode: number, cause: Error, reason: string): void {
    if (this.state === 'closed') return;
    this.#cause ??= cause;
    this.#close('fail', formatClosePayload(closeCode, reason));
  }

  #closeOutbox(): void {
    if (this.bufferedAmount > 0) this.#closing().onIncomplete();
    this.closeSending();
  }

  // ——— from the time limits

  sendPing(): void {
    // It does not wait for a message that takes long to compress, because its Pong has a deadline.
    this.outbox.append(FIN | Opcode.Ping, NO_BYTES);
    this.#roundTrips?.sentByKeepalive();
  }
}
