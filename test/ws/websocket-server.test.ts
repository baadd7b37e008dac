import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { heldMemory } from '../support/memory.js';
import { until } from '../support/waiting.js';
import { IMPLEMENTATIONS, inner } from './implementations.js';
import { connect, listen } from './pairs.js';

describe.each(IMPLEMENTATIONS)('%s: where a server listens', (_, impl) => {
  test('ws.V4: port, host and backlog are those of listen', async () => {
    const listened = vi.spyOn(net.Server.prototype, 'listen');
    onTestFinished(() => listened.mockRestore());
    const { wss } = await listen(impl, { host: '127.0.0.1', backlog: 7 });
    expect(listened.mock.calls[0].slice(0, 3)).toEqual([0, '127.0.0.1', 7]);
    expect(wss.address()).toMatchObject({ address: '127.0.0.1' });
  });

  test('ws.V4: a server of somebody else’s tells of itself through ours', async () => {
    const server = createServer();
    const wss = new impl.WebSocketServer({ server, path: '/here' });
    const told: string[] = [];
    wss.on('listening', () => told.push('listening'));
    wss.on('error', (error) => told.push(error.message));
    server.listen(0, '127.0.0.1');
    await until(() => told.length === 1);
    expect(wss.address()).toEqual(server.address());
    server.emit('error', new Error('of the server'));
    expect(told).toEqual(['listening', 'of the server']);
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const here = new impl.WebSocket(`${url}/here?and=more`);
    await once(here, 'open');
    const elsewhere = new impl.WebSocket(`${url}/there`);
    const [error] = await once(elsewhere, 'error').catch((reason) => [reason]);
    expect((error as Error).message).toBe('Unexpected server response: 400');
    here.terminate();
    wss.close();
    // Behind ours, the server goes on.
    expect(server.listening).toBe(true);
    server.close();
    await once(server, 'close');
  });

  test('ws.V3 ws.P.playwright-core: options of tls.connect and net.connect go through', async () => {
    const server = createTlsServer({ cert: CERTIFICATE, key: PRIVATE_KEY });
    const wss = new impl.WebSocketServer({ server });
    const requests: { servername: unknown; from: unknown }[] = [];
    wss.on('connection', (_socket, request) =>
      requests.push({ servername: inner(request.socket).servername, from: request.socket.localAddress }),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const options = { ca: CERTIFICATE, servername: 'localhost', localAddress: '127.0.0.1', family: 4 };
    const ws = new impl.WebSocket(`wss://127.0.0.1:${(server.address() as AddressInfo).port}/`, options);
    await once(ws, 'open');
    await until(() => requests.length === 1);
    expect(requests).toEqual([{ servername: 'localhost', from: '127.0.0.1' }]);
    expect(inner(ws)._socket.authorized).toBe(true);
    ws.terminate();
  });
});

describe.each(IMPLEMENTATIONS)('%s: behind the end', (_, impl) => {
  test('ws.V1: nothing is left of sockets that were closed, terminated, or never opened', async () => {
    const { wss, url } = await listen(impl);
    const refs: WeakRef<object>[] = [];
    const keep = (socket: WebSocket) => {
      refs.push(new WeakRef(socket), new WeakRef(inner(socket)._socket));
      socket.on('error', () => {});
    };
    wss.on('connection', (socket) => {
      keep(socket);
      socket.on('message', (data) => socket.send(data));
    });
    const ended = async (end: (client: WebSocket) => void) => {
      const client = new impl.WebSocket(url);
      await once(client, 'open');
      keep(client);
      client.send('there and back');
      await once(client, 'message');
      end(client);
      await new Promise((resolve) => client.once('close', resolve));
    };
    for (let i = 0; i < 5; i++) {
      await ended((client) => client.close(1000, 'done'));
      await ended((client) => client.terminate());
      const unopened = new impl.WebSocket(url);
      refs.push(new WeakRef(unopened));
      unopened.on('error', () => {});
      unopened.close();
      await new Promise((resolve) => unopened.on('close', resolve));
    }
    await until(() => wss.clients.size === 0);
    const left = () => {
      heldMemory();
      return refs.filter((ref) => ref.deref() !== undefined).length;
    };
    await until(
      () => left() <= 2,
      () => `${refs.length} objects to be collected: ${left()} are left`,
    );
    expect(left()).toBeLessThanOrEqual(2);
  });

  test('ws.V1: no listener of ours is left on the server, and none is added for each connection', async () => {
    const server = createServer();
    const count = () => server.eventNames().map((name) => [name, server.listenerCount(name)]);
    const before = count();
    const wss = new impl.WebSocketServer({ server });
    const with1 = count();
    expect(with1).not.toEqual(before);
    wss.close();
    expect(count()).toEqual(before);
  });

  test('ws.M5: a socket’s time-outs are gone when it is closed', async () => {
    const { client, server } = await connect(impl);
    client.close();
    await Promise.all([once(client, 'close'), once(server, 'close')]);
    for (const socket of [client, server]) {
      expect([socket.readyState, inner(inner(socket)._closeTimer)?._destroyed ?? true]).toEqual([3, true]);
    }
  });
});
