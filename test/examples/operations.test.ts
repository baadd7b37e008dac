import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { type VerifyClientCallbackAsync, WebSocketServer } from 'ws';
import { serve } from '../../src/index.js';
import { freePort } from '../support/broker-servers.js';
import { newProject } from '../support/installed-example.js';
import { type Program, ROOT, runNode } from '../support/program.js';
import { connectWhenUp, type WsClient } from '../support/ws-client.js';

const OPERATIONS = readFileSync(path.join(ROOT, 'docs/operations.md'), 'utf8');

/** Code blocks by the heading above them, and their language. */
const BLOCKS = new Map<string, string>(
  OPERATIONS.split(/^#{2,3} /m).flatMap((section) =>
    [...section.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(
      ([, language, code]) => [`${section.slice(0, section.indexOf('\n'))}: ${language || 'output'}`, code] as const,
    ),
  ),
);

function block(name: string): string {
  const code = BLOCKS.get(name);
  if (code === undefined) throw new Error(`No block ${name}`);
  return code;
}

/** The cells of the rows of the table whose first column is headed so. */
function tableOf(head: string): string[][] {
  const table = OPERATIONS.slice(OPERATIONS.indexOf(`| ${head} |`)).split('\n\n', 1)[0];
  const rows = table.split('\n').slice(2);
  return rows.map((row) => row.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '')));
}

/** Names in code spans. */
const namesIn = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);

/** Runs the program below a heading, as it stands but on a port of its own, with what it prints. */
async function run(heading: string, env: NodeJS.ProcessEnv = {}): Promise<{ program: Program; url: string }> {
  const code = block(`${heading}: js`);
  expect(code).toContain('9001');
  const port = await freePort();
  const file = path.join(newProject([]), 'server.mjs');
  writeFileSync(file, code.replaceAll('9001', String(port)));
  return { program: runNode([file], env), url: `ws://127.0.0.1:${port}/` };
}

async function echoes(client: WsClient, text = 'hello'): Promise<void> {
  client.ws.send(text);
  expect(await client.next()).toBe(text);
}

