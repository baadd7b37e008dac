import { expect, test } from 'vitest';
import { redisServer, startRedis } from '../support/broker-servers.js';
import { describePeer } from '../support/peers.js';
import { runNode } from '../support/program.js';
import { connectWs } from '../support/ws-client.js';

type Client = Awaited<ReturnType<typeof connectWs>>;

/** Takes what a client hears, up to `last`. @returns how much came before */
async function hears(client: Client, last: string): Promise<number> {
  let count = 0;
  while ((await client.next()) !== last) count++;
  return count;
}

/** Says something until the other hears it, and takes from both what was said. */
async function reaches(from: Client, to: Client): Promise<void> {
  let isHeard = false;
  const first = to.next().then(() => {
    isHeard = true;
  });
  while (!isHeard) {
    from.ws.send('probe');
    await from.next();
  }
  await first;
  from.ws.send('the last probe');
  await Promise.all([hears(from, 'the last probe'), hears(to, 'the last probe')]);
}

describePeer(redisServer(), () => {
  test('examples/ioredis-broker.mjs: processes share a chat, also after Redis was away', async () => {
    const redisProcess = await startRedis();
    const REDIS_URL = `redis://127.0.0.1:${redisProcess.port}`;
    const servers = [0, 1].map(() => runNode(['examples/ioredis-broker.mjs'], { PORT: '0', REDIS_URL }));
    const clients: Client[] = [];
    for (const server of servers) {
      clients.push(await connectWs(await server.url()));
      await server.printed(/Redis is there/);
    }
    const [one, other] = clients;
    await reaches(one, other);
    for (const text of ['hi', 'Grüße', 'x'.repeat(70_000)]) {
      one.ws.send(text);
      expect([await one.next(), await other.next()]).toEqual([text, text]);
    }

    await redisProcess.stop();
    for (const server of servers) await server.printed(/Redis is away/);
    one.ws.send('meanwhile');
    expect(await one.next()).toBe('meanwhile');
    await redisProcess.start();
    for (const server of servers) await server.printed(/Redis is there[\s\S]*Redis is there/);
    await reaches(other, one);
    other.ws.send('again');
    expect(await one.next()).toBe('again');

    for (const server of servers) {
      expect(await server.interrupt()).toEqual({ code: 0, signal: null });
      expect(server.stderr).toBe('');
    }
  });
});
