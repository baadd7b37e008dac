import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { ROOT, runNode } from '../support/program.js';
import { WsClient } from '../support/ws-client.js';

/** A server of npm `ws`. @param port 0 for any */
async function listen(port = 0): Promise<{ server: WebSocketServer; url: string }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port });
  onTestFinished(() => stop(server));
  await once(server, 'listening');
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws` };
}

function stop(server: WebSocketServer): void {
  for (const ws of server.clients) ws.terminate();
  server.close();
}

/** Greets the next client, and gives back what it says, with what it was told. */
async function conversation(server: WebSocketServer) {
  const [ws]: WebSocket[] = await once(server, 'connection');
  const client = new WsClient(ws);
  ws.send('Welcome');
  const said = await client.next();
  ws.send('Fine');
  return { said, closed: await client.closed };
}

const CONVERSATION = { said: 'Hi, how are you?', closed: { code: 1000, reason: '' } };

test('every example is run by a test', () => {
  const tested = readdirSync(__dirname, { encoding: 'utf8' }).filter((file) => file.endsWith('.test.ts'));
  const examples = readdirSync(path.join(ROOT, 'examples')).filter((file) => file.endsWith('.mjs'));
  expect(tested.sort()).toEqual([
    'brokers.test.ts',
    'clients.test.ts',
    'demo.test.ts',
    'deployment.test.ts',
    'frameworks.test.ts',
    'health.test.ts',
    'metrics.test.ts',
    'operations.test.ts',
    'proxies.test.ts',
    'readme.test.ts',
    'scaling.test.ts',
    'servers.test.ts',
    'tracing.test.ts',
    'tutorial.test.ts',
  ]);
  expect(examples.sort()).toEqual([
    'chat-server.mjs',
    'client.mjs',
    'echo-server.mjs',
    'express.mjs',
    'handlers.mjs',
    'health.mjs',
    'ioredis-broker.mjs',
    'metrics.mjs',
    'protocol.mjs',
    'reconnect.mjs',
    'shutdown.mjs',
    'tracing.mjs',
    'wss-client.mjs',
    'wss-server.mjs',
  ]);
});

describe('examples/client.mjs', () => {
  test('receives, sends, receives and closes', async () => {
    const { server, url } = await listen();
    const conversed = conversation(server);
    const client = runNode(['examples/client.mjs', url]);
    expect(await conversed).toEqual(CONVERSATION);
    expect(await client.exit).toEqual({ code: 0, signal: null });
    expect(client.stdout).toBe('Welcome\nFine\n');
    expect(client.stderr).toBe('');
  });
});

describe('examples/wss-client.mjs', () => {
  async function listenTls() {
    const tlsServer = https.createServer({ cert: CERTIFICATE, key: PRIVATE_KEY }).listen(0, '127.0.0.1');
    onTestFinished(() => void tlsServer.close());
    await once(tlsServer, 'listening');
    const server = new WebSocketServer({ server: tlsServer });
    onTestFinished(() => stop(server));
    return { server, url: `wss://127.0.0.1:${(tlsServer.address() as AddressInfo).port}/ws` };
  }

  test('converses over TLS with a server whose certificate it is told to trust', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'wasock-examples-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const CA = path.join(folder, 'cert.pem');
    writeFileSync(CA, CERTIFICATE);

    const { server, url } = await listenTls();
    const conversed = conversation(server);
    const client = runNode(['examples/wss-client.mjs', url], { CA });
    expect(await conversed).toEqual(CONVERSATION);
    expect(await client.exit).toEqual({ code: 0, signal: null });
    expect(client.stdout).toBe('Welcome\nFine\n');
  });

  test('trusts no certificate that nobody vouches for', async () => {
    const { url } = await listenTls();
    const client = runNode(['examples/wss-client.mjs', url], { CA: undefined });
    expect(await client.exit).toEqual({ code: 1, signal: null });
    expect(client.stderr).toContain('WebSocketCreationError');
    expect(client.stderr).toMatch(/self-signed certificate/);
  });
});

describe('examples/reconnect.mjs', () => {
  test('comes back when it was closed, when it was cut off and when the server was away', async () => {
    const first = await listen();
    const { port } = first.server.address() as AddressInfo;
    const connections: WebSocket[] = [];
    first.server.on('connection', (ws) => connections.push(ws));
    const client = runNode(['examples/reconnect.mjs', first.url]);

    await once(first.server, 'connection');
    connections[0].send('hello');
    await client.printed(/^hello$/m);
    connections[0].close(1001);
    await client.printed(/^the server has closed$/m);

    await once(first.server, 'connection');
    stop(first.server);
    await client.printed(/No connection to/);

    const second = await listen(port);
    const [ws]: WebSocket[] = await once(second.server, 'connection');
    ws.send('hello again');
    await client.printed(/^hello again$/m);
    expect(await client.interrupt()).toEqual({ code: 0, signal: null });
  });

  test('pings as soon as it is connected', async () => {
    const { server, url } = await listen();
    runNode(['examples/reconnect.mjs', url]);
    const [ws]: WebSocket[] = await once(server, 'connection');
    expect(await once(ws, 'ping')).toEqual([Buffer.alloc(0)]);
  });

  test('ends with 0 when interrupted, and closes with 1001', async () => {
    const { server, url } = await listen();
    const client = runNode(['examples/reconnect.mjs', url]);
    const [ws]: WebSocket[] = await once(server, 'connection');
    const { closed } = new WsClient(ws);
    await client.printed(/^connected/m);
    const exit = client.interrupt();
    expect(await closed).toEqual({ code: 1001, reason: '' });
    expect(await exit).toEqual({ code: 0, signal: null });
    expect(client.stderr).toBe('');
  });

  test('ends with 0 when interrupted while it waits for a server', async () => {
    const { server, url } = await listen();
    stop(server);
    const client = runNode(['examples/reconnect.mjs', url]);
    await client.printed(/No connection to/);
    expect(await client.interrupt()).toEqual({ code: 0, signal: null });
  });
});
