import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { type BrokerGap, publisher, type Server, type WebSocket } from '../../src/index.js';
import { redisServer, startRedis } from '../support/broker-servers.js';
import { describePeer } from '../support/peers.js';
import { runNode } from '../support/program.js';
import { startRedisCluster } from '../support/redis-cluster.js';
import { brokerOn, observer } from '../support/redis-probes.js';
import { RespServer } from '../support/resp-server.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';
import { blockLoop } from '../support/stall.js';
import { until } from '../support/waiting.js';

const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `m${from + i}`);

function gapsOf(server: Server): BrokerGap[] {
  const gaps: BrokerGap[] = [];
  server.broker!.on('gap', (gap) => gaps.push(gap));
  return gaps;
}

/** What comes, until `end` does. */
async function textsUntil(ws: WebSocket, end: string): Promise<string[]> {
  const texts: string[] = [];
  while (texts.at(-1) !== end) texts.push(await ws.receiveStrPacket());
  return texts;
}

const isAscending = (texts: readonly string[]) =>
  texts.every((text, i) => i === 0 || Number(text.slice(1)) > Number(texts[i - 1].slice(1)));

test('broker.R-01: a reply that never ends is noticed, and messages come again after a gap', async () => {
  const server = await new RespServer().start();
  const [one, other] = [await sharedServer(brokerOn(server)), await sharedServer(brokerOn(server))];
  const ws = await subscriber(other, 'a');
  await reaches(one, ws, 'a');
  const gaps = gapsOf(other);
  for (const { socket } of server.subscribersOf('wasock:a')) socket.write('>3\r\n$7\r\nmessage\r\n$99999999\r\n');
  await until(() => gaps.length > 0);
  expect(gaps).toEqual([{ topic: null, origin: null }]);
  await reaches(one, ws, 'a');
}, 60_000);

