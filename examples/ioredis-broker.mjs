// Topics across processes over Redis, with a broker of our own on the package ioredis, and a chat of as many processes as you
// start: REDIS_URL=redis://127.0.0.1:6379 PORT=9001 node examples/ioredis-broker.mjs
//
// A broker moves bytes, and says how it stands. wasock does the rest: the order, copies, holes, what waits while Redis is away,
// and subscribing to everything again after `up`. So the client should neither keep commands for later nor repeat any.
// Whoever has the package redis imports `redis` from 'wasock/redis' instead, which notices a connection that is silent, too.
import { Redis } from 'ioredis';
import { serve } from 'wasock';

const SETTINGS = {
  enableOfflineQueue: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  lazyConnect: true,
  // With chance in it: the processes that Redis has lost should not come back all at once.
  retryStrategy: (attempt) => 100 + Math.random() * Math.min(10_000, 100 * 2 ** attempt),
};

class IoredisBroker {
  prefix = 'wasock:';
  status = 'connecting';
  onMessage = null;
  onStatus = null;
  onGap = null;
  #publisher;
  #subscriber;
  #wasUp = false;

  constructor(url) {
    // What subscribes can send no other commands.
    this.#publisher = new Redis(url, SETTINGS);
    this.#subscriber = new Redis(url, SETTINGS);
    this.#subscriber.on('messageBuffer', (channel, payload) => {
      this.onMessage?.(channel.toString().slice(this.prefix.length), payload);
    });
  }

  open() {
    for (const client of [this.#publisher, this.#subscriber]) {
      client.on('error', (error) => this.#turn('down', error));
      client.on('close', () => this.#turn('down'));
      client.on('ready', () => this.#onReady());
      // It tries again by itself, and has told of the error.
      client.connect().catch(() => {});
    }
  }

  #onReady() {
    if (this.#publisher.status !== 'ready' || this.#subscriber.status !== 'ready') return;
    if (this.#wasUp) this.onGap?.();
    this.#wasUp = true;
    this.#turn('up');
  }

  #turn(status, error) {
    if (this.status === 'closed' || (this.status === status && error === undefined)) return;
    this.status = status;
    this.onStatus?.(error);
  }

  publish = (topic, payload) => this.#publisher.publish(this.prefix + topic, payload);
  subscribe = (topic) => this.#subscriber.subscribe(this.prefix + topic);
  unsubscribe = (topic) => this.#subscriber.unsubscribe(this.prefix + topic);

  close() {
    this.#turn('closed');
    this.#publisher.disconnect();
    this.#subscriber.disconnect();
  }
}

const server = await serve({
  port: Number(process.env.PORT ?? 9001),
  broker: new IoredisBroker(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'),
  open: (ws) => ws.subscribe('chat'),
  message: (_, data) => void server.publish('chat', data),
});
server.broker.on('up', () => console.log('Redis is there'));
server.broker.on('down', (error) => console.log('Redis is away:', error?.message ?? 'the connection was closed'));
console.log(`ws://127.0.0.1:${server.port}/ws`);

process.on('SIGINT', () => server.close());
