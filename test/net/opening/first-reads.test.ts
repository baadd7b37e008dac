import { once } from 'node:events';
import http from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as aWhile } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ParsedHead } from '../../../src/handshake/request-head.js';
import { FirstReads } from '../../../src/net/opening/first-reads.js';
import { readAsStream } from '../../../src/net/transport/window-transport.js';
import { listen } from '../../support/http-servers.js';
import { type RawPeer, rawClient, requestText } from '../../support/raw-peer.js';
import { until } from '../../support/waiting.js';

interface Early {
  readonly request: ParsedHead;
  readonly socket: Socket;
  readonly head: Buffer;
}

/** An HTTP server whose first reads are looked at, and what came of them. */
async function receiving({ patience = 10_000, ...options }: { patience?: number } & http.ServerOptions = {}) {
  const server = http.createServer({ connectionsCheckingInterval: 50, ...options });
  const early: Early[] = [];
  const late: string[] = [];
  const sockets: Socket[] = [];
  server.on('request', (request, response) => {
    late.push(`request ${request.url}`);
    request.pipe(response);
  });
  server.on('upgrade', (request, socket, head) => {
    late.push(`upgrade ${request.url} ${head.toString('latin1')}`);
    socket.on('data', (octets: Buffer) => void late.push(octets.toString('latin1')));
    socket.on('error', () => {});
  });
  const firstReads = new FirstReads(server, {
    maxHeaderBytes: 1024,
    patience,
    onRequest: (request, head) => {
      const isWanted = request.fields.url !== '/other';
      if (isWanted) early.push({ request: request.fields as ParsedHead, socket: request.socket as Socket, head });
      return isWanted;
    },
  });
  server.on('connection', (socket) => sockets.push(socket));
  const port = await listen(server);
  return { server, firstReads, early, late, port, sockets };
}

describe('an opening handshake in one piece', () => {
  test('never sees node:http, and reads on into the window', async () => {
    const { early, late, port } = await receiving();
    const peer = await rawClient(port);
    peer.write(requestText());
    await until(() => early.length === 1);
    expect(early[0].request.text).toBe(requestText());
    expect(early[0].head).toHaveLength(0);
    expect([late, early[0].socket.listenerCount('data'), early[0].socket.readableLength]).toEqual([[], 0, 0]);
  });

  test('is not lost if somebody listens for data of every connection, who is told of it', async () => {
    const { server, early, port } = await receiving();
    let told = '';
    server.on('connection', (socket) => {
      socket.on('data', (bytes: Buffer) => {
        told += bytes.toString('latin1');
      });
    });
    const peer = await rawClient(port);
    peer.write(`${requestText()}\x81\x80frames`);
    await until(() => early.length === 1);
    expect(early[0].request.text).toBe(requestText());
    expect(early[0].head.toString('latin1')).toBe('\x81\x80frames');
    expect(told).toBe(`${requestText()}\x81\x80frames`);
  });

  test('hands over what came behind it', async () => {
    const { early, port } = await receiving();
    const peer = await rawClient(port);
    peer.write(`${requestText()}\x81\x80frames`);
    await until(() => early.length === 1);
    expect(early[0].head.toString('latin1')).toBe('\x81\x80frames');
    expect(early[0].request.text).toBe(requestText());
  });

  test('leaves a stream that keeps what comes next, for who takes his time', async () => {
    const { early, port } = await receiving();
    const peer = await rawClient(port);
    peer.write(requestText());
    await until(() => early.length === 1);
    const { socket } = early[0];
    const listeners = () => ['end', 'error', 'close'].map((event) => socket.listenerCount(event));
    const before = listeners();
    readAsStream(socket);
    expect(listeners()).toEqual(before.map((count) => count - 1));
    peer.write('first');
    await until(() => socket.readableLength === 5);
    peer.write('second');
    await until(() => socket.readableLength === 11);
    let read = '';
    while (socket.readableLength > 0) read += socket.read();
    expect(read).toBe('firstsecond');
    peer.socket.end();
    socket.resume();
    await once(socket, 'end');
    expect(socket.bytesRead).toBe(requestText().length + 11);
  });

  test('holds no more than its high-water mark of what nobody reads', async () => {
    const { early, port } = await receiving();
    const peer = await rawClient(port);
    peer.write(requestText());
    await until(() => early.length === 1);
    const { socket } = early[0];
    readAsStream(socket);
    peer.write(Buffer.alloc(20_000_000));
    await until(() => socket.readableLength >= socket.readableHighWaterMark);
    await aWhile(50);
    expect(socket.readableLength).toBeLessThan(2_000_000);
    let length = 0;
    socket.on('data', (octets) => {
      length += octets.length;
    });
    socket.resume();
    await until(() => length === 20_000_000);
    expect(length).toBe(20_000_000);
  });
});

