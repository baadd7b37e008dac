import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { BrokerGap } from '../../src/index.js';
import { redisServer, startRedis } from '../support/broker-servers.js';
import { describePeer } from '../support/peers.js';
import { brokerOn, observer } from '../support/redis-probes.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';
import { until } from '../support/waiting.js';

/** An address that leads to one server, and then to another, as that of a managed Redis does. */
async function startAddress(target: { readonly port: number }) {
  const address = { target, port: 0 };
  const server = net.createServer((incoming) => {
    const outgoing = net.connect(address.target.port, '127.0.0.1');
    incoming.pipe(outgoing).pipe(incoming);
    for (const [one, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ]) {
      one.on('error', () => {}).on('close', () => other.destroy());
    }
    onTestFinished(() => void incoming.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  address.port = (server.address() as AddressInfo).port;
  return address;
}

describePeer(redisServer(), () => {
  test('broker.R-09: after the master has died and its replica has taken its place, messages come again, and the gap is told', async () => {
    const master = await startRedis('--repl-diskless-sync-delay', '0');
    const replica = await startRedis('--replicaof', '127.0.0.1', String(master.port));
    const client = await observer(replica);
    while (!/master_link_status:up/.test(String(await client.info('replication')))) await sleep(20);
    const address = await startAddress(master);
    const [one, other] = [await sharedServer(brokerOn(address)), await sharedServer(brokerOn(address))];
    const topics = ['a', 'b', 'c'];
    const ws = await subscriber(other, ...topics);
    for (const topic of topics) await reaches(one, ws, topic);
    const gaps: BrokerGap[] = [];
    other.broker!.on('gap', (gap) => gaps.push(gap));

    await master.stop();
    await until(() => [one, other].every(({ broker }) => broker!.status === 'down'));
    for (let i = 0; i < 10; i++) one.publish('a', `${i}`);
    await client.sendCommand(['REPLICAOF', 'NO', 'ONE']);
    address.target = replica;
    await until(() => [one, other].every(({ broker }) => broker!.status === 'up'));

    expect(gaps).toEqual([{ topic: null, origin: null }]);
    await one.broker!.published;
    expect(one.broker!.dropped).toBe(0);
    for (const topic of topics) one.publish(topic, `last on ${topic}`);
    const texts: string[] = [];
    while (texts.filter((text) => text.startsWith('last')).length < 3) texts.push(...(await nextTexts(ws, 1)));
    // What one has kept may have left before the other was back: that is in the gap.
    const kept = texts.filter((text) => /^\d$/.test(text)).map(Number);
    expect(kept).toEqual([...new Set(kept)].sort());
    expect(await client.pubSubNumSub(topics.map((topic) => `wasock:${topic}`))).toEqual({
      'wasock:a': 1,
      'wasock:b': 1,
      'wasock:c': 1,
    });
  });
});
