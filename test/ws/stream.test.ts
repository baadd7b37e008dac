import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { frameFor } from '../support/framer.js';
import { RawServer } from '../support/raw-peer.js';
import { until } from '../support/waiting.js';
import { IMPLEMENTATIONS } from './implementations.js';
import { connect } from './pairs.js';

describe.each(IMPLEMENTATIONS)('%s: createWebSocketStream', (_, impl) => {
  test('each chunk is a message and each message a chunk; the end is the closing handshake', async () => {
    const { client, server } = await connect(impl);
    const stream = impl.createWebSocketStream(client);
    const messages: string[] = [];
    server.on('message', (data) => messages.push(String(data)));
    const chunks: string[] = [];
    stream.on('data', (chunk) => chunks.push(String(chunk)));
    server.send('one');
    server.send('two');
    stream.write('three');
    await until(() => chunks.length === 2);
    stream.end('four');
    expect((await once(server, 'close'))[0]).toBe(1005);
    await once(stream, 'close');
    expect([chunks, messages]).toEqual([
      ['one', 'two'],
      ['three', 'four'],
    ]);
    expect(stream.destroyed).toBe(true);
  });

  test('what is written before the connection is open waits for it', async () => {
    const raw = await RawServer.listen();
    const stream = impl.createWebSocketStream(new impl.WebSocket(raw.url));
    stream.end('early');
    const { peer } = await raw.accept();
    const header = await peer.take(2);
    expect([...header]).toEqual([0x82, 0x85]);
    await peer.take(9);
    peer.write(frameFor('client', 8));
    peer.socket.end();
    stream.resume();
    await once(stream, 'close');
  });

  test('a reader that is slow pauses the socket', async () => {
    const { client, server } = await connect(impl);
    const stream = impl.createWebSocketStream(client, { readableHighWaterMark: 10 });
    for (let i = 0; i < 20; i++) server.send(`message ${i}`);
    await until(() => client.isPaused);
    const chunks: string[] = [];
    stream.on('data', (chunk) => chunks.push(String(chunk)));
    await until(() => chunks.join('').includes('message 19'));
    expect(chunks.join('')).toBe(Array.from({ length: 20 }, (_, i) => `message ${i}`).join(''));
    expect(client.isPaused).toBe(false);
  });

  test('readableObjectMode gives strings for text', async () => {
    const { client, server } = await connect(impl);
    const stream = impl.createWebSocketStream(client, { readableObjectMode: true });
    server.send('text');
    expect(await once(stream, 'data')).toEqual(['text']);
    server.send(Buffer.from('octets'));
    expect(await once(stream, 'data')).toEqual([Buffer.from('octets')]);
  });

  test('destroy ends the connection, and an error of the connection destroys the stream', async () => {
    const { client, server } = await connect(impl);
    const stream = impl.createWebSocketStream(client);
    stream.destroy();
    expect((await once(server, 'close'))[0]).toBe(1006);
    await until(() => client.readyState === impl.WebSocket.CLOSED);

    const failing = impl.createWebSocketStream(new impl.WebSocket('ws://127.0.0.1:1/'));
    const [error] = await once(failing, 'error');
    expect(error.code).toBe('ECONNREFUSED');
    expect(failing.destroyed).toBe(true);
  });

  test('a peer that breaks the protocol gets its Close frame', async () => {
    const raw = await RawServer.listen();
    const stream = impl.createWebSocketStream(new impl.WebSocket(raw.url));
    const failed = once(stream, 'error');
    const { peer } = await raw.accept();
    peer.write(frameFor('client', 3));
    expect((await failed)[0].code).toBe('WS_ERR_INVALID_OPCODE');
    expect((await peer.take(2))[0]).toBe(0x88);
  });
});
