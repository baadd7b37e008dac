import type { IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { Broker } from '../broker/broker.js';
import { checkBroker, ServerBroker } from '../broker/session.js';
import type { Refusal, RefusalReason } from '../handshake/refusal.js';
import { Counters } from '../net/counters.js';
import type { RequestHead } from '../net/opening/request-head.js';
import type { UpgradeListener } from '../net/opening/upgrade-listener.js';
import { ERROR_CODE, toError, WebSocketError } from '../protocol/errors.js';
import type { Opcode } from '../protocol/opcode.js';
import { quoted } from '../protocol/quoted.js';
import {
  type CheckedCloseOptions,
  type CloseOptions,
  ConnectionSet,
  type Connections,
  checkCloseOptions,
} from './connections.js';
import { brokerChannel } from './diagnostics.js';
import { isThenable } from './handler-delivery.js';
import type { ServerLimits } from './limits.js';
import type { BrokerMetrics, ServerMetrics } from './metrics.js';
import { checkType } from './option-checks.js';
import type { Data, SendOptions } from './payload.js';
import type { PreparedMessage } from './prepared-message.js';
import { tellRefusal } from './refusals.js';

/** Milliseconds that a broker has to take what was published, if `close` has no time-out. */
const BROKER_TIMEOUT = 5000;

/** The handler for refused opening handshakes. */
export interface RefusedHandler {
  /**
   * Called when the library has refused an opening handshake; `refusal.reason` says why. It is not called for
   * handshakes that the application refuses with `refuse`. If it throws or rejects, `error` or `onError` gets the
   * error.
   */
  refused?(request: IncomingMessage, refusal: Refusal): unknown;
}

/** The common part of `Server` and `Upgrades`: the sockets of one server, publishing to them, and closing them all. */
export abstract class SocketServer<UserData> {
  /** The sockets of this server that are open or closing. It is a live view: sockets come and go. */
  readonly connections: Connections<UserData>;
  /** @internal */
  protected readonly sockets = new ConnectionSet<UserData>();
  /** @internal */
  protected readonly counters = new Counters();
  #broker: ServerBroker | null = null;
  #listener: UpgradeListener | null = null;
  readonly #handlers: RefusedHandler;
  readonly #refused: Partial<Record<RefusalReason, number>> = {};
  #closed: Promise<void> | null = null;

  /**
   * @internal
   * @param options only checks the broker; `shareTopics` uses it, once nothing else can fail
   * @throws TypeError, RangeError if the broker is invalid, or is used already
   */
  constructor(options: ServerLimits & RefusedHandler) {
    const { broker, refused } = options;
    checkType('refused', refused, 'function');
    if (broker !== undefined) checkBroker(broker);
    this.#handlers = options;
    this.connections = this.sockets;
  }

  /** The link between the topics of this server and those of other processes; `null` without the option `broker`. */
  get broker(): ServerBroker | null {
    return this.#broker;
  }

  /**
   * Returns what the server has counted. A call takes some microseconds, however many sockets there are.
   *
   * @example
   * ```js
   * import { serve } from 'wasock';
   *
   * const server = await serve({ port: 9001, message: (ws, data) => void ws.send(data) });
   * setInterval(() => {
   *   const { connectionsOpen, messagesReceived, closesByCode } = server.metrics();
   *   console.log({ connectionsOpen, messagesReceived, closesByCode });
   * }, 60_000);
   * ```
   * @returns a plain object, which is yours
   */
  metrics(): ServerMetrics {
    const { counters } = this;
    return {
      connectionsOpen: this.sockets.size,
      connectionsTotal: this.sockets.total,
      connectionsPaused: counters.paused,
      messagesReceived: counters.messagesReceived,
      compressedMessagesReceived: counters.compressedMessagesReceived,
      payloadBytesReceived: counters.payloadBytesReceived,
      wireBytesReceived: counters.wireBytesReceived,
      messagesSent: counters.messagesSent,
      compressedMessagesSent: counters.compressedMessagesSent,
      payloadBytesSent: counters.payloadBytesSent,
      wireBytesSent: counters.wireBytesSent,
      bufferedBytes: counters.bufferedBytes,
      messagesDropped: counters.messagesDropped,
      slowPeersEnded: counters.slowPeersEnded,
      rateLimited: counters.rateLimited,
      closesByCode: Object.fromEntries(counters.closes),
      handshakesRefused: { ...this.#refused },
      handshakesPending: this.#listener!.pendingCount,
      broker: this.#broker === null ? null : brokerMetrics(this.#broker),
    };
  }

  /** @internal @param listener knows the pending handshakes, and counts the sockets by address */
  protected watch(listener: UpgradeListener): void {
    this.#listener = listener;
    this.sockets.admission = listener.admission;
  }

  /** Counts a refused handshake, and reports it to the channel and to the handler. @internal */
  protected onRefused(request: RequestHead, refusal: Refusal): void {
    const { reason } = refusal;
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1;
    tellRefusal(request, refusal);
    if (reason !== 'application') this.#callRefused(request, refusal);
    if (reason === 'unanswered')
      this.report(unansweredError(request, 'ended without accepting or answering it; the client got 500'));
    // The handler may go on. But the application should learn that its client got no answer.
    else if (reason === 'timeout')
      this.report(unansweredError(request, 'took longer than handshakeTimeout; the client got 503'));
  }

  #callRefused(request: RequestHead, refusal: Refusal): void {
    if (this.#handlers.refused === undefined) return;
    try {
      const returned = this.#handlers.refused(request.message, refusal);
      if (isThenable(returned)) returned.then(undefined, (error) => this.report(toError(error)));
    } catch (error) {
      this.report(toError(error));
    }
  }

  /** Tells the application of an error that belongs to no socket. @internal */
  protected abstract report(error: Error): void;

  /**
   * Shares the topics with other processes, if there is a broker.
   *
   * @internal
   */
  protected shareTopics(broker: Broker | undefined): void {
    if (broker === undefined) return;
    const { topics } = this.sockets;
    const session = new ServerBroker(broker, {
      deliver: (topic, frame, compresses) => topics.deliver(topic, frame, compresses),
      report: (error) => this.report(error),
    });
    topics.shareWith(session);
    tellBroker(session);
    this.#broker = session;
  }

  /**
   * Sends a message to every socket that has subscribed to a topic; with a broker, also to those of other processes.
   * The message is encoded once. Sockets that are not open do not get it. `publish` never waits, and no socket can make
   * it throw: if more than `maxBackpressure` waits to be written to one, `slowPeer` decides.
   *
   * @example
   * ```js
   * import { serve } from 'wasock';
   *
   * const server = await serve({
   *   port: 9001,
   *   open: (ws) => ws.subscribe('chat'),
   *   message: (ws, data, opcode) => server.publish('chat', data, opcode),
   * });
   * ```
   * @param topic an exact string
   * @param data a string is sent as Text, bytes as Binary, unless `opcode` says otherwise. Bytes are copied, and stay
   *   yours
   * @param options the opcode Text or Binary, or `{ opcode, compress }`; none for a prepared message. The message is
   *   compressed once for all sockets that have agreed on the same parameters, if that makes it shorter
   * @returns how many sockets of this process accepted the message
   * @throws TypeError if `topic` is not a string, or is not well-formed and there is a broker; if `data` cannot be
   *   sent, an option is invalid, or Text is not UTF-8
   * @throws RangeError if there is a broker and `topic` has more than 65,535 bytes
   */
  publish(topic: string, data: Data | PreparedMessage, options?: Opcode | SendOptions): number {
    return this.sockets.topics.publish(topic, data, options, null);
  }

  /**
   * Counts the sockets of this process that have subscribed to a topic.
   *
   * @example
   * ```js
   * import { serve } from 'wasock';
   *
   * const server = await serve({ port: 9001, open: (ws) => ws.subscribe('chat') });
   * setInterval(() => console.log(`${server.subscriberCount('chat')} in the chat`), 1000);
   * ```
   * @throws TypeError if `topic` is not a string
   */
  subscriberCount(topic: string): number {
    return this.sockets.topics.subscriberCount(topic);
  }

  /**
   * Closes all sockets, and stops accepting new ones: handshakes get 503. Each socket gets a Close frame after what was
   * sent before, all of them at once or spread `over` a time. At the time-out, everything that is left is ended. The
   * broker is disconnected last: it may take what was published for the rest of the time, or for 5 s without a
   * time-out. An HTTP server that you passed is not closed. A second call waits for the same end.
   *
   * @example
   * ```js
   * import { serve } from 'wasock';
   *
   * const server = await serve({ port: 9001, message: (ws, data) => void ws.send(data) });
   * process.once('SIGTERM', () => server.close({ code: 1012, over: 20_000, timeout: 25_000 }));
   * ```
   * @returns resolves when all sockets are closed, and the broker, too
   * @throws TypeError, RangeError if an option is invalid; nothing has changed then
   */
  close(options: CloseOptions = {}): Promise<void> {
    const checked = checkCloseOptions(options);
    this.#closed ??= this.#end(checked);
    return this.#closed;
  }

  /** The broker goes last, so that what handlers publish while their sockets close still leaves. */
  async #end(options: CheckedCloseOptions): Promise<void> {
    const { timeout } = options;
    const end = timeout === 0 ? Number.POSITIVE_INFINITY : performance.now() + (timeout ?? 0);
    await this.end(options);
    await this.releaseBroker(timeout === undefined ? BROKER_TIMEOUT : end - performance.now());
  }

  /**
   * Disconnects the broker, which gets what was published before, unless that takes longer.
   *
   * @internal
   * @param timeout milliseconds
   */
  protected async releaseBroker(timeout: number): Promise<void> {
    await this.#broker?.end(timeout);
  }

  /**
   * Closes the server with the default options, at the end of a block with `await using` (Node 24, or TypeScript 5.2).
   *
   * @example
   * ```ts
   * import { newWebSocket, serve } from 'wasock';
   *
   * async function isEchoed(text: string) {
   *   await using server = await serve({ port: 0, message: (ws, data) => ws.send(data) });
   *   const ws = await newWebSocket(`ws://127.0.0.1:${server.port}/`);
   *   await ws.send(text);
   *   return (await ws.receiveStrPacket()) === text;
   * }
   * ```
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Does what `close` promises, once. @internal */
  protected abstract end(options: CheckedCloseOptions): Promise<void>;
}

/** @param how what the handlers of the request did */
function unansweredError({ message }: RequestHead, how: string): WebSocketError {
  const request = `${message.method} ${quoted(message.url)}`;
  return new WebSocketError(`The handlers of ${request} ${how}`, ERROR_CODE.UNANSWERED);
}

function brokerMetrics({ status, buffered, dropped, gaps, rejected }: ServerBroker): BrokerMetrics {
  return { status, buffered, dropped, gaps, rejected: { ...rejected } };
}

/** Publishes what happens to the broker on its channel. */
function tellBroker(broker: ServerBroker): void {
  const tell = (message: Parameters<typeof brokerChannel.publish>[0]) => {
    if (brokerChannel.hasSubscribers) brokerChannel.publish(message);
  };
  broker.on('up', () => tell({ event: 'up' }));
  broker.on('down', (error) => tell({ event: 'down', error }));
  broker.on('gap', (gap) => tell({ event: 'gap', gap }));
  broker.on('dropped', (drop) => tell({ event: 'dropped', drop }));
}
