import { once } from 'node:events';
import { cpSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort, redisServer, startRedis } from '../support/broker-servers.js';
import { newProject } from '../support/installed-example.js';
import { describePeer } from '../support/peers.js';
import { ROOT, runNode } from '../support/program.js';
import { until } from '../support/waiting.js';
import { connectWs } from '../support/ws-client.js';

async function start() {
  const server = runNode(['examples/demo/server.mjs'], { PORT: '0' });
  const url = await server.url();
  return { server, url, socketUrl: (path: string) => new URL(path, url).href.replace(/^http/, 'ws') };
}

type Client = Awaited<ReturnType<typeof connectWs>>;

/** Something that the chat tells: its kind, who it is about, and more. */
interface Told {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  readonly text?: string;
  readonly process?: number;
}

/** The next message of that kind. */
async function told(client: Client, kind: string): Promise<Told> {
  for (;;) {
    const message = JSON.parse(String(await client.next())) as Told;
    if (message.kind === kind) return message;
  }
}

function say(client: Client, kind: string, name: string, text = ''): void {
  client.ws.send(JSON.stringify({ kind, name, text }));
}

async function endsWhenInterrupted({
  server,
  socketUrl,
}: Omit<Awaited<ReturnType<typeof start>>, 'url'>): Promise<void> {
  const clients = [await connectWs(socketUrl('/ws')), await connectWs(socketUrl('/chat'))];
  void server.interrupt();
  const exit = server.interrupt();
  for (const { closed } of clients) expect(await closed).toEqual({ code: 1001, reason: '' });
  expect(await exit).toEqual({ code: 0, signal: null });
  expect(server.stderr).toBe('');
}

describe('the demo', () => {
  test('serves its page, and nothing from anywhere else', async () => {
    const { url } = await start();
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; /);
    const page = await response.text();
    expect(page).toContain('<html lang="en">');
    expect(page).not.toMatch(/\b(?:src|href)="(?:https?:)?\/\//);

    const parts = [...page.matchAll(/\b(?:src|href)="([^"]+)"/g)].map(([, part]) => part);
    expect(parts.sort()).toEqual(['demo.css', 'demo.js', 'icon.svg', 'server.mjs']);
    for (const part of parts) expect((await fetch(new URL(part, url))).status).toBe(200);
  });

  test.each(['/nothing', '/processes.mjs', '/%2e%2e/client.mjs', '/constructor', '/__proto__'])(
    'has no %s',
    async (path) => {
      const { url } = await start();
      const response = await fetch(new URL(path, url));
      expect(response.status).toBe(404);
      expect(await response.text()).toBe('Not found\n');
    },
  );

  test('echoes at /ws', async () => {
    const { socketUrl } = await start();
    const client = await connectWs(socketUrl('/ws'));
    client.ws.send('hi');
    expect(await client.next()).toBe('hi');
    client.ws.send(Buffer.from([1, 2, 3]));
    expect(await client.next()).toEqual(Buffer.from([1, 2, 3]));
  });

  test('lets those at /chat hear each other, and nobody else', async () => {
    const { socketUrl } = await start();
    const [ada, grace] = [await connectWs(socketUrl('/chat')), await connectWs(socketUrl('/chat'))];
    const { id } = await told(ada, 'welcome');
    const echo = await connectWs(socketUrl('/ws'));
    say(ada, 'joined', 'Ada');
    expect(await told(grace, 'joined')).toMatchObject({ id, name: 'Ada' });
    say(ada, 'said', 'Ada', 'How are you?');
    for (const client of [ada, grace]) {
      expect(await told(client, 'said')).toMatchObject({ id, name: 'Ada', text: 'How are you?' });
    }
    echo.ws.send('only mine');
    expect(await echo.next()).toBe('only mine');
    say(grace, 'said', 'Grace', 'Good, you?');
    expect(await told(ada, 'said')).toMatchObject({ name: 'Grace', text: 'Good, you?' });
    ada.ws.close();
    expect(await told(grace, 'left')).toMatchObject({ id, name: 'Ada' });
  });

  test.each(['hello', '{}', '{"kind":"left","name":"Ada"}', '{"kind":"said","name":1}', Buffer.from('{}')])(
    'closes with 1008 after a message that is none of the chat: %j',
    async (message) => {
      const { socketUrl } = await start();
      const client = await connectWs(socketUrl('/chat'));
      client.ws.send(message);
      expect(await client.closed).toEqual({ code: 1008, reason: 'not a message of this chat' });
    },
  );

  test('tells which codec it uses', async () => {
    const { url } = await start();
    expect(await (await fetch(new URL('about.json', url))).json()).toEqual({
      codec: expect.stringMatching(/^wasm|^ts$/),
    });
  });

  test('accepts a WebSocket nowhere else, nor from a page of another site', async () => {
    const { socketUrl } = await start();
    await expect(connectWs(socketUrl('/elsewhere'))).rejects.toThrow('404');
    await expect(connectWs(socketUrl('/ws'), [], { origin: 'http://elsewhere.example' })).rejects.toThrow('403');
  });

  test('ends with 0 when interrupted, even twice, and closes every socket with 1001', async () => {
    await endsWhenInterrupted(await start());
  });
});

