import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { redisServer, startRedis } from '../support/broker-servers.js';
import { describePeer } from '../support/peers.js';
import { type Program, ROOT, runNode } from '../support/program.js';
import { served } from '../support/servers.js';
import { connectWs } from '../support/ws-client.js';

const README = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
const GUIDE = readFileSync(path.join(ROOT, 'docs/guide.md'), 'utf8');

/** The JavaScript of an example below a heading, the first unless `index` says another. */
function exampleBelow(heading: string, index: number): string {
  const sections = [README, GUIDE].map(
    (page) => new RegExp(`^## ${heading}\n([\\s\\S]*?)(?=^## |(?![\\s\\S]))`, 'm').exec(page)?.[1] ?? '',
  );
  const blocks = sections.flatMap((section) => [...section.matchAll(/^```js\n([\s\S]*?)^```/gm)]);
  const code = blocks[index]?.[1];
  if (code === undefined) throw new Error(`No example below ${heading}`);
  return code;
}

/** Runs an example as it stands, but on a free port, which it tells. */
async function run(heading: string, portOf: string, env: NodeJS.ProcessEnv = {}, index = 0): Promise<string> {
  return start(heading, portOf, env, index).url();
}

function start(heading: string, portOf: string, env: NodeJS.ProcessEnv = {}, index = 0): Program {
  const code = exampleBelow(heading, index);
  const onFreePort = code.replace(/\b9001\b/, '0');
  expect(onFreePort).not.toBe(code);
  const tell = `setInterval(() => console.log('ws://127.0.0.1:' + ${portOf} + '/ws'), 100);`;
  return runNode(['--input-type=module', '--eval', `${onFreePort}\n${tell}`], env);
}

describe('the examples of the README', () => {
  test('Topics: everybody hears who comes, what is said and who leaves', async () => {
    const url = await run('Topics', 'server.port');
    const ada = await connectWs(url);
    const grace = await connectWs(url);
    expect(await ada.next()).toBe('Somebody has come');
    grace.ws.send('Hello');
    for (const client of [ada, grace]) expect(await client.next()).toBe('Hello');
    ada.ws.send(Buffer.from([0, 255]));
    for (const client of [ada, grace]) expect(await client.next()).toEqual(Buffer.from([0, 255]));
    grace.ws.close();
    expect(await ada.next()).toBe('Somebody has left');
  });

  test('An echo server, and a client: the client prints what comes back', async () => {
    const url = await run('An echo server', 'server.port');
    const client = exampleBelow('A client', 0);
    const onThisPort = client.replace('ws://127.0.0.1:9001/', url);
    expect(onThisPort).not.toBe(client);
    await runNode(['--input-type=module', '--eval', onThisPort]).printed(/^Hi, how are you\?$/m);
  });

  test('Chat rooms on Express: all in a room hear what one says; a plain GET gets 426', async () => {
    const url = (await run('Chat rooms on Express', '(server.address()?.port ?? 0)')).replace(/ws$/, 'rooms/');
    const clients = [await connectWs(`${url}a`), await connectWs(`${url}a`), await connectWs(`${url}b`)];
    clients[2].ws.send('only in b');
    clients[0].ws.send('Hello');
    for (const client of clients.slice(0, 2)) expect(await client.next()).toBe('Hello');
    expect(await clients[2].next()).toBe('only in b');
    expect((await fetch(`${url.replace('ws:', 'http:')}a`)).status).toBe(426);
  });

  test('Handler style: greets by name, echoes, and refuses without a token', async () => {
    const url = await run('Handler style', 'server.port');
    await expect(connectWs(url)).rejects.toThrow('401');
    const client = await connectWs(url, [], { headers: { authorization: 'Bearer secret' } });
    expect(await client.next()).toBe('Welcome, Ada');
    client.ws.send('héllo');
    expect(await client.next()).toBe('héllo');
  });

  test('Await style: greets and echoes', async () => {
    const client = await connectWs(await run('Await style', '(server.address()?.port ?? 0)'));
    expect(await client.next()).toBe('Welcome to simple echo server');
    client.ws.send('héllo');
    expect(await client.next()).toBe('héllo');
  });

  test('Client: offers subprotocols, prints the answer and what comes back', async () => {
    const { url } = await served({
      upgrade: (_request, { protocols }) => ({ protocol: protocols[0] }),
      message: (ws, data) => void ws.send(`${data} Fine.`),
    });
    const client = exampleBelow('Client', 0);
    const onThisPort = client.replace('ws://127.0.0.1:9001/ws', url);
    expect(onThisPort).not.toBe(client);
    const program = runNode(['--input-type=module', '--eval', onThisPort]);
    await program.printed(/^v2 /m);
    await program.printed(/^Hi, how are you\? Fine\.$/m);
  });

  test('Topics, in await style: all hear what one says, the speaker included', async () => {
    const url = await run('Topics', '(server.address()?.port ?? 0)', {}, 1);
    const clients = [await connectWs(url), await connectWs(url)];
    for (const client of clients) expect(await client.next()).toBe('Welcome to simple chat server');
    clients[0].ws.send('How are you?');
    for (const client of clients) expect(await client.next()).toBe('How are you?');
  });

  test('In a framework: a route of Express echoes', async () => {
    const client = await connectWs(await run('In a framework', '(server.address()?.port ?? 0)'));
    client.ws.send('héllo');
    expect(await client.next()).toBe('héllo');
  });

  test('In production: tells of a refusal, and asks all to come back on SIGTERM', async () => {
    const program = start('In production', 'server.port');
    const url = await program.url();
    const client = await connectWs(url);
    await expect(connectWs(url, [], { origin: 'http://elsewhere.example' })).rejects.toThrow('403');
    await program.printed(/^refused with 403: origin$/m);
    program.signal('SIGTERM');
    expect((await client.closed).code).toBe(1012);
  });

  test('In place of npm ws: text and bytes come back as they were', async () => {
    const client = await connectWs(await run('In place of npm ws', '(wss.address()?.port ?? 0)'));
    for (const message of ['héllo', Buffer.from([0, 255])]) {
      client.ws.send(message);
      expect(await client.next()).toEqual(message);
    }
  });

  describePeer(redisServer(), () => {
    test('Many processes: two of them hear each other', async () => {
      const env = { REDIS_URL: `redis://127.0.0.1:${(await startRedis()).port}` };
      const urls = [await run('Many processes', 'server.port', env), await run('Many processes', 'server.port', env)];
      const [ada, grace] = [await connectWs(urls[0]), await connectWs(urls[1])];
      const greeting = setInterval(() => ada.ws.send('Hello'), 20);
      expect(await grace.next()).toBe('Hello');
      clearInterval(greeting);
    });
  });
});
