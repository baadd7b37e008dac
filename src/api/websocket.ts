import type { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import type { Connection } from '../net/connection.js';
import { CloseCode } from '../protocol/close-code.js';
import { type CloseResult, WebSocketClosedError, withoutStack } from '../protocol/errors.js';
import type { Opcode } from '../protocol/opcode.js';
import { closeChannel, type MessagesOf } from './diagnostics.js';
import { rejected } from './handled-promise.js';
import type { MessageQueue, Packet, Reading } from './message-queue.js';
import type { Opened } from './opened.js';
import type { Data, SendOptions } from './payload.js';
import type { PreparedMessage } from './prepared-message.js';
import { BYTES, MessageIterator, NEXT, PACKET, TEXT } from './readings.js';
import { ReadyState } from './ready-state.js';
import { connectionOf, SendingSocket } from './sending-socket.js';
import { checkTopic, type Topics } from './topics.js';

/** What only the library itself may do to a WebSocket. */
interface Internals {
  make<UserData>(opened: Opened, queue: MessageQueue | null, topics: Topics<WebSocket> | null): WebSocket<UserData>;
  pauseForQueue(ws: WebSocket): void;
  closed(ws: WebSocket, result: CloseResult, isOrderly: boolean): void;
}

/** @internal */
export let internals: Internals;

let receiveNext: (ws: WebSocket) => Promise<IteratorResult<string | Buffer>>;

/**
 * The messages that the library publishes on channels of `node:diagnostics_channel`, by the name of the channel. A
 * subscriber must not change what it gets.
 *
 * @example
 * ```js
 * import { subscribe } from 'node:diagnostics_channel';
 *
 * subscribe('wasock:close', ({ socket, closeCode }) => console.log(socket.remoteAddress, closeCode));
 * ```
 */
export interface DiagnosticsMessages extends MessagesOf<WebSocket> {}

const STATE_NAMES: readonly string[] = ['connecting', 'open', 'closing', 'closed'];

/** What `console.log(ws)` shows. An object rather than a text: whoever prints it knows what it has shown, and how deep it goes. */
class Shown {
  readonly state: string;
  /** Of a closed one; absent before. */
  declare readonly closeCode?: number;
  declare readonly reason?: string;
  readonly url: string;
  readonly remoteAddress: string | undefined;
  readonly protocol: string;
  readonly topics: readonly string[];
  readonly bufferedAmount: number;
  readonly data: unknown;

  constructor(
    ws: SendingSocket<unknown> & { readonly topics: readonly string[] },
    state: ReadyState,
    end: CloseResult | null,
  ) {
    this.state = STATE_NAMES[state];
    if (end !== null) Object.assign(this, { closeCode: end.closeCode, reason: end.reason });
    this.url = ws.url;
    this.remoteAddress = ws.remoteAddress;
    this.protocol = ws.protocol;
    this.topics = ws.topics;
    this.bufferedAmount = ws.bufferedAmount;
    this.data = ws.data;
  }
}
// It is what `console.log` shows before the properties.
Object.defineProperty(Shown, 'name', { value: 'WebSocket' });

/** The promise of `closed`. */
class Ending {
  result: CloseResult | null = null;
  #resolve!: (result: CloseResult) => void;
  readonly closed = new Promise<CloseResult>((resolve) => {
    this.#resolve = resolve;
  });

  resolve(result: CloseResult): void {
    this.result = result;
    this.#resolve(result);
  }
}

/**
 * A WebSocket of a server or of a client, once it is open: `newWebSocket` returns it, and the handlers of `serve` get
 * it. You may ignore every promise that it returns: none becomes an `unhandledRejection`.
 *
 * @example
 * ```js
 * import { newWebSocket } from 'wasock';
 *
 * const ws = await newWebSocket('ws://127.0.0.1:9001/');
 * await ws.send('Hi, how are you?');
 * console.log(await ws.receiveStrPacket());
 * console.log(await ws.close()); // { closeCode: 1000, reason: '', wasClean: true }
 * ```
 */
export class WebSocket<UserData = unknown> extends SendingSocket<UserData> {
  static {
    internals = {
      make: (opened, queue, topics) => new WebSocket(opened, queue, topics),
      pauseForQueue: (ws) => {
        ws.#pausedByQueue = true;
        connectionOf(ws).pause();
      },
      closed: (ws, result, isOrderly) => ws.#onClosed(result, isOrderly),
    };
    receiveNext = (ws) => ws.#receive(NEXT);
  }

  readonly #queue: MessageQueue | null;
  /** The topics of the server that accepted it; `null` without such a server. */
  readonly #topics: Topics<WebSocket> | null;
  #hungUp = false;
  #pausedByQueue = false;
  #pausedByUser = false;
  /** The promise of `closed`, once it was read; otherwise the result, once the socket is closed. */
  #ending: Ending | CloseResult | null = null;

  #connection(): Connection {
    return connectionOf(this);
  }

  private constructor(opened: Opened, queue: MessageQueue | null, topics: Topics<WebSocket> | null) {
    super(opened);
    this.#queue = queue;
    this.#topics = topics;
  }

  /**
   * The state of the connection: one of `ReadyState`, but never `Connecting`, because a socket exists only once it is
   * open.
   */
  get readyState(): ReadyState {
    if (this.#hungUp) return ReadyState.Closed;
    const { state } = this.#connection();
    return state === 'open' ? ReadyState.Open : state === 'closing' ? ReadyState.Closing : ReadyState.Closed;
  }

  /** Resolves with how the connection ended, once it is closed. It never rejects. */
  get closed(): Promise<CloseResult> {
    const known = this.#ending;
    if (known instanceof Ending) return known.closed;
    const ending = new Ending();
    this.#ending = ending;
    if (known !== null) ending.resolve(known);
    return ending.closed;
  }

  // ——— topics

  /** The topics that the socket has subscribed to, in the order of subscription; empty once it is closed. */
  get topics(): readonly string[] {
    return this.#topics?.of(this) ?? [];
  }

  /**
   * Subscribes to a topic: from now on the socket gets what is published to it. All sockets of one `serve` or
   * `acceptUpgrades` share their topics; with a broker, those of all its processes. It has no effect if the socket has
   * already subscribed, or is not open. A socket that closes unsubscribes.
   *
   * @example
   * ```js
   * import { serve } from 'wasock';
   *
   * const server = await serve({ port: 9001, open: (ws) => ws.subscribe('news') });
   * setInterval(() => server.publish('news', `It is ${new Date().toISOString()}`), 1000);
   * ```
   * @param topic an exact string
   * @throws TypeError if `topic` is not a string, if it is not well-formed and there is a broker, or if the socket was
   *   accepted neither through `serve` nor through `acceptUpgrades`
   * @throws RangeError if there is a broker and `topic` has more than 65,535 bytes
   */
  subscribe(topic: string): void {
    const topics = this.#serverTopics();
    topics.check(topic);
    if (this.readyState === ReadyState.Open) topics.add(topic, this);
  }

  /**
   * Unsubscribes from a topic.
   *
   * @example
   * ```js
   * import { serve } from 'wasock';
   *
   * await serve({
   *   port: 9001,
   *   open: (ws) => ws.subscribe('news'),
   *   message: (ws, data) => { if (data === 'no more news') ws.unsubscribe('news'); },
   * });
   * ```
   * @returns whether the socket had subscribed to it
   * @throws TypeError if `topic` is not a string
   */
  unsubscribe(topic: string): boolean {
    checkTopic(topic);
    return this.#topics?.delete(topic, this) ?? false;
  }

  /**
   * Sends a message to the other sockets that have subscribed to a topic, as `server.publish` does. This socket does
   * not get it. It need not have subscribed, and may be closed.
   *
   * @example
   * ```js
   * import { serve } from 'wasock';
   *
   * await serve({
   *   port: 9001,
   *   open: (ws) => ws.subscribe('chat'),
   *   message: (ws, data, opcode) => ws.publish('chat', data, opcode),
   * });
   * ```
   * @param topic an exact string
   * @param data a string is sent as Text, bytes as Binary, unless `opcode` says otherwise. Bytes are copied, and stay
   *   yours
   * @param options the opcode Text or Binary, or `{ opcode, compress }`; none for a prepared message
   * @returns how many sockets of this process accepted the message
   * @throws TypeError if `topic` is not a string, or is not well-formed and there is a broker; if `data` cannot be
   *   sent, an option is invalid, or Text is not UTF-8; or if the socket was accepted neither through `serve` nor
   *   through `acceptUpgrades`
   * @throws RangeError if there is a broker and `topic` has more than 65,535 bytes
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
   * Receives the next whole message; with the option `raw`, the next frame. Messages that have arrived can still be
   * received after the socket has closed. The bytes are yours.
   *
   * @example
   * ```js
   * import { newWebSocket, Opcode } from 'wasock';
   *
   * const ws = await newWebSocket('ws://127.0.0.1:9001/');
   * const { opcode, data } = await ws.receivePacket();
   * if (opcode === Opcode.Text) console.log(data);
   * ```
   * @returns resolves with the message. Rejects with a `WebSocketClosedError` if the connection is closed and no
   *   message is left, and with a TypeError on a socket of `serve` or while another call waits
   */
  receivePacket(): Promise<Packet> {
    return this.#receive(PACKET);
  }

  /**
   * Receives the next message, which must be Text.
   *
   * @example
   * ```js
   * import { newWebSocket } from 'wasock';
   *
   * const ws = await newWebSocket('ws://127.0.0.1:9001/');
   * const order = JSON.parse(await ws.receiveStrPacket());
   * ```
   * @returns resolves with the text. Rejects as `receivePacket` does, and with a `WebSocketPacketTypeError` if the
   *   message is Binary. The message is then consumed, and the connection remains usable
   */
  receiveStrPacket(): Promise<string> {
    return this.#receive(TEXT);
  }

  /**
   * Receives the next message, which must be Binary.
   *
   * @example
   * ```js
   * import { newWebSocket } from 'wasock';
   *
   * const ws = await newWebSocket('ws://127.0.0.1:9001/');
   * const bytes = await ws.receiveBinaryPacket();
   * console.log(bytes.readUInt32BE(0));
   * ```
   * @returns resolves with the bytes, which are yours. Rejects as `receivePacket` does, and with a
   *   `WebSocketPacketTypeError` if the message is Text. The message is then consumed, and the connection remains
   *   usable
   */
  receiveBinaryPacket(): Promise<Buffer> {
    return this.#receive(BYTES);
  }

  /**
   * Iterates over the messages: strings for Text, and Buffers for Binary, which are yours. The loop ends after
   * `close()` of this side, and after a Close of the peer with 1000, 1001 or no code. After any other end, such as a
   * time-out, it throws a `WebSocketClosedError`. If you leave the loop early, the socket closes with 1000, unless you
   * close it with another code in the same turn.
   *
   * @example
   * ```js
   * import { newWebSocket } from 'wasock';
   *
   * const ws = await newWebSocket('ws://127.0.0.1:9001/');
   * for await (const message of ws) {
   *   console.log(typeof message === 'string' ? message : message.length);
   * }
   * ```
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer> {
    return new MessageIterator(this, receiveNext);
  }

  /**
   * Pauses the delivery of messages until `resume`, also of those that were already read. Soon the socket reads no
   * more, and the peer has to wait. The end of the connection is still reported, after the messages that came before
   * it. It has no effect on a closed socket.
   *
   * @example
   * ```js
   * import { serve } from 'wasock';
   *
   * const store = async (data) => console.log(data); // stands for your database
   * const message = (ws, data) => { ws.pause(); return store(data).finally(() => ws.resume()); };
   * await serve({ port: 9001, message });
   * ```
   */
  pause(): void {
    this.#pausedByUser = true;
    this.#connection().pause();
  }

  /**
   * Resumes the delivery of messages after `pause`. It has no effect if the socket is not paused.
   *
   * @example
   * ```js
   * import { newWebSocket } from 'wasock';
   *
   * const ws = await newWebSocket('ws://127.0.0.1:9001/');
   * ws.pause();
   * setTimeout(() => ws.resume(), 1000); // what the peer sends meanwhile is delivered after that
   * ```
   */
  resume(): void {
    this.#pausedByUser = false;
    if (!this.#pausedByQueue) this.#connection().resume();
  }

  // ——— closing

  /**
   * Closes the socket with a closing handshake (RFC 6455 §7.1.2). What was sent before still arrives. Nothing can be
   * sent after it. A second call waits for the same end.
   *
   * @example
   * ```js
   * import { newWebSocket } from 'wasock';
   *
   * const ws = await newWebSocket('ws://127.0.0.1:9001/');
   * const { closeCode, wasClean } = await ws.close(4000, 'Finished');
   * console.log(closeCode, wasClean);
   * ```
   * @param code 1000 to 1003, 1007 to 1014 or 3000 to 4999. Default 1000
   * @param reason at most 123 bytes of UTF-8. Default none
   * @returns always resolves, once the connection is closed; with close code 1006 if the peer did not answer within
   *   `closeTimeout`
   * @throws TypeError if the code may not be sent, or `reason` is not a string; nothing has changed then
   * @throws RangeError if the reason is too long; nothing has changed then
   */
  close(code: number = CloseCode.Normal, reason = ''): Promise<CloseResult> {
    this.#connection().close(code, reason);
    return this.closed;
  }

  /**
   * Ends the connection at once, without a Close frame. What was sent before leaves only if the kernel takes it at
   * once. The peer sees close code 1006.
   *
   * @example
   * ```js
   * import { newWebSocket } from 'wasock';
   *
   * const ws = await newWebSocket('ws://127.0.0.1:9001/');
   * ws.hangup();
   * console.log(await ws.closed); // { closeCode: 1006, reason: '', wasClean: false }
   * ```
   */
  hangup(): void {
    this.#hungUp = true;
    this.#connection().hangup();
  }

  /** @internal */
  [inspect.custom](): object {
    const end = this.#ending;
    return new Shown(this, this.readyState, end instanceof Ending ? end.result : end);
  }

  #onClosed(result: CloseResult, isOrderly: boolean): void {
    this.#topics?.deleteAll(this);
    if (closeChannel.hasSubscribers) closeChannel.publish({ socket: this, ...result, cause: result.cause });
    if (this.#ending instanceof Ending) this.#ending.resolve(result);
    else this.#ending = result;
    if (this.#queue === null) return;
    this.#queue.end(
      withoutStack(() => new WebSocketClosedError(result)),
      isOrderly,
    );
  }

  #receive<Result>(reading: Reading<Result>): Promise<Result> {
    const queue = this.#queue;
    if (queue === null) return rejected(new TypeError('Sockets of serve have a message handler instead of receive…'));
    const received = queue.receive(reading);
    if (this.#pausedByQueue && queue.hasRoom) this.#resumeReading();
    return received;
  }

  #resumeReading(): void {
    this.#pausedByQueue = false;
    if (!this.#pausedByUser) this.#connection().resume();
  }
}
