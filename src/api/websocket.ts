import type { Buffer } from 'node:buffer';
import type { Connection } from '../net/connection.js';
import { CloseCode } from '../protocol/close-code.js';
import { type CloseResult, WebSocketClosedError } from '../protocol/errors.js';
import { Opcode } from '../protocol/opcode.js';
import { rejected } from './handled-promise.js';
import { checkDuration } from './limits.js';
import type { MessageQueue, Packet, Reading } from './message-queue.js';
import { type Opened, OpenedSocket, openedOf } from './opened.js';
import { checkOpcode, type Data, toPayload } from './payload.js';
import { frameOf, PreparedMessage } from './prepared-message.js';
import { BYTES, messageIterator, NEXT, PACKET, TEXT } from './readings.js';
import { ReadyState } from './ready-state.js';
import { backpressureError, slowPeerError } from './slow-peer.js';
import { checkTopic, type Topics } from './topics.js';

/** What the library's own code does to a WebSocket and users cannot. */
interface Internals {
  make<UserData>(
    opened: Opened<UserData>,
    queue: MessageQueue | null,
    topics: Topics<WebSocket> | null,
  ): WebSocket<UserData>;
  attach(ws: WebSocket<never>, connection: Connection): void;
  connection(ws: WebSocket<never>): Connection;
  pauseForQueue(ws: WebSocket<never>): void;
  /** Sends an encoded frame unless the socket is not open or too far behind. @returns whether it was accepted */
  offer(ws: WebSocket, frame: Uint8Array): boolean;
  closed(ws: WebSocket<never>, result: CloseResult, cause: Error | undefined): void;
}

/** @internal */
export let internals: Internals;

/**
 * An open WebSocket, of a server or of a client: from `newWebSocket`, or given to the handlers of `serve`.
 * Every promise that it returns may be ignored: none becomes an `unhandledRejection`.
 */
export class WebSocket<UserData = unknown> extends OpenedSocket<UserData> {
  static {
    internals = {
      make: (opened, queue, topics) => new WebSocket(opened, queue, topics),
      attach: (ws, connection) => {
        ws.#connection = connection;
      },
      connection: (ws) => ws.#connection,
      pauseForQueue: (ws) => {
        ws.#pausedByQueue = true;
        ws.#connection.pause();
      },
      offer: (ws, frame) => ws.#offer(frame),
      closed: (ws, result, cause) => ws.#onClosed(result, cause),
    };
  }

  #connection!: Connection;
  readonly #queue: MessageQueue | null;
  /** Of the server that accepted it; `null` for a socket of no server. */
  readonly #topics: Topics<WebSocket> | null;
  #hungUp = false;
  #free: Promise<void> | null = null;
  #freeOrClosed: Promise<void> | null = null;
  #pausedByQueue = false;
  #pausedByUser = false;
  #result: CloseResult | null = null;
  #closed: Promise<CloseResult> | null = null;
  #resolveClosed: ((result: CloseResult) => void) | null = null;

  /**
   * Messages that were not sent because the peer was too far behind: with `slowPeer: 'drop'`, and those that were
   * published with `'wait'`.
   */
  dropped = 0;

  private constructor(opened: Opened<UserData>, queue: MessageQueue | null, topics: Topics<WebSocket> | null) {
    super(opened);
    this.#queue = queue;
    this.#topics = topics;
  }

