import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort, redisServer, startRedis } from '../support/broker-servers.js';
import { newProject } from '../support/installed-example.js';
import { describePeer, type Peer } from '../support/peers.js';
import { Program, ROOT, runNode } from '../support/program.js';
import { until } from '../support/waiting.js';
import { connectWs, type WsClient } from '../support/ws-client.js';

/** Debian has both in /usr/sbin, which is not in everybody's PATH. */
function proxyPeer(name: string): Peer {
  const command = [name, `/usr/sbin/${name}`].find((it) => spawnSync(it, ['-v'], { stdio: 'ignore' }).status === 0);
  return { name, command: command ?? '', args: [], missing: command === undefined ? `no ${name}` : undefined };
}

const NGINX = proxyPeer('nginx');
const HAPROXY = proxyPeer('haproxy');

const deployed = (name: string) => readFileSync(path.join(ROOT, 'examples/deploy', name), 'utf8');

/** Replaces each of these; all must be there, so that the configuration that is tested is that of the examples. */
function adapt(text: string, changes: readonly (readonly [from: string, to: string])[]): string {
  for (const [from, to] of changes) {
    expect(text).toContain(from);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** Writes the configuration of a proxy to `folder`. Returns what starts it. */
type Configure = (folder: string, changes: readonly (readonly [string, string])[]) => readonly string[];

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

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** A proxy in front of four processes of examples/deploy/server.mjs. */
async function start(peer: Peer, configure: Configure, { timeout = '60s', pingInterval = '25_000' } = {}) {
  const { port: redisPort } = await startRedis();
  const project = newProject(['redis']);
  const script = path.join(project, 'server.mjs');
  writeFileSync(script, adapt(deployed('server.mjs'), [['pingInterval: 25_000', `pingInterval: ${pingInterval}`]]));
  const env = { PORT: '0', REDIS_URL: `redis://127.0.0.1:${redisPort}` };
  const processes = Array.from({ length: 4 }, () => runNode([script], env));
  const ports = await Promise.all(processes.map(async (it) => Number(new URL(await it.url()).port)));

  const port = await freePort();
  const folder = mkdtempSync(path.join(tmpdir(), 'wasock-proxy-'));
  const changes = [
    ['8080', String(port)],
    ...ports.map((it, i) => [`127.0.0.1:900${i + 1}`, `127.0.0.1:${it}`]),
    ['60s', timeout],
  ] as [string, string][];
  const proxy = new Program(peer.command, configure(folder, changes));
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

describe.each([
  { peer: NGINX, configure: nginx },
  { peer: HAPROXY, configure: haproxy },
])('four processes behind a proxy', ({ peer, configure }) => {
  describePeer(peer, () => {
    describePeer(redisServer(), () => {
      test('hear each other, also of large messages, and know the address of each peer', async () => {
        const { url } = await start(peer, configure);
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
        const { url, port } = await start(peer, configure);
        await connectWs(url, [], { origin: `http://127.0.0.1:${port}` });
        await expect(connectWs(url, [], { origin: 'http://elsewhere.example' })).rejects.toThrow('403');
        expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
      });

      test('are replaced by the others when one ends', async () => {
        const { url, processes } = await start(peer, configure);
        const [{ client }] = await inDifferentProcesses(url, 1);
        const exits = processes.slice(0, 3).map((it) => it.interrupt());
        for (const exit of exits) expect(await exit).toEqual({ code: 0, signal: null });
        const again = await connectWs(url);
        expect(await again.next()).toMatch(/^You are 127/);
        client.ws.terminate();
      });

      test('take what one of them refuses because it is ending', async () => {
        const { url, processes, ports } = await start(peer, configure);
        // Several in each process, of which the last is closed late.
        for (let i = 0; i < 16; i++) await connectWs(url);
        processes[0].signal('SIGTERM');
        const health = async () => (await fetch(`http://127.0.0.1:${ports[0]}/healthz`)).status;
        while ((await health()) === 200) await sleep(20);
        await expect(connectWs(`ws://127.0.0.1:${ports[0]}/`)).rejects.toThrow('503');
        for (let i = 0; i < 16; i++) expect(await (await connectWs(url)).next()).toMatch(/^You are/);
        expect(await health()).toBe(503);
      });

      test('keep an idle connection for longer than the time-out of the proxy, by their Pings', async () => {
        const { url } = await start(peer, configure, { timeout: '1s', pingInterval: '100' });
        const [{ client }] = await inDifferentProcesses(url, 1);
        let pings = 0;
        client.ws.on('ping', () => pings++);
        await until(() => pings >= 25);
        client.ws.send('still there?');
        expect(await client.next()).toBe('still there?');
      });

      test('lose an idle connection at the time-out of the proxy if they do not ping', async () => {
        const { url } = await start(peer, configure, { timeout: '1s', pingInterval: '0' });
        const [{ client }] = await inDifferentProcesses(url, 1);
        expect((await client.closed).code).toBe(1006);
      });
    });
  });
});
