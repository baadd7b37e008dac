import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort, redisServer, startRedis } from '../support/broker-servers.js';
import { newProject } from '../support/installed-example.js';
import { commandPeer, describePeer, type Peer } from '../support/peers.js';
import { Program, ROOT, runNode } from '../support/program.js';
import { until } from '../support/waiting.js';
import { connectWs, type WsClient } from '../support/ws-client.js';

const deployed = (name: string) => readFileSync(path.join(ROOT, 'examples/deploy', name), 'utf8');

type Change = readonly [from: string, to: string];

/** Replaces each of these; all must be there, so that the configuration that is tested is that of the examples. */
function adapt(text: string, changes: readonly Change[]): string {
  for (const [from, to] of changes) {
    expect(text).toContain(from);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** Writes the configuration of a proxy to `folder`. Returns what starts it. */
type Configure = (folder: string, changes: readonly Change[]) => readonly string[];

const nginx: Configure = (folder, changes) => {
  mkdirSync(path.join(folder, 'conf.d'));
  writeFileSync(path.join(folder, 'conf.d/wasock.conf'), adapt(deployed('nginx.conf'), changes));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  // What Debian's /etc/nginx/nginx.conf is around such a file.
  const around = `
    daemon off; pid nginx.pid; error_log stderr; worker_processes 1;
    events { worker_connections 256; }
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
      include ${folder}/conf.d/*.conf;
    }`;
  writeFileSync(path.join(folder, 'nginx.conf'), around);
  return ['-p', folder, '-e', 'stderr', '-c', path.join(folder, 'nginx.conf')];
};

const haproxy: Configure = (folder, changes) => {
  const file = path.join(folder, 'haproxy.cfg');
  writeFileSync(file, adapt(deployed('haproxy.cfg'), changes));
  return ['-db', '-f', file];
};

const caddy: Configure = (folder, changes) => {
  const file = path.join(folder, 'Caddyfile');
  // The port of its own interface is the same for all that run here.
  writeFileSync(file, `{\n\tadmin off\n}\n${adapt(deployed('Caddyfile'), changes)}`);
  return ['run', '--adapter', 'caddyfile', '--config', file];
};

interface Proxy {
  readonly peer: Peer;
  readonly configure: Configure;
  /** Whether it ends connections on which nothing moves. */
  readonly hasTimeout: boolean;
  /** How many clients get the 503 of a process that is ending. */
  readonly refusals: number;
  /** Makes it send another Host than the client's. */
  readonly otherHost: Change;
}

const NGINX: Proxy = {
  peer: commandPeer('nginx', '-v'),
  configure: nginx,
  hasTimeout: true,
  refusals: 0,
  otherHost: ['Host $http_host', 'Host chat.internal'],
};

const HAPROXY: Proxy = {
  peer: commandPeer('haproxy', '-v'),
  configure: haproxy,
  hasTimeout: true,
  refusals: 0,
  otherHost: ['default_backend', 'http-request set-header Host chat.internal\n    default_backend'],
};

const CADDY: Proxy = {
  peer: commandPeer('caddy', 'version'),
  configure: caddy,
  hasTimeout: false,
  refusals: 1,
  otherHost: ['lb_policy', 'header_up Host chat.internal\n\t\tlb_policy'],
};

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

interface Setting {
  /** How many processes the four places of the configuration are shared among. */
  readonly count?: number;
  /** Changes of the proxy's configuration, and of server.mjs. */
  readonly changes?: readonly Change[];
  readonly serverChanges?: readonly Change[];
  /** More of the environment of the processes. */
  readonly env?: NodeJS.ProcessEnv;
}

/** A proxy in front of processes of examples/deploy/server.mjs. */
async function start({ peer, configure }: Proxy, setting: Setting = {}) {
  const { count = 4, changes = [], serverChanges = [] } = setting;
  const { port: redisPort } = await startRedis();
  const project = newProject(['redis']);
  const script = path.join(project, 'server.mjs');
  writeFileSync(script, adapt(deployed('server.mjs'), serverChanges));
  const env = { PORT: '0', REDIS_URL: `redis://127.0.0.1:${redisPort}`, ...setting.env };
  const processes = Array.from({ length: count }, () => runNode([script], env));
  const ports = await Promise.all(processes.map(async (it) => Number(new URL(await it.url()).port)));

  const port = await freePort();
  const folder = mkdtempSync(path.join(tmpdir(), 'wasock-proxy-'));
  const places = [0, 1, 2, 3].map((i): Change => [`127.0.0.1:900${i + 1}`, `127.0.0.1:${ports[i % count]}`]);
  const args = configure(folder, [['8080', String(port)], ...places, ...changes]);
  // Caddy keeps files there.
  const proxy = new Program(peer.command, args, { XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder });
  onTestFinished(async () => {
    // Whoever is killed leaves the processes of its own behind.
    proxy.signal('SIGTERM');
    await proxy.exit;
    rmSync(folder, { recursive: true, force: true });
  });
  const ended = proxy.exit.then(() => Promise.reject(new Error(`It has ended: ${proxy.stderr}`)));
  ended.catch(() => {});
  while (!(await Promise.race([listens(port), ended]))) await sleep(20);
  return { url: `ws://127.0.0.1:${port}/`, port, processes, ports };
}

/** Connects until this many processes are there. Returns one socket of each, and what it was greeted with. */
async function inDifferentProcesses(url: string, count: number): Promise<{ client: WsClient; greeting: string }[]> {
  const found = new Map<string, { client: WsClient; greeting: string }>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries === 50) throw new Error(`Only ${[...found.keys()]} have answered`);
    const client = await connectWs(url, [], { headers: { 'X-Forwarded-For': '192.0.2.7' } });
    const greeting = String(await client.next());
    const pid = /\d+$/.exec(greeting)![0];
    if (!found.has(pid)) found.set(pid, { client, greeting });
  }
  return [...found.values()];
}

