import { once } from 'node:events';
import http from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { newWebSocket } from '../../src/api/new-websocket.js';
import type { WebSocket as ServedSocket } from '../../src/api/websocket.js';
import { WINDOW_SIZE } from '../../src/codec/memory-map.js';
import { RESERVE_BYTES } from '../../src/net/reading/inbox.js';
import type { Role } from '../../src/protocol/frame-rules.js';
import { openConnection } from '../support/connection-harness.js';
import { IS_DOCUMENTED } from '../support/documented.js';
import { FramePeer } from '../support/frame-peer.js';
import { frameFor } from '../support/framer.js';
import { RawServer, rawClient, rawWebSocket, requestText } from '../support/raw-peer.js';
import { aWhile, awaiting, listening, served, until } from '../support/servers.js';
import { tcpPair, tlsPair, unixPair } from '../support/sockets.js';
import { turns } from '../support/waiting.js';
import { IMPLEMENTATIONS, inner, WASOCK } from '../ws/implementations.js';
import { listen } from '../ws/pairs.js';

/** What a server under load says first: far more frames than one turn handles. */
const BURST = 5000;

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`);
const burst = (role: Role, from = 0, to = BURST) =>
  Buffer.concat(numbers(from, to).map((text) => frameFor(role, 1, text)));

/** How many frames of a burst stand whole in its first bytes, as a server gets it. */
function framesIn(bytes: number): number {
  let count = 0;
  for (let left = bytes; left >= 6 + `${count}`.length; count++) left -= 6 + `${count}`.length;
  return count;
}

/** A client that begins its burst in the segment of its request, and goes on in many pieces while that is being handled. */
async function writeBurst(port: number): Promise<void> {
  const peer = await rawClient(port);
  peer.write(Buffer.concat([Buffer.from(requestText()), burst('server', 0, 250)]));
  for (let at = 250; at < BURST; at += 250) {
    await turns(1);
    peer.write(burst('server', at, at + 250));
  }
}

/** What is listened to on a WebSocket of npm's interface. */
function messagesOf(ws: WebSocket): string[] {
  const messages: string[] = [];
  ws.on('message', (data) => messages.push(String(data)));
  return messages;
}

const TRANSPORTS = [
  ['TCP', tcpPair],
  ['a Unix socket', unixPair],
  ['TLS', tlsPair],
] as const;

describe('a burst that begins in the segment of the handshake comes in order', () => {
  test.each(IMPLEMENTATIONS)('to a client of %s', async (_name, impl) => {
    const server = await RawServer.listen();
    const ws = new impl.WebSocket(server.url);
    const messages = messagesOf(ws);
    const { peer } = await server.accept('', burst('client', 0, 300));
    for (let at = 300; at < BURST; at += 50) peer.write(burst('client', at, at + 50));
    peer.write(frameFor('client', 8, Buffer.of(3, 232)));
    expect(await once(ws, 'close')).toEqual([1000, expect.anything()]);
    expect(messages).toEqual(numbers(0, BURST));
  });

  test('to a client in await style', async () => {
    const server = await RawServer.listen();
    const opened = newWebSocket(server.url);
    const { peer } = await server.accept('', burst('client', 0, 300));
    for (let at = 300; at < BURST; at += 50) peer.write(burst('client', at, at + 50));
    peer.write(frameFor('client', 8, Buffer.of(3, 232)));
    peer.socket.end();
    const messages: unknown[] = [];
    for await (const message of await opened) messages.push(message);
    expect(messages).toEqual(numbers(0, BURST));
  });

  test.each(IMPLEMENTATIONS)('to a client of %s that its server greets in `connection`', async (_name, impl) => {
    const { wss, url } = await listen(impl);
    wss.on('connection', (ws) => {
      for (const text of numbers(0, BURST)) ws.send(text);
      ws.close();
    });
    const ws = new WASOCK.WebSocket(url);
    const messages = messagesOf(ws);
    expect((await once(ws, 'close'))[0]).toBe(1005);
    expect(messages).toEqual(numbers(0, BURST));
  });
});

describe.each(TRANSPORTS)('over %s', (_name, makePair) => {
  // Without the handle a stream that others have flow brings a chunk each time.
  test.skipIf(IS_DOCUMENTED)(
    'a paused connection holds its reserve and one read, however often others make the socket read',
    async () => {
      const { near, far } = await makePair();
      const { connection, recorder } = openConnection(near);
      connection.pause();
      const peer = new FramePeer(far);
      const payload = Buffer.alloc(10_000, 'x');
      for (let i = 0; i < 2000; i++) peer.send(frameFor('server', 2, payload));
      for (let i = 0; i < 50; i++) {
        near.resume();
        near.read(0);
        await turns(5);
        near.pause();
        await turns(2);
      }
      const held = near.bytesRead;
      expect(recorder.messages).toEqual([]);
      expect(held).toBeLessThan(RESERVE_BYTES + WINDOW_SIZE);
      await aWhile();
      expect(near.bytesRead).toBe(held);
      near.resume();
      connection.resume();
      await recorder.messagesReceived(2000);
      expect(recorder.messages.every((message) => payload.equals(message as Buffer))).toBe(true);
    },
  );

  test('pause and resume in any turn of a burst lose nothing and keep the order; nothing comes while paused', async () => {
    const { near, far } = await makePair();
    let paused = false;
    const whilePaused: string[] = [];
    const resumeLater = [
      (resume: () => void) => resume(),
      (resume: () => void) => queueMicrotask(resume),
      (resume: () => void) => process.nextTick(resume),
      (resume: () => void) => setImmediate(resume),
      (resume: () => void) => setTimeout(resume, 1),
    ];
    const { connection, recorder } = openConnection(near, {
      on: {
        onMessage(_opcode, data) {
          if (paused) whilePaused.push(data as string);
          if (Number(data) % 97 !== 0) return;
          paused = true;
          connection.pause();
          resumeLater[Number(data) % resumeLater.length](() => {
            paused = false;
            connection.resume();
          });
        },
      },
    });
    const peer = new FramePeer(far);
    for (let at = 0; at < BURST; at += 500) peer.send(burst('server', at, at + 500));
    await recorder.messagesReceived(BURST);
    expect(recorder.messages).toEqual(numbers(0, BURST));
    expect(whilePaused).toEqual([]);
  });

  test('what was received before the connection breaks is told first', async () => {
    const { near, far } = await makePair();
    const { recorder } = openConnection(near, { on: { onMessage: () => void (near.destroyed || near.destroy()) } });
    const peer = new FramePeer(far);
    peer.send(burst('server', 0, 3000));
    await recorder.closed();
    // What is in the kernel still was not received.
    const received = framesIn(near.bytesRead);
    expect(received).toBeGreaterThan(500);
    expect(recorder.messages).toEqual(numbers(0, received));
    expect(recorder.events.lastIndexOf('message')).toBe(received - 1);
    expect(recorder.closes).toEqual([{ closeCode: 1006, reason: '', wasClean: false }]);
  });

  test('what was received while paused is told when the connection breaks, and then the close: nobody may resume any more', async () => {
    const { near, far } = await makePair();
    const { connection, recorder } = openConnection(near);
    connection.pause();
    const peer = new FramePeer(far);
    peer.send(burst('server', 0, 1000), frameFor('server', 8, Buffer.of(3, 233)));
    await until(() => near.bytesRead > 1000 * 7);
    expect(recorder.messages).toEqual([]);
    near.destroy(new Error('broken'));
    await recorder.closed();
    expect(recorder.messages).toEqual(numbers(0, 1000));
    expect(recorder.closes).toEqual([{ closeCode: 1001, reason: '', wasClean: false }]);
  });
});

describe('a paused connection sees', () => {
  const paused = async () => {
    const { near, far } = await tcpPair();
    const opened = openConnection(near);
    opened.connection.pause();
    return { ...opened, near, peer: new FramePeer(far) };
  };

  test('the Close of its peer, and answers it', async () => {
    const { recorder, peer } = await paused();
    peer.send(frameFor('server', 8, Buffer.of(3, 232)));
    expect(await peer.closeCode()).toBe(1000);
    peer.socket.end();
    expect(await recorder.closed()).toEqual({ closeCode: 1000, reason: '', wasClean: true });
  });

  test('its FIN', async () => {
    const { recorder, peer } = await paused();
    peer.socket.end();
    expect((await recorder.closed()).closeCode).toBe(1006);
  });

  test('its RST', async () => {
    const { recorder, peer } = await paused();
    (peer.socket as import('node:net').Socket).resetAndDestroy();
    expect((await recorder.closed()).closeCode).toBe(1006);
    expect(recorder.cause).toMatchObject({ code: 'ECONNRESET' });
  });

  test('its Pings, and answers them', async () => {
    const { recorder, peer } = await paused();
    for (const payload of ['a', 'b']) {
      peer.send(frameFor('server', 9, payload));
      await peer.framesReceived(payload === 'a' ? 1 : 2);
    }
    expect([peer.opcodes, peer.texts, recorder.events]).toEqual([
      [10, 10],
      ['a', 'b'],
      ['ping', 'ping'],
    ]);
  });
});

describe('an application that pauses until its peer has caught up', () => {
  const big = Buffer.alloc(1_000_000);

  test.each([
    ['drain', (ws: ServedSocket) => void (ws.send(big) && ws.pause()), (ws: ServedSocket) => ws.resume()],
    [
      'the promise of send',
      (ws: ServedSocket) => {
        const sent = ws.send(big);
        if (sent === undefined) return;
        ws.pause();
        sent.then(
          () => ws.resume(),
          () => {},
        );
      },
      () => {},
    ],
  ])('by %s hears of the end of its peer', async (_name, message, drain) => {
    const closes: number[] = [];
    const options = { message, drain, close: (_ws: unknown, code: number) => void closes.push(code) };
    const { server, port } = await served({ ...options, maxBackpressure: Number.POSITIVE_INFINITY });
    const peer = await rawWebSocket(port);
    peer.stopReading();
    for (let i = 0; i < 200; i++) peer.write(frameFor('server', 1, 'x'.repeat(1000)));
    const [ws] = server.connections;
    await until(() => ws.bufferedAmount > 0);
    await aWhile();
    peer.reset();
    await until(() => closes.length === 1);
    expect([closes, server.connections.size]).toEqual([[1006], 0]);
  });
});

describe('those who listen for `data` on a socket of the HTTP server', () => {
  const listeners = [
    ['once', (socket: Duplex) => socket.once('data', () => {})],
    ['always', (socket: Duplex) => socket.on('data', () => {})],
  ] as const;

  test.each(listeners)('%s, do not disturb the order of serve', async (_name, listenTo) => {
    const server = http.createServer();
    server.on('connection', listenTo);
    const port = await listening(server);
    const messages: unknown[] = [];
    await served({ server, message: (_ws, data) => void messages.push(data) });
    await writeBurst(port);
    await until(() => messages.length >= BURST);
    expect(messages).toEqual(numbers(0, BURST));
  });

  test.each(listeners)('%s, do not disturb the order of acceptUpgrades', async (_name, listenTo) => {
    const messages: unknown[] = [];
    const { http, port } = await awaiting(async (request) => {
      for await (const message of await newWebSocket(request)) messages.push(message);
    });
    http.on('connection', listenTo);
    await writeBurst(port);
    await until(() => messages.length >= BURST);
    expect(messages).toEqual(numbers(0, BURST));
  });

  test.each(listeners)('%s, do not disturb the order of a server of wasock/ws', async (_name, listenTo) => {
    const server = http.createServer();
    server.on('connection', listenTo);
    const port = await listening(server);
    const wss = new WASOCK.WebSocketServer({ server });
    const messages: string[] = [];
    wss.on('connection', (ws) => ws.on('message', (data) => messages.push(String(data))));
    await writeBurst(port);
    await until(() => messages.length >= BURST);
    expect(messages).toEqual(numbers(0, BURST));
  });
});

describe('memory that a peer can make us hold', () => {
  /** How much of a peer is read that sends without end, from its request on. */
  async function flood(port: number, path: string, bytesRead: () => number): Promise<number> {
    const peer = await rawClient(port);
    // With a key of 0, so that a build which loses the order goes on to take frames.
    const frame = frameFor('server', 2, Buffer.alloc(10_000), { key: 0 });
    const many = Buffer.concat(Array.from({ length: 100 }, () => frame));
    peer.write(
      Buffer.concat([
        Buffer.from(requestText({}, `GET ${path} HTTP/1.1`)),
        Buffer.alloc(4400, frameFor('server', 2, 'short', { key: 0 })),
      ]),
    );
    await aWhile(5);
    for (let quiet = 0, before = 0; quiet < 20; before = bytesRead()) {
      if (!peer.socket.writableNeedDrain && bytesRead() < 50_000_000) peer.write(many);
      await aWhile(10);
      quiet = bytesRead() === before ? quiet + 1 : 0;
    }
    return bytesRead();
  }

  test.each([
    ['nobody listens', () => {}],
    ['somebody listens once', (socket: Duplex) => void socket.once('data', () => {})],
    ['somebody listens always', (socket: Duplex) => void socket.on('data', () => {})],
  ])('is bounded in await style if nobody receives, and %s for `data`', async (_name, listenTo) => {
    let socket: Socket | undefined;
    const server = await awaiting(async (request) => {
      await newWebSocket(request);
      await new Promise(() => {});
    });
    server.http.on('connection', (accepted) => {
      socket = accepted;
      listenTo(accepted);
    });
    const held = await flood(server.port, '/ws', () => socket?.bytesRead ?? 0);
    // The queue with its reserve, the reserve of the inbox, and the reads that filled these.
    expect(held).toBeLessThan(1_048_576 + 2 * RESERVE_BYTES + 3 * WINDOW_SIZE);
  });

  test('is bounded on wasock/ws while paused', async () => {
    const { wss, url } = await listen(WASOCK);
    let socket: Socket | undefined;
    wss.on('connection', (ws) => {
      socket = inner(ws)._socket;
      ws.pause();
    });
    const held = await flood(Number(new URL(url).port), '/', () => socket?.bytesRead ?? 0);
    expect(held).toBeLessThan(RESERVE_BYTES + 3 * WINDOW_SIZE);
  });
});
