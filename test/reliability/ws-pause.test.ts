import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { frameFor } from '../support/framer.js';
import { RawServer, rawWebSocket } from '../support/raw-peer.js';
import { aWhile, until } from '../support/servers.js';
import { turns } from '../support/waiting.js';
import { IMPLEMENTATIONS, type Implementation, inner } from '../ws/implementations.js';
import { listen } from '../ws/pairs.js';

const numbers = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);
const frames = (role: 'server' | 'client', count: number) =>
  Buffer.concat(numbers(count).map((text) => frameFor(role, 1, text)));

/** A socket of a server, and its raw peer. */
async function accepted(impl: Implementation, onConnection: (ws: WebSocket) => void = () => {}) {
  const { wss, url } = await listen(impl);
  wss.on('connection', onConnection);
  const connection = once(wss, 'connection');
  const peer = await rawWebSocket(Number(new URL(url).port), {}, '/');
  const [ws] = (await connection) as [WebSocket];
  return { ws, peer };
}

describe.each(IMPLEMENTATIONS)('%s: pausing', (name, impl) => {
  test('in `open` holds what came with the handshake', async () => {
    const server = await RawServer.listen();
    const ws = new impl.WebSocket(server.url);
    const messages: string[] = [];
    ws.on('open', () => ws.pause());
    ws.on('message', (data) => messages.push(String(data)));
    const { peer } = await server.accept('', frames('client', 500));
    await aWhile();
    expect([messages, ws.isPaused, inner(ws)._socket.isPaused()]).toEqual([[], true, true]);
    ws.resume();
    await until(() => messages.length === 500);
    expect(messages).toEqual(numbers(500));
    peer.socket.destroy();
  });

  test('the socket in `connection` holds what comes until `message` is listened to', async () => {
    const messages: string[] = [];
    const { ws, peer } = await accepted(impl, (ws) => inner(ws)._socket.pause());
    peer.write(frames('server', 500));
    await aWhile();
    ws.on('message', (data) => messages.push(String(data)));
    inner(ws)._socket.resume();
    await until(() => messages.length === 500);
    expect(messages).toEqual(numbers(500));
  });

  test('the socket, and resuming it, within a handler during a burst keeps the order', async () => {
    const messages: string[] = [];
    const { peer } = await accepted(impl, (ws) =>
      ws.on('message', (data) => {
        messages.push(String(data));
        const { _socket: socket } = inner(ws);
        socket.pause();
        if (messages.length % 7 === 0) setImmediate(() => socket.resume());
        else socket.resume();
      }),
    );
    peer.write(frames('server', 5000));
    await until(() => messages.length === 5000);
    expect(messages).toEqual(numbers(5000));
  });

  test('at the WebSocket and at its socket is one state, of which the last call decides', async () => {
    const messages: string[] = [];
    const { ws, peer } = await accepted(impl, (ws) => ws.on('message', (data) => messages.push(String(data))));
    const { _socket: socket } = inner(ws);
    ws.pause();
    peer.write(frames('server', 3));
    await aWhile(20);
    expect([messages.length, socket.isPaused()]).toEqual([0, true]);
    socket.resume();
    await until(() => messages.length === 3);
    expect(socket.isPaused()).toBe(false);
    socket.pause();
    peer.write(frames('server', 3));
    await aWhile(20);
    expect([messages.length, socket.isPaused()]).toEqual([3, true]);
    ws.resume();
    await until(() => messages.length === 6);
    expect(socket.isPaused()).toBe(false);
  });

  test('does not keep an RST from being told at once, with what had come before', async () => {
    const messages: string[] = [];
    const { ws, peer } = await accepted(impl, (ws) => {
      ws.pause();
      ws.on('message', (data) => messages.push(String(data)));
    });
    const closed = once(ws, 'close');
    peer.write(frames('server', 200));
    await until(() => inner(ws)._socket.bytesRead > 1000);
    await turns();
    peer.reset();
    expect((await closed)[0]).toBe(1006);
    expect(messages).toEqual(numbers(200));
  });

  test('does not keep terminate from telling what had come: messages, and the Close of the peer', async () => {
    const messages: string[] = [];
    const { ws, peer } = await accepted(impl, (ws) => {
      ws.pause();
      ws.on('message', (data) => messages.push(String(data)));
    });
    const closed = once(ws, 'close');
    const before = inner(ws)._socket.bytesRead;
    const octets = Buffer.concat([frames('server', 200), frameFor('server', 8, Buffer.of(3, 232))]);
    peer.write(octets);
    await until(() => inner(ws)._socket.bytesRead === before + octets.length);
    await turns();
    ws.terminate();
    expect([(await closed)[0], messages]).toEqual([1000, numbers(200)]);
  });

  test.runIf(name === 'wasock/ws')('tells nothing until resume, not even the rest of a read', async () => {
    const messages: string[] = [];
    const { ws, peer } = await accepted(impl, (ws) =>
      ws.on('message', (data) => {
        messages.push(String(data));
        if (messages.length === 10) ws.pause();
      }),
    );
    peer.write(frames('server', 300));
    await aWhile();
    expect(messages).toHaveLength(10);
    ws.resume();
    await until(() => messages.length === 300);
    expect(messages).toEqual(numbers(300));
  });

  test.runIf(name === 'wasock/ws')('holds an event that waits for its turn, though the peer has sent FIN', async () => {
    const server = await RawServer.listen();
    const ws = new impl.WebSocket(server.url, { allowSynchronousEvents: false } as never);
    const events: string[] = [];
    for (const event of ['ping', 'message', 'close']) ws.on(event, () => events.push(event));
    // Between the Ping, which comes with the handshake, and its turn.
    ws.on('open', () => setImmediate(() => ws.pause()));
    const { peer } = await server.accept('', frameFor('client', 9));
    peer.socket.end();
    await aWhile();
    expect(events).toEqual([]);
    ws.resume();
    await once(ws, 'close');
    expect(events).toEqual(['ping', 'close']);
  });
});