/** The next message that is not one of the probes. */
async function nextOf(client: WsClient): Promise<string | Buffer> {
  for (;;) {
    const message = await client.next();
    if (message !== 'probe') return message;
  }
}

/** Sends until everybody hears it: Redis has been asked for the topic by all. */
async function allHear(from: WsClient, others: readonly WsClient[]): Promise<void> {
  const probing = setInterval(() => from.ws.send('probe'), 20);
  for (const other of others) expect(await other.next()).toBe('probe');
  clearInterval(probing);
}

describe.each([NGINX, HAPROXY, CADDY])('four processes behind a proxy', (proxy) => {
  describePeer(proxy.peer, () => {
    describePeer(redisServer(), () => {
      test('hear each other, also of large messages, and know the address of each peer', async () => {
        const { url } = await start(proxy);
        const all = await inDifferentProcesses(url, 4);
        // What the client has said of itself does not count.
        for (const { greeting } of all) expect(greeting).toMatch(/^You are 127\.0\.0\.1, in process \d+$/);
        const clients = all.map(({ client }) => client);
        for (const client of clients) await allHear(client, clients);
        const large = Buffer.alloc(500_000, 'large and binary \u0000');
        for (const [i, { ws }] of clients.entries()) {
          ws.send(`from ${i}`);
          ws.send(large);
          for (const client of clients) {
            expect(await nextOf(client)).toBe(`from ${i}`);
            expect(large.equals((await nextOf(client)) as Buffer)).toBe(true);
          }
        }
      });

      test('accept a page of the same host and port, and of no other', async () => {
        const { url, port } = await start(proxy);
        await connectWs(url, [], { origin: `http://127.0.0.1:${port}` });
        await expect(connectWs(url, [], { origin: 'http://elsewhere.example' })).rejects.toThrow('403');
        expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
      });

      test('learn whether the client came over TLS, whatever it says of itself', async () => {
        const told: Change = ['200).end()', "200).end(req.headers['x-forwarded-proto'])"];
        const { port } = await start(proxy, { count: 1, serverChanges: [told] });
        const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { 'X-Forwarded-Proto': 'https' } });
        expect(await answer.text()).toBe('http');
      });

      test('accept no page if the proxy sends another Host, but for those that allowedOrigins names', async () => {
        const changes = [proxy.otherHost];
        const unnamed = await start(proxy, { count: 1, changes });
        const origin = `http://127.0.0.1:${unnamed.port}`;
        // X-Forwarded-Host is not read, whoever has written it.
        const headers = { 'X-Forwarded-Host': `127.0.0.1:${unnamed.port}` };
        await expect(connectWs(unnamed.url, [], { origin, headers })).rejects.toThrow('403');

        const named: Change = ['  addressOf,\n', "  addressOf,\n  allowedOrigins: ['https://chat.example'],\n"];
        const { url } = await start(proxy, { count: 1, changes, serverChanges: [named] });
        await connectWs(url, [], { origin: 'https://chat.example' });
        await expect(connectWs(url, [], { origin })).rejects.toThrow('403');
      });

      test('count the sockets of a client by its address, whatever it says of itself', async () => {
        const limit: Change = ['maxConnectionsPerAddress: 100', 'maxConnectionsPerAddress: 2'];
        const { url } = await start(proxy, { count: 1, serverChanges: [limit] });
        const from = (address: string) => connectWs(url, [], { headers: { 'X-Forwarded-For': address } });
        const [first] = [await from('192.0.2.1'), await from('192.0.2.2')];
        await expect(from('192.0.2.3')).rejects.toThrow('429');
        first.ws.close();
        await first.closed;
        expect(await (await from('192.0.2.3')).next()).toMatch(/^You are 127\.0\.0\.1,/);
      });

      test('hear with which code and reason a client closes, and it hears theirs', async () => {
        const { url, processes } = await start(proxy, { count: 1, env: { NODE_DEBUG: 'wasock' } });
        const [leaving, staying] = [await connectWs(url), await connectWs(url)];
        leaving.ws.close(4000, 'enough');
        expect((await leaving.closed).code).toBe(4000);
        await until(() => / close 127\.0\.0\.1 "\/" 4000 "enough"$/m.test(processes[0].stderr));
        const exit = processes[0].interrupt();
        expect(await staying.closed).toEqual({ code: 1001, reason: '' });
        expect(await exit).toEqual({ code: 0, signal: null });
      });

      test('are replaced by the others when one ends', async () => {
        const { url, processes } = await start(proxy);
        const [{ client }] = await inDifferentProcesses(url, 1);
        const exits = processes.slice(0, 3).map((it) => it.interrupt());
        for (const exit of exits) expect(await exit).toEqual({ code: 0, signal: null });
        const again = await connectWs(url);
        expect(await again.next()).toMatch(/^You are 127/);
        client.ws.terminate();
      });

      test('take what one of them refuses because it is ending', async () => {
        const { url, processes, ports } = await start(proxy);
        // Several in each process, of which the last is closed late.
        for (let i = 0; i < 16; i++) await connectWs(url);
        processes[0].signal('SIGTERM');
        const health = async () => (await fetch(`http://127.0.0.1:${ports[0]}/healthz`)).status;
        while ((await health()) === 200) await sleep(20);
        await expect(connectWs(`ws://127.0.0.1:${ports[0]}/`)).rejects.toThrow('503');
        const refused: unknown[] = [];
        for (let i = 0; i < 16; i++) {
          try {
            expect(await (await connectWs(url)).next()).toMatch(/^You are/);
          } catch (error) {
            refused.push(error);
          }
        }
        for (const error of refused) expect(String(error)).toContain('503');
        expect(refused.length).toBeLessThanOrEqual(proxy.refusals);
        expect(await health()).toBe(503);
      });

      const timing = (pingInterval: string): Setting => ({
        changes: [['60s', '1s']],
        serverChanges: [['pingInterval: 25_000', `pingInterval: ${pingInterval}`]],
      });

      if (!proxy.hasTimeout) return;

      test('keep an idle connection for longer than the time-out of the proxy, by their Pings', async () => {
        const { url } = await start(proxy, timing('100'));
        const [{ client }] = await inDifferentProcesses(url, 1);
        let pings = 0;
        client.ws.on('ping', () => pings++);
        await until(() => pings >= 25);
        client.ws.send('still there?');
        expect(await client.next()).toBe('still there?');
      });

      test('lose an idle connection at the time-out of the proxy if they do not ping', async () => {
        const { url } = await start(proxy, timing('0'));
        const [{ client }] = await inDifferentProcesses(url, 1);
        expect((await client.closed).code).toBe(1006);
      });
    });
  });
});

