import { createClient } from 'redis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { reconnectDelay } from '../../src/broker/channel-broker.js';
import { Envelopes } from '../../src/broker/envelope.js';
import type { BrokerDrop, BrokerGap, Server } from '../../src/index.js';
import { publisher } from '../../src/index.js';
import { redis } from '../../src/redis.js';
import { newRedis, redisServer, startRedis } from '../support/broker-servers.js';
import { SEED } from '../support/codecs.js';
import { describePeer } from '../support/peers.js';
import { randomNumbers } from '../support/receiver-harness.js';
import { brokerOn, observer } from '../support/redis-probes.js';
import { rejection } from '../support/servers.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';
import { until } from '../support/waiting.js';

test.each<[string, () => unknown, RegExp]>([
  ['no client', () => redis(undefined as never), /takes a client of the npm package redis/],
  ['an option that there is not', () => redis(createClient(), { shraded: true } as never), /no option "shraded"/],
  [
    'a value of sharded that is none',
    () => redis(createClient(), { sharded: 1 as never }),
    /sharded must be a boolean/,
  ],
])('refuses %s', (_, call, message) => {
  expect(call).toThrow(message);
});

test('broker.A-11: processes come back spread, the later the more', () => {
  for (const [attempt, most] of [
    [0, 200],
    [3, 1600],
    [20, 10_000],
  ]) {
    const delays = Array.from({ length: 200 }, () => reconnectDelay(attempt));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...delays)).toBeLessThanOrEqual(most);
    // Of 200, one lies in each fifth, but for one run in 10 ^ 18.
    const fifths = new Set(delays.map((delay) => Math.min(4, Math.floor((5 * (delay - 100)) / (most - 100)))));
    expect([...fifths].sort()).toEqual([0, 1, 2, 3, 4]);
  }
});

const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `m${from + i}`);

function gapsOf(server: Server) {
  const gaps: BrokerGap[] = [];
  server.broker!.on('gap', (gap) => gaps.push(gap));
  return gaps;
}