describePeer(redisServer(), () => {
  test('broker.R-02: what is published while Redis stands still for 6 s arrives when it goes on', async () => {
    const redisProcess = await startRedis();
    const [one, other] = [await sharedServer(brokerOn(redisProcess)), await sharedServer(brokerOn(redisProcess))];
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    redisProcess.signal('SIGSTOP');
    for (const text of numbered(30)) {
      one.publish('a', text);
      await sleep(200);
    }
    redisProcess.signal('SIGCONT');
    expect(await nextTexts(ws, 30)).toEqual(numbered(30));
    expect(one.broker!.dropped).toBe(0);
  });

  test('broker.R-02: a Redis that stands still for longer is noticed; it is down, then up with a gap, and nothing is lost untold', async () => {
    const redisProcess = await startRedis();
    const [one, other] = [await sharedServer(brokerOn(redisProcess)), await sharedServer(brokerOn(redisProcess))];
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    const gaps = gapsOf(other);
    const reasons: (Error | undefined)[] = [];
    one.broker!.on('down', (reason) => reasons.push(reason));
    redisProcess.signal('SIGSTOP');
    onTestFinished(() => redisProcess.signal('SIGCONT'));
    for (const text of numbered(20)) one.publish('a', text);
    await until(() => one.broker!.status === 'down' && other.broker!.status === 'down');
    expect(String(reasons[0])).toBe('Error: Redis has not answered for some seconds');
    redisProcess.signal('SIGCONT');
    await until(() => one.broker!.status === 'up' && other.broker!.status === 'up');
    await one.broker!.published;
    await reaches(one, await subscriber(other, 'b'), 'b');
    one.publish('a', 'm1000');
    const texts = await textsUntil(ws, 'm1000');
    expect(isAscending(texts)).toBe(true);
    expect(gaps.length).toBeGreaterThan(0);
  }, 60_000);

  test('broker.R-04: whoever is too slow for client-output-buffer-limit is cut off by Redis, is told of the gap, and hears again', async () => {
    const redisProcess = await startRedis();
    const client = await observer(redisProcess);
    await client.configSet('client-output-buffer-limit', 'pubsub 200kb 100kb 1');
    const other = await sharedServer(brokerOn(redisProcess));
    const one = publisher(brokerOn(redisProcess));
    onTestFinished(() => one.close());
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    const gaps = gapsOf(other);
    // From a process of its own, as this one stands still.
    const flood = runNode(
      [
        '-e',
        `const { createClient } = require('redis');
         (async () => {
           const client = await createClient({ url: process.env.URL }).connect();
           const payload = Buffer.alloc(100_000);
           console.log('ready');
           for (let i = 0; i < 300; i++) await client.publish('wasock:a', payload);
           client.destroy();
         })()`,
      ],
      { URL: `redis://127.0.0.1:${redisProcess.port}` },
    );
    await flood.printed(/ready/);
    blockLoop(2500);
    await until(() => gaps.length > 0 && other.broker!.status === 'up');
    expect(gaps[0]).toEqual({ topic: null, origin: null });
    await reaches(one, ws, 'a');
  }, 60_000);

  test('broker.R-03: 100 MB that are published while Redis stands still hold little, and are counted', async () => {
    const redisProcess = await startRedis();
    const child = runNode(
      [
        '-e',
        `const { createClient } = require('redis');
         const { publisher } = require('./build/index.js');
         const { redis } = require('./build/redis.js');
         const one = publisher(redis(createClient({ url: process.env.URL }), { maxBuffered: 2_000_000 }));
         const payload = 'x'.repeat(10_000);
         const main = async () => {
           one.publish('a', payload);
           await one.published;
           const signal = new Promise((resolve) => process.once('SIGUSR2', resolve));
           console.log('ready');
           await signal;
           const before = process.memoryUsage.rss();
           let most = 0;
           for (let i = 0; i < 10_000; i++) {
             one.publish('a', payload);
             await new Promise((resolve) => setTimeout(resolve, 1));
             most = Math.max(most, process.memoryUsage.rss() - before);
           }
           await new Promise((resolve) => setTimeout(resolve, 2500));
           console.log('result', JSON.stringify({ most, dropped: one.broker.dropped, buffered: one.broker.buffered }));
           process.exit();
         };
         main();`,
      ],
      { URL: `redis://127.0.0.1:${redisProcess.port}` },
    );
    await child.printed(/ready/);
    redisProcess.signal('SIGSTOP');
    onTestFinished(() => redisProcess.signal('SIGCONT'));
    child.signal('SIGUSR2');
    const [, json] = await child.printed(/result (.*)/);
    const { most, dropped, buffered } = JSON.parse(json);
    // Up to two seconds of what comes, 18 MB, and what the collector has not taken yet.
    expect(most).toBeLessThan(64_000_000);
    expect(buffered).toBeLessThan(3_200_000);
    // What is neither dropped nor waiting is in the kernel's buffers, or about to be.
    expect(dropped).toBeGreaterThan(9000);
  }, 60_000);
});

/** Two servers on a Redis Cluster, and a socket of the other for each topic, which what the one publishes reaches. */
async function subscribedCluster(topics: readonly string[]) {
  const cluster = await startRedisCluster();
  const [one, other] = [await sharedServer(cluster.newBroker()), await sharedServer(cluster.newBroker())];
  const gaps = gapsOf(other);
  const sockets: WebSocket[] = [];
  for (const topic of topics) sockets.push(await subscriber(other, topic));
  for (const [i, topic] of topics.entries()) await reaches(one, sockets[i], topic);
  return { cluster, one, other, gaps, sockets };
}

