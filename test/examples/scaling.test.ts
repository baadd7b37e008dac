import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { freePort, natsServer, redisServer, startNats, startRedis } from '../support/broker-servers.js';
import { newProject } from '../support/installed-example.js';
import { describePeer } from '../support/peers.js';
import { type Program, ROOT, runNode } from '../support/program.js';
import { connectWs, type WsClient } from '../support/ws-client.js';

const SCALING = readFileSync(path.join(ROOT, 'docs/scaling.md'), 'utf8');

/** Programs of the document, by the heading above them. */
const PROGRAMS = new Map(
  SCALING.split(/^## /m).flatMap((section) => {
    const code = /^```js\n(.*?)^```/ms.exec(section)?.[1];
    return code === undefined ? [] : [[section.slice(0, section.indexOf('\n')), code]];
  }),
);

/** Node 23.1 knows `reusePort`; an older one listens without. */
const KNOWS_REUSE_PORT = Number(process.versions.node.split('.')[0]) >= 24;

/** Runs the program below a heading, as it stands, but on other ports. */
function run(heading: string, ports: Readonly<Record<string, number>>, env: NodeJS.ProcessEnv = {}): Program {
  let code = PROGRAMS.get(heading);
  if (code === undefined) throw new Error(`No program below ${heading}`);
  for (const [from, to] of Object.entries(ports)) {
    expect(code).toContain(from);
    code = code.replaceAll(from, String(to));
  }
  const file = path.join(newProject(['redis', '@nats-io/transport-node']), 'program.mjs');
  writeFileSync(file, code);
  return runNode([file], env);
}

/** Connects as soon as there is a server. */
async function connectTo(port: number, program: Program, headers = {}): Promise<WsClient> {
  for (;;) {
    try {
      return await connectWs(`ws://127.0.0.1:${port}/`, [], { headers });
    } catch (error) {
      if ((error as { code?: string }).code !== 'ECONNREFUSED') throw error;
    }
    const end = await Promise.race([program.exit, sleep(20)]);
    if (end !== undefined) throw new Error(`The program has ended: ${program.stderr}`);
  }
}

/** Sends until all have heard it. */
async function heardByAll(from: WsClient, all: readonly WsClient[], text: string): Promise<void> {
  const sending = setInterval(() => from.ws.send(text), 20);
  for (const client of all) while ((await client.next()) !== text) {}
  clearInterval(sending);
}

/** Everybody hears everybody. */
async function converse(clients: readonly WsClient[]): Promise<void> {
  for (const [i, client] of clients.entries()) await heardByAll(client, clients, `from ${i}`);
}

test('every program of docs/scaling.md is run here', () => {
  expect([...PROGRAMS.keys()].sort()).toEqual([
    'All sockets of one user',
    'How many processes',
    'NATS',
    'Publishing from a process without sockets',
    'Redis',
    'Writing your own broker',
    'node:cluster',
  ]);
  expect(SCALING.match(/^```js$/gm)).toHaveLength(PROGRAMS.size);
});

test('the tests and the files that docs/scaling.md names are there', () => {
  const promises = SCALING.slice(SCALING.indexOf('## What is promised'), SCALING.indexOf('What is not promised'));
  const rows = promises.split('\n').filter((line) => /^\| [A-Z]/.test(line));
  expect(rows.length).toBeGreaterThan(9);
  for (const row of rows) {
    const tests = [...row.slice(row.lastIndexOf(' | ')).matchAll(/`([^`]+)`/g)].map(
      ([, name]) => `test/${name}.test.ts`,
    );
    expect(tests).not.toEqual([]);
    for (const file of tests) expect([file, existsSync(path.join(ROOT, file))]).toEqual([file, true]);
  }
  for (const [, file] of SCALING.matchAll(/\]\(\.\.\/(examples\/deploy[^)]*|examples\/reconnect[^)]*|bench[^)]*)\)/g)) {
    expect([file, existsSync(path.join(ROOT, file))]).toEqual([file, true]);
  }
});

