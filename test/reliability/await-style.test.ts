import { once } from 'node:events';
import tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { newWebSocket } from '../../src/api/new-websocket.js';
import { ReadyState } from '../../src/api/ready-state.js';
import type { WebSocket } from '../../src/api/websocket.js';
import { WebSocketClosedError } from '../../src/protocol/errors.js';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { frameFor } from '../support/framer.js';
import { acceptance, RawPeer, RawServer } from '../support/raw-peer.js';
import { acceptedSocket, aWhile, connected, rejection, served, settles, until } from '../support/servers.js';
import { turns } from '../support/waiting.js';

const CLOSE_1000 = Buffer.of(3, 232);

const texts = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);

/** What is received to the end. */
async function received(ws: WebSocket): Promise<{ messages: unknown[]; end: unknown }> {
  const messages: unknown[] = [];
  try {
    for await (const message of ws) messages.push(message);
    return { messages, end: null };
  } catch (end) {
    return { messages, end };
  }
}

/** A client and its raw peer. */
async function clientSocket(options = {}) {
  const server = await RawServer.listen();
  const opened = connected(server.url, undefined, options);
  const { peer } = await server.accept();
  return { ws: await opened, peer };
}

const ROLES = [
  ['server', acceptedSocket],
  ['client', clientSocket],
] as const;

describe.each(ROLES)('a %s from which nobody receives', (role, open) => {
  const message = (text: string) => frameFor(role, 1, text);
  const close = () => frameFor(role, 8, CLOSE_1000);

  test('sees the Close of its peer after more messages than wait, answers it, and tells them first', async () => {
    const { ws, peer } = await open();
    peer.write(Buffer.concat([...texts(100).map(message), close()]));
    const answer = await peer.take(role === 'server' ? 4 : 8);
    expect(answer[0]).toBe(0x88);
    peer.socket.end();
    expect(await ws.closed).toEqual({ closeCode: 1000, reason: '', wasClean: true });
    expect(await received(ws)).toEqual({ messages: texts(100), end: null });
  });

  test('sees its FIN', async () => {
    const { ws, peer } = await open();
    peer.socket.end(Buffer.concat(texts(100).map(message)));
    expect(await ws.closed).toMatchObject({ closeCode: 1006 });
    const { messages, end } = await received(ws);
    expect([messages, end]).toEqual([texts(100), expect.any(WebSocketClosedError)]);
  });

  test('sees its RST, and tells what had come before', async () => {
    const { ws, peer } = await open();
    peer.write(Buffer.concat(texts(100).map(message)));
    await aWhile();
    peer.reset();
    expect(await ws.closed).toMatchObject({ closeCode: 1006 });
    expect((await received(ws)).messages).toEqual(texts(100));
  });

  test('learns of an RST after more than it reads by its next Ping, and tells what it had read', async () => {
    const { ws, peer } = await open({ pingInterval: 100 });
    const payloads = Array.from({ length: 300 }, (_, i) => `${i}`.padEnd(10_000));
    peer.write(Buffer.concat(payloads.map(message)));
    await aWhile();
    peer.reset();
    const result = received(ws);
    expect(await ws.closed).toMatchObject({ closeCode: 1006 });
    const { messages } = await result;
    expect(messages.length).toBeGreaterThan(16);
    expect(messages).toEqual(payloads.slice(0, messages.length));
  });

  test('answers Pings as long as its reserve lasts, and keeps its connection when that is used up', async () => {
    const { ws, peer } = await open({ pingInterval: 60, pongTimeout: 120, idleTimeout: 200 });
    peer.write(Buffer.concat([...texts(100).map(message), frameFor(role, 9, 'p')]));
    await until(() =>
      peer.received.includes(role === 'server' ? Buffer.from('\x8a\x01p', 'latin1') : Buffer.of(0x8a, 0x81)),
    );
    for (let i = 0; i < 300; i++) peer.write(frameFor(role, 2, Buffer.alloc(10_000)));
    // The peer answers no Ping; but it may have, for all that we have read.
    await aWhile(800);
    expect(ws.readyState).toBe(ReadyState.Open);
    for (const text of texts(100)) expect(await ws.receivePacket()).toMatchObject({ data: text });
  });
});

