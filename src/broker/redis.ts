import { Buffer } from 'node:buffer';
import { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from 'node:timers';
import { toError } from '../protocol/errors.js';
import { quoted } from '../protocol/quoted.js';
import { type Broker, type BrokerOptions, DEFAULT_PREFIX } from './broker.js';
import { ChannelBroker, checkBrokerOptions, reconnectDelay } from './channel-broker.js';
import { type Listener, type RedisClientLike, RedisConnection, type Role } from './redis-connection.js';

/** Options of `redis`: those of all brokers, and one more. */
export interface RedisBrokerOptions extends BrokerOptions {
  /**
   * Whether to use sharded pub/sub (SPUBLISH and SSUBSCRIBE, from Redis 7 on): a message goes only to the node of its
   * channel, instead of to all nodes of a cluster. Default: `true` for a client of `createCluster`, otherwise `false`.
   */
  readonly sharded?: boolean;
}

/** Milliseconds between two beats. */
const BEAT = 3000;
/** How many probes may stay without an echo. */
const MOST_SILENT = 3;
/** How many beats it may take to connect, and to subscribe to everything again. */
const MOST_CONNECTING = 10;

const NO_PAYLOAD = Buffer.alloc(0);

/**
 * Makes a broker that carries topics over Redis pub/sub, for processes on any number of machines.
 *
 * It connects when a server takes it, and reconnects by itself after a random wait of 0.1 s to 10 s. It also notices and
 * replaces a connection that has gone silent. If messages may have been lost, `server.broker` emits `gap`.
 *
 * @param client a client of the npm package `redis`, version 6, as a template: the broker makes two of its own with the
 *   same settings, one to publish and one to subscribe. The template need not be connected; the broker neither uses it nor
 *   closes it
 * @param options options of the broker
 * @returns a broker for one server or publisher
 * @throws TypeError if `client` is no such client, if there is an unknown option, or if `sharded` is not a boolean
 *
 * @example
 * ```js
 * import { createClient } from 'redis';
 * import { serve } from 'wasock';
 * import { redis } from 'wasock/redis';
 *
 * const server = await serve({
 *   port: 9001,
 *   broker: redis(createClient({ url: process.env.REDIS_URL })),
 *   open: (ws) => void ws.subscribe('chat'),
 *   message: (ws, data) => void server.publish('chat', data),
 *   error: (error) => console.error(error),
 * });
 * ```
 */
export function redis(client: RedisClientLike, options: RedisBrokerOptions = {}): Broker {
  checkBrokerOptions(options, ['sharded']);
  if (typeof client?.duplicate !== 'function' || typeof client.sPublish !== 'function') {
    throw new TypeError(
      'redis takes a client of the npm package redis, version 6, which this is not: for another, write a Broker of your own',
    );
  }
  const { sharded } = options;
  if (sharded !== undefined && typeof sharded !== 'boolean') {
    throw new TypeError(`sharded must be a boolean, not ${quoted(sharded)}`);
  }
  return new RedisBroker(client, options);
}

/** One of the two connections, and those that take its place. */
interface Link {
  readonly role: Role;
  connection: RedisConnection | null;
  isReady: boolean;
  retry: NodeJS.Timeout | null;
  /** Attempts in vain since it was ready. */
  failures: number;
  /** Beats since the attempt began. */
  connecting: number;
}

const newLink = (role: Role): Link => ({
  role,
  connection: null,
  isReady: false,
  retry: null,
  failures: 0,
  connecting: 0,
});

/**
 * Each error ends a connection, and another takes its place: what a client has in mind after an error is not what Redis has.
 * The one that subscribes is ready when it has subscribed to all that its predecessor was subscribed to.
 */
class RedisBroker extends ChannelBroker {
  readonly #template: RedisClientLike;
  readonly #isSharded: boolean | undefined;
  readonly #publisher = newLink('publisher');
  readonly #subscriber = newLink('subscriber');
  /** By topic that is subscribed to, or is to be once Redis is back. */
  readonly #listeners = new Map<string, Listener>();
  /** Topics that nobody has asked for since it is up again. */
  #unasked = new Set<string>();
  /** How many probes of each channel have no echo yet. */
  #silent = new Map<string, number>();
  #beat: NodeJS.Timeout | null = null;
  #wasUp = false;
  #hasGap = false;

  constructor(template: RedisClientLike, options: RedisBrokerOptions) {
    super(options, DEFAULT_PREFIX);
    this.#template = template;
    this.#isSharded = options.sharded;
  }

  override open(): void {
    this.#beat = setInterval(() => this.#onBeat(), BEAT);
    this.#beat.unref();
    for (const link of [this.#publisher, this.#subscriber]) void this.#connect(link);
  }

  async #connect(link: Link): Promise<void> {
    const connection = new RedisConnection(this.#template, this.#isSharded, link.role, {
      onLost: (error) => this.#renew(link, connection, error),
      onMoved: (channel) => this.onGap?.(channel.slice(this.prefix.length)),
    });
    link.connection = connection;
    link.connecting = 0;
    if (!(await connection.open())) return;
    try {
      if (link.role === 'subscriber') await this.#subscribeAll(connection);
    } catch (error) {
      return this.#renew(link, connection, toError(error));
    }
    if (link.connection !== connection) return;
    link.isReady = true;
    link.failures = 0;
    if (this.#publisher.isReady && this.#subscriber.isReady) this.#onUp();
  }

  async #subscribeAll(connection: RedisConnection): Promise<void> {
    const probes = connection.probes(this.prefix);
    this.#silent = new Map(probes.map((channel) => [channel, 0]));
    await Promise.all([
      ...probes.map((channel) => connection.subscribe(channel, () => this.#onEcho(channel))),
      ...[...this.#listeners].map(([topic, listener]) => this.#restore(connection, topic, listener)),
    ]);
  }

  #onEcho(channel: string): void {
    if (this.#silent.has(channel)) this.#silent.set(channel, 0);
  }

  /** Subscribes again. If Redis refuses that now, it does so when it is asked the next time. */
  async #restore(connection: RedisConnection, topic: string, listener: Listener): Promise<void> {
    try {
      await connection.subscribe(this.prefix + topic, listener);
    } catch {
      if (this.#subscriber.connection === connection) this.#listeners.delete(topic);
    }
  }

  #onUp(): void {
    this.#unasked = new Set(this.#listeners.keys());
    for (const channel of this.#silent.keys()) this.#silent.set(channel, 0);
    if (this.#hasGap) this.onGap?.();
    this.#hasGap = false;
    this.#wasUp = true;
    this.setStatus('up');
    // What is still wanted has been asked for by then.
    setImmediate(() => {
      for (const topic of this.#unasked) this.unsubscribe(topic).catch(() => {});
    });
  }

  #renew(link: Link, connection: RedisConnection, cause: Error): void {
    if (link.connection !== connection || this.status === 'closed') return;
    link.connection = null;
    link.isReady = false;
    connection.close();
    this.#unasked.clear();
    if (link.role === 'subscriber' && this.#wasUp) this.#hasGap = true;
    link.retry = setTimeout(() => void this.#connect(link), reconnectDelay(link.failures++));
    this.setStatus(this.#wasUp ? 'down' : 'connecting', cause);
  }

  /**
   * Sends messages to ourselves: a connection can be silent, or a subscription forgotten, without an error. A loop that was
   * blocked counts one probe, and takes what has come before the next.
   */
  #onBeat(): void {
    if (this.status === 'up') return this.#probe(this.#publisher.connection!);
    for (const link of [this.#publisher, this.#subscriber]) {
      if (link.isReady || link.connection === null || ++link.connecting <= MOST_CONNECTING) continue;
      this.#renew(link, link.connection, new Error('Redis has not answered for some seconds'));
    }
  }

  #probe(connection: RedisConnection): void {
    for (const [channel, silent] of this.#silent) {
      if (silent >= MOST_SILENT) {
        const cause = new Error('Redis has not answered for some seconds');
        this.#renew(this.#subscriber, this.#subscriber.connection!, cause);
        return this.#renew(this.#publisher, connection, cause);
      }
      this.#silent.set(channel, silent + 1);
      connection.publish(channel, NO_PAYLOAD).catch(() => {});
    }
  }

  override publish(topic: string, payload: Buffer): Promise<unknown> {
    const { connection } = this.#publisher;
    if (connection === null) return Promise.reject(new Error('There is no connection to Redis'));
    return connection.publish(this.prefix + topic, payload);
  }

  override async subscribe(topic: string): Promise<void> {
    this.#unasked.delete(topic);
    const { connection } = this.#subscriber;
    if (connection === null) throw new Error('There is no connection to Redis');
    if (this.#listeners.has(topic)) return;
    const listener = (payload: Buffer) => this.onMessage?.(topic, payload);
    this.#listeners.set(topic, listener);
    try {
      await connection.subscribe(this.prefix + topic, listener);
    } catch (error) {
      if (this.#subscriber.connection === connection) this.#listeners.delete(topic);
      throw error;
    }
  }

  override async unsubscribe(topic: string): Promise<void> {
    this.#unasked.delete(topic);
    const listener = this.#listeners.get(topic);
    if (listener === undefined) return;
    this.#listeners.delete(topic);
    await this.#subscriber.connection?.unsubscribe(this.prefix + topic, listener);
  }

  override close(): void {
    this.setStatus('closed');
    if (this.#beat !== null) clearInterval(this.#beat);
    for (const link of [this.#publisher, this.#subscriber]) {
      if (link.retry !== null) clearTimeout(link.retry);
      link.connection?.close();
      link.connection = null;
    }
  }
}
