import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newWebSocket } from '../../src/api/new-websocket.js';
import {
  WebSocketClosedError,
  WebSocketCreationError,
  WebSocketError,
  WebSocketHandshakeError,
} from '../../src/protocol/errors.js';
import { parseFrames } from '../support/frame-parser.js';
import { frameFor, octetsOf } from '../support/framer.js';
import { acceptance, RawServer } from '../support/raw-peer.js';
import { aWhile, connected, rejection, until } from '../support/servers.js';
import { AUTHORITY, EXPIRED, GOOD, KEY, SELF_SIGNED, WRONG_AUTHORITY, WRONG_HOST } from './bad-certificates.js';
import { codeOf } from './endpoints.js';

/** Opens a client, gives it `octets` behind the 101. @returns what it answered, and how it ended */
async function clientAgainst(octets: Uint8Array, inOnePiece: boolean) {
  const server = await RawServer.listen();
  const opening = newWebSocket(server.url);
  const { peer } = await server.accept('', inOnePiece ? octets : undefined);
  const ws = await opening;
  onTestFinished(() => ws.hangup());
  if (!inOnePiece) peer.write(octets);
  const received: (string | Buffer)[] = [];
  const receiving = (async () => {
    for await (const message of ws) received.push(message);
  })();
  const error = await rejection(receiving);
  const ended = ws.closed.then(({ cause: _, ...end }) => end);
  return { frames: parseFrames(await peer.takeAll()), end: await ended, error, received };
}

describe.each([true, false])('frames in one piece with the 101: %s', (inOnePiece) => {
  test.each([
    ['hostile.A1.4: 4 GiB', '82 7f 0000000100000005 6161', 1009],
    ['hostile.A1.4: 2 GiB', '82 7f 0000000080000000 6161', 1009],
    ['hostile.A1.4: a length of ones', '82 7f ffffffffffffffff', 1002],
    ['hostile.S-14: a masked frame', '81 85 37fa213d 7f9f4d5158', 1002],
    ['hostile.T-06: HTTP in place of frames', Buffer.from('HTTP/1.1 502 Bad Gateway').toString('hex'), 1002],
    ['a Close of one octet', '88 01 03', 1002],
    ['a text that is not UTF-8', '81 01 ff', 1007],
  ])('%s: %s is Close %i, one error and 1006', async (_, hex, code) => {
    const { frames, end, error, received } = await clientAgainst(octetsOf(hex), inOnePiece);
    expect(frames.map(codeOf)).toEqual([code]);
    expect(frames[0].key).not.toBeNull();
    expect(end).toEqual({ closeCode: 1006, reason: '', wasClean: false });
    expect(error).toBeInstanceOf(WebSocketClosedError);
    expect(error.cause).toBeInstanceOf(WebSocketError);
    expect(received).toEqual([]);
  });

  test('hostile.A2.4: 200 000 fragments of a server are 1008', async () => {
    const flood = Buffer.concat([octetsOf('02 00'), Buffer.alloc(400_000)]);
    const { frames, end } = await clientAgainst(flood, inOnePiece);
    expect(frames.map(codeOf)).toEqual([1008]);
    expect(end.closeCode).toBe(1006);
  });
});

const ANSWER = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';

describe.each([false, true])('an answer with permessage-deflate to a client with compression %s', (compression) => {
  test.each([
    ['hostile.S-07', 'server_max_window_bits=0', `${ANSWER}; server_max_window_bits=0`],
    ['hostile.S-07', 'server_max_window_bits=7', `${ANSWER}; server_max_window_bits=7`],
    ['hostile.S-07', 'server_max_window_bits=99', `${ANSWER}; server_max_window_bits=99`],
    ['hostile.S-07', 'an unknown parameter', `${ANSWER}; unknown=1`],
    ['hostile.S-07', 'a parameter given twice', `${ANSWER}; client_no_context_takeover`],
    ['hostile.S-07', 'given twice', `${ANSWER}, ${ANSWER}`],
    ['hostile.S-07', 'client_max_window_bits without a value', `${ANSWER}; client_max_window_bits`],
    ...['0', '7', '16', '99', '08', '1e1', '0xF', '""', '-1', 'NaN', ''].map((bits) => [
      'hostile.A3.4',
      `server_max_window_bits=${bits}`,
      `${ANSWER}; server_max_window_bits=${bits}`,
    ]),
    ['hostile.A3.4', 'server_max_window_bits without a value', `${ANSWER}; server_max_window_bits`],
    ['hostile.A3.4', 'client_max_window_bits=16', `${ANSWER}; client_max_window_bits=16`],
  ])('%s: %s fails the handshake', async (_id, _what, extension) => {
    const server = await RawServer.listen();
    const failing = rejection(newWebSocket(server.url, [], { compression }));
    const { peer } = await server.accept(`Sec-WebSocket-Extensions: ${extension}\r\n`);
    expect(await failing).toBeInstanceOf(WebSocketHandshakeError);
    expect(await peer.takeAll()).toHaveLength(0);
  });
});

test.each(['Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n'])(
  'hostile.S-11: a 101 with %j opens, and what follows are frames',
  async (line) => {
    const server = await RawServer.listen();
    const opening = newWebSocket(server.url);
    const { peer } = await server.accept(line, frameFor('client', 1, 'at once'));
    const ws = await opening;
    onTestFinished(() => ws.hangup());
    expect(await ws.receiveStrPacket()).toBe('at once');
    peer.write(frameFor('client', 1, 'later'));
    expect(await ws.receiveStrPacket()).toBe('later');
  },
);

