import { expect, test } from 'vitest';
import { redisServer, startRedis } from '../support/broker-servers.js';
import { describePeer } from '../support/peers.js';
import { runNode } from '../support/program.js';
import { connectWs } from '../support/ws-client.js';

async function start(name: string, env: NodeJS.ProcessEnv = {}) {
  const program = runNode([`examples/${name}.mjs`], { PORT: '0', ...env });
  const url = await program.url();
  const ask = async (path: string) => {
    const response = await fetch(new URL(path, url.replace('ws', 'http')));
    const text = await response.text();
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
  };
  return { program, url, ask };
}

/** Asks until the answer is as it should be. */
async function untilReady(
  ask: (path: string) => Promise<{ status: number; body: { broker: string } }>,
  broker: string,
) {
  for (;;) {
    const answer = await ask('/healthz');
    if (answer.body.broker === broker) return answer;
  }
}

test('examples/health.mjs: ready until it ends, and alive until the last', async () => {
  const { program, url, ask } = await start('health', { REDIS_URL: undefined });
  expect(await ask('/livez')).toEqual({ status: 200, body: { alive: true } });
  const ready = { ready: true, ending: false, broker: 'none', connections: 0 };
  expect(await ask('/healthz')).toEqual({ status: 200, body: ready });
  expect((await ask('/elsewhere')).status).toBe(404);

  const clients = [];
  while (clients.length < 20) clients.push(await connectWs(url));
  program.signal('SIGTERM');
  let answer = await ask('/healthz');
  while (answer.status === 200) answer = await ask('/healthz');
  expect(answer).toMatchObject({ status: 503, body: { ready: false, ending: true } });
  expect((await ask('/livez')).status).toBe(200);
  for (const { closed } of clients) expect((await closed).code).toBe(1001);
  expect(await program.exit).toEqual({ code: 0, signal: null });
});

describePeer(redisServer(), () => {
  test('examples/health.mjs: ready once its broker is up, and it stays so', async () => {
    const redis = await startRedis();
    await redis.stop();
    const { ask, program } = await start('health', { REDIS_URL: `redis://127.0.0.1:${redis.port}` });
    expect(await ask('/healthz')).toMatchObject({ status: 503, body: { ready: false, ending: false } });
    expect((await ask('/livez')).status).toBe(200);
    await redis.start();
    expect((await untilReady(ask, 'up')).status).toBe(200);
    await redis.stop();
    expect((await untilReady(ask, 'down')).status).toBe(200);
    expect(await program.interrupt()).toEqual({ code: 0, signal: null });
  });
});

test('examples/shutdown.mjs: echoes, and ends at once if somebody interrupts it', async () => {
  const { program, url, ask } = await start('shutdown');
  const client = await connectWs(url);
  client.ws.send('hello');
  expect(await client.next()).toBe('hello');
  expect(await ask('/healthz')).toEqual({ status: 200, body: 'ready\n' });
  expect(await ask('/livez')).toEqual({ status: 200, body: 'alive\n' });
  expect((await ask('/elsewhere')).status).toBe(404);
  const exit = program.interrupt();
  expect(await client.closed).toEqual({ code: 1001, reason: '' });
  expect(await exit).toEqual({ code: 0, signal: null });
});
