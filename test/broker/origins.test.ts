import { EventEmitter } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { publisher, type Server } from '../../src/index.js';
import { redisServer, startRedis } from '../support/broker-servers.js';
import { EmitterBroker } from '../support/emitter-broker.js';
import { FakeBroker } from '../support/fake-broker.js';
import { describePeer } from '../support/peers.js';
import { runNode } from '../support/program.js';
import { brokerOn, observer } from '../support/redis-probes.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';
import { turns } from '../support/waiting.js';

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `m${i}`);

/** Hears everything twice, as with a subscription for each of two listeners. */
class DoubleBroker extends EmitterBroker {
  readonly #twin: EmitterBroker;

  constructor(bus: EventEmitter) {
    super(bus);
    this.#twin = new EmitterBroker(bus);
    this.#twin.onMessage = (topic, payload) => this.onMessage?.(topic, payload);
  }

  override subscribe(topic: string): void {
    super.subscribe(topic);
    this.#twin.subscribe(topic);
  }
}

test('broker.A-05: nobody gets a message twice, though each process has two subscriptions to a topic', async () => {
  const bus = new EventEmitter();
  await getEachOnce([await sharedServer(new DoubleBroker(bus)), await sharedServer(new DoubleBroker(bus))]);
});

/** Both publish, with a subscriber each, which gets every message of both once: also what its own server has published. */
async function getEachOnce(servers: readonly Server[]): Promise<void> {
  const sockets = [await subscriber(servers[0], 'a'), await subscriber(servers[1], 'a')];
  await reaches(servers[0], sockets[1], 'a');
  await reaches(servers[1], sockets[0], 'a');
  for (const text of [...numbered(100), 'end']) for (const server of servers) server.publish('a', text);
  for (const ws of sockets) {
    const counts = new Map<string, number>();
    while (counts.get('end') !== 2) {
      const [text] = await nextTexts(ws, 1);
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    expect(numbered(100).filter((text) => counts.get(text) !== 2)).toEqual([]);
  }
}

describePeer(redisServer(), () => {
  test('broker.A-05: nobody gets a message twice over Redis, though each topic is asked for twice', async () => {
    const redisProcess = await startRedis();
    const brokers = [brokerOn(redisProcess), brokerOn(redisProcess)];
    const servers = [await sharedServer(brokers[0]), await sharedServer(brokers[1])];
    const ws = await subscriber(servers[1], 'b');
    await reaches(servers[0], ws, 'b');
    for (const broker of brokers) await Promise.all([broker.subscribe('a'), broker.subscribe('a')]);
    await getEachOnce(servers);
    const client = await observer(redisProcess);
    expect(await client.pubSubNumSub(['wasock:a'])).toEqual({ 'wasock:a': 2 });
  });
});

/** Where the origin is in a payload: see src/broker/envelope.ts. */
const originOf = (payload: Buffer) => payload.toString('hex', 4, 20);

describe('an origin', () => {
  /** What a publisher that has just started names as its origin. */
  async function newOrigin(): Promise<string> {
    const broker = new FakeBroker();
    const one = publisher(broker);
    onTestFinished(() => one.close({ timeout: 1 }));
    one.publish('a', 'x');
    await turns(1);
    return originOf(broker.take()[0].payload);
  }

  test('broker.A-06: is 128 bits by chance, new at each start: two servers of one process hear each other', async () => {
    const origins = await Promise.all(Array.from({ length: 1000 }, newOrigin));
    expect(new Set(origins).size).toBe(1000);
    // Of 1,000, each of the 128 bits is set in 500 or so; with fewer than 350 or more than 650 in one of 10 ^ 18 runs.
    const counts = Array.from({ length: 128 }, (_, bit) => {
      const isSet = (origin: string) => (Number.parseInt(origin[bit >> 2], 16) >> (bit & 3)) & 1;
      return origins.reduce((sum, origin) => sum + isSet(origin), 0);
    });
    expect(Math.min(...counts)).toBeGreaterThan(350);
    expect(Math.max(...counts)).toBeLessThan(650);
    const bus = new EventEmitter();
    await getEachOnce([await sharedServer(new EmitterBroker(bus)), await sharedServer(new EmitterBroker(bus))]);
  });

  test('broker.A-06: is another one in each process of a machine that runs the same program', async () => {
    const script = `
      const { publisher } = require('./build/index.js');
      const broker = {
        status: 'up',
        publish: (topic, payload) => console.log('origin', Buffer.from(payload).toString('hex', 4, 20)),
        subscribe() {}, unsubscribe() {}, close() {},
      };
      publisher(broker).publish('a', 'x');
    `;
    const programs = [0, 1].map(() => runNode(['-e', script]));
    const origins = await Promise.all(programs.map(async (one) => (await one.printed(/origin ([\da-f]{32})\n/))[1]));
    expect(new Set(origins).size).toBe(2);
  });
});
