import type { Broker, BrokerStatus } from '../broker/broker.js';
import { ServerBroker } from '../broker/session.js';
import { SharedMessage } from '../net/writing/shared-message.js';
import type { Opcode } from '../protocol/opcode.js';
import { reportError } from './handler-delivery.js';
import { type Data, messageOpcode, type SendOptions, sendOptions, toPayload } from './payload.js';
import { checkTopic } from './topics.js';

/** Publishes to the sockets of other processes, from one that has none. */
export class Publisher {
  readonly #session: ServerBroker;

  /** @internal */
  constructor(broker: Broker) {
    this.#session = new ServerBroker(broker, {
      deliver: () => {},
      report: (error) => reportError({}, error),
    });
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
  publish(topic: string, data: Data, options?: Opcode | SendOptions): void {
    checkTopic(topic);
    this.#session.check(topic);
    const { opcode, compress = true } = sendOptions(options);
    const payload = toPayload(data);
    const message = new SharedMessage(messageOpcode(opcode, payload), payload, compress);
    this.#session.publish(topic, message.plain, compress);
  }

  /**
   * Waits until the broker has what was published, and disconnects.
   *
   * @param options.timeout milliseconds, after which the rest is dropped; default 5000, 0 is unlimited
   */
  close({ timeout = 5000 }: { timeout?: number } = {}): Promise<void> {
    return this.#session.end(timeout);
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
