import type { Buffer } from 'node:buffer';
import type { Connection } from '../net/connection.js';
import type { SharedMessage } from '../net/writing/shared-message.js';
import { CloseCode } from '../protocol/close-code.js';
import { type CloseResult, WebSocketClosedError } from '../protocol/errors.js';
import { Opcode } from '../protocol/opcode.js';
import { rejected } from './handled-promise.js';
import { checkDuration } from './limits.js';
import type { MessageQueue, Packet, Reading } from './message-queue.js';
import { type Opened, OpenedSocket, openedOf } from './opened.js';
import { checkOpcode, type Data, type SendOptions, sendOptions, toPayload } from './payload.js';
import { PreparedMessage, sharedOf } from './prepared-message.js';
import { BYTES, messageIterator, NEXT, PACKET, TEXT } from './readings.js';
import { ReadyState } from './ready-state.js';
import { backpressureError, slowPeerError } from './slow-peer.js';
import { checkTopic, type Topics } from './topics.js';

/** What only the library's own code may do to a WebSocket. */
interface Internals {
  make<UserData>(
    opened: Opened<UserData>,
    queue: MessageQueue | null,
    topics: Topics<WebSocket> | null,
  ): WebSocket<UserData>;
  attach(ws: WebSocket<never>, connection: Connection): void;
  connection(ws: WebSocket<never>): Connection;
  pauseForQueue(ws: WebSocket<never>): void;
  /** Sends a shared message, unless the socket is not open or is too far behind. @returns whether it was accepted */
  offer(ws: WebSocket, message: SharedMessage): boolean;
  closed(ws: WebSocket<never>, result: CloseResult, cause: Error | undefined): void;
}

/** @internal */
export let internals: Internals;

