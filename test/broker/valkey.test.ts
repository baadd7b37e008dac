import { createCluster } from 'redis';
import { expect, test } from 'vitest';
import { type BrokerGap, Opcode } from '../../src/index.js';
import { redis } from '../../src/redis.js';
import { freePort, startValkey, valkeyServer } from '../support/broker-servers.js';
import { describePeer } from '../support/peers.js';
import { brokerOn, observer } from '../support/redis-probes.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';
import { until } from '../support/waiting.js';

const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `m${from + i}`);

describePeer(valkeyServer(), () => {
  test('carries messages of two servers to all sockets, each once and in order', async () => {
    const valkey = await startValkey();
    const servers = [await sharedServer(brokerOn(valkey)), await sharedServer(brokerOn(valkey))];
    const sockets = [await subscriber(servers[0], 'a'), await subscriber(servers[1], 'a')];
    await reaches(servers[0], sockets[1], 'a');
    await reaches(servers[1], sockets[0], 'a');
    for (const text of [...numbered(500), 'end'])
      for (const [from, server] of servers.entries()) server.publish('a', `${from} ${text}`);
    for (const ws of sockets) {
      const texts: string[] = [];
      while (texts.filter((text) => text.endsWith(' end')).length < 2) texts.push(await ws.receiveStrPacket());
      for (const from of [0, 1]) {
        const its = texts.filter((text) => text.startsWith(`${from} `));
        expect(its).toEqual([...numbered(500), 'end'].map((text) => `${from} ${text}`));
      }
    }
  });

  test('binary messages arrive byte for byte', async () => {
    const valkey = await startValkey();
    const [one, other] = [await sharedServer(brokerOn(valkey)), await sharedServer(brokerOn(valkey))];
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    const sent = [
      Buffer.alloc(0),
      Buffer.from([0, 255, 13, 10]),
      Buffer.from([...Array(256).keys()]),
      Buffer.alloc(300_000, 7),
    ];
    for (const bytes of sent) one.publish('a', bytes);
    for (const bytes of sent) {
      const { opcode, data } = await ws.receivePacket();
      expect(opcode).toBe(Opcode.Binary);
      expect(bytes.equals(data as Buffer)).toBe(true);
    }
  });

  test('broker.A-02: after a restart all topics are subscribed to again, and the gap is told', async () => {
    const valkey = await startValkey();
    const [one, other] = [await sharedServer(brokerOn(valkey)), await sharedServer(brokerOn(valkey))];
    const topics = numbered(20);
    const ws = await subscriber(other, ...topics);
    await reaches(one, ws, topics[0]);
    const gaps: BrokerGap[] = [];
    other.broker!.on('gap', (gap) => gaps.push(gap));
    await valkey.stop();
    await until(() => [one, other].every(({ broker }) => broker!.status === 'down'));
    await valkey.start();
    await until(() => [one, other].every(({ broker }) => broker!.status === 'up'));
    expect(gaps).toEqual([{ topic: null, origin: null }]);
    for (const topic of topics) one.publish(topic, topic);
    expect((await nextTexts(ws, 20)).sort()).toEqual([...topics].sort());
  });

  test('broker.R-08: carries sharded pub/sub as a cluster of one node', async () => {
    const more = ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())];
    const valkey = await startValkey(...more);
    const node = await observer(valkey);
    await node.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
    const isWhole = async () => /cluster_state:ok/.test(String(await node.sendCommand(['CLUSTER', 'INFO'])));
    while (!(await isWhole())) await new Promise((resolve) => setTimeout(resolve, 20));
    const newBroker = () => redis(createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${valkey.port}` }] }));
    const [one, other] = [await sharedServer(newBroker()), await sharedServer(newBroker())];
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    for (const text of numbered(500)) one.publish('a', text);
    expect(await nextTexts(ws, 500)).toEqual(numbered(500));
    expect(await node.pubSubShardNumSub(['wasock:a'])).toEqual({ 'wasock:a': 1 });
    expect(await node.pubSubNumSub(['wasock:a'])).toEqual({ 'wasock:a': 0 });
  });
});