describePeer(redisServer(), () => {
  test('carries messages between servers', async () => {
    const redisProcess = await startRedis();
    const [one, other] = [await sharedServer(brokerOn(redisProcess)), await sharedServer(brokerOn(redisProcess))];
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    for (const text of numbered(1000)) one.publish('a', text);
    expect(await nextTexts(ws, 1000)).toEqual(numbered(1000));
    await one.broker!.published;
  });

  test('broker.A-07: topics are exact, whatever is in them', async () => {
    const redisProcess = await startRedis();
    const [one, other] = [await sharedServer(brokerOn(redisProcess)), await sharedServer(brokerOn(redisProcess))];
    const topics = ['>', '*', 'a.b', 'a b', 'a\r\nPUBLISH x y', '\0', 'a.*', '?', '[ab]', 'ä\u{1f600}', '{}', '{a}b'];
    const sockets = [];
    for (const topic of topics) sockets.push(await subscriber(other, topic));
    for (const [i, topic] of topics.entries()) await reaches(one, sockets[i], topic);
    for (const topic of topics) one.publish(topic, `to ${JSON.stringify(topic)}`);
    one.publish('nobody', 'x');
    for (const topic of topics) one.publish(topic, 'end');
    for (const [i, topic] of topics.entries()) {
      expect(await nextTexts(sockets[i], 2)).toEqual([`to ${JSON.stringify(topic)}`, 'end']);
    }
  });

  test('broker.A-07: the topic with no name is one, too', async () => {
    const redisProcess = await startRedis();
    const one = await sharedServer(brokerOn(redisProcess));
    const other = await sharedServer(brokerOn(redisProcess), {
      open: (ws) => void ws.subscribe(''),
    });
    const ws = await subscriber(other);
    await until(() => other.subscriberCount('') === 1);
    await reaches(one, ws, '');
    one.publish('', 'x');
    expect(await nextTexts(ws, 1)).toEqual(['x']);
  });

  test('broker.A-01: what a listener throws is reported, and the next message arrives', async () => {
    const redisProcess = await startRedis();
    const one = await sharedServer(brokerOn(redisProcess));
    const errors: Error[] = [];
    const other = await sharedServer(brokerOn(redisProcess), { error: (error) => errors.push(error) });
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    other.broker!.on('gap', () => {
      throw new Error('of a listener');
    });
    // As if this process had lost what came between.
    const foreign = new Envelopes(Buffer.alloc(16, 7), 'wasock:', []);
    const client = await observer(redisProcess);
    const frame = Buffer.concat([Buffer.of(0x81, 1), Buffer.from('x')]);
    const batch = client.multi();
    for (const sequence of [1, 2, 4, 5]) {
      batch.publish('wasock:a', foreign.seal('a', sequence, false, true, frame) as never);
    }
    await batch.execAsPipeline();
    expect(await nextTexts(ws, 4)).toEqual(['x', 'x', 'x', 'x']);
    expect(errors.map(({ message }) => message)).toEqual(['of a listener']);
  });

  test('broker.R-05: no error of a client is lost: with its cause it goes down, and comes back with a gap', async () => {
    const redisProcess = await startRedis();
    const [one, other] = [await sharedServer(brokerOn(redisProcess)), await sharedServer(brokerOn(redisProcess))];
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    const downs: (Error | undefined)[] = [];
    other.broker!.on('down', (error) => downs.push(error));
    const gaps = gapsOf(other);
    const client = await observer(redisProcess);
    for (let round = 1; round <= 3; round++) {
      await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
      await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
      await until(() => gaps.length >= round && [one, other].every(({ broker }) => broker!.status === 'up'));
      await reaches(one, ws, 'a');
    }
    expect(downs.filter((error) => error instanceof Error).length).toBeGreaterThanOrEqual(3);
    expect(gaps).toEqual(Array(3).fill({ topic: null, origin: null }));
  });

  test('broker.A-02: 1,000 topics are subscribed to again after two restarts at once', async () => {
    const redisProcess = await startRedis();
    const server = await sharedServer(brokerOn(redisProcess));
    const topics = numbered(1000);
    await subscriber(server, ...topics);
    const subscriptions = async () => {
      const client = await observer(redisProcess);
      const counts = await client.pubSubNumSub(topics.map((topic) => `wasock:${topic}`));
      return Object.values(counts).filter((count) => count === 1).length;
    };
    const all = async () => {
      while ((await subscriptions().catch(() => 0)) < 1000) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await all();
    for (let i = 0; i < 2; i++) {
      await redisProcess.stop();
      await redisProcess.start();
    }
    await until(() => server.broker!.status === 'up' && server.broker!.gaps > 0);
    await all();
    expect(await subscriptions()).toBe(1000);
  });

  test(`broker.A-03: has exactly the subscriptions that sockets have, whatever they did and whatever broke (${SEED})`, async () => {
    const redisProcess = await startRedis();
    const server = await sharedServer(brokerOn(redisProcess));
    const topics = numbered(8);
    const ws = await subscriber(server, 'mine');
    const [socket] = server.connections;
    const client = await observer(redisProcess);
    const numbers = randomNumbers(SEED);
    const random = (below: number) => Math.floor(numbers() * below);
    for (let i = 0; i < 150; i++) {
      const topic = topics[random(topics.length)];
      if (random(2) === 0) socket.subscribe(topic);
      else socket.unsubscribe(topic);
      if (random(4) === 0) await new Promise((resolve) => setTimeout(resolve, random(8)));
      if (random(50) === 0) await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
    }
    const wanted = topics.map((topic) => server.subscriberCount(topic));
    let counts: number[] = [];
    let isAsking = false;
    await until(
      () => {
        if (!isAsking) {
          isAsking = true;
          void client.pubSubNumSub(topics.map((topic) => `wasock:${topic}`)).then((reply) => {
            isAsking = false;
            counts = topics.map((topic) => Number(reply[`wasock:${topic}`]));
          });
        }
        return counts.join() === wanted.join();
      },
      () => `${wanted}, not ${counts}`,
    );
    expect(counts).toEqual(wanted);
    const one = publisher(brokerOn(redisProcess));
    onTestFinished(() => one.close());
    await reaches(one, ws, 'mine');
  });

  test('broker.A-04: a write that breaks off goes out again, and arrives once', async () => {
    const redisProcess = await startRedis();
    const [one, other] = [await sharedServer(brokerOn(redisProcess)), await sharedServer(brokerOn(redisProcess))];
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    const client = await observer(redisProcess);
    for (let round = 0; round < 5; round++) {
      for (const text of numbered(100, 100 * round)) one.publish('a', text);
      // The client writes in the next turn: what was written is in the kernel when its connection is ended.
      await new Promise((resolve) => setImmediate(resolve));
      await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
      await until(() => one.broker!.status === 'up');
    }
    await one.broker!.published;
    expect(await nextTexts(ws, 500)).toEqual(numbered(500));
    expect(one.broker!.dropped).toBe(0);
  });

  test('broker.R-03: while there is no Redis, it keeps maxBuffered bytes of the newest, and counts and tells the others', async () => {
    const redisProcess = await newRedis();
    onTestFinished(() => redisProcess.dispose());
    const one = publisher(brokerOn(redisProcess, { maxBuffered: 20_000 }));
    onTestFinished(() => one.close());
    const drops: BrokerDrop[] = [];
    const reasons: (Error | undefined)[] = [];
    one.broker.on('dropped', (drop) => drops.push(drop));
    one.broker.on('down', (reason) => reasons.push(reason));
    for (const text of numbered(20_000)) one.publish('a', text);
    await until(() => reasons.length > 0);
    expect(one.status).toBe('connecting');
    expect(String(reasons[0])).toMatch(/ECONNREFUSED/);
    expect(one.broker.buffered).toBeLessThanOrEqual(20_000);
    expect(one.broker.buffered).toBeGreaterThan(19_900);
    expect(one.broker.dropped).toBe(drops.length);
    const error = await rejection(Promise.race([one.published, redisProcess.start().then(() => one.published)]));
    expect(error.message).toBe(`${drops.length} message(s) were dropped before the broker had them`);
    expect(drops.length).toBeGreaterThan(19_000);
    expect(drops.length).toBeLessThan(20_000);
  });

  test('broker.A-10: a message of more than maxMessage bytes is told, and does not leave the process', async () => {
    const redisProcess = await startRedis();
    const one = await sharedServer(brokerOn(redisProcess, { maxMessage: 100 }));
    const other = await sharedServer(brokerOn(redisProcess));
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    const drops: BrokerDrop[] = [];
    one.broker!.on('dropped', (drop) => drops.push(drop));
    one.publish('a', 'x'.repeat(99));
    one.publish('a', 'x');
    expect(await nextTexts(ws, 1)).toEqual(['x']);
    expect(drops).toEqual([{ topic: 'a', bytes: 101 }]);
  });

  test('broker.A-08: with different prefixes, applications do not hear of each other', async () => {
    const redisProcess = await startRedis();
    const [one, other, foreign] = [
      await sharedServer(brokerOn(redisProcess, { prefix: 'one:' })),
      await sharedServer(brokerOn(redisProcess, { prefix: 'one:' })),
      await sharedServer(brokerOn(redisProcess, { prefix: 'other:' })),
    ];
    const ws = await subscriber(other, 'a');
    const theirs = await subscriber(foreign, 'a');
    await reaches(one, ws, 'a');
    const fromForeign = await sharedServer(brokerOn(redisProcess, { prefix: 'other:' }));
    await reaches(fromForeign, theirs, 'a');
    one.publish('a', 'ours');
    fromForeign.publish('a', 'theirs');
    expect(await nextTexts(ws, 1)).toEqual(['ours']);
    expect(await nextTexts(theirs, 1)).toEqual(['theirs']);
    expect(foreign.broker!.rejected).toEqual({ format: 0, version: 0, signature: 0, topic: 0, frame: 0 });
  });

  describe('broker.A-09: what somebody else publishes', () => {
    const frame = Buffer.concat([Buffer.of(0x81, 6), Buffer.from('forged')]);
    const key = 'sixteen bytes at least';

    test.each([
      ['without a key', [], 'wasock:', 1],
      ['with another key', [Buffer.from('sixteen bytes of another')], 'wasock:', 1],
      ['with the key for another prefix', [Buffer.from(key)], 'other:', 1],
      ['with the key', [Buffer.from(key)], 'wasock:', 0],
    ])('is taken only with the key: %s', async (_, keys, prefix, rejected) => {
      const redisProcess = await startRedis();
      const [one, other] = [
        await sharedServer(brokerOn(redisProcess, { key })),
        await sharedServer(brokerOn(redisProcess, { key: ['the key of tomorrow', key] })),
      ];
      const ws = await subscriber(other, 'a');
      await reaches(one, ws, 'a');
      const client = await observer(redisProcess);
      const payload = new Envelopes(Buffer.alloc(16, 7), prefix, keys).seal('a', 1, true, true, frame);
      await client.publish('wasock:a', payload);
      one.publish('a', 'end');
      expect(await nextTexts(ws, 2 - rejected)).toEqual(rejected === 1 ? ['end'] : ['forged', 'end']);
      expect(other.broker!.rejected.signature).toBe(rejected);
    });

    test(`is counted and dropped if it is garbage, and nothing else is lost (${SEED})`, async () => {
      const redisProcess = await startRedis();
      const [one, other] = [await sharedServer(brokerOn(redisProcess)), await sharedServer(brokerOn(redisProcess))];
      const ws = await subscriber(other, 'a');
      await reaches(one, ws, 'a');
      const client = await observer(redisProcess);
      const numbers = randomNumbers(SEED);
      const random = (below: number) => Math.floor(numbers() * below);
      const good = new Envelopes(Buffer.alloc(16, 7), 'wasock:', []).seal('a', 1, true, true, frame);
      const garbage = Array.from({ length: 2000 }, () => {
        if (random(2) === 0) return Buffer.from(Array.from({ length: random(80) }, () => random(256)));
        const payload = Buffer.from(good.subarray(0, random(2) ? good.length : random(good.length)));
        // Of the header, the topic, or the frame's: what is then a message, says something.
        if (payload.length === good.length) payload[[0, 1, 2, 29, 30, 31, 32][random(7)]] ^= 1 << random(7);
        return payload;
      });
      for (const payload of garbage) client.publish('wasock:a', payload).catch(() => {});
      await client.ping();
      one.publish('a', 'end');
      const texts: string[] = [];
      while (texts.at(-1) !== 'end') texts.push(...(await nextTexts(ws, 1)));
      const count = Object.values(other.broker!.rejected).reduce((sum, n) => sum + n, 0);
      // One bit of an opcode makes Text Binary, and one of a text another.
      expect(texts.length).toBeLessThanOrEqual(2);
      expect(count).toBeGreaterThan(1800);
      expect(other.broker!.status).toBe('up');
    });
  });

  test('the settings of the template apply, but for those that would harm', async () => {
    const redisProcess = await startRedis('--requirepass', 'secret');
    const newBroker = (password: string) =>
      redis(
        createClient({
          url: `redis://:${password}@127.0.0.1:${redisProcess.port}`,
          pingInterval: 20,
          commandsQueueMaxLength: 5,
          RESP: 2,
          socket: { socketTimeout: 50, reconnectStrategy: false },
        }),
      );
    const [one, other] = [await sharedServer(newBroker('secret')), await sharedServer(newBroker('secret'))];
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    for (const text of numbered(100)) one.publish('a', text);
    expect(await nextTexts(ws, 100)).toEqual(numbered(100));
    // Longer than the time-out of the template.
    await new Promise((resolve) => setTimeout(resolve, 150));
    one.publish('a', 'later');
    expect(await nextTexts(ws, 1)).toEqual(['later']);
    expect([one.broker!.dropped, one.broker!.gaps, other.broker!.gaps]).toEqual([0, 0, 0]);

    const refused = await sharedServer(newBroker('wrong'));
    const reasons: (Error | undefined)[] = [];
    refused.broker!.on('down', (reason) => reasons.push(reason));
    await until(() => reasons.length > 0);
    expect(String(reasons[0])).toMatch(/WRONGPASS/);
    expect(refused.broker!.status).toBe('connecting');
  });

  test('broker.R-08: sharded, a message comes over SPUBLISH', async () => {
    const redisProcess = await startRedis();
    const [one, other] = [
      await sharedServer(brokerOn(redisProcess, { sharded: true })),
      await sharedServer(brokerOn(redisProcess, { sharded: true })),
    ];
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    const client = await observer(redisProcess);
    expect(await client.pubSubShardNumSub(['wasock:a'])).toEqual({ 'wasock:a': 1 });
    expect(await client.pubSubNumSub(['wasock:a'])).toEqual({ 'wasock:a': 0 });
  });
});