/**
 * An open WebSocket, of a server or of a client. `newWebSocket` returns it, and the handlers of `serve` get it. Every
 * promise that it returns may be ignored: none becomes an `unhandledRejection`.
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
      offer: (ws, message) => ws.#offer(message),
      closed: (ws, result, cause) => ws.#onClosed(result, cause),
    };
  }

  #connection!: Connection;
  readonly #queue: MessageQueue | null;
  /** The topics of the server that accepted it; `null` without such a server. */
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
   * How many messages were not sent because the peer was too far behind: with `slowPeer: 'drop'`, and with `'wait'` for
   * published messages.
   */
  dropped = 0;

  private constructor(opened: Opened<UserData>, queue: MessageQueue | null, topics: Topics<WebSocket> | null) {
    super(opened);
    this.#queue = queue;
    this.#topics = topics;
  }

  /** The state of the connection. Never `Connecting`: a socket exists only once it is open. */
  get readyState(): ReadyState {
    if (this.#hungUp) return ReadyState.Closed;
    const { state } = this.#connection;
    return state === 'open' ? ReadyState.Open : state === 'closing' ? ReadyState.Closing : ReadyState.Closed;
  }

  /** Bytes of frames, headers included, that were sent and the kernel has not taken. */
  get bufferedAmount(): number {
    return this.#connection.bufferedAmount;
  }

  /** Resolves once the connection is closed, and never rejects. */
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
   * A string is sent as Text, bytes as Binary, unless `opcode` says otherwise. Lone surrogates become U+FFFD. A server
   * may send a prepared message, without options. A message leaves compressed if that was agreed (`compression`), it has
   * `threshold` bytes or more, it gets shorter, and `compress` is not false.
   *
   * @param options an opcode, or `{ opcode, compress }`
   * @returns `undefined` if the message was accepted and you may reuse the buffer. Otherwise a promise: the peer is
   *   behind, the kernel still reads the bytes, or a long message is being compressed. It resolves when there is room and you may reuse the buffer, and
   *   rejects with a `WebSocketClosedError` if the connection ends first. If the socket is not open, the promise is
   *   rejected and nothing is sent. If the peer is more than `maxBackpressure` behind, `slowPeer` decides
   * @throws TypeError if `data` cannot be sent, an option is invalid, Text is not UTF-8, or a client sends a prepared
   *   message
   * @throws RangeError if a Ping or Pong has more than 125 bytes
   */
  send(data: Data | PreparedMessage, options?: Opcode | SendOptions): undefined | Promise<void> {
    if (typeof data !== 'string' && data instanceof PreparedMessage) return this.#sendPrepared(sharedOf(data, options));
    const payload = toPayload(data);
    let opcode: Opcode | undefined;
    let compresses = true;
    if (typeof options !== 'object') opcode = options;
    else ({ opcode, compress: compresses = true } = sendOptions(options));
    if (opcode === undefined) opcode = typeof payload === 'string' ? Opcode.Text : Opcode.Binary;
    else checkOpcode(opcode, payload);

    const connection = this.#connection;
    if (connection.state !== 'open') return this.#notOpen();
    if (connection.flushIfOverloaded()) return this.#overloaded();
    const free = connection.send(opcode, payload, compresses);
    return free === undefined || !openedOf(this).ignoreClosed ? free : this.#unfailing(free);
  }

  #sendPrepared(message: SharedMessage): undefined | Promise<void> {
    // §5.1: "a client MUST mask all frames that it sends to the server".
    if (openedOf(this).version === 0)
      throw new TypeError('A prepared message is not masked: only a server may send it');
    const connection = this.#connection;
    if (connection.state !== 'open') return this.#notOpen();
    if (connection.flushIfOverloaded()) return this.#overloaded();
    const free = connection.sendShared(message);
    return free === undefined || !openedOf(this).ignoreClosed ? free : this.#unfailing(free);
  }

  /** A promise that also resolves if the connection ends. All sends that wait for the same promise share one. */
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
   * Sends a Ping now, and then one every `seconds`. This replaces the socket's keepalive.
   *
   * @param seconds above 0; the only duration of this library that is not in milliseconds
   * @param options.timeout milliseconds within which a Pong must arrive, or the connection ends; default 0, off
   * @returns a function that stops the Pings
   * @throws TypeError, RangeError if a duration is invalid
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

  /** A list of the topics that it has subscribed to; empty once it is closed. */
  get topics(): readonly string[] {
    return this.#topics?.of(this) ?? [];
  }

  /**
   * Subscribes to a topic of its server: an exact string, which all sockets of one `serve` or `acceptUpgrades` share, with a
   * broker all of several processes. No effect if it has subscribed already or is not open. Closing unsubscribes.
   *
   * @throws TypeError if `topic` is not a string, or with a broker not well-formed, or the socket belongs to neither
   * @throws RangeError if there is a broker and `topic` has more than 65,535 bytes
   */
  subscribe(topic: string): void {
    const topics = this.#serverTopics();
    topics.check(topic);
    if (this.readyState === ReadyState.Open) topics.add(topic, this);
  }

  /** Unsubscribes from a topic. @returns whether it had subscribed @throws TypeError if `topic` is not a string */
  unsubscribe(topic: string): boolean {
    checkTopic(topic);
    return this.#topics?.delete(topic, this) ?? false;
  }

  /**
   * Sends a message to all sockets that have subscribed to `topic`, as `server.publish` does, except to itself. It need
   * not have subscribed, and may be closed.
   *
   * @returns how many sockets of this process accepted the message
   * @throws TypeError, RangeError as `server.publish`; TypeError as `send`, if `topic` is not a string, if the opcode is neither Text nor Binary, or if the socket
   *   belongs to neither `serve` nor `acceptUpgrades`
   */
  publish(topic: string, data: Data | PreparedMessage, options?: Opcode | SendOptions): number {
    return this.#serverTopics().publish(topic, data, options, this);
  }

  #serverTopics(): Topics<WebSocket> {
    if (this.#topics !== null) return this.#topics;
    throw new TypeError('Only sockets accepted through serve or acceptUpgrades have topics');
  }

  // ——— receiving

  /**
   * Receives the next whole message, or with `raw` the next frame. Queued messages can still be received after the
   * socket has closed.
   *
   * @returns rejects with a `WebSocketClosedError` if the connection is closed and no message is left, and with a
   *   TypeError on a socket of `serve` or while another call waits
   */
  receivePacket(): Promise<Packet> {
    return this.#receive(PACKET);
  }

  /**
   * Receives the next message, which must be Text.
   *
   * @returns rejects as `receivePacket` does, and with a `WebSocketPacketTypeError` if the message is Binary. The
   *   message is then consumed; the connection remains usable
   */
  receiveStrPacket(): Promise<string> {
    return this.#receive(TEXT);
  }

  /**
   * Receives the next message, which must be Binary.
   *
   * @returns rejects as `receivePacket` does, and with a `WebSocketPacketTypeError` if the message is Text. The message
   *   is then consumed; the connection remains usable
   */
  receiveBinaryPacket(): Promise<Buffer> {
    return this.#receive(BYTES);
  }

  /**
   * Iterates over the messages. The loop ends after a Close with 1000, 1001 or no code, and throws a
   * `WebSocketClosedError` after any other end. If you leave the loop early, the socket closes with 1000, unless you
   * close it otherwise in the same turn.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer> {
    return messageIterator(
      () => this.#receive(NEXT),
      () => this.close(),
    );
  }

  /**
   * Delivers no message until `resume`, not even one that was read already. The peer has to wait. The end of the
   * connection is still reported, after the messages that came before it. No effect on a closed socket.
   */
  pause(): void {
    this.#pausedByUser = true;
    this.#connection.pause();
  }

  /** Undoes `pause`. */
  resume(): void {
    this.#pausedByUser = false;
    if (!this.#pausedByQueue) this.#connection.resume();
  }

  // ——— closing

  /**
   * Closes with a closing handshake (RFC 6455 §7.1.2). What was sent before still arrives.
   *
   * @param code 1000 to 1003, 1007 to 1014 or 3000 to 4999; default 1000
   * @param reason at most 123 bytes of UTF-8
   * @returns always resolves, once the connection is closed; with code 1006 if the peer did not answer in time
   * @throws TypeError, RangeError if the code or the reason may not be sent; nothing has changed then
   */
  close(code: number = CloseCode.Normal, reason = ''): Promise<CloseResult> {
    this.#connection.close(code, reason);
    return this.closed;
  }

  /** Ends the connection at once, without a Close frame. What was sent before leaves if the kernel takes it at once. */
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
    this.#skip();
    return slowPeer === 'drop' ? undefined : this.#notOpen();
  }

  #offer(message: SharedMessage): boolean {
    const connection = this.#connection;
    if (connection.state !== 'open') return false;
    if (connection.flushIfOverloaded()) {
      this.#skip();
      return false;
    }
    connection.queueShared(message);
    return true;
  }

  /** Does not send a message: ends the connection or counts the message, as `slowPeer` says. */
  #skip(): void {
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
