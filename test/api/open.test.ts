import { once } from 'node:events';
import { createServer } from 'node:http';
import net from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { serve, type WebSocket } from '../../src/index.js';
import { frameFor } from '../support/framer.js';
import { rawWebSocket } from '../support/raw-peer.js';
import { connected, listening, type Served, served, until, withResolvers } from '../support/servers.js';

describe('a socket that opens', () => {
  test('has neither the time-out that node:http set nor Nagle’s delay', async () => {
    const setNoDelay = vi.spyOn(net.Socket.prototype, 'setNoDelay');
    onTestFinished(() => setNoDelay.mockRestore());
    const http = createServer().setTimeout(60_000);
    const { promise, resolve } = withResolvers<WebSocket>();
    await serve({ server: http, open: (ws) => resolve(ws) });
    const before = once(http, 'connection').then(([socket]) => (socket as net.Socket).timeout);
    await rawWebSocket(await listening(http));
    const { socket } = (await promise).request!;
    expect(await before).toBe(60_000);
    expect(socket.timeout).toBe(0);
    expect(setNoDelay.mock.contexts).toContain(socket);
  });

  test('is among the connections when open is called, and no more when close is', async () => {
    const sizes: number[] = [];
    const running: Served<unknown> = await served({ open: () => note(), close: () => note() });
    const note = () => void sizes.push(running.server.connections.size);
    (await rawWebSocket(running.port)).reset();
    await until(() => sizes.length === 2);
    expect(sizes).toEqual([1, 0]);
  });

  test('knows its peer, also after the end, as server and as client', async () => {
    const { promise, resolve } = withResolvers<WebSocket>();
    const { url } = await served({ open: (ws) => resolve(ws) });
    const client = await connected(url);
    const server = await promise;
    client.hangup();
    await Promise.all([client.closed, server.closed]);
    expect([client.remoteAddress, server.remoteAddress]).toEqual(['127.0.0.1', '127.0.0.1']);
    expect(server.url).toBe('/ws');
    expect(client.url).toBe(url);
  });

  test('takes what user code attaches as data', async () => {
    const { promise, resolve } = withResolvers<unknown>();
    const { port } = await served<{ count: number }>({
      upgrade: () => ({ data: { count: 1 } }),
      open: (ws) => {
        ws.data.count++;
      },
      message: (ws) => resolve(ws.data),
    });
    const peer = await rawWebSocket(port);
    peer.write(frameFor('server', 1, 'x'));
    expect(await promise).toEqual({ count: 2 });
  });
});
