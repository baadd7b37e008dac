import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { freePort } from '../support/broker-servers.js';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { newProject } from '../support/installed-example.js';
import { commandPeer, describePeer } from '../support/peers.js';
import { ROOT, runNode } from '../support/program.js';
import { connectWhenUp } from '../support/ws-client.js';

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');

const DEPLOYMENT = read('docs/deployment.md');

/** Code blocks by the heading above them, and their language. */
const BLOCKS = new Map<string, string>(
  DEPLOYMENT.split(/^## /m).flatMap((section) =>
    [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(
      ([, language, code]) => [`${section.slice(0, section.indexOf('\n'))}: ${language}`, code] as const,
    ),
  ),
);

/** As GitHub names a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');

/** Runs the program below a heading, on a port of its own. */
async function run(heading: string, adapt = (code: string) => code): Promise<string> {
  const port = await freePort();
  const file = path.join(newProject([]), 'server.mjs');
  writeFileSync(file, adapt(BLOCKS.get(`${heading}: js`)!).replace('9001', String(port)));
  runNode([file]);
  return `ws://127.0.0.1:${port}/`;
}

test('every block of docs/deployment.md is run or checked here', () => {
  expect([...BLOCKS.keys()]).toEqual([
    'Host and Origin: js',
    "The client's address: js",
    'TLS: nginx',
    'Containers: dockerfile',
    'Containers: sh',
  ]);
  expect(DEPLOYMENT.match(/^```/gm)).toHaveLength(2 * BLOCKS.size);
});

test.each(['deployment', 'frameworks'])('the files and headings that docs/%s.md links to are there', (name) => {
  const links = [...read(`docs/${name}.md`).matchAll(/\]\(((?!https?:)[^)#]*)(?:#([^)]*))?\)/g)];
  const missing = links.filter(([, file, anchor]) => {
    const target = path.join('docs', file || `${name}.md`);
    if (!existsSync(path.join(ROOT, target))) return true;
    if (anchor === undefined) return false;
    const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading));
    return !headings.includes(anchor);
  });
  expect(missing.map(([link]) => link)).toEqual([]);
});

test('the settings of proxies that docs/deployment.md names are in examples/deploy', () => {
  const rows = DEPLOYMENT.slice(DEPLOYMENT.indexOf('| setting |')).split('\n\n', 1)[0].split('\n').slice(2);
  const files = ['nginx.conf', 'haproxy.cfg', 'Caddyfile'].map((name) => read(`examples/deploy/${name}`));
  const named = rows.flatMap((row) => {
    const cells = row.split(' | ').slice(1, 4);
    return cells.flatMap((cell, i) => [...cell.matchAll(/`([^`]+)`/g)].map(([, setting]) => ({ i, setting })));
  });
  expect(named.length).toBeGreaterThan(8);
  expect(named.filter(({ i, setting }) => !files[i].includes(setting))).toEqual([]);
});

test('Host and Origin: pages that are named may connect, whatever Host says', async () => {
  const url = await run('Host and Origin');
  const headers = { Host: 'chat.internal' };
  const client = await connectWhenUp(url, { headers, origin: 'https://chat.example' });
  client.ws.send('hello');
  expect(await client.next()).toBe('hello');
  await expect(connectWhenUp(url, { headers, origin: url.replace('ws', 'http').slice(0, -1) })).rejects.toThrow('403');
});

test("The client's address: the whole of a header that the proxy replaces", async () => {
  const url = await run("The client's address");
  const from = (address: string) => connectWhenUp(url, { headers: { 'X-Forwarded-For': address } });
  for (let i = 0; i < 50; i++) await from('192.0.2.1');
  await expect(from('192.0.2.1')).rejects.toThrow('429');
  await from('192.0.2.2');
});

test("The client's address: the last but one, without a port, whatever stands before it", async () => {
  const url = await run("The client's address", (code) => code.replace('ADDED = 1', 'ADDED = 2'));
  const from = (addresses: string) => connectWhenUp(url, { headers: { 'X-Forwarded-For': addresses } });
  for (let i = 0; i < 25; i++) {
    await from(`192.0.2.1:${4711 + i}, 198.51.100.1`);
    await from(`203.0.113.${i}, 192.0.2.1, 198.51.100.1`);
    await from(`[2001:db8::1]:${4711 + i}, 198.51.100.1`);
    await from(`2001:db8::${i}, 198.51.100.1`);
  }
  for (const address of ['192.0.2.1', '192.0.2.1:1', '2001:db8::1', '[2001:db8::2]:1']) {
    await expect(from(`203.0.113.1, ${address},198.51.100.1`)).rejects.toThrow('429');
  }
  await from('192.0.2.1, 192.0.2.2, 198.51.100.1');
  // Without an address nothing counts.
  for (let i = 0; i < 51; i++) await connectWhenUp(url);
});

test('Containers: node is process 1, and has more time than it needs', () => {
  const dockerfile = BLOCKS.get('Containers: dockerfile')!;
  const [, file] = /^CMD \["node", "(\w+\.mjs)"\]$/m.exec(dockerfile)!;
  expect(dockerfile).toContain(`COPY ${file} ./\n`);
  expect(existsSync(path.join(ROOT, 'examples', file))).toBe(true);
  const [, deadline] = /DEADLINE_MS=(\d+)/.exec(dockerfile)!;
  const [, seconds] = /--stop-timeout (\d+)/.exec(BLOCKS.get('Containers: sh')!)!;
  expect(Number(seconds) * 1000).toBeGreaterThanOrEqual(Number(deadline) + 5000);
});

const nginx = commandPeer('nginx', '-v');

describePeer(nginx, () => {
  test('TLS: nginx takes the servers, with the rest of nginx.conf', async () => {
    const folder = newProject([]);
    const [, before, location] = /^([\s\S]*?)^server \{[\s\S]*?(^ {4}location[\s\S]*)^\}$/m.exec(
      read('examples/deploy/nginx.conf'),
    )!;
    const servers = BLOCKS.get('TLS: nginx')!
      .replace(/^ *# location.*\n/m, location)
      .replaceAll(/\/etc\/letsencrypt\S+\/(\w+\.pem)/g, path.join(folder, '$1'))
      .replace('listen 80;', 'listen 127.0.0.1:18080;')
      .replace('listen 443 ssl;', 'listen 127.0.0.1:18443 ssl;');
    expect(servers).toContain('proxy_pass http://wasock;');
    writeFileSync(path.join(folder, 'fullchain.pem'), CERTIFICATE);
    writeFileSync(path.join(folder, 'privkey.pem'), PRIVATE_KEY);
    const around = `pid nginx.pid; events {} http { access_log off; ${temporary} ${before} ${servers} }`;
    writeFileSync(path.join(folder, 'nginx.conf'), around);
    const { stderr } = await promisify(execFile)(nginx.command, [
      '-t',
      '-e',
      'stderr',
      '-p',
      folder,
      '-c',
      'nginx.conf',
    ]);
    expect(stderr).toContain('test is successful');
  });
});

/** Folders that need no rights. */
const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((name) => `${name}_temp_path tmp-${name};`)
  .join(' ');
