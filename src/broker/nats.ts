import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import { toError } from '../protocol/errors.js';
import type { Broker, BrokerOptions } from './broker.js';
import { ChannelBroker, checkBrokerOptions, reconnectDelay } from './channel-broker.js';

/** What is used of a subscription. */
interface NatsSubscription {
  unsubscribe(): void;
}

/** A connection of the npm package `@nats-io/transport-node`: what is used of it. */
export interface NatsConnectionLike {
  publish(subject: string, payload: Uint8Array): void;
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: { data: Uint8Array }) => void },
  ): NatsSubscription;
  flush(): Promise<void>;
  // biome-ignore lint/suspicious/noConfusingVoidType: what the client returns
  closed(): Promise<void | Error>;
  status(): AsyncIterable<{ type: string }>;
  close(): Promise<void>;
}

/** Settings that a connection needs; `connect` of your function should have them. */
export type NatsSettings = Readonly<Record<string, unknown>>;

const DEFAULT_PREFIX = 'wasock.';

/** Characters of a subject that is not too long: with more than 4 KB of them, servers end the connection. */
const LONGEST_SUBJECT = 1024;

/** How long a server may be silent: two Pings without an answer. */
const PING_INTERVAL = 5000;
const MOST_PINGS = 2;

/** What makes a client of NATS stay: see docs/scaling.md. */
const SETTINGS: NatsSettings = {
  maxReconnectAttempts: -1,
  ignoreAuthErrorAbort: true,
  noEcho: true,
  pingInterval: PING_INTERVAL,
  maxPingOut: MOST_PINGS,
};

/**
 * Carries topics over NATS, for processes on any number of machines. It connects by itself, because what it needs is settled
 * when it connects.
 *
 * @param connection options for `connect` of `@nats-io/transport-node`, or a function that connects, with the settings that
 *   it is given
 * @throws TypeError if it is neither, if there is no such option, or the prefix is not one of subjects
 */
export function nats(
  connection: object | ((settings: NatsSettings) => Promise<NatsConnectionLike>),
  options: BrokerOptions = {},
): Broker {
  checkBrokerOptions(options);
  const isFunction = typeof connection === 'function';
  if (!isFunction && (typeof connection !== 'object' || connection === null)) {
    throw new TypeError(`nats takes options of connect, or a function that connects, not ${String(connection)}`);
  }
  const { prefix = DEFAULT_PREFIX } = options;
  if (typeof prefix !== 'string' || !/^([^\s*>.]+\.)*[^\s*>.]*$/.test(prefix)) {
    throw new TypeError(`prefix must begin a subject of NATS, such as 'wasock.', not ${String(prefix)}`);
  }
  return new NatsBroker(isFunction ? (connection as Connect) : connectWith(connection), options);
}

type Connect = (settings: NatsSettings) => Promise<NatsConnectionLike>;

/** The package is loaded only by whoever uses it. */
function connectWith(given: object): Connect {
  return async (settings) => {
    const { connect } = (await import('@nats-io/transport-node')) as unknown as { connect: Connect };
    return connect({ ...given, ...settings });
  };
}

/** A promise that is settled from outside. */
class Confirmation {
  resolve!: () => void;
  reject!: (error: Error) => void;
  readonly promise = new Promise<void>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

class NatsBroker extends ChannelBroker {
  readonly #connect: Connect;
  #connection: NatsConnectionLike | null = null;
  readonly #subscriptions = new Map<string, NatsSubscription>();
  /** Of what was published since the last flush began. */
  #next: Confirmation | null = null;
  #isFlushing = false;
  #attempt = 0;
  #retry: NodeJS.Timeout | null = null;
  #wasUp = false;

  constructor(connect: Connect, options: BrokerOptions) {
    super(options, DEFAULT_PREFIX);
    this.#connect = connect;
  }

  override async open(): Promise<void> {
    let connection: NatsConnectionLike;
    try {
      connection = await this.#connect({ ...SETTINGS, reconnectDelayHandler: () => reconnectDelay(this.#attempt++) });
    } catch (error) {
      return this.#retryLater(toError(error));
    }
    if (this.status === 'closed') return void connection.close().catch(() => {});
    this.#connection = connection;
    this.#subscriptions.clear();
    this.#onUp();
    this.#follow(connection).catch(() => {});
    connection.closed().then((error) => {
      if (this.#connection === connection)
        this.#retryLater(error instanceof Error ? error : new Error('NATS has closed'));
    });
  }

  #retryLater(error: Error): void {
    if (this.status === 'closed') return;
    this.#connection = null;
    this.setStatus(this.#wasUp ? 'down' : 'connecting', error);
    this.#retry = setTimeout(() => this.open(), reconnectDelay(this.#attempt++));
  }

  async #follow(connection: NatsConnectionLike): Promise<void> {
    for await (const { type } of connection.status()) {
      if (this.#connection !== connection) return;
      if (type === 'disconnect') this.setStatus('down');
      else if (type === 'reconnect') this.#onUp();
      // The server, or this client, has dropped messages for us.
      else if (type === 'slowConsumer') this.onGap?.();
    }
  }

  #onUp(): void {
    this.#attempt = 0;
    if (this.#wasUp) this.onGap?.();
    this.#wasUp = true;
    this.setStatus('up');
  }

  /** A flush confirms all that was published before it: the server answers in order. One is under way at a time. */
  override publish(topic: string, payload: Buffer): Promise<void> {
    if (this.#connection === null) return Promise.reject(new Error('NATS is away'));
    this.#connection.publish(subjectOf(this.prefix, topic), payload);
    this.#next ??= new Confirmation();
    const { promise } = this.#next;
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      setImmediate(() => this.#flush());
    }
    return promise;
  }

  #flush(): void {
    const confirmation = this.#next;
    this.#next = null;
    this.#isFlushing = confirmation !== null;
    if (confirmation === null) return;
    const flushed = this.#connection?.flush() ?? Promise.reject(new Error('NATS is away'));
    flushed.then(confirmation.resolve, confirmation.reject).then(() => this.#flush());
  }

  override async subscribe(topic: string): Promise<void> {
    const connection = this.#connection;
    if (connection === null) throw new Error('NATS is away');
    if (!this.#subscriptions.has(topic)) {
      const callback = (error: Error | null, message: { data: Uint8Array }) => {
        if (error === null) this.onMessage?.(topic, message.data);
      };
      this.#subscriptions.set(topic, connection.subscribe(subjectOf(this.prefix, topic), { callback }));
    }
    await connection.flush();
  }

  override unsubscribe(topic: string): void {
    this.#subscriptions.get(topic)?.unsubscribe();
    this.#subscriptions.delete(topic);
  }

  override async close(): Promise<void> {
    this.setStatus('closed');
    if (this.#retry !== null) clearTimeout(this.#retry);
    const connection = this.#connection;
    this.#connection = null;
    await connection?.close();
  }
}

/** One token for any topic: subjects know neither spaces nor NUL, and give a meaning to `.`, `*` and `>`. */
function subjectOf(prefix: string, topic: string): string {
  const subject = `${prefix}t${Buffer.from(topic).toString('base64url')}`;
  if (subject.length <= LONGEST_SUBJECT) return subject;
  // What is published says its topic as well.
  return `${prefix}h${createHash('sha256').update(topic).digest('base64url')}`;
}
