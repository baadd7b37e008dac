import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, createCluster } from 'redis';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Broker, BrokerGap, Server } from '../../src/index.js';
import { redis } from '../../src/redis.js';
import { RespServer } from '../support/resp-server.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';
import { until } from '../support/waiting.js';

const urlOf = ({ port }: RespServer) => `redis://127.0.0.1:${port}`;

/** Two servers on a Redis, and a socket of the other, which hears what the one publishes. */
async function subscribed(newBroker: () => Broker, ...topics: string[]) {
  const [one, other] = [await sharedServer(newBroker()), await sharedServer(newBroker())];
  const ws = await subscriber(other, ...topics);
  for (const topic of topics) await reaches(one, ws, topic);
  return { one, other, ws, gaps: gapsOf(other) };
}

function gapsOf(server: Server): BrokerGap[] {
  const gaps: BrokerGap[] = [];
  server.broker!.on('gap', (gap) => gaps.push(gap));
  return gaps;
}

/** Connects a broker without a server over it, and asks it for these topics as one would. */
async function opened(broker: Broker, wanted: ReadonlySet<string>) {
  const gaps: (string | undefined)[] = [];
  const heard = new Set<string>();
  const ask = async (topic: string) => {
    while (wanted.has(topic) && broker.status === 'up' && !(await succeeds(() => broker.subscribe(topic))))
      await sleep(20);
  };
  broker.onGap = (topic) => gaps.push(topic);
  broker.onMessage = (topic) => heard.add(topic);
  broker.onStatus = () => {
    for (const topic of wanted) void ask(topic);
  };
  onTestFinished(() => void broker.close());
  broker.open!();
  await until(() => broker.status === 'up');
  return { gaps, heard, ask };
}

async function succeeds(call: () => unknown): Promise<boolean> {
  try {
    await call();
    return true;
  } catch {
    return false;
  }
}

/** How commands that wait for an answer get one: some before Redis moves a channel, and the others after that, or an error. */
const endings = (commands: number) =>
  Array.from({ length: Math.max(1, commands) }, (_, answered) => answered).flatMap((answered) => [
    { answered, error: undefined },
    { answered, error: 'CLUSTERDOWN Hash slot not served' },
  ]);

describe.each<[string, (server: RespServer) => Broker]>([
  ['a client', (server) => redis(createClient({ url: urlOf(server) }), { sharded: true })],
  ['a client that speaks RESP 2', (server) => redis(createClient({ url: urlOf(server), RESP: 2 }), { sharded: true })],
  ['the client of a cluster', (server) => redis(createCluster({ rootNodes: [{ url: urlOf(server) }] }))],
])('%s', (_, newBroker) => {
  test('broker.R-06: hears of a topic again whose channel Redis has moved, and of the gap', async () => {
    const server = await new RespServer().start();
    const { one, ws, gaps } = await subscribed(() => newBroker(server), 'moved', 'stays');
    server.move('wasock:moved');
    await until(() => gaps.some(({ topic }) => topic === null || topic === 'moved'));
    for (const topic of ['moved', 'stays']) await reaches(one, ws, topic);
    expect(server.subscribersOf('wasock:moved')).toHaveLength(1);
  });

  // Subscribing (+) or not any more (-).
  test.each(['', '+', '-', '++', '+-', '-+', '--'])(
    'broker.R-07: is not deaf to a topic whose channel Redis moves while others are under way: "%s"',
    async (operations) => {
      const runs = endings(operations.length).map(async ({ answered, error }) => {
        const server = await new RespServer().start();
        const broker = newBroker(server);
        const wanted = new Set(['moved', 'stays', 'left 0', 'left 1']);
        const { gaps, heard, ask } = await opened(broker, wanted);
        await until(() => [...wanted].every((topic) => server.subscribersOf(`wasock:${topic}`).length === 1));
        server.hold(/^S(UN)?SUBSCRIBE$/);
        for (const [i, operation] of [...operations].entries()) {
          if (operation === '+') {
            wanted.add(`new ${i}`);
            void ask(`new ${i}`);
          } else {
            wanted.delete(`left ${i}`);
            void succeeds(() => broker.unsubscribe(`left ${i}`));
          }
        }
        await until(() => server.held === operations.length);
        server.answer(answered);
        server.move('wasock:moved');
        server.release(error);
        const where = `${answered} answered, then ${error ?? 'the others'}`;
        await until(
          () => gaps.some((topic) => topic === undefined || topic === 'moved'),
          () => `a gap: ${where}`,
        );
        await until(
          () => {
            for (const topic of wanted) server.publish(`wasock:${topic}`, Buffer.from(topic));
            return [...wanted].every((topic) => heard.has(topic));
          },
          () => `all topics: ${where}`,
        );
      });
      expect((await Promise.all(runs)).length).toBeGreaterThan(0);
    },
  );
});

describe('what is no reply', () => {
  const kinds: [string, string][] = [
    ['of no type', 'garbage\r\n'],
    ['zeros', '\0'.repeat(100)],
    ['an answer to nothing', '+OK\r\n'],
    ['an error about nothing', '-ERR of nothing\r\n'],
    ['a push of nothing', '>0\r\n'],
    ['an array of nothing', '*0\r\n'],
    ['a subscription that nobody asked for', '>3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n'],
    ['HTTP', 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'],
  ];

  test.each(kinds)(
    'broker.R-01: on the connection that subscribes is a gap, and messages come again: %s',
    async (_, bytes) => {
      const server = await new RespServer().start();
      const { one, ws, gaps } = await subscribed(() => redis(createClient({ url: urlOf(server) })), 'a');
      for (const { socket } of server.subscribersOf('wasock:a')) socket.write(bytes);
      await until(() => gaps.length > 0);
      expect(gaps).toEqual([{ topic: null, origin: null }]);
      await reaches(one, ws, 'a');
    },
  );

  // An error is an answer to whatever waits: Redis refuses it, and that is told.
  const harmless = kinds.filter(([, bytes]) => !bytes.startsWith('-'));

  test.each(harmless)(
    'broker.R-01: on the connection that publishes loses nothing and repeats nothing: %s',
    async (_, bytes) => {
      const server = await new RespServer().start();
      const { one, ws, gaps } = await subscribed(() => redis(createClient({ url: urlOf(server) })), 'a');
      server.hold(/^PUBLISH$/);
      for (let i = 0; i < 10; i++) one.publish('a', `m${i}`);
      await until(() => server.held === 10);
      for (const { socket, channels } of server.connections) if (channels.size === 0) socket.write(bytes);
      server.release();
      for (let i = 10; i < 20; i++) one.publish('a', `m${i}`);
      await one.broker!.published;
      expect(await nextTexts(ws, 20)).toEqual(Array.from({ length: 20 }, (_, i) => `m${i}`));
      expect(gaps).toEqual([]);
    },
  );
});
