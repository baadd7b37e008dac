import type { Broker, BrokerStatus } from '../broker/broker.js';
import { ServerBroker } from '../broker/session.js';
import type { Opcode } from '../protocol/opcode.js';
import { checkNames } from '../protocol/option-names.js';
import { reportError } from './handler-delivery.js';
import { checkDuration } from './option-checks.js';
import type { Data, SendOptions } from './payload.js';
import type { PreparedMessage } from './prepared-message.js';
import { Topics } from './topics.js';

/** Publishes to the sockets of other processes, from a process without sockets: `publisher` makes it. */
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

  /** The session of the broker: its status, its counters and its events. */
  get broker(): ServerBroker {
    return this.#session;
  }

  /** The state of the broker. */
  get status(): BrokerStatus {
    return this.#session.status;
  }

  /**
   * Resolves when the broker has what was published before, and rejects if any of it was dropped; see
   * `ServerBroker.published`.
   */
  get published(): Promise<void> {
    return this.#session.published;
  }

  /**
   * Publishes a message to the subscribers of a topic, on all servers that share the broker. It never waits: while the
   * broker is away, up to `maxBuffered` bytes of messages wait for it.
   *
   * @example
   * ```js
   * import { createClient } from 'redis';
   * import { publisher } from 'wasock';
   * import { redis } from 'wasock/redis';
   *
   * const news = publisher(redis(createClient()));
   * news.publish('chat', 'a string is Text');
   * news.publish('chat', Buffer.from('bytes are Binary'));
   * await news.published; // the broker has both
   * ```
   * @param topic an exact string
   * @param data a string is sent as Text, bytes as Binary, unless `opcode` says otherwise. Bytes are copied
   * @param options the opcode Text or Binary, or `{ opcode, compress }`; none for a prepared message
   * @throws TypeError if `topic` is not a well-formed string, `data` cannot be sent, an option is invalid, or Text is
   *   not UTF-8
   * @throws RangeError if `topic` has more than 65,535 bytes
   */
  publish(topic: string, data: Data | PreparedMessage, options?: Opcode | SendOptions): void {
    this.#topics.publish(topic, data, options, null);
  }

  /**
   * Waits until the broker has what was published, and disconnects. A second call waits for the same end.
   *
   * @example
   * ```js
   * import { createClient } from 'redis';
   * import { publisher } from 'wasock';
   * import { redis } from 'wasock/redis';
   *
   * const news = publisher(redis(createClient()));
   * process.once('SIGTERM', () => news.close({ timeout: 1000 }));
   * ```
   * @param options.timeout milliseconds after which the rest is dropped; 0 and `Infinity` mean never. Default 5000
   * @returns resolves when the broker is closed
   * @throws TypeError, RangeError if the time-out is invalid
   */
  close(options: { timeout?: number } = {}): Promise<void> {
    if (typeof options === 'object') checkNames('close', options, ['timeout']);
    return this.#session.end(checkDuration('timeout', options.timeout, 5000) || Number.POSITIVE_INFINITY);
  }
}

/**
 * Makes a publisher for a process without sockets, such as a job or a worker.
 *
 * @example
 * ```js
 * import { createClient } from 'redis';
 * import { publisher } from 'wasock';
 * import { redis } from 'wasock/redis';
 *
 * const news = publisher(redis(createClient({ url: process.env.REDIS_URL })));
 * news.publish('chat', 'The job is done');
 * await news.close();
 * ```
 * @param broker the result of `redis`, `nats` or `cluster`, or a broker of your own. It serves this publisher alone,
 *   and the publisher closes it
 * @throws TypeError if `broker` is not a broker, or is used already
 * @throws TypeError, RangeError if one of its options is invalid
 */
export function publisher(broker: Broker): Publisher {
  return new Publisher(broker);
}
