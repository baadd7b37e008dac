import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { toError } from '../protocol/errors.js';

/**
 * A client of the npm package `redis`, made by `createClient` or `createCluster`. Of these methods the broker calls only
 * `duplicate`.
 */
export interface RedisClientLike {
  /** Makes another client with the same settings, except for `overrides`. */
  duplicate(overrides?: object): unknown;
  /** Sends PUBLISH. */
  publish(channel: string, message: string): unknown;
  /** Sends SPUBLISH. */
  sPublish(channel: string, message: string): unknown;
}

/** Gets the messages of one channel. */
export type Listener = (message: Buffer) => void;

interface Emits {
  on(event: string, listener: (...args: never[]) => void): unknown;
  removeAllListeners(event: string): unknown;
}

interface Publishes {
  publish(channel: string, message: Buffer): Promise<unknown>;
  sPublish(channel: string, message: Buffer): Promise<unknown>;
}

/** What is used of a client. */
interface PubSubClient extends Emits, Publishes {
  connect(): Promise<unknown>;
  destroy(): void;
  subscribe(channel: string, listener: Listener, isBinary: true): Promise<void>;
  sSubscribe(channel: string, listener: Listener, isBinary: true): Promise<void>;
  unsubscribe(channel: string, listener: Listener, isBinary: true): Promise<void>;
  sUnsubscribe(channel: string, listener: Listener, isBinary: true): Promise<void>;
}

interface ClusterNode {
  readonly pubSub?: { readonly client: Emits };
}

/** What is used of a client for a Redis Cluster besides. */
interface ClusterClient extends PubSubClient {
  readonly masters: readonly ClusterNode[];
  readonly slots: readonly ({ readonly master: ClusterNode } | undefined)[];
  nodeClient(node: ClusterNode): Promise<Publishes>;
}

/** Options of a client, as far as they are changed. */
interface ClientOptions {
  readonly socket?: object;
  readonly defaults?: ClientOptions;
}

interface ConnectionHandlers {
  /** It is of no use any more. Called once, and in the same turn in which commands are rejected. */
  readonly onLost: (error: Error) => void;
  /** Messages of a channel may be lost: it went to another node. */
  readonly onMoved: (channel: string) => void;
}

/**
 * What is set for all clients. Commands have no time-out of their own, which would cost more than the command. A client does
 * not come back by itself, and keeps no commands for later: whatever happens to it, another takes its place.
 */
const OURS = {
  disableOfflineQueue: true,
  commandsQueueMaxLength: undefined,
  // A reply that is under way is taken for the other one when Redis ends a sharded subscription. There are probes instead.
  pingInterval: undefined,
  clientSideCache: undefined,
  emitInvalidate: undefined,
  maintNotifications: 'disabled',
} as const;

/** With more masters than a tenth of it, some may stay without a probe. */
const PROBES = 256;

/** What a connection is for. If Redis ends a slow subscriber, the publisher goes on. */
export type Role = 'publisher' | 'subscriber';

/** One connection to Redis. When it is lost it reports that once, and another takes its place. */
export class RedisConnection {
  readonly #isCluster: boolean;
  readonly #isSharded: boolean;
  readonly #handlers: ConnectionHandlers;
  readonly #client: PubSubClient;
  /** What publishes: of a cluster that is not sharded one node, as the order between nodes is not kept. */
  #through: Publishes;
  readonly #hooked = new WeakSet<Emits>();
  #isOver = false;

  constructor(template: RedisClientLike, isSharded: boolean | undefined, role: Role, handlers: ConnectionHandlers) {
    this.#isCluster = 'masters' in template;
    this.#isSharded = isSharded ?? this.#isCluster;
    this.#handlers = handlers;
    this.#client = this.#newClient(template, role);
    this.#through = this.#client;
  }

