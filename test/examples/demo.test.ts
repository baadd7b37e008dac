import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runNode } from '../support/program.js';
import { connectWs } from '../support/ws-client.js';

async function start() {
  const server = runNode(['examples/demo/server.mjs'], { PORT: '0' });
  const url = await server.url();
  return { server, url, socketUrl: (path: string) => new URL(path, url).href.replace(/^http/, 'ws') };
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
    expect(parts.sort()).toEqual(['demo.css', 'demo.js', 'icon.svg']);
    for (const part of parts) expect((await fetch(new URL(part, url))).status).toBe(200);
  });

  test.each(['/nothing', '/server.mjs', '/%2e%2e/client.mjs', '/constructor', '/__proto__'])(
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
    const echo = await connectWs(socketUrl('/ws'));
    ada.ws.send('Ada: How are you?');
    expect(await ada.next()).toBe('Ada: How are you?');
    expect(await grace.next()).toBe('Ada: How are you?');
    echo.ws.send('only mine');
    expect(await echo.next()).toBe('only mine');
    grace.ws.send('Grace: Good, you?');
    expect(await ada.next()).toBe('Grace: Good, you?');
  });

  test('accepts a WebSocket nowhere else, nor from a page of another site', async () => {
    const { socketUrl } = await start();
    await expect(connectWs(socketUrl('/elsewhere'))).rejects.toThrow('404');
    await expect(connectWs(socketUrl('/ws'), [], { origin: 'http://elsewhere.example' })).rejects.toThrow('403');
  });

  test('ends with 0 when interrupted, even twice, and closes every socket with 1001', async () => {
    const { server, socketUrl } = await start();
    const clients = [await connectWs(socketUrl('/ws')), await connectWs(socketUrl('/chat'))];
    void server.interrupt();
    const exit = server.interrupt();
    for (const { closed } of clients) expect(await closed).toEqual({ code: 1001, reason: '' });
    expect(await exit).toEqual({ code: 0, signal: null });
    expect(server.stderr).toBe('');
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