  /** Where the connection is between its two handshakes. Never `Connecting`: a socket exists once it is open. */
  get readyState(): ReadyState {
    if (this.#hungUp) return ReadyState.Closed;
    const { state } = this.#connection;
    return state === 'open' ? ReadyState.Open : state === 'closing' ? ReadyState.Closing : ReadyState.Closed;
  }

  /** Bytes of frames, headers included, that were sent and that the kernel has not taken. */
  get bufferedAmount(): number {
    return this.#connection.bufferedAmount;
  }

  /** Resolves, and never rejects, once the connection is closed. */
  get closed(): Promise<CloseResult> {
    this.#closed ??=
      this.#result !== null
        ? Promise.resolve(this.#result)
        : new Promise((resolve) => {
            this.#resolveClosed = resolve;
          });
    return this.#closed;
  }

  // ——— sending

  /**
   * Sends one message, or a Ping or a Pong.
   *
   * A string goes out as Text, bytes as Binary, unless `opcode` says otherwise. Lone surrogates become U+FFFD. What
   * `prepare` returns goes out as it is, on a server, without an `opcode` beside it.
   *
   * @returns `undefined`: accepted, and the bytes are the caller's again. A promise: accepted, but the peer is behind or
   *   the kernel still reads the bytes; it settles when there is room and the bytes are free, and rejects with a
   *   `WebSocketClosedError` if the connection ends first. Not open: a rejected promise, and nothing is queued.
   * @throws TypeError for what is no data, for an opcode that may not be sent, for Text that is not UTF-8, for a prepared
   *   message on a client
   * @throws RangeError for a Ping or Pong of more than 125 bytes
   */
  send(data: Data | PreparedMessage, opcode?: Opcode): undefined | Promise<void> {
    if (typeof data !== 'string' && data instanceof PreparedMessage) return this.#sendPrepared(frameOf(data, opcode));
    const payload = toPayload(data);
    if (opcode === undefined) opcode = typeof payload === 'string' ? Opcode.Text : Opcode.Binary;
    else checkOpcode(opcode, payload);

    const connection = this.#connection;
    if (connection.state !== 'open') return this.#notOpen();
    if (connection.flushIfOverloaded()) return this.#overloaded();
    const free = connection.send(opcode, payload);
    return free === undefined || !openedOf(this).ignoreClosed ? free : this.#unfailing(free);
  }

  #sendPrepared(frame: Uint8Array): undefined | Promise<void> {
    // §5.1: "a client MUST mask all frames that it sends to the server".
    if (openedOf(this).version === 0)
      throw new TypeError('A prepared message is not masked: only a server may send it');
    const connection = this.#connection;
    if (connection.state !== 'open') return this.#notOpen();
    if (connection.flushIfOverloaded()) return this.#overloaded();
    const free = connection.sendFrame(frame);
    return free === undefined || !openedOf(this).ignoreClosed ? free : this.#unfailing(free);
  }

  /** The same promise, but that the end of the connection resolves it. One for all sends that wait for the same. */
  #unfailing(free: Promise<void>): Promise<void> {
    if (this.#free !== free) {
      this.#free = free;
      this.#freeOrClosed = free.catch(() => {});
    }
    return this.#freeOrClosed!;
  }

  /** Sends a Ping (RFC 6455 §5.5.2), as `send` does. @param data at most 125 bytes; default none */
  ping(data: Data = ''): undefined | Promise<void> {
    return this.send(data, Opcode.Ping);
  }

  /**
   * Pings now and then every `seconds`, in place of the keepalive that the socket had.
   *
   * @param seconds above 0; the one duration of this library that is not in milliseconds
   * @param options.timeout milliseconds in which a Pong must come, or the connection is ended; default 0, off
   * @returns a function that stops it
   * @throws TypeError, RangeError for what is no duration
   */
  setupPings(seconds: number, options: { timeout?: number } = {}): () => void {
    if (typeof seconds !== 'number') throw new TypeError(`seconds must be a number, not ${String(seconds)}`);
    if (!(seconds > 0 && Number.isFinite(seconds))) throw new RangeError(`seconds must be above 0, not ${seconds}`);
    const timeout = checkDuration('timeout', options.timeout, 0);
    if (this.readyState !== ReadyState.Open) return () => {};
    const stop = this.#connection.setKeepalive(seconds * 1000, timeout);
    this.#connection.pingNow();
    return stop;
  }

  // ——— topics

  /** The topics that it has subscribed to, as they are now; none once it is closed. */
  get topics(): readonly string[] {
    return this.#topics?.of(this) ?? [];
  }

  /**
   * Subscribes to a topic of its server: an exact string, the same for all sockets of one `serve` or `acceptUpgrades`.
   * Without effect if it has subscribed already, and on a socket that is not open. Closing unsubscribes.
   *
   * @throws TypeError for what is no string, and on a socket of neither
   */
  subscribe(topic: string): void {
    const topics = this.#serverTopics();
    checkTopic(topic);
    if (this.readyState === ReadyState.Open) topics.add(topic, this);
  }

  /** @returns whether it had subscribed, which a socket without topics never has. @throws TypeError for what is no string */
  unsubscribe(topic: string): boolean {
    checkTopic(topic);
    return this.#topics?.delete(topic, this) ?? false;
  }

  /**
   * Sends a message to all others that have subscribed to `topic`; as `server.publish`, but not to itself. It need not have
   * subscribed, and may be closed.
   *
   * @returns for how many it was accepted
   * @throws TypeError as `send`, for what is no string, for other opcodes than Text and Binary, and on a socket of neither
   *   `serve` nor `acceptUpgrades`
   */
  publish(topic: string, data: Data | PreparedMessage, opcode?: Opcode): number {
    return this.#serverTopics().publish(topic, data, opcode, this);
  }