  #newClient(template: RedisClientLike, role: Role): PubSubClient {
    const settings = settingsOf(template, this.#isCluster);
    // To subscribe, a cluster has connections of their own.
    const client = template.duplicate({ ...settings, minimizeConnections: role === 'subscriber' }) as PubSubClient;
    // A client without a listener for errors ends the process. A cluster goes on after those of looking around.
    client.on('error', (error: Error) => this.#isCluster || this.#onLost(error));
    for (const event of ['terminated', 'node-error', 'sharded-channel-moved-error']) {
      client.on(event, (error: unknown) => this.#onLost(toError(error)));
    }
    if (!this.#isCluster) {
      client.on('sharded-channel-moved', (channel: string) => this.#onLost(new Error(`Redis has moved ${channel}`)));
      client.on('end', () => this.#onLost(new Error('The connection to Redis has ended')));
      return client;
    }
    client.on('node-connect', () => this.#hook(client as ClusterClient));
    // A node has left. What the client would do now rejects promises that nobody can catch.
    client.removeAllListeners('__resubscribeListeners');
    client.on('__resubscribeListeners', () => this.#onLost(new Error('A node has left the Redis Cluster')));
    return client;
  }

  /** The client of a cluster does not say which channels were moved; those of its nodes do. */
  #hook(cluster: ClusterClient): void {
    for (const { pubSub } of cluster.masters) {
      if (pubSub === undefined || this.#hooked.has(pubSub.client)) continue;
      this.#hooked.add(pubSub.client);
      pubSub.client.on('sharded-channel-moved', (channel: string, listeners: unknown) => {
        // It took the end of another channel, which has moved, for the answer that now comes as one too many.
        if (listeners === undefined) this.#onLost(new Error('Redis has moved a channel'));
        else if (!this.#isOver) this.#handlers.onMoved(channel);
      });
    }
  }

  #onLost(error: Error): void {
    if (this.#isOver) return;
    this.close();
    this.#handlers.onLost(error);
  }

  /** Connects. If that fails, it calls `onLost`. @returns whether it is connected */
  async open(): Promise<boolean> {
    try {
      await this.#client.connect();
      if (this.#isCluster && !this.#isSharded && !this.#isOver) {
        const cluster = this.#client as ClusterClient;
        this.#through = await cluster.nodeClient(cluster.masters[0]);
      }
    } catch (error) {
      this.#onLost(toError(error));
    }
    // What was destroyed while it was connecting may have connected nevertheless.
    if (this.#isOver) this.#destroy();
    return !this.#isOver;
  }

  /**
   * Chooses channels that show whether messages arrive: one for each master of a sharded cluster, otherwise one.
   *
   * @param prefix how their names begin
   */
  probes(prefix: string): string[] {
    const name = `${prefix}\0probe ${randomBytes(16).toString('hex')}`;
    if (!this.#isCluster || !this.#isSharded) return [name];
    const { slots } = this.#client as ClusterClient;
    const channels = new Map<ClusterNode | undefined, string>();
    for (let i = 0; i < PROBES; i++) {
      const channel = `${name} ${i}`;
      const master = slots[slotOf(channel)]?.master;
      if (!channels.has(master)) channels.set(master, channel);
    }
    return [...channels.values()];
  }

  /** Publishes a payload. @returns resolves when Redis has it */
  publish(channel: string, payload: Buffer): Promise<unknown> {
    return this.#isSharded ? this.#through.sPublish(channel, payload) : this.#through.publish(channel, payload);
  }

  /** Subscribes to a channel. @returns resolves when Redis has confirmed it */
  subscribe(channel: string, listener: Listener): Promise<void> {
    return this.#isSharded
      ? this.#client.sSubscribe(channel, listener, true)
      : this.#client.subscribe(channel, listener, true);
  }

  /**
   * Unsubscribes from a channel.
   *
   * @param listener the one that subscribed. Without it, the client would hear nothing of the channel after another
   *   subscription
   */
  unsubscribe(channel: string, listener: Listener): Promise<void> {
    return this.#isSharded
      ? this.#client.sUnsubscribe(channel, listener, true)
      : this.#client.unsubscribe(channel, listener, true);
  }

  /** Disconnects at once, and reports nothing from then on. */
  close(): void {
    this.#isOver = true;
    this.#destroy();
  }

  #destroy(): void {
    try {
      this.#client.destroy();
    } catch {
      // It has ended already.
    }
  }
}

function settingsOf(template: RedisClientLike, isCluster: boolean): object {
  const { options, _options } = template as { options?: ClientOptions; _options?: ClientOptions };
  const given = options ?? _options ?? {};
  const withOurs = ({ socket }: ClientOptions = {}) => ({
    ...OURS,
    // Redis is silent when nothing is published: that is no reason to leave it.
    socket: { ...socket, reconnectStrategy: false, socketTimeout: undefined },
  });
  const commandOptions = { timeout: 0 };
  if (!isCluster) return { ...withOurs(given), commandOptions };
  // Replicas take SPUBLISH, too, but then the order is lost.
  const shared = { commandOptions, clientSideCache: undefined, useReplicas: false };
  return { ...shared, defaults: { ...given.defaults, ...withOurs(given.defaults) } };
}

const SLOTS = 16_384;

/** The slot of a Redis Cluster that a channel belongs to: CRC-16 (XMODEM) of what is between the first braces, or of all. */
function slotOf(channel: string): number {
  const start = channel.indexOf('{');
  const end = start < 0 ? -1 : channel.indexOf('}', start);
  const hashed = end > start + 1 ? channel.slice(start + 1, end) : channel;
  let crc = 0;
  for (const byte of Buffer.from(hashed)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  }
  return (crc & 0xffff) % SLOTS;
}