describe('the port of the demo', () => {
  test.each(['abc', '99999', '-1', '1.5', '0x50', ' '])(
    'PORT=%j is one line on stderr, and exit code 1',
    async (port) => {
      const server = runNode(['examples/demo/server.mjs'], { PORT: port });
      expect(await server.exit).toEqual({ code: 1, signal: null });
      expect(server.stderr).toBe(`PORT must be a whole number from 0 to 65535, not ${JSON.stringify(port)}\n`);
      expect(server.stdout).toBe('');
    },
  );

  test('one that is in use is one line on stderr, and exit code 1', async () => {
    const holder = net.createServer().listen(0);
    onTestFinished(() => void holder.close());
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;

    const server = runNode(['examples/demo/server.mjs'], { PORT: String(port) });
    expect(await server.exit).toEqual({ code: 1, signal: null });
    expect(server.stderr).toBe(`Port ${port} is in use: set PORT to another one\n`);
    expect(server.stdout).toBe('');
  });

  test('the one that is asked for is the one in the URL', async () => {
    const holder = net.createServer().listen(0);
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    holder.close();
    await once(holder, 'close');

    const server = runNode(['examples/demo/server.mjs'], { PORT: String(port) });
    expect(await server.url()).toBe(`http://127.0.0.1:${port}/`);
  });
});