test.each(ROLES)(
  'an RST of the peer of a %s from which nobody receives is told by `closed`, however much waits',
  async (role, open) => {
    const { ws, peer } = await open({ pingInterval: 100 });
    for (let i = 0; i < 20_000; i++) peer.write(frameFor(role, 1, `${i}`));
    await aWhile(100);
    peer.reset();
    expect((await ws.closed).closeCode).toBe(1006);
    const { messages } = await received(ws);
    expect(messages).toEqual(texts(messages.length));
    expect(messages.length).toBeGreaterThan(1000);
  },
);

test('raw mode hands over control frames in their turn: they fill the queue like others, and none passes a pause', async () => {
  const { ws, peer } = await acceptedSocket({ raw: true });
  for (let i = 0; i < 3000; i++) {
    peer.write(frameFor('server', 9, 'x'.repeat(125)));
    if (i % 100 === 0) await turns(2);
  }
  await aWhile();
  ws.pause();
  for (let queued = 0; ; queued++) {
    if (!(await settles(ws.receivePacket(), 100))) {
      expect(queued).toBeGreaterThan(16);
      expect(queued).toBeLessThan(1100);
      break;
    }
  }
});

test('hostile.R-05: a consumer that takes long for each message keeps its connection', async () => {
  const { ws, peer } = await acceptedSocket({ pingInterval: 60, pongTimeout: 120 });
  const answerPings = setInterval(() => {
    for (let at = peer.received.indexOf(0x89); at !== -1; at = peer.received.indexOf(0x89)) {
      peer.received = peer.received.subarray(at + 2);
      peer.write(frameFor('server', 10));
    }
  }, 10);
  peer.write(Buffer.concat(texts(100).map((text) => frameFor('server', 1, text.padEnd(2000)))));
  for (const text of texts(8)) {
    expect(await ws.receiveStrPacket()).toBe(text.padEnd(2000));
    await aWhile(100);
  }
  clearInterval(answerPings);
  expect(ws.readyState).toBe(ReadyState.Open);
});

describe.each(ROLES)('hangup of a %s', (role, open) => {
  test.each([
    ['in the same turn', false],
    ['after await', true],
  ])('first writes what was sent: %s', async (_name, awaits) => {
    const { ws, peer } = await open();
    const sent = ws.send('last words');
    if (awaits) await sent;
    ws.hangup();
    expect((await peer.takeAll()).length).toBe(role === 'server' ? 12 : 16);
    expect(ws.readyState).toBe(ReadyState.Closed);
  });
});

test.each([
  [10, 'after await'],
  [10, 'in the same turn'],
  [100_000, 'after await'],
  [100_000, 'in the same turn'],
])('hangup lets what was sent leave over TLS: %d bytes, %s', async (size, when) => {
  const sent: unknown[] = [];
  const { port } = await served({
    tls: { cert: CERTIFICATE, key: PRIVATE_KEY },
    async open(ws) {
      const first = ws.send('x'.repeat(size));
      if (when === 'after await') await first;
      ws.hangup();
      sent.push(rejection(Promise.resolve(ws.send('more'))));
    },
  });
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const peer = new RawPeer(socket);
  peer.write(
    'GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  await peer.takeHead();
  const frame = await peer.takeAll();
  expect(frame.equals(frameFor('client', 1, 'x'.repeat(size)))).toBe(true);
  expect(await sent[0]).toBeInstanceOf(WebSocketClosedError);
});

test('newWebSocket and the messages that its server sent with the 101 and before RST are not lost', async () => {
  const server = await RawServer.listen();
  const opened = newWebSocket(server.url);
  const peer = await server.peer();
  const request = await peer.takeHead();
  peer.write(
    Buffer.concat([Buffer.from(acceptance(request)), ...texts(500).map((text) => frameFor('client', 1, text))]),
  );
  const ws = await opened;
  await aWhile();
  peer.reset();
  expect((await received(ws)).messages).toEqual(texts(500));
  expect(await settles(ws.closed)).toBe(true);
});
