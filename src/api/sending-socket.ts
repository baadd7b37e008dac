import { Buffer } from 'node:buffer';
import type { Connection } from '../net/connection.js';
import type { SharedMessage } from '../net/writing/shared-message.js';
import { WebSocketClosedError } from '../protocol/errors.js';
import { Opcode } from '../protocol/opcode.js';
import { checkNames } from '../protocol/option-names.js';
import { quoted } from '../protocol/quoted.js';
import { sendChannel, slowPeerChannel } from './diagnostics.js';
import { handled, rejected } from './handled-promise.js';
import { OpenedSocket, openedOf } from './opened.js';
import { checkDuration } from './option-checks.js';
import { checkOpcode, type Data, type SendOptions, sendOptions, toPayload } from './payload.js';
import { PreparedMessage, sharedOf } from './prepared-message.js';
import { backpressureError, slowPeerError } from './slow-peer.js';

/** @internal */
export let connectionOf: (ws: SendingSocket<unknown>) => Connection;
/** @internal */
export let attachConnection: (ws: SendingSocket<unknown>, connection: Connection) => void;
/**
 * Sends a shared message, unless the socket is not open, or too much waits to be written. @returns whether it was
 * accepted
 *
 * @internal
 */
export let offer: (ws: SendingSocket<unknown>, message: SharedMessage) => boolean;

/** With `onClosed: 'ignore'`, what `send` returns instead of a promise that may reject. */
const unfailingOf = new WeakMap<Promise<void>, Promise<void>>();

/** With `onClosed: 'ignore'`, `ping` resolves with NaN if the connection has ended. */
function nanIfClosed(error: unknown): number {
  if (error instanceof WebSocketClosedError) return Number.NaN;
  throw error;
}

/** The sending half of a WebSocket. */
export class SendingSocket<UserData> extends OpenedSocket<UserData> {
  static {
    connectionOf = (ws) => ws.#connection;
    attachConnection = (ws, connection) => {
      ws.#connection = connection;
    };
    offer = (ws, message) => ws.#offer(message);
  }

  #connection!: Connection;

  /**
   * How many messages were not sent because the peer was too slow. With `slowPeer: 'drop'` all messages count, with
   * `'wait'` only published ones.
   */
  dropped = 0;

  /** How many bytes of frames, headers included, were sent and wait for the kernel to take them. */
  get bufferedAmount(): number {
    return this.#connection.bufferedAmount;
  }

  /**
   * Milliseconds from the last answered Ping to its Pong (RFC 6455 §5.5.3), whether the keepalive, `setupPings` or
   * `ping` sent it. `undefined` before the first Pong. The time counts from the call, so it includes the wait for what
   * was sent before the Ping.
   */
  get latency(): number | undefined {
    return this.#connection.latency;
  }