describe('--processes', () => {
  async function startMany(env: NodeJS.ProcessEnv = {}, count = '3') {
    const server = runNode(['examples/demo/server.mjs', '--processes', count], {
      PORT: '0',
      REDIS_URL: undefined,
      ...env,
    });
    const url = await server.url();
    return { server, socketUrl: (path: string) => new URL(path, url).href.replace(/^http/, 'ws') };
  }

  /** Everybody hears everybody, whichever process they are in; returns the processes that have sent something. */
  async function chat(urls: string[]): Promise<Set<number>> {
    const clients = await Promise.all(urls.map((url) => connectWs(url)));
    const processes = new Set<number>();
    const heard = clients.map(() => new Set<string>());
    // The broker is asked for a topic when the first of a process has subscribed: until then nobody else hears of it.
    for (let round = 0; heard.some((names) => names.size < clients.length); round++) {
      for (const [i, client] of clients.entries()) say(client, 'said', String(i), String(round));
      for (const [i, client] of clients.entries()) {
        for (let own = -1; own < round; ) {
          const { name, text, process } = await told(client, 'said');
          processes.add(process!);
          heard[i].add(name);
          if (name === String(i)) own = Number(text);
        }
      }
    }
    return processes;
  }

  test('lets those in different processes hear each other, and says who has sent what', async () => {
    const { server, socketUrl } = await startMany();
    expect(server.stdout).toContain('3 processes, whose chat goes over wasock/cluster.');
    expect((await chat(Array(6).fill(socketUrl('/chat')))).size).toBeGreaterThan(1);
    const echo = await connectWs(socketUrl('/ws'));
    echo.ws.send('hi');
    expect(await echo.next()).toMatch(/^hi\nprocess \d+$/);
    echo.ws.send(Buffer.from([1, 2, 3]));
    expect(await echo.next()).toEqual(Buffer.from([1, 2, 3]));
    expect(server.stderr).toBe('');
  });

  test('ends with 0 when interrupted, even twice, and closes every socket with 1001', async () => {
    await endsWhenInterrupted(await startMany());
  });

  test('goes on when a process is lost, with another one', async () => {
    const { server, socketUrl } = await startMany({}, '2');
    const client = await connectWs(socketUrl('/ws'));
    client.ws.send('who?');
    const pid = Number(/\d+$/.exec(String(await client.next()))![0]);
    process.kill(pid, 'SIGKILL');
    expect((await client.closed).code).toBe(1006);
    // Until the primary process has heard of it, node:cluster hands connections to it.
    await until(() => server.stderr !== '');
    await chat(Array(4).fill(socketUrl('/chat')));
    expect(await server.interrupt()).toEqual({ code: 0, signal: null });
    expect(server.stderr).toBe(`Process ${pid} has ended with SIGKILL: another one takes its place\n`);
  });

  describePeer(redisServer(), () => {
    test('with REDIS_URL goes over Redis, also between demos on different ports', async () => {
      const { port } = await startRedis();
      const env = { REDIS_URL: `redis://127.0.0.1:${port}` };
      const demos = [await startMany(env, '2'), await startMany(env, '1')];
      expect(demos[0].server.stdout).toContain('2 processes, whose chat goes over Redis.');
      const urls = demos.map(({ socketUrl }) => socketUrl('/chat'));
      expect((await chat([...urls, ...urls])).size).toBeGreaterThan(1);
      for (const { server } of demos) expect(await server.interrupt()).toEqual({ code: 0, signal: null });
    });
  });

  test('a broker that is not there is one line of each process, and the rest goes on', async () => {
    const { server, socketUrl } = await startMany({ REDIS_URL: `redis://127.0.0.1:${await freePort()}` }, '1');
    const client = await connectWs(socketUrl('/chat'));
    say(client, 'said', 'Ada', 'hello');
    expect(await told(client, 'said')).toMatchObject({ name: 'Ada', text: 'hello' });
    await until(() => server.stderr !== '');
    expect(server.stderr).toMatch(/^Process \d+ is without its broker: connect ECONNREFUSED [\d.:]+\n$/);
  });

  test.each<[string, string[], string | undefined, RegExp]>([
    ['no number', ['--processes', 'abc'], undefined, /^--processes must be a whole number from 1 to 128, not "abc"\n$/],
    ['0', ['--processes=0'], undefined, /^--processes must be a whole number from 1 to 128, not "0"\n$/],
    ['nothing', ['--processes'], undefined, /^Option '--processes <value>' argument missing\. .*--processes 4\n$/],
    ['another option', ['--process', '4'], undefined, /^Unknown option '--process'\. .*--processes 4\n$/],
    ['a REDIS_URL that is none', ['--processes', '2'], 'nope', /^REDIS_URL must be as redis:.*, not "nope": .*\n$/],
  ])('%s is one line on stderr, and exit code 1', async (_, args, url, message) => {
    const server = runNode(['examples/demo/server.mjs', ...args], { PORT: '0', REDIS_URL: url });
    expect(await server.exit).toEqual({ code: 1, signal: null });
    expect(server.stderr).toMatch(message);
    expect(server.stdout).toBe('');
  });

  test('REDIS_URL without the package redis is one line that says how to get it', async () => {
    const project = newProject([]);
    cpSync(path.join(ROOT, 'examples/demo'), path.join(project, 'demo'), { recursive: true });
    const server = runNode([path.join(project, 'demo/server.mjs'), '--processes', '2'], {
      REDIS_URL: 'redis://127.0.0.1',
    });
    expect(await server.exit).toEqual({ code: 1, signal: null });
    expect(server.stderr).toBe(
      'REDIS_URL needs the package redis: npm install redis. Without REDIS_URL nothing is needed\n',
    );
  });

  test('a port that is in use is one line on stderr, and exit code 1', async () => {
    const holder = net.createServer().listen(0);
    onTestFinished(() => void holder.close());
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const server = runNode(['examples/demo/server.mjs', '--processes', '3'], { PORT: String(port) });
    expect(await server.exit).toEqual({ code: 1, signal: null });
    expect(server.stderr).toBe(`Port ${port} is in use: set PORT to another one\n`);
  });
});
