import type { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers';
import { toError } from '../protocol/errors.js';
import { type Broker, type BrokerOptions, DEFAULT_PREFIX } from './broker.js';
import { ChannelBroker, checkBrokerOptions, reconnectDelay } from './channel-broker.js';

/** Options of `redis`. */
export interface RedisBrokerOptions extends BrokerOptions {
  /**
   * Sharded pub/sub (SPUBLISH, SSUBSCRIBE): a message goes to the node of its channel alone. Default: for the clients of
   * `createCluster`.
   */
  readonly sharded?: boolean;
}

/** A client of the npm package `redis`, made by `createClient` or `createCluster`. */
export interface RedisClientLike {
  duplicate(overrides?: object): unknown;
  publish(channel: string, message: string): unknown;
  sPublish(channel: string, message: string): unknown;
}

type Listener = (message: Buffer) => void;

/** What is used of a client. */
interface PubSubClient {
  readonly isReady?: boolean;
  on(event: string, listener: (...args: never[]) => void): unknown;
  connect(): Promise<unknown>;
  destroy(): void;
  publish(channel: string, message: Buffer): Promise<unknown>;
  sPublish(channel: string, message: Buffer): Promise<unknown>;
  subscribe(channel: string, listener: Listener, isBinary: true): Promise<void>;
  sSubscribe(channel: string, listener: Listener, isBinary: true): Promise<void>;
  unsubscribe(channel: string, listener: Listener, isBinary: true): Promise<void>;
  sUnsubscribe(channel: string, listener: Listener, isBinary: true): Promise<void>;
}

/** Options of a client, as far as they are kept. */
interface ClientOptions {
  readonly socket?: object;
  readonly defaults?: ClientOptions;
}

/** Milliseconds between two probes, and how many may stay without an echo. */
const PROBE_INTERVAL = 3000;
const MOST_SILENT = 3;

const NO_PAYLOAD = new Uint8Array(0);

/**
 * Carries topics over Redis pub/sub, for processes on any number of machines.
 *
 * @param client a template, whose settings two clients get that the broker makes, one to publish and one to subscribe. It is
 *   itself neither used nor closed
 * @throws TypeError if it is none, or there is no such option
 */
export function redis(client: RedisClientLike, options: RedisBrokerOptions = {}): Broker {
  checkBrokerOptions(options, ['sharded']);
  if (typeof client?.duplicate !== 'function' || typeof client.sPublish !== 'function') {
    throw new TypeError(
      'redis takes a client of the npm package redis, version 6; for ioredis see examples/ioredis-broker.mjs',
    );
  }
  const { sharded } = options;
  if (sharded !== undefined && typeof sharded !== 'boolean') {
    throw new TypeError(`sharded must be a boolean, not ${String(sharded)}`);
  }
  return new RedisBroker(client, options);
}

class RedisBroker extends ChannelBroker {
  readonly #template: RedisClientLike;
  readonly #isCluster: boolean;
  readonly #isSharded: boolean;
  #publisher: PubSubClient | null = null;
  #subscriber: PubSubClient | null = null;
  readonly #ready = new Set<PubSubClient>();
  /** The listener of each channel that is subscribed to. The client subscribes again to these by itself. */
  readonly #listeners = new Map<string, Listener>();
  readonly #probe: string;
  #beat: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  #silent = 0;
  #failures = 0;
  #wasUp = false;

  constructor(template: RedisClientLike, options: RedisBrokerOptions) {
    super(options, DEFAULT_PREFIX);
    this.#template = template;
    this.#isCluster = 'masters' in template;
    this.#isSharded = options.sharded ?? this.#isCluster;
    this.#probe = `${this.prefix}\0probe ${randomBytes(16).toString('hex')}`;
  }

  override open(): void {
    this.#connect();
    this.#beat = setInterval(() => this.#onBeat(), PROBE_INTERVAL);
    this.#beat.unref();
  }

  #connect(): void {
    this.#silent = 0;
    this.#listeners.clear();
    this.#publisher = this.#newClient();
    this.#subscriber = this.#newClient();
  }

  #newClient(): PubSubClient {
    const client = this.#template.duplicate(this.#settings()) as PubSubClient;
    // A client without a listener for errors ends the process.
    client.on('error', (error: Error) => this.#onError(client, error));
    client.on('ready', () => this.#onReady(client));
    for (const event of ['reconnecting', 'end', 'disconnect']) client.on(event, () => this.#onAway(client));
    client.on('terminated', (cause: Error) => this.#onTerminated(client, cause));
    for (const event of ['node-disconnect', 'sharded-channel-moved', 'sharded-channel-moved-error']) {
      client.on(event, () => this.#mine(client) && this.onGap?.());
    }
    client.connect().then(
      () => this.#isCluster && this.#onReady(client),
      (error) => this.#onTerminated(client, toError(error)),
    );
    return client;
  }

  /** Commands that cannot be sent are refused at once, and the client never gives up. */
  #settings(): object {
    const template = this.#template as { options?: ClientOptions; _options?: ClientOptions };
    const options = template.options ?? template._options ?? {};
    const withOurs = ({ socket }: ClientOptions = {}) => ({
      disableOfflineQueue: true,
      socket: { ...socket, reconnectStrategy: reconnectDelay },
    });
    // Without a time-out of its own for each command, which would cost more than the command.
    const commandOptions = { timeout: 0 };
    if (!this.#isCluster) return { ...withOurs(options), commandOptions };
    return { defaults: { ...options.defaults, ...withOurs(options.defaults) }, commandOptions };
  }

  #mine(client: PubSubClient): boolean {
    return this.status !== 'closed' && (client === this.#publisher || client === this.#subscriber);
  }

  #onReady(client: PubSubClient): void {
    if (!this.#mine(client)) return;
    this.#ready.add(client);
    if (this.#ready.size < 2) return;
    this.#failures = 0;
    this.#silent = 0;
    this.#listen(this.#probe, () => {
      this.#silent = 0;
    }).catch(() => {});
    if (this.#wasUp) this.onGap?.();
    this.#wasUp = true;
    this.setStatus('up');
  }

  #onAway(client: PubSubClient, error?: Error): void {
    if (!this.#mine(client) || !this.#ready.delete(client)) return;
    this.setStatus(this.#wasUp ? 'down' : 'connecting', error);
  }

  #onError(client: PubSubClient, error: Error): void {
    if (!this.#mine(client)) return;
    // An error of a client that goes on: part of what it read is lost.
    if (this.#ready.has(client) && client.isReady !== false) return this.onGap?.();
    if (!this.#ready.has(client)) this.setStatus(this.#wasUp ? 'down' : 'connecting', error);
    else this.#onAway(client, error);
  }

  /** A client has ended for good, or does nothing any more: new ones take its place. */
  #onTerminated(client: PubSubClient, cause: Error): void {
    if (this.#mine(client)) this.#renew(cause);
  }

  #renew(cause: Error): void {
    this.#dropClients();
    this.setStatus(this.#wasUp ? 'down' : 'connecting', cause);
    this.#retry = setTimeout(() => this.#connect(), reconnectDelay(this.#failures++));
  }

  #dropClients(): void {
    const clients = [this.#publisher, this.#subscriber];
    this.#publisher = null;
    this.#subscriber = null;
    this.#ready.clear();
    for (const client of clients) {
      try {
        client?.destroy();
      } catch {
        // It has ended already.
      }
    }
  }

  /**
   * Sends a message to ourselves: a connection can be silent, or a subscription forgotten, without an error. A loop that was
   * blocked counts one probe, and takes what has come before the next.
   */
  #onBeat(): void {
    if (this.status !== 'up') return;
    if (++this.#silent > MOST_SILENT) return this.#renew(new Error('Redis does not answer'));
    const payload = NO_PAYLOAD as Buffer;
    this.#send(this.#probe, payload)?.catch(() => {});
  }

  #send(channel: string, payload: Buffer): Promise<unknown> | undefined {
    return this.#isSharded ? this.#publisher?.sPublish(channel, payload) : this.#publisher?.publish(channel, payload);
  }

  override publish(topic: string, payload: Buffer): Promise<unknown> {
    return this.#send(this.prefix + topic, payload) ?? Promise.reject(new Error('Redis is away'));
  }

  override subscribe(topic: string): Promise<void> {
    return this.#listen(this.prefix + topic, (payload) => this.onMessage?.(topic, payload));
  }

  async #listen(channel: string, listener: Listener): Promise<void> {
    const client = this.#subscriber;
    if (client === null) throw new Error('Redis is away');
    if (this.#listeners.has(channel)) return;
    this.#listeners.set(channel, listener);
    try {
      await (this.#isSharded ? client.sSubscribe(channel, listener, true) : client.subscribe(channel, listener, true));
    } catch (error) {
      // The client remembers only what was confirmed.
      if (this.#listeners.get(channel) === listener) this.#listeners.delete(channel);
      throw error;
    }
  }

  override async unsubscribe(topic: string): Promise<void> {
    const channel = this.prefix + topic;
    const listener = this.#listeners.get(channel);
    const client = this.#subscriber;
    if (listener === undefined || client === null) return;
    this.#listeners.delete(channel);
    // With the listener: without it, the client would not hear of the channel after the next subscription.
    await (this.#isSharded
      ? client.sUnsubscribe(channel, listener, true)
      : client.unsubscribe(channel, listener, true));
  }

  override close(): void {
    this.setStatus('closed');
    if (this.#beat !== null) clearInterval(this.#beat);
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#dropClients();
  }
}