describePeer(NGINX.peer, () => {
  describePeer(redisServer(), () => {
    test('nginx without HTTP/1.1 to the process: 400', async () => {
      const changes: Change[] = [['proxy_http_version 1.1', 'proxy_http_version 1.0']];
      const { url } = await start(NGINX, { count: 1, changes });
      await expect(connectWs(url)).rejects.toThrow('400');
    });

    test('nginx with a Host without the port: 403 for a page on a port of its own', async () => {
      const { url, port } = await start(NGINX, { count: 1, changes: [['Host $http_host', 'Host $host']] });
      await expect(connectWs(url, [], { origin: `http://127.0.0.1:${port}` })).rejects.toThrow('403');
      await connectWs(url, [], { origin: 'http://127.0.0.1' });
    });

    test('nginx without Upgrade: a plain request, which `serve` answers with 426 if nobody else does', async () => {
      const changes: Change[] = [['proxy_set_header Upgrade $http_upgrade;', '']];
      const own = await start(NGINX, { count: 1, changes });
      await expect(connectWs(own.url)).rejects.toThrow('404');
      const [handler] = /^ {2}request: .*\n/m.exec(deployed('server.mjs'))!;
      const { url } = await start(NGINX, { count: 1, changes, serverChanges: [[handler, '']] });
      await expect(connectWs(url)).rejects.toThrow('426');
    });
  });
});
