import type { IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { Broker } from '../broker/broker.js';
import { checkBroker, ServerBroker } from '../broker/session.js';
import { quoted } from '../handshake/header-values.js';
import type { Refusal, RefusalReason } from '../handshake/refusal.js';
import { Counters } from '../net/counters.js';
import type { RequestHead } from '../net/opening/request-head.js';
import type { UpgradeListener } from '../net/opening/upgrade-listener.js';
import { ERROR_CODE, toError, WebSocketError } from '../protocol/errors.js';
import type { Opcode } from '../protocol/opcode.js';
import {
  type CheckedCloseOptions,
  type CloseOptions,
  ConnectionSet,
  type Connections,
  checkCloseOptions,
} from './connections.js';
import { brokerChannel } from './diagnostics.js';
import { isThenable } from './handler-delivery.js';
import { checkType, type ServerLimits } from './limits.js';
import type { BrokerMetrics, ServerMetrics } from './metrics.js';
import type { Data, SendOptions } from './payload.js';
import type { PreparedMessage } from './prepared-message.js';
import { tellRefusal } from './refusals.js';

/** Milliseconds that a broker has to take the rest, if `close` was given no time-out. */
const BROKER_TIMEOUT = 5000;

/** The handler for refused handshakes. */
export interface RefusedHandler {
  /**
   * The library has refused an opening handshake; `refusal.reason` says why. It is not called for handshakes that the
   * application refuses with `refuse`. An error that it throws goes to `error` or `onError`.
   */
  refused?(request: IncomingMessage, refusal: Refusal): unknown;
}

/** The common part of `Server` and `Upgrades`: the sockets of one server, publishing to them, and closing them all. */
export abstract class SocketServer<UserData> {
  /** The open sockets. */
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
   * @param options its broker is checked; `shareTopics` uses it, once nothing else can fail
   * @throws TypeError, RangeError if it is no broker, or it is used already
   */
  constructor(options: ServerLimits & RefusedHandler) {
    const { broker, refused } = options;
    checkType('refused', refused, 'function');
    if (broker !== undefined) checkBroker(broker);
    this.#handlers = options;
    this.connections = this.sockets;
  }

  /** Connects the topics with those of other processes; `null` without the option `broker`. */
  get broker(): ServerBroker | null {
    return this.#broker;
  }

  /**
   * Returns what the server has counted; see `ServerMetrics`. A call takes some microseconds, however many sockets there are.
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

  /** @internal @param listener has the pending handshakes, and counts the sockets by address */
  protected watch(listener: UpgradeListener): void {
    this.#listener = listener;
    this.sockets.admission = listener.admission;
  }

  /** Counts a refused handshake, and tells whoever wants to hear of it. @internal */
  protected onRefused(request: RequestHead, refusal: Refusal): void {
    const { reason } = refusal;
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1;
    tellRefusal(request, refusal);
    if (reason !== 'application') this.#callRefused(request, refusal);
    if (reason === 'unanswered') this.report(unansweredError(request, 'have ended'));
    // What a handler may still wait for is its own affair; that the client got no answer is the application's.
    else if (reason === 'timeout') this.report(unansweredError(request, 'took longer than handshakeTimeout'));
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
   * Sends a message, encoded once, to every socket that has subscribed to `topic`, with a broker also in other processes.
   * A socket that is not open does not get it. `slowPeer` decides about a socket that is more than `maxBackpressure`
   * behind; the others never wait for it.
   *
   * @param data a string is sent as Text, bytes as Binary, unless `opcode` says otherwise. Bytes are copied. A prepared
   *   message has its options already
   * @param options an opcode, or `{ opcode, compress }`. The message is compressed once for all sockets that have agreed on
   *   the same, if that makes it shorter
   * @returns how many sockets of this process accepted the message
   * @throws TypeError as `send`, if `topic` is not a string, or with a broker not well-formed, or if the opcode is neither Text
   *   nor Binary
   * @throws RangeError if there is a broker and `topic` has more than 65,535 bytes
   */
  publish(topic: string, data: Data | PreparedMessage, options?: Opcode | SendOptions): number {
    return this.sockets.topics.publish(topic, data, options, null);
  }

  /** How many sockets of this process have subscribed to `topic`. @throws TypeError if `topic` is not a string */
  subscriberCount(topic: string): number {
    return this.sockets.topics.subscriberCount(topic);
  }

  /**
   * Accepts no more connections, and answers 503 to pending handshakes. Each socket gets a Close after what was sent
   * before, all at once or spread `over` a time. At the time-out, whatever is left is ended. Then the broker may take what
   * was published for the rest of that time, or for 5 s without a time-out. An HTTP server that the user passed is neither
   * closed nor changed. A second call waits for the same end.
   *
   * @throws TypeError, RangeError if an option is invalid
   */
  close(options: CloseOptions = {}): Promise<void> {
    const checked = checkCloseOptions(options);
    this.#closed ??= this.#end(checked);
    return this.#closed;
  }

  /** What handlers publish while their sockets close still goes out. */
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

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Does what `close` promises, once. @internal */
  protected abstract end(options: CheckedCloseOptions): Promise<void>;
}

/** @param how what the handlers of the request did */
function unansweredError({ message }: RequestHead, how: string): WebSocketError {
  const request = `${message.method} ${quoted(message.url)}`;
  return new WebSocketError(`Neither accepted nor answered: the handlers of ${request} ${how}`, ERROR_CODE.UNANSWERED);
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