test('every block of docs/operations.md is run or checked here', () => {
  expect([...BLOCKS.keys()].sort()).toEqual([
    'Channels: js',
    'Debug log: output',
    'Debug log: sh',
    'Devices: js',
    'Internal bus: js',
    'Kubernetes: yaml',
    'Metrics: js',
    'Public chat: js',
    'Reconnecting clients: js',
    'Refused handshakes: js',
    'Round trips: js',
    'systemd: ini',
    'systemd: sh',
  ]);
  expect(OPERATIONS.match(/^```/gm)).toHaveLength(2 * BLOCKS.size);
});

test('the files that docs/operations.md names are there', () => {
  const links = [...OPERATIONS.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, file]) => path.join(ROOT, 'docs', file));
  expect(links.length).toBeGreaterThan(8);
  expect(links.filter((file) => !existsSync(file))).toEqual([]);
});

test('each entry of metrics() has its row', async () => {
  const server = await serve({ host: '127.0.0.1' });
  onTestFinished(() => server.close());
  const broker = ['status', 'buffered', 'dropped', 'gaps', 'rejected'].map((name) => `broker.${name}`);
  const rows = tableOf('entry');
  expect(rows.map(([entry]) => namesIn(entry)[0])).toEqual([...Object.keys(server.metrics()), ...broker]);
  for (const row of rows) expect(row).toHaveLength(4);
});

test('each channel has its row', () => {
  const source = readFileSync(path.join(ROOT, 'src/api/diagnostics.ts'), 'utf8');
  const channels = [...source.matchAll(/= typed\('(wasock:[\w.-]+)'\)/g)].map(([, name]) => name);
  expect(tableOf('channel').map(([channel]) => namesIn(channel)[0])).toEqual(channels);
});

test('each reason of a refusal has its row', () => {
  const source = readFileSync(path.join(ROOT, 'src/handshake/refusal.ts'), 'utf8');
  const union = /type RefusalReason =([^;]*);/.exec(source)![1];
  const reasons = [...union.matchAll(/'(\w+)'/g)].map(([, name]) => name);
  expect(
    tableOf('reason')
      .flatMap(([cell]) => namesIn(cell))
      .sort(),
  ).toEqual(reasons.sort());
});

test('Metrics: they are told', async () => {
  const { url } = await run('Metrics');
  await echoes(await connectWhenUp(url));
  const metrics = await (await fetch(url.replace('ws', 'http'))).json();
  expect(metrics).toMatchObject({ connectionsOpen: 1, messagesReceived: 1, messagesSent: 1, broker: null });
});

test('Channels: a subscriber hears of sockets', async () => {
  const { program, url } = await run('Channels');
  const client = await connectWhenUp(url);
  await echoes(client);
  client.ws.close(1000);
  await program.printed(/^open \/\nclose \/ 1000 undefined$/m);
});

test('Debug log: lines as the document shows', async () => {
  const name = /(\w+=\w+) node server\.mjs/.exec(block('Debug log: sh'))![1].split('=');
  const { program, url } = await run('Metrics', { [name[0]]: name[1] });
  const client = await connectWhenUp(url);
  await echoes(client);
  client.ws.close(1000);
  await client.closed;
  const known = (text: string) => text.replaceAll(/WASOCK \d+/g, 'WASOCK').replaceAll('::ffff:', '');
  const lines = known(block('Debug log: output'));
  while (known(program.stderr) !== lines) await sleep(10);
});

test('Refused handshakes: the handler is told of the reason', async () => {
  const { program, url } = await run('Refused handshakes');
  await echoes(await connectWhenUp(url, { origin: 'https://chat.example' }));
  await expect(connectWhenUp(url, { origin: 'https://elsewhere.example' })).rejects.toThrow('403');
  await program.printed(/^refused with 403: origin, https:\/\/elsewhere\.example$/m);
  while (!program.stderr.includes('WASOCK_ORIGIN_REFUSED')) await sleep(10);
});

test('Public chat: its page, messages of 16 KiB, and 50 from one address', async () => {
  const { url } = await run('Public chat');
  const chat = new URL('/chat', url).href;
  const from = (address: string) => ({ origin: 'https://chat.example', headers: { 'x-forwarded-for': address } });
  const clients = [await connectWhenUp(chat, from('192.0.2.1')), await connectWhenUp(chat, from('192.0.2.2'))];
  clients[0].ws.send('hello');
  for (const client of clients) expect(await client.next()).toBe('hello');
  while (clients.length < 51) clients.push(await connectWhenUp(chat, from('192.0.2.2')));
  await expect(connectWhenUp(chat, from('192.0.2.2'))).rejects.toThrow('429');
  // What the client has sent, and what the proxy has added.
  await expect(connectWhenUp(chat, from('203.0.113.1, 192.0.2.2'))).rejects.toThrow('429');
  await expect(connectWhenUp(chat, { origin: 'https://elsewhere.example' })).rejects.toThrow('403');
  await expect(connectWhenUp(url, from('192.0.2.3'))).rejects.toThrow('404');
  clients[0].ws.send('x'.repeat(16 * 1024 + 1));
  expect((await clients[0].closed).code).toBe(1009);
});

test('Internal bus: only with the token, no web page, and large messages', async () => {
  const { url } = await run('Internal bus', { BUS_TOKEN: 'secret' });
  const headers = { authorization: 'Bearer secret' };
  await echoes(await connectWhenUp(url, { headers }), 'x'.repeat(20 * 1024 * 1024));
  await expect(connectWhenUp(url)).rejects.toThrow('401');
  await expect(connectWhenUp(url, { headers, origin: url.replace('ws', 'http').slice(0, -1) })).rejects.toThrow('403');
  const { program } = await run('Internal bus', { BUS_TOKEN: '' });
  expect((await program.exit).code).toBe(1);
});

test('Devices: with a name, no web page, and small messages', async () => {
  const { url } = await run('Devices');
  const headers = { 'x-device': 'sensor-7' };
  const device = await connectWhenUp(url, { headers });
  await echoes(device);
  await expect(connectWhenUp(url)).rejects.toThrow('401');
  await expect(connectWhenUp(url, { headers, origin: url.replace('ws', 'http').slice(0, -1) })).rejects.toThrow('403');
  device.ws.send('x'.repeat(4097));
  expect((await device.closed).code).toBe(1009);
});

test('Round trips: a client is told how long it takes', async () => {
  const { url } = await run('Round trips');
  expect(await (await connectWhenUp(url)).next()).toMatch(/^A round trip takes \d+\.\d ms$/);
});

/** Seconds, from the milliseconds of a variable of the environment. */
const secondsOf = (text: string, name: string) => Number(new RegExp(`${name}\\b\\D*?(\\d+)`).exec(text)?.[1]) / 1000;

test('systemd: it waits longer than the deadline, which is after the drain', () => {
  const unit = block('systemd: ini');
  const [drain, deadline] = [secondsOf(unit, 'DRAIN_MS'), secondsOf(unit, 'DEADLINE_MS')];
  expect([drain, deadline]).toEqual([20, 25]);
  expect(Number(/TimeoutStopSec=(\d+)/.exec(unit)![1])).toBeGreaterThanOrEqual(deadline + 5);
  expect(existsSync(path.join(ROOT, 'examples', /ExecStart=.*\/(\w+\.mjs)/.exec(unit)![1]))).toBe(true);
  expect(block('systemd: sh')).toMatch(/^for port in [\d ]+; do systemctl restart chat@\$port; done\n$/);
});

test('Kubernetes: it waits longer than preStop and the deadline', () => {
  const manifest = block('Kubernetes: yaml');
  const [drain, deadline] = [secondsOf(manifest, 'DRAIN_MS'), secondsOf(manifest, 'DEADLINE_MS')];
  const preStop = Number(/sleep, '(\d+)'/.exec(manifest)![1]);
  expect(deadline).toBeGreaterThanOrEqual(drain + 5);
  const grace = Number(/terminationGracePeriodSeconds: (\d+)/.exec(manifest)![1]);
  expect(grace).toBeGreaterThanOrEqual(preStop + deadline + 5);
  const shutdown = readFileSync(path.join(ROOT, 'examples/shutdown.mjs'), 'utf8');
  for (const [, probe] of manifest.matchAll(/path: ([^,]+),/g)) expect(shutdown).toContain(`'${probe}'`);
  expect(OPERATIONS).toContain(`preStop ${preStop} + deadline ${deadline} + 5`);
});

test('the configurations of proxies that docs/operations.md quotes are those of examples/deploy', () => {
  const [nginx, haproxy] = ['nginx.conf', 'haproxy.cfg'].map((name) =>
    readFileSync(path.join(ROOT, 'examples/deploy', name), 'utf8'),
  );
  for (const [file, line] of [
    [nginx, 'proxy_next_upstream error timeout http_503'],
    [haproxy, 'retry-on conn-failure empty-response 503'],
  ]) {
    expect(OPERATIONS).toContain(line);
    expect(file).toContain(line);
  }
});

test('Reconnecting clients: after 1012 and 503 they do, after 1008 and 401 they do not', async () => {
  /** What opening handshakes are answered with, in their order; 101 are accepted. */
  const answers = [101, 503, 101, 401];
  const verifyClient: VerifyClientCallbackAsync = (_info, done) => {
    const status = answers.shift();
    done(status === 101, status, '', { 'Retry-After': '1' });
  };
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, verifyClient });
  onTestFinished(() => server.close());
  const codes = [1012, 1008];
  server.on('connection', (ws) => {
    ws.send('hello');
    ws.close(codes.shift(), 'because');
  });
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const file = path.join(newProject([]), 'client.mjs');
  writeFileSync(file, block('Reconnecting clients: js'));

  const client = runNode([file, `ws://127.0.0.1:${port}/ws`]);
  expect(await client.exit).toEqual({ code: 0, signal: null });
  expect(client.stdout).toMatch(
    /^connected\nhello\n.*\(1012: because\)\n.*answered 503: .*\nconnected\nhello\n.*\(1008: because\)\n$/,
  );
  const refused = runNode([file, `ws://127.0.0.1:${port}/ws`]);
  expect(await refused.exit).toEqual({ code: 0, signal: null });
  expect(refused.stdout).toMatch(/^.*answered 401: Unauthorized\n$/);
});