test('hostile.S-01 hostile.S-02 hostile.S-03: a wrong 101 ends the TCP connection', async () => {
  for (const change of [
    (head: string) => head.replace(/(Accept: )./, '$1!'),
    (head: string) => head.replace(/(Sec-WebSocket-Accept: .*\r\n)/, '$1$1'),
    (head: string) => head.replace('Upgrade: websocket\r\n', ''),
    (head: string) => head.replace('Connection: Upgrade\r\n', ''),
    (head: string) => head.replace('websocket', 'foo'),
  ]) {
    const server = await RawServer.listen();
    const failing = rejection(newWebSocket(server.url));
    const peer = await server.peer();
    peer.write(change(acceptance(await peer.takeHead())));
    expect(await failing).toBeInstanceOf(WebSocketHandshakeError);
    expect(await peer.takeAll()).toHaveLength(0);
  }
});

test('hostile.A6.3 hostile.S-15: the masking keys of 100 000 frames are as random as keys can be', async () => {
  const COUNT = 100_000;
  const server = await RawServer.listen();
  const opening = newWebSocket(server.url, [], { maxBackpressure: Number.POSITIVE_INFINITY });
  const { peer } = await server.accept();
  const pieces: Buffer[] = [];
  peer.socket.removeAllListeners('data');
  let length = 0;
  peer.socket.on('data', (piece) => {
    pieces.push(piece);
    length += piece.length;
  });
  const ws = await opening;
  onTestFinished(() => ws.hangup());
  for (let i = 0; i < COUNT; i++) ws.send('');
  await until(() => length === COUNT * 6);
  const octets = Buffer.concat(pieces);
  const seen = new Set<number>();
  const ones = new Array<number>(32).fill(0);
  for (let at = 0; at < octets.length; at += 6) {
    const key = octets.readUInt32BE(at + 2);
    seen.add(key);
    for (let bit = 0; bit < 32; bit++) ones[bit] += (key >>> bit) & 1;
  }
  // The birthday expectation is 1.2 repetitions; twelve happen once in 10^8 runs.
  expect(COUNT - seen.size).toBeLessThan(12);
  // 0.5 % are 3.2 standard deviations of one bit; 1 % are 6.3, which none of 32 exceeds once in 10^8 runs.
  for (const count of ones) expect(Math.abs(count / COUNT - 0.5)).toBeLessThan(0.01);
});

/** A TLS server with this certificate. @returns its port, and whether anything came through TLS */
async function tlsServer(cert: string) {
  const state = { requests: 0, connections: 0 };
  const server = tls.createServer({ cert, key: KEY }, (socket) => socket.on('data', () => state.requests++));
  server.on('connection', () => state.connections++);
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return { state, port: (server.address() as AddressInfo).port };
}

/** A proxy that connects wherever CONNECT says. @returns the `createConnection` of those who go through it */
async function throughProxy() {
  const proxy = http.createServer();
  const sockets: Socket[] = [];
  proxy.on('connect', (request, socket: Socket) => {
    const upstream = net.connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    sockets.push(socket, upstream);
    for (const end of [socket, upstream]) end.on('error', () => end.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  return async (port: number, ca: string): Promise<Socket> => {
    const request = http.request({
      port: (proxy.address() as AddressInfo).port,
      host: '127.0.0.1',
      method: 'CONNECT',
      path: `localhost:${port}`,
    });
    request.end();
    const [, socket] = (await once(request, 'connect')) as [unknown, Socket];
    return tls.connect({ socket, ca, servername: 'localhost' });
  };
}

describe.each([
  ['expired', EXPIRED, 'CERT_HAS_EXPIRED'],
  ['of another host', WRONG_HOST, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['of an authority that is not trusted', WRONG_AUTHORITY, /UNABLE_TO_/],
  ['signed by itself', SELF_SIGNED, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
])('a certificate that is %s', (_, cert, code) => {
  test('hostile.S-13 hostile.A6.1: fails, and no octet of the request is written', async () => {
    const { state, port } = await tlsServer(cert);
    const error = await rejection(newWebSocket(`wss://localhost:${port}/`, [], { ca: AUTHORITY, family: 4 } as object));
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect((error.cause as NodeJS.ErrnoException).code).toMatch(code);
    await aWhile();
    expect(state).toEqual({ connections: 1, requests: 0 });
  });

  test('hostile.S-13: and through a proxy too', async () => {
    const { state, port } = await tlsServer(cert);
    const connectThrough = await throughProxy();
    const socket = await connectThrough(port, AUTHORITY);
    const error = await rejection(newWebSocket(`wss://localhost:${port}/`, [], { createConnection: () => socket }));
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect((error.cause as NodeJS.ErrnoException).code).toMatch(code);
    await aWhile();
    expect(state).toEqual({ connections: 1, requests: 0 });
  });
});

test('the same authority and a good certificate open', async () => {
  const server = tls.createServer({ cert: GOOD, key: KEY }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', (head) => socket.write(acceptance(head.toString())));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const ws = await connected(`wss://localhost:${port}/`, [], { ca: AUTHORITY, family: 4 } as object);
  expect(ws.readyState).toBe(1);
});