describePeer(redisServer(), () => {
  const topics = numbered(30);

  test('broker.R-08: a Redis Cluster: a message goes to one node, and with sharded: false to all', async () => {
    const cluster = await startRedisCluster();
    const bytes = async (options: { sharded?: boolean }) => {
      const [one, other] = [
        await sharedServer(cluster.newBroker(options)),
        await sharedServer(cluster.newBroker(options)),
      ];
      const ws = await subscriber(other, 'a');
      await reaches(one, ws, 'a');
      const input = () =>
        Promise.all(
          cluster.nodes.map(async (node) => {
            const info = String(await node.sendCommand(['CLUSTER', 'INFO']));
            return Number(/cluster_stats_messages_publish(?:shard)?_received:(\d+)/.exec(info)?.[1] ?? 0);
          }),
        );
      const before = await input();
      for (const text of numbered(1000)) one.publish('a', text);
      expect(await nextTexts(ws, 1000)).toEqual(numbered(1000));
      expect(one.broker!.dropped).toBe(0);
      const after = await input();
      return after.map((count, i) => count - before[i]).filter((count) => count >= 1000).length;
    };
    expect(await bytes({})).toBe(0);
    expect(await bytes({ sharded: false })).toBe(2);
  }, 60_000);

  test('broker.R-06: a Redis Cluster: slots that move lose no topic for good, and every loss is told', async () => {
    const { cluster, one, other, gaps, sockets } = await subscribedCluster(topics);
    const slot = Number(await cluster.nodes[0].sendCommand(['CLUSTER', 'KEYSLOT', `wasock:${topics[0]}`]));
    for (let i = 0; i < 600; i++) {
      one.publish(topics[0], `m${i}`);
      if (i % 100 === 50) await cluster.move(slot, ((i / 50) % 3) | 0);
      if (i % 10 === 0) await sleep(5);
    }
    await reaches(one, sockets[1], topics[1]);
    await one.broker!.published.catch(() => {});
    await until(() => one.broker!.status === 'up' && other.broker!.status === 'up');
    const last = (async () => textsUntil(sockets[0], 'm99999'))();
    let isOver = false;
    void last.then(() => {
      isOver = true;
    });
    await until(() => {
      one.publish(topics[0], 'm99999');
      return isOver;
    });
    const texts = await last;
    expect(isAscending(texts)).toBe(true);
    expect(gaps).toContainEqual({ topic: topics[0], origin: null });
    if (texts.length < 601) expect(gaps.length + one.broker!.dropped).toBeGreaterThan(0);
    for (const [i, topic] of topics.entries()) if (i > 0) await reaches(one, sockets[i], topic);
  }, 60_000);

  test('broker.R-05: a Redis Cluster: a node that ends and comes back, and connections that are cut, end no process', async () => {
    const { cluster, one, other, gaps, sockets } = await subscribedCluster(topics);
    for (const node of cluster.nodes) {
      await node.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
      await node.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    }
    await until(() => gaps.length > 0 && [one, other].every(({ broker }) => broker!.status === 'up'));
    for (const [i, topic] of topics.entries()) await reaches(one, sockets[i], topic);

    await cluster.servers[1].stop();
    await until(() => one.broker!.status === 'down' && other.broker!.status === 'down');
    await cluster.servers[1].start();
    await until(() => [one, other].every(({ broker }) => broker!.status === 'up'));
    for (const [i, topic] of topics.entries()) await reaches(one, sockets[i], topic);
    expect([one.broker!.status, other.broker!.status]).toEqual(['up', 'up']);
  }, 60_000);

  test('a Redis Cluster: topics that come and go leave other topics of the node alone', async () => {
    const cluster = await startRedisCluster();
    const [one, other] = [await sharedServer(cluster.newBroker()), await sharedServer(cluster.newBroker())];
    const gaps = gapsOf(other);
    const ws = await subscriber(other, ...topics);
    await reaches(one, ws, topics[0]);
    const [socket] = other.connections;
    for (const topic of topics) socket.unsubscribe(topic);
    const counts = async () => {
      const replies = await Promise.all(cluster.nodes.map((node) => node.pubSubShardChannels('wasock:m*')));
      return replies.flat().length;
    };
    while ((await counts()) > 0) await sleep(20);
    for (const topic of topics) socket.subscribe(topic);
    for (const topic of topics) await reaches(one, ws, topic);
    expect(await counts()).toBe(30);
    expect(gaps).toEqual([]);
  }, 60_000);
});