  #serverTopics(): Topics<WebSocket> {
    if (this.#topics !== null) return this.#topics;
    throw new TypeError('Only sockets accepted through serve or acceptUpgrades have topics');
  }

  // ——— receiving

  /**
   * The next message, whole; with `raw`, the next frame. Messages that wait come before the rejection of a closed socket.
   *
   * @returns rejects with a `WebSocketClosedError` when the connection is closed and nothing is left, with a TypeError on a
   *   socket of `serve` and while another call waits
   */
  receivePacket(): Promise<Packet> {
    return this.#receive(PACKET);
  }

  /**
   * The next message, which must be Text.
   *
   * @returns rejects as `receivePacket`, and with a `WebSocketPacketTypeError` if it is Binary: it is consumed, the
   *   connection usable
   */
  receiveStrPacket(): Promise<string> {
    return this.#receive(TEXT);
  }

  /**
   * The next message, which must be Binary.
   *
   * @returns rejects as `receivePacket`, and with a `WebSocketPacketTypeError` if it is Text: it is consumed, the
   *   connection usable
   */
  receiveBinaryPacket(): Promise<Buffer> {
    return this.#receive(BYTES);
  }

  /**
   * The messages, one after the other. Ends after Close 1000, 1001 or one without a code, throws a `WebSocketClosedError`
   * otherwise. Leaving the loop early closes with 1000, unless something else closes in the same turn.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer> {
    return messageIterator(
      () => this.#receive(NEXT),
      () => this.close(),
    );
  }

  /**
   * No message until `resume`, also of what was read already; the peer has to wait. The end of the connection is told all the same,
   * after the messages that had come. Without effect on a closed socket.
   */
  pause(): void {
    this.#pausedByUser = true;
    this.#connection.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#pausedByUser = false;
    if (!this.#pausedByQueue) this.#connection.resume();
  }

  // ——— closing

  /**
   * Closes with a closing handshake (RFC 6455 §7.1.2): what was sent before still arrives.
   *
   * @param code 1000 to 1003, 1007 to 1014 or 3000 to 4999; default 1000
   * @param reason at most 123 bytes of UTF-8
   * @returns resolves, always, once the connection is closed; with code 1006 if the peer did not answer in time
   * @throws TypeError, RangeError for what may not be sent; the state is as before then
   */
  close(code: number = CloseCode.Normal, reason = ''): Promise<CloseResult> {
    this.#connection.close(code, reason);
    return this.closed;
  }

  /** Ends the connection at once, without a Close frame; what was sent before leaves if the kernel takes it at once. */
  hangup(): void {
    this.#hungUp = true;
    this.#connection.hangup();
  }

  #onClosed(result: CloseResult, cause: Error | undefined): void {
    this.#topics?.deleteAll(this);
    this.#result = result;
    this.#resolveClosed?.(result);
    this.#queue?.end(new WebSocketClosedError(result, cause === undefined ? undefined : { cause }));
  }

  #notOpen(): undefined | Promise<void> {
    if (openedOf(this).ignoreClosed) return undefined;
    return rejected(this.#connection.closedError());
  }

  #overloaded(): undefined | Promise<void> {
    const { slowPeer } = openedOf(this);
    if (slowPeer === 'wait') return rejected(backpressureError(this.bufferedAmount));
    this.#leaveOut();
    return slowPeer === 'drop' ? undefined : this.#notOpen();
  }

  #offer(frame: Uint8Array): boolean {
    const connection = this.#connection;
    if (connection.state !== 'open') return false;
    if (connection.flushIfOverloaded()) {
      this.#leaveOut();
      return false;
    }
    connection.queueFrame(frame);
    return true;
  }

  /** What `slowPeer` makes of a message that nobody waits for. */
  #leaveOut(): void {
    if (openedOf(this).slowPeer === 'terminate') this.#connection.terminate(slowPeerError(this.bufferedAmount));
    else this.dropped++;
  }

  #receive<Result>(reading: Reading<Result>): Promise<Result> {
    const queue = this.#queue;
    if (queue === null) return rejected(new TypeError('A socket of serve is received from by its message handler'));
    const received = queue.receive(reading);
    if (this.#pausedByQueue && queue.hasRoom) this.#resumeReading();
    return received;
  }

  #resumeReading(): void {
    this.#pausedByQueue = false;
    if (!this.#pausedByUser) this.#connection.resume();
  }
}
