import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { runNode } from '../support/program.js';
import { connectWs } from '../support/ws-client.js';

const folder = mkdtempSync(path.join(tmpdir(), 'wasock-examples-'));
const CERT = path.join(folder, 'cert.pem');
const KEY = path.join(folder, 'key.pem');
writeFileSync(CERT, CERTIFICATE);
writeFileSync(KEY, PRIVATE_KEY);
afterAll(() => rmSync(folder, { recursive: true }));

async function start(name: string) {
  const server = runNode([`examples/${name}.mjs`], { PORT: '0', CERT, KEY });
  return { server, url: await server.url() };
}

const TLS = { ca: CERTIFICATE };

describe.each(['echo-server', 'handlers', 'express', 'wss-server'])('examples/%s.mjs', (name) => {
  test('greets, then sends back what it is sent, as the type it came as', async () => {
    const { url } = await start(name);
    const client = await connectWs(url, [], TLS);
    expect(await client.next()).toBe('Welcome to simple echo server');
    for (const text of ['hi', '', 'Grüße, 世界 🌍', 'x'.repeat(70_000)]) {
      client.ws.send(text);
      expect(await client.next()).toBe(text);
    }
    client.ws.send(Buffer.from([0, 128, 255]));
    expect(await client.next()).toEqual(Buffer.from([0, 128, 255]));
    client.ws.close(1000);
    expect(await client.closed).toEqual({ code: 1000, reason: '' });
  });

  test('ends with 0 when interrupted, and closes its sockets with 1001', async () => {
    const { server, url } = await start(name);
    const clients = [await connectWs(url, [], TLS), await connectWs(url, [], TLS)];
    const exit = server.interrupt();
    for (const { closed } of clients) expect(await closed).toEqual({ code: 1001, reason: '' });
    expect(await exit).toEqual({ code: 0, signal: null });
    expect(server.stderr).toBe('');
  });

  test('goes on when a client is lost', async () => {
    const { server, url } = await start(name);
    const lost = await connectWs(url, [], TLS);
    lost.ws.terminate();
    const client = await connectWs(url, [], TLS);
    await client.next();
    client.ws.send('still there?');
    expect(await client.next()).toBe('still there?');
    expect(await server.interrupt()).toEqual({ code: 0, signal: null });
  });
});

describe.each(['echo-server', 'chat-server', 'express'])('examples/%s.mjs', (name) => {
  test('answers other requests as a web server', async () => {
    const { url } = await start(name);
    const response = await fetch(new URL('/', url.replace(/^ws/, 'http')));
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('Hello World');
  });

  test('tells who asks for /ws without an upgrade what is missing', async () => {
    const { url } = await start(name);
    const response = await fetch(url.replace(/^ws/, 'http'));
    expect(response.status).toBe(426);
    expect(response.headers.get('upgrade')).toBe('websocket');
  });
});

describe('examples/chat-server.mjs', () => {
  test('tells everybody what one says, the speaker included, whoever has left', async () => {
    const { url } = await start('chat-server');
    const [one, two, leaver] = [await connectWs(url), await connectWs(url), await connectWs(url)];
    for (const client of [one, two, leaver]) expect(await client.next()).toBe('Welcome to simple chat server');

    one.ws.send('How are you?');
    for (const client of [one, two, leaver]) expect(await client.next()).toBe('How are you?');
    leaver.ws.terminate();
    two.ws.send('Good, you?');
    for (const client of [one, two]) expect(await client.next()).toBe('Good, you?');
  });

  test('ends with 0 when interrupted, and closes its sockets with 1001', async () => {
    const { server, url } = await start('chat-server');
    const clients = [await connectWs(url), await connectWs(url)];
    const exit = server.interrupt();
    for (const { closed } of clients) expect(await closed).toEqual({ code: 1001, reason: '' });
    expect(await exit).toEqual({ code: 0, signal: null });
    expect(server.stderr).toBe('');
  });
});

describe('examples/protocol.mjs', () => {
  test("speaks 'alpha', and nothing with whom does not", async () => {
    const { server, url } = await start('protocol');
    await server.printed(/^client: We speak alpha$/m);
    await server.printed(/^client: WebSocketFailedUpgradeError$/m);

    const client = await connectWs(url, ['omega', 'alpha']);
    expect(client.ws.protocol).toBe('alpha');
    expect(await client.next()).toBe('We speak alpha');
    await expect(connectWs(url, ['omega'])).rejects.toThrow('Unexpected server response');

    const exit = server.interrupt();
    expect(await client.closed).toEqual({ code: 1001, reason: '' });
    expect(await exit).toEqual({ code: 0, signal: null });
  });
});