  /**
   * Sends a message, or a Ping or a Pong.
   *
   * `await ws.send(data)` sends no faster than the peer receives. Without `await`, see what it returns. If more than
   * `maxBackpressure` bytes wait to be written, `slowPeer` decides about the message. A message is compressed if that
   * was agreed (`compression`), it has `threshold` bytes or more, it gets shorter, and `compress` is not false.
   *
   * @example
   * ```js
   * import { newWebSocket, Opcode } from 'wasock';
   *
   * const ws = await newWebSocket('ws://127.0.0.1:9001/');
   * await ws.send('a string is Text');
   * await ws.send(Buffer.from('bytes are Binary'));
   * await ws.send(Buffer.from('UTF-8'), { opcode: Opcode.Text, compress: false });
   * ```
   * @param data a string is sent as Text, bytes as Binary, unless `opcode` says otherwise. Lone surrogates become
   *   U+FFFD. A server can also send a prepared message
   * @param options an opcode (Text, Binary, Ping or Pong), or `{ opcode, compress }`; none for a prepared message
   * @returns `undefined` if you may reuse the buffer: the message was accepted, or left out as `slowPeer: 'drop'` and
   *   `onClosed: 'ignore'` say. Otherwise a promise that resolves when you may, and when there is room for more. It
   *   rejects with a `WebSocketClosedError` if the connection ends first or the socket is not open, and with
   *   `WASOCK_BACKPRESSURE` if `slowPeer` is `'wait'` and too much waits
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
    if (sendChannel.hasSubscribers) this.#tellSent(opcode, payload);
    return free === undefined || !openedOf(this).ignoreClosed ? free : this.#unfailing(free);
  }

  #sendPrepared(message: SharedMessage): undefined | Promise<void> {
    // §5.1: "a client MUST mask all frames that it sends to the server".
    if (openedOf(this).version === 0)
      throw new TypeError(
        'A prepared message is not masked, so only a server may send it: on a client, send the data itself',
      );
    const connection = this.#connection;
    if (connection.state !== 'open') return this.#notOpen();
    if (connection.flushIfOverloaded()) return this.#overloaded();
    const free = connection.sendShared(message);
    if (sendChannel.hasSubscribers) this.#tellSent(message.opcode, message.payload);
    return free === undefined || !openedOf(this).ignoreClosed ? free : this.#unfailing(free);
  }

  #offer(message: SharedMessage): boolean {
    const connection = this.#connection;
    if (connection.state !== 'open') return false;
    if (connection.flushIfOverloaded()) {
      this.#skip();
      return false;
    }
    connection.queueShared(message);
    if (sendChannel.hasSubscribers) this.#tellSent(message.opcode, message.payload);
    return true;
  }

  /**
   * Call it after the message was appended: a subscriber may close the socket, and no frame may follow a Close
   * (§5.5.1).
   */
  #tellSent(opcode: number, data: string | Uint8Array): void {
    sendChannel.publish({ socket: this, opcode: opcode as Opcode, data });
  }

  /** A promise that also resolves if the connection ends. All sends that wait for the same promise share one. */
  #unfailing(free: Promise<void>): Promise<void> {
    let unfailing = unfailingOf.get(free);
    if (unfailing === undefined) {
      unfailing = free.catch(() => {});
      unfailingOf.set(free, unfailing);
    }
    return unfailing;
  }

  #notOpen(): undefined | Promise<void> {
    return openedOf(this).ignoreClosed ? undefined : this.#rejectedAsClosed();
  }

  #rejectedAsClosed(): Promise<never> {
    return rejected(this.#connection.closedError());
  }

  #overloaded(): undefined | Promise<void> {
    const { slowPeer } = openedOf(this);
    if (slowPeer === 'wait') return this.#rejectedAsSlow();
    this.#skip();
    return slowPeer === 'drop' ? undefined : this.#notOpen();
  }

  #rejectedAsSlow(): Promise<never> {
    this.#tellSlow();
    return rejected(backpressureError(this.bufferedAmount));
  }

  #tellSlow(): void {
    if (!slowPeerChannel.hasSubscribers) return;
    const { slowPeer } = openedOf(this);
    slowPeerChannel.publish({ socket: this, bufferedAmount: this.bufferedAmount, slowPeer });
  }

  /** Leaves a message out: ends the connection or counts the message, as `slowPeer` says. */
  #skip(): void {
    const { counters } = this.#connection;
    this.#tellSlow();
    if (openedOf(this).slowPeer === 'terminate') {
      counters.slowPeersEnded++;
      this.#connection.terminate(slowPeerError(this.bufferedAmount));
    } else {
      counters.messagesDropped++;
      this.dropped++;
    }
  }

  /**
   * Sends a Ping (RFC 6455 §5.5.2) and waits for its Pong.
   *
   * @example
   * ```js
   * import { newWebSocket } from 'wasock';
   *
   * const ws = await newWebSocket('ws://127.0.0.1:9001/');
   * console.log(`${await ws.ping()} ms`);
   * ```
   * @param data at most 125 bytes, which are copied. Default: none, or a number if another Ping without data still
   *   waits for its Pong
   * @returns resolves with the milliseconds from the call to the Pong. Rejects with a `WebSocketClosedError` if the
   *   connection is not open or ends first; with `onClosed: 'ignore'` it resolves with NaN instead. If more than
   *   `maxBackpressure` bytes wait to be written, nothing is sent: `slowPeer: 'terminate'` ends the connection, and
   *   otherwise the promise rejects with `WASOCK_BACKPRESSURE`
   * @throws TypeError if `data` cannot be sent
   * @throws RangeError if `data` has more than 125 bytes
   */
  ping(data?: Data): Promise<number> {
    const payload = data === undefined ? null : toPayload(data);
    if (payload !== null) checkOpcode(Opcode.Ping, payload);
    const answered = this.#ping(payload === null ? null : Buffer.from(payload));
    return handled(openedOf(this).ignoreClosed ? answered.catch(nanIfClosed) : answered);
  }

  #ping(payload: Buffer | null): Promise<number> {
    const connection = this.#connection;
    if (connection.state !== 'open') return this.#rejectedAsClosed();
    if (!connection.flushIfOverloaded()) return connection.ping(payload);
    if (openedOf(this).slowPeer !== 'terminate') return this.#rejectedAsSlow();
    this.#skip();
    return this.#rejectedAsClosed();
  }

  /**
   * Sends a Ping now, and then one every so many seconds. This replaces the keepalive of `pingInterval`. It has no
   * effect if the socket is not open.
   *
   * @example
   * ```js
   * import { newWebSocket } from 'wasock';
   *
   * const ws = await newWebSocket('ws://127.0.0.1:9001/');
   * const stop = ws.setupPings(30, { timeout: 10_000 });
   * setTimeout(stop, 600_000);
   * ```
   * @param seconds above 0. It is the only duration of this library that is not in milliseconds
   * @param options.timeout milliseconds within which a Pong must arrive; otherwise the connection ends. Default 0, off
   * @returns a function that stops the Pings
   * @throws TypeError, RangeError if a duration is invalid
   */
  setupPings(seconds: number, options: { timeout?: number } = {}): () => void {
    if (typeof seconds !== 'number') throw new TypeError(`seconds must be a number, not ${quoted(seconds)}`);
    if (!(seconds > 0 && Number.isFinite(seconds))) throw new RangeError(`seconds must be above 0, not ${seconds}`);
    checkNames('setupPings', options, ['timeout']);
    const timeout = checkDuration('timeout', options.timeout, 0);
    if (this.#connection.state !== 'open') return () => {};
    const stop = this.#connection.setKeepalive(seconds * 1000, timeout);
    this.#connection.pingNow();
    return stop;
  }
}
