import { expect, onTestFinished, test } from 'vitest';
import { cluster } from '../../src/cluster.js';
import { publisher } from '../../src/index.js';
import { Cluster, meet, PRIMARY, partsOf, tell, WORKER } from '../support/clusters.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';

test('refuses an option that there is not', () => {
  expect(() => cluster({ sharded: true } as never)).toThrow(/no option "sharded"/);
});

test('carries messages between servers of the primary process', async () => {
  const [one, other] = [await sharedServer(cluster()), await sharedServer(cluster())];
  const ws = await subscriber(other, 'a');
  await reaches(one, ws, 'a');
  for (let i = 0; i < 100; i++) one.publish('a', `m${i}`);
  expect(await nextTexts(ws, 100)).toEqual(Array.from({ length: 100 }, (_, i) => `m${i}`));
  await one.broker!.published;
});

test('broker.A-08: with another prefix or without the key, nothing is taken', async () => {
  const key = 'a secret of 16 bytes or more';
  const ours = { prefix: 'ours:', key };
  const server = await sharedServer(cluster(ours));
  const ws = await subscriber(server, 'a');
  const jobs = [ours, { prefix: 'theirs:', key }, { prefix: 'ours:' }].map((options) => publisher(cluster(options)));
  onTestFinished(async () => void (await Promise.all(jobs.map((job) => job.close()))));
  await reaches(jobs[0], ws, 'a');
  for (const [i, job] of [...jobs.entries()].reverse()) job.publish('a', `of ${i}`);
  expect(await nextTexts(ws, 1)).toEqual(['of 0']);
  expect(server.broker!.rejected).toEqual({ format: 0, version: 0, signature: 1, topic: 0, frame: 0 });
});

test.each(['json', 'advanced'])('three workers hear each other, with the serialization %s', async (serialization) => {
  const running = new Cluster(`cluster.setupPrimary({ serialization: '${serialization}' });${PRIMARY}`, WORKER);
  const topics = ['a', 'b', 'ä€😀 \0'];
  const names = [1, 2, 3];
  const clients = await Promise.all(names.map((name) => running.client(name, ...topics)));
  for (const topic of topics) await meet(topic, ...clients);
  for (const ws of clients) for (const topic of topics) tell(ws, 'flood', topic, 300, 500);
  for (const ws of clients) {
    const received = new Map<string, number[]>();
    for (let i = 0; i < 2700; i++) {
      const { from, topic, number } = partsOf(await ws.receiveStrPacket());
      const numbers = received.get(`${from} ${topic}`) ?? [];
      received.set(`${from} ${topic}`, numbers);
      numbers.push(number);
    }
    expect(received.size).toBe(9);
    for (const numbers of received.values()) expect(numbers).toEqual(Array.from({ length: 300 }, (_, i) => i));
  }
  expect(running.count('gap 1') + running.count('gap 2') + running.count('gap 3')).toBe(0);
});

test('two brokers of one worker, the primary process and other workers hear each other', async () => {
  const primary = `
    const { cluster: broker } = await load();
    await server(broker());
    const job = publisher(broker());
    cluster.fork();
    cluster.fork();
    cluster.on('message', (worker, text) => text === 'from the primary' && job.publish('a', text));
  `;
  const worker = `
    const { cluster: broker } = await load();
    const commands = { ask: () => process.send('from the primary') };
    await server(broker(), commands, 10 * cluster.worker.id);
    await server(broker(), commands, 10 * cluster.worker.id + 1);
  `;
  const running = new Cluster(primary, worker);
  const clients = await Promise.all([0, 10, 11, 20, 21].map((name) => running.client(name, 'a')));
  await meet('a', ...clients);
  tell(clients[1], 'ask');
  for (const ws of clients) expect(await nextTexts(ws, 1)).toEqual(['from the primary']);
});

test('broker.A-09: what others send over the channel is neither taken nor harmed, and what looks like ours harms nothing', async () => {
  const strange = `[
    null, 1, 'text', { wasock: 1 }, { wasock: 'publish' }, { wasock: 'publish', member: 1 }, { wasock: 'ack', member: 1 },
    { wasock: 'publish', member: 1, request: 1, messages: ['a'] }, { wasock: 'topics', member: 1, request: 1 },
    { wasock: 'messages', member: 1 }, { wasock: 'messages', member: 1, messages: [1, 2] }, { wasock: 'new', member: 1 },
    { wasock: 'topics', member: 1, request: 1, subscribe: [1], unsubscribe: null }, { mine: [1, 2] },
  ]`;
  const primary = `
    ${PRIMARY}
    cluster.on('message', (worker, message) => {
      if (message?.mine) for (const strange of ${strange}) worker.send(strange);
    });
  `;
  const worker = `
    ${WORKER}
    process.on('message', (message) => message?.mine && say('mine', message.mine));
    served.broker.once('up', () => { for (const strange of ${strange}) if (strange !== null) process.send(strange); });
  `;
  const running = new Cluster(primary, worker);
  const [one, other] = [await running.client(1, 'a'), await running.client(2, 'a')];
  await running.program.printed(/(mine 1,2\n[\s\S]*){3}/);
  await meet('a', one, other);
  expect(running.program.stderr).toBe('');
});

test('a worker takes 10,000 topics at once', async () => {
  const worker = `
    const topics = Array.from({ length: 10_000 }, (_, i) => 'topic ' + i);
    const served = await server((await load()).cluster(), {
      joinAll: (ws) => { for (const topic of topics) ws.subscribe(topic); },
      publishAll: () => { for (const topic of topics) served.publish(topic, topic); },
    });
  `;
  const running = new Cluster(PRIMARY, worker);
  const [one, other] = [await running.client(1), await running.client(2)];
  tell(other, 'joinAll');
  tell(one, 'join', 'topic 9999');
  await meet('topic 9999', one, other);
  tell(one, 'publishAll');
  expect(await nextTexts(other, 10_000)).toEqual(Array.from({ length: 10_000 }, (_, i) => `topic ${i}`));
});

test('broker.C-02: what was published before a worker closes and exits arrives', async () => {
  const worker = `
    const served = await server((await load()).cluster(), {
      leave: async () => {
        for (let i = 0; i < 20_000; i++) served.publish('a', String(i));
        await served.close({ timeout: 10_000 });
        process.exit();
      },
    });
  `;
  const running = new Cluster(PRIMARY, worker);
  const [one, other] = [await running.client(1), await running.client(2, 'a')];
  tell(one, 'join', 'a');
  await meet('a', one, other);
  tell(one, 'leave');
  expect(await nextTexts(other, 20_000)).toEqual(Array.from({ length: 20_000 }, (_, i) => String(i)));
});