test('node:cluster: the workers of one port hear each other', async () => {
  const port = await freePort();
  const program = run('node:cluster', { 9001: port });
  const clients = [await connectTo(port, program)];
  // In turn they come to all workers.
  while (clients.length < 4) clients.push(await connectTo(port, program));
  await converse(clients);
  expect(program.stderr).toBe('');
});

test('Writing your own broker: two servers hear each other', async () => {
  const ports = [await freePort(), await freePort()];
  const program = run('Writing your own broker', { 9001: ports[0], 9002: ports[1] });
  await converse([await connectTo(ports[0], program), await connectTo(ports[1], program)]);
  expect(program.stderr).toBe('');
});

describePeer(redisServer(), () => {
  /** Two processes of a program, and what else they need. */
  async function twoProcesses(heading: string) {
    const env = { REDIS_URL: `redis://127.0.0.1:${(await startRedis()).port}` };
    const ports = [await freePort(), await freePort()];
    const programs = ports.map((port) => run(heading, { 9001: port }, env));
    const connectEach = (headers = {}) => Promise.all(ports.map((port, i) => connectTo(port, programs[i], headers)));
    return { env, programs, connectEach };
  }

  test('Redis: two processes hear each other', async () => {
    const { programs, connectEach } = await twoProcesses('Redis');
    await converse(await connectEach());
    for (const { stderr } of programs) expect(stderr).toBe('');
  });

  test('Publishing from a process without sockets: all hear it, and it ends', async () => {
    const { env, connectEach } = await twoProcesses('Redis');
    const clients = await connectEach();
    await converse(clients);
    const job = run('Publishing from a process without sockets', {}, env);
    for (const client of clients) while ((await client.next()) !== 'The nightly report is ready') {}
    expect(await job.exit).toEqual({ code: 0, signal: null });
  });

  test('All sockets of one user: they get what is theirs, and are ended together', async () => {
    const { programs, connectEach } = await twoProcesses('All sockets of one user');
    await expect(connectEach()).rejects.toThrow('401');
    const ada = await connectEach({ authorization: 'Bearer ada' });
    const grace = await connectEach({ authorization: 'Bearer grace' });
    await converse(ada);
    await converse(grace);
    // The order crosses over subscriptions of its own: somebody else's is obeyed before it counts.
    for (let others = await connectEach({ authorization: 'Bearer eve' }); ; ) {
      others[0].ws.send('sign out');
      expect(await others[0].closed).toEqual({ code: 4001, reason: 'signed out' });
      const ended = await Promise.race([others[1].closed, sleep(500)]);
      others[1].ws.terminate();
      if (ended !== undefined) break;
      others = await connectEach({ authorization: 'Bearer eve' });
    }
    ada[0].ws.send('sign out');
    for (const { closed } of ada) expect(await closed).toEqual({ code: 4001, reason: 'signed out' });
    await heardByAll(grace[0], grace, 'we are still here');
    for (const { stderr } of programs) expect(stderr).toBe('');
  });

  test('How many processes: processes share a port where Node can, and hear each other', async () => {
    const env = { REDIS_URL: `redis://127.0.0.1:${(await startRedis()).port}` };
    const port = await freePort();
    const programs = Array.from({ length: KNOWS_REUSE_PORT ? 2 : 1 }, () =>
      run('How many processes', { 9001: port }, env),
    );
    const clients: WsClient[] = [];
    while (clients.length < 8) clients.push(await connectTo(port, programs[0]));
    await converse(clients);
    for (const { stderr } of programs) expect(stderr).toBe('');
  });
});

describePeer(natsServer(), () => {
  test('NATS: two processes hear each other', async () => {
    const NATS_URL = `nats://127.0.0.1:${(await startNats()).port}`;
    const ports = [await freePort(), await freePort()];
    const programs = ports.map((port) => run('NATS', { 9001: port }, { NATS_URL }));
    await converse(await Promise.all(ports.map((port, i) => connectTo(port, programs[i]))));
    for (const { stderr } of programs) expect(stderr).toBe('');
  });
});