describe('what node:http gets, as if nobody had looked at it', () => {
  test('a plain request, with its body, and the next one', async () => {
    const { early, late, port } = await receiving();
    const peer = await rawClient(port);
    peer.write('POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello');
    expect(await peer.takeHead()).toMatch(/^HTTP\/1\.1 200 /);
    peer.write('world');
    await until(() => peer.received.toString('latin1').includes('world'));
    peer.write('GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await peer.takeAll();
    expect([late, early]).toEqual([['request /form', 'request /next'], []]);
  });

  test('an opening handshake for another path', async () => {
    const { late, port } = await receiving();
    const peer = await rawClient(port);
    peer.write(`${requestText({}, 'GET /other HTTP/1.1')}behind`);
    await until(() => late.length === 1);
    peer.write('later');
    await until(() => late.length === 2);
    expect(late).toEqual(['upgrade /other behind', 'later']);
  });

  test('an opening handshake in two pieces', async () => {
    const { early, late, port } = await receiving();
    const peer = await rawClient(port);
    peer.socket.setNoDelay(true);
    peer.write(requestText().slice(0, 40));
    await aWhile(20);
    peer.write(requestText().slice(40));
    await until(() => late.length === 1);
    expect([late, early]).toEqual([['upgrade /ws '], []]);
  });

  test('a head of more octets than it may have: 431', async () => {
    const { early, port } = await receiving({ maxHeaderSize: 1024 });
    const peer = await rawClient(port);
    peer.write(requestText({ 'X-Long': 'x'.repeat(1200) }));
    expect((await peer.takeAll()).toString('latin1')).toMatch(/^HTTP\/1\.1 431 /);
    expect(early).toEqual([]);
  });

  test('octets that are no HTTP: 400', async () => {
    const { port } = await receiving();
    const peer = await rawClient(port);
    peer.write('hello\r\n\r\n');
    expect((await peer.takeAll()).toString('latin1')).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('a client that is silent for longer than its patience: 408, in its own time', async () => {
    const { port } = await receiving({ patience: 60, headersTimeout: 100, requestTimeout: 100 });
    const peer = await rawClient(port);
    expect((await peer.takeAll()).toString('latin1')).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('a client that speaks only then', async () => {
    const { late, early, port } = await receiving({ patience: 50 });
    const peer = await rawClient(port);
    await aWhile(200);
    peer.write(requestText());
    await until(() => late.length === 1);
    expect([late, early]).toEqual([['upgrade /ws '], []]);
  });

  test('all clients that are silent yet, when the server closes', async () => {
    const { firstReads, late, early, port, sockets } = await receiving();
    const peers = await Promise.all([rawClient(port), rawClient(port)]);
    await until(() => sockets.length === 2);
    firstReads.giveAllAway();
    for (const peer of peers) peer.write(requestText());
    await until(() => late.length === 2);
    expect(early).toEqual([]);
  });
});

describe('a client that leaves before it has said anything', () => {
  test.each([
    ['with FIN', (peer: RawPeer) => peer.socket.end()],
    ['with RST', (peer: RawPeer) => peer.reset()],
  ])('%s: its socket is closed', async (_, leave) => {
    const { server, port, early, late, sockets } = await receiving({ patience: 100 });
    const peer = await rawClient(port);
    await until(() => sockets.length === 1);
    leave(peer);
    await until(() => sockets[0].destroyed);
    await aWhile(200);
    expect([early, late]).toEqual([[], []]);
    const [count] = await new Promise<[number]>((resolve) => server.getConnections((_error, n) => resolve([n])));
    expect(count).toBe(0);
  });
});

test('streams that cannot be read into the window go to node:http', async () => {
  const { late, server, early } = await receiving();
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  onTestFinished(() => void stream.destroy());
  server.emit('connection', stream);
  stream.push(requestText());
  await until(() => late.length === 1);
  expect([late, early]).toEqual([['upgrade /ws '], []]);
});
