import type { Buffer } from 'node:buffer';
import { type InspectOptions, inspect } from 'node:util';
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

/** What only the library's own code may do to a WebSocket. */
interface Internals {
  make<UserData>(
    opened: Opened<UserData>,
    queue: MessageQueue | null,
    topics: Topics<WebSocket> | null,
  ): WebSocket<UserData>;
  pauseForQueue(ws: WebSocket): void;
  closed(ws: WebSocket, result: CloseResult, isOrderly: boolean): void;
}

/** @internal */
export let internals: Internals;

let receiveNext: (ws: WebSocket) => Promise<IteratorResult<string | Buffer>>;

/** What is published on the channels of `node:diagnostics_channel`, by the name of the channel. */
export type DiagnosticsMessages = MessagesOf<WebSocket>;

const STATE_NAMES: readonly string[] = ['connecting', 'open', 'closing', 'closed'];

/** The promise of `closed`. */
class Ending {
  resolve!: (result: CloseResult) => void;
  readonly closed = new Promise<CloseResult>((resolve) => {
    this.resolve = resolve;
  });
}

/**
 * An open WebSocket, of a server or of a client. `newWebSocket` returns it, and the handlers of `serve` get it. Every
 * promise that it returns may be ignored: none becomes an `unhandledRejection`.
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
  /** Who waits for its end, or how it has ended if nobody does. */
  #ending: Ending | CloseResult | null = null;

  #connection(): Connection {
    return connectionOf(this);
  }

  private constructor(opened: Opened<UserData>, queue: MessageQueue | null, topics: Topics<WebSocket> | null) {
    super(opened);
    this.#queue = queue;
    this.#topics = topics;
  }

  /** The state of the connection. Never `Connecting`: a socket exists only once it is open. */
  get readyState(): ReadyState {
    if (this.#hungUp) return ReadyState.Closed;
    const { state } = this.#connection();
    return state === 'open' ? ReadyState.Open : state === 'closing' ? ReadyState.Closing : ReadyState.Closed;
  }

  /** Resolves once the connection is closed, and never rejects. */
  get closed(): Promise<CloseResult> {
    const known = this.#ending;
    if (known instanceof Ending) return known.closed;
    const ending = new Ending();
    this.#ending = ending;
    if (known !== null) ending.resolve(known);
    return ending.closed;
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
   * Iterates over the messages. The loop ends after `close()`, and after a Close of the peer with 1000, 1001 or no code. It
   * throws a `WebSocketClosedError` after any other end, such as a time-out. If you leave the loop early, the socket closes
   * with 1000, unless you close it otherwise in the same turn.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer> {
    return new MessageIterator(this, receiveNext);
  }

  /**
   * Delivers no message until `resume`, not even one that was read already. The peer has to wait. The end of the
   * connection is still reported, after the messages that came before it. No effect on a closed socket.
   */
  pause(): void {
    this.#pausedByUser = true;
    this.#connection().pause();
  }

  /** Undoes `pause`. */
  resume(): void {
    this.#pausedByUser = false;
    if (!this.#pausedByQueue) this.#connection().resume();
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
    this.#connection().close(code, reason);
    return this.closed;
  }

  /** Ends the connection at once, without a Close frame. What was sent before leaves if the kernel takes it at once. */
  hangup(): void {
    this.#hungUp = true;
    this.#connection().hangup();
  }

  /** What `console.log(ws)` shows. @internal */
  [inspect.custom](depth: number | null, options: InspectOptions): string {
    if (depth !== null && depth < 0) return '[WebSocket]';
    const { url, remoteAddress, protocol, topics, bufferedAmount, data } = this;
    const state = STATE_NAMES[this.readyState];
    return `WebSocket ${inspect({ state, url, remoteAddress, protocol, topics, bufferedAmount, data }, { ...options, depth })}`;
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
    if (queue === null) return rejected(new TypeError('A socket of serve is received from by its message handler'));
    const received = queue.receive(reading);
    if (this.#pausedByQueue && queue.hasRoom) this.#resumeReading();
    return received;
  }

  #resumeReading(): void {
    this.#pausedByQueue = false;
    if (!this.#pausedByUser) this.#connection().resume();
  }
}
