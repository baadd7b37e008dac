import type { Broker, BrokerStatus } from '../broker/broker.js';
import { ServerBroker } from '../broker/session.js';
import type { Opcode } from '../protocol/opcode.js';
import { checkNames } from '../protocol/option-names.js';
import { reportError } from './handler-delivery.js';
import { checkDuration } from './limits.js';
import type { Data, SendOptions } from './payload.js';
import type { PreparedMessage } from './prepared-message.js';
import { Topics } from './topics.js';

/** Publishes to the sockets of other processes, from one that has none. */
export class Publisher {
  readonly #session: ServerBroker;
  readonly #topics = new Topics<never>(() => false);

  /** @internal */
  constructor(broker: Broker) {
    this.#session = new ServerBroker(broker, {
      deliver: () => {},
      report: (error) => reportError({}, error),
    });
    this.#topics.shareWith(this.#session);
  }

  /** How the broker stands, what was dropped, and its events. */
  get broker(): ServerBroker {
    return this.#session;
  }

  /** How the broker stands. */
  get status(): BrokerStatus {
    return this.#session.status;
  }

  /** As `server.broker.published`. */
  get published(): Promise<void> {
    return this.#session.published;
  }

  /**
   * Publishes a message, as `server.publish` does, to the sockets of all servers that have the same broker.
   *
   * @throws TypeError, RangeError as `server.publish`
   */
  publish(topic: string, data: Data | PreparedMessage, options?: Opcode | SendOptions): void {
    this.#topics.publish(topic, data, options, null);
  }

  /**
   * Waits until the broker has what was published, and disconnects. A second call waits for the same end.
   *
   * @param options.timeout milliseconds, after which the rest is dropped; 0 and `Infinity` are never. Default 5000
   * @throws TypeError, RangeError if the time-out is invalid
   */
  close(options: { timeout?: number } = {}): Promise<void> {
    checkNames('close', options, ['timeout']);
    return this.#session.end(checkDuration('timeout', options.timeout, 5000) || Number.POSITIVE_INFINITY);
  }
}

/**
 * Publishes from a process that has no sockets, such as a job or a worker.
 *
 * @param broker of its own, which it closes
 * @throws TypeError, RangeError if it is no broker, or it is used already
 */
export function publisher(broker: Broker): Publisher {
  return new Publisher(broker);
}
