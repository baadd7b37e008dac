import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { fragmentsFor, frameFor } from '../../support/framer.js';
import { rawWebSocket } from '../../support/raw-peer.js';
import { memoryPair } from '../../support/sockets.js';
import { turns, until } from '../../support/waiting.js';
import { IMPLEMENTATIONS, inner } from '../implementations.js';
import { connect, listen } from '../pairs.js';

const FRAGMENTS = fragmentsFor('server', 2, ['ab', '', 'c', 'def']);

describe.each(IMPLEMENTATIONS)('%s: receiving', (_, impl) => {
  test('ws.M9: binaryType says what Binary is handed over as; Text stays a Buffer', async () => {
    const { client, server } = await connect(impl);
    const got = async () => (await once(server, 'message'))[0];
    const exchange = async (type: string, data: unknown) => {
      server.binaryType = type as never;
      expect(server.binaryType).toBe(type);
      const message = got();
      client.send(data as never);
      return message;
    };
    expect(server.binaryType).toBe('nodebuffer');
    expect(await exchange('nodebuffer', Buffer.from('abc'))).toEqual(Buffer.from('abc'));
    const arrayBuffer = await exchange('arraybuffer', Buffer.from('abc'));
    expect(arrayBuffer).toBeInstanceOf(ArrayBuffer);
    expect(Buffer.from(arrayBuffer)).toEqual(Buffer.from('abc'));
    expect(await exchange('fragments', Buffer.from('abc'))).toEqual([Buffer.from('abc')]);
    const blob = await exchange('blob', Buffer.from('abc'));
    expect(blob).toBeInstanceOf(Blob);
    expect(await blob.text()).toBe('abc');
    for (const type of ['nodebuffer', 'arraybuffer', 'fragments', 'blob']) {
      expect(await exchange(type, 'text'), type).toEqual(Buffer.from('text'));
    }
    server.binaryType = 'nonsense' as never;
    expect(server.binaryType).toBe('blob');
  });

  test('ws.M9: with fragments there is a Buffer for each that has octets', async () => {
    const { wss, url } = await listen(impl);
    const connection = once(wss, 'connection');
    const peer = await rawWebSocket(Number(new URL(url).port), {}, '/');
    const [server] = (await connection) as [WebSocket];
    server.binaryType = 'fragments';
    const messages: unknown[] = [];
    server.on('message', (data, isBinary) => messages.push([data, isBinary]));
    peer.write(Buffer.concat(FRAGMENTS));
    peer.write(Buffer.concat(fragmentsFor('server', 1, ['text ', 'in two'])));
    peer.write(frameFor('server', 2, ''));
    await until(() => messages.length === 3);
    expect(messages).toEqual([
      [['ab', 'c', 'def'].map((text) => Buffer.from(text)), true],
      [Buffer.from('text in two'), false],
      [[], true],
    ]);
  });

  test('ws.M9: messages are the listener’s to keep and to write to', async () => {
    const { client, server } = await connect(impl);
    const kept: Buffer[] = [];
    server.on('message', (data) => {
      const octets = data as Buffer;
      octets[0] = 0xff;
      kept.push(octets);
    });
    const sizes = [1, 10, 100, 1000, 10_000, 100_000];
    for (const size of sizes) for (let i = 0; i < 20; i++) client.send(Buffer.alloc(size, i));
    await until(() => kept.length === sizes.length * 20);
    for (const [index, octets] of kept.entries()) {
      const expected = Buffer.alloc(sizes[Math.floor(index / 20)], index % 20);
      expected[0] = 0xff;
      expect(octets.equals(expected), `message ${index}`).toBe(true);
    }
  });

  test('ws.M10: nothing is handed over between pause and resume', async () => {
    const { client, server } = await connect(impl);
    const messages: string[] = [];
    server.on('message', (data) => messages.push(String(data)));
    server.pause();
    expect([server.isPaused, client.isPaused]).toEqual([true, false]);
    for (let i = 0; i < 10; i++) client.send(String(i));
    await new Promise((resolve) => client.ping(resolve));
    await turns(20);
    expect(messages).toEqual([]);
    server.resume();
    expect(server.isPaused).toBe(false);
    await until(() => messages.length === 10);
    expect(messages).toEqual([...'0123456789']);
  });

  test('ws.M10: pause and resume do nothing while CONNECTING and when CLOSED', async () => {
    const { client } = await connect(impl);
    client.terminate();
    await once(client, 'close');
    client.pause();
    expect(client.isPaused).toBe(false);
    client.resume();
    const connecting = new impl.WebSocket('ws://127.0.0.1:1/');
    connecting.on('error', () => {});
    connecting.pause();
    expect(connecting.isPaused).toBe(false);
    await until(() => connecting.readyState === impl.WebSocket.CLOSED);
  });

  test('ws.M11: listeners as functions, as objects, once, and as attributes', async () => {
    const { client, server } = await connect(impl);
    const calls: unknown[] = [];
    const handler = { handleEvent: (event: { type: string }) => calls.push(['object', event.type]) };
    const listener = (event: { data: unknown }) => calls.push(['function', event.data]);
    server.addEventListener('message', listener, undefined);
    server.addEventListener('message', listener);
    server.addEventListener('message', handler);
    server.addEventListener('message', () => calls.push(['once']), { once: true });
    server.addEventListener('nonsense' as never, listener as never);
    expect(server.onmessage).toBeNull();
    const attribute = () => calls.push(['attribute']);
    server.onmessage = () => calls.push(['replaced']);
    server.onmessage = attribute;
    expect(server.onmessage).toBe(attribute);
    expect(server.listenerCount('message')).toBe(4);
    client.send('one');
    await until(() => calls.length === 4);
    expect(calls).toEqual([['function', 'one'], ['object', 'message'], ['once'], ['attribute']]);

    calls.length = 0;
    server.removeEventListener('message', listener);
    server.removeEventListener('message', handler);
    server.removeEventListener('message', attribute);
    client.send('two');
    await until(() => calls.length === 1);
    expect(calls).toEqual([['attribute']]);
    server.onmessage = null;
    expect([server.onmessage, server.listenerCount('message')]).toEqual([null, 0]);
  });

  test('ws.M11: events.once, and a fromEvent of the kind of rxjs', async () => {
    const { client, server } = await connect(impl);
    const seen: unknown[] = [];
    const next = new Promise((resolve) => {
      const listener = (event: { data: unknown }) => {
        seen.push(event.data);
        server.removeEventListener('message', listener);
        resolve(null);
      };
      server.addEventListener('message', listener, undefined);
    });
    const emitted = once(server, 'message');
    client.send(Buffer.from([1]));
    client.send('second');
    await next;
    expect(await emitted).toEqual([Buffer.from([1]), true]);
    expect(seen).toEqual([Buffer.from([1])]);
  });

  test('ws.V1 ws.V2: allowSynchronousEvents false hands over one event a turn of the event loop', async () => {
    const { client, server } = await connect(impl, { serverOptions: { allowSynchronousEvents: false } });
    const order: string[] = [];
    server.on('message', (data) => {
      order.push(String(data));
      queueMicrotask(() => order.push('microtask'));
    });
    server.on('ping', () => order.push('ping'));
    client.send('1');
    client.send('2');
    client.ping();
    client.send('3');
    await until(() => order.length === 7);
    expect(order).toEqual(['1', 'microtask', '2', 'microtask', 'ping', '3', 'microtask']);
    client.close(1000, 'bye');
    expect((await once(server, 'close')).map(String)).toEqual(['1000', 'bye']);
  });

  test('ws.V1: what came before the peer’s FIN is told before close, also one event a turn', async () => {
    const [end, peer] = memoryPair();
    const ws = new impl.WebSocket(null as never, undefined, { allowSynchronousEvents: false } as never);
    const told: string[] = [];
    ws.on('message', (data) => told.push(String(data)));
    ws.on('close', (code) => told.push(`close ${code}`));
    inner(ws).setSocket(end, Buffer.alloc(0), { allowSynchronousEvents: false });
    peer.resume();
    peer.end(Buffer.concat(['1', '2', '3'].map((text) => frameFor('server', 1, text))));
    await until(() => told.includes('close 1006'));
    expect(told).toEqual(['1', '2', '3', 'close 1006']);
  });

  test('ws.M10: what was received while paused is told before close', async () => {
    const { client, server } = await connect(impl);
    const told: string[] = [];
    server.on('message', (data) => told.push(String(data)));
    server.on('close', (code, reason) => told.push(`close ${code} ${reason}`));
    client.send('warm');
    await until(() => told.length === 1);
    server.pause();
    for (const text of ['1', '2', '3']) client.send(text);
    client.close(4001, 'done');
    await turns(20);
    expect(told).toEqual(['warm']);
    server.resume();
    await until(() => told.length === 5);
    expect(told).toEqual(['warm', '1', '2', '3', 'close 4001 done']);
  });

  test('ws.M10: a peer that goes away while we are paused is noticed once reading goes on', async () => {
    const { client, server } = await connect(impl);
    const told: string[] = [];
    server.on('message', (data) => told.push(String(data)));
    server.on('close', (code) => told.push(`close ${code}`));
    server.pause();
    client.send('last');
    inner(client)._socket.end();
    await turns(20);
    server.resume();
    await until(() => told.length === 2);
    expect(told).toEqual(['last', 'close 1006']);
  });
});
