import http from 'node:http';
import { describe, expect, test } from 'vitest';
import { chooseUpgrades, readBeforeTimeouts } from '../../../src/net/node/http-server.js';
import { CERTIFICATE, PRIVATE_KEY } from '../../support/certificate.js';
import { listen } from '../../support/http-servers.js';
import { rawAnswer, requestText } from '../../support/raw-peer.js';
import { served } from '../../support/servers.js';
import { blockLoop, PeerThread } from '../../support/stall.js';

/** Sends the pieces, 150 ms between two, tells `'begun'` after the first, and then the first line of the answer. */
const IN_PIECES = `
  const { port, secure, pieces } = data;
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false };
  const socket = require(secure ? 'node:tls' : 'node:net').connect(options, () => {
    for (const [i, piece] of pieces.entries()) setTimeout(() => socket.write(piece), 150 * i);
    setTimeout(() => tell('begun'), 50);
  });
  socket.on('error', () => {}).on('close', () => tell('closed'));
  socket.once('data', (answer) => tell(answer.toString('latin1').split('\\r\\n')[0]));
`;

/** The same for a client whose second part of the TLS handshake comes 150 ms after the first was answered. */
const TLS_IN_PIECES = `
  const net = require('node:net');
  const { Duplex } = require('node:stream');
  const raw = net.connect(data.port, '127.0.0.1');
  let writes = 0;
  const held = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      setTimeout(() => raw.write(chunk, done), writes++ === 0 ? 0 : 150);
    },
  });
  raw.once('data', () => tell('begun'));
  raw.on('data', (chunk) => held.push(chunk)).on('error', () => {}).on('close', () => tell('closed'));
  const socket = require('node:tls').connect({ socket: held, rejectUnauthorized: false });
  socket.on('error', () => {}).on('close', () => {});
  socket.write(data.request);
  socket.once('data', (answer) => tell(answer.toString('latin1').split('\\r\\n')[0]));
`;

const TLS = { cert: CERTIFICATE, key: PRIVATE_KEY };
const REQUEST = requestText();
const HALVES = [REQUEST.slice(0, 40), REQUEST.slice(40)];

describe('a client of which the rest waits in the kernel while our loop is blocked past handshakeTimeout', () => {
  test.each([
    ['plain', undefined],
    ['TLS', TLS],
  ])('%s: its opening handshake is accepted', async (_name, tls) => {
    const { port } = await served({ handshakeTimeout: 400, tls });
    const thread = new PeerThread(IN_PIECES, { port, secure: tls !== undefined, pieces: HALVES });
    expect(await thread.told()).toBe('begun');
    blockLoop(800);
    expect(await thread.told()).toBe('HTTP/1.1 101 Switching Protocols');
  });

  test.each([
    ['plain', undefined],
    ['TLS', TLS],
  ])('%s: with the rest of its request still missing it is told 408', async (_name, tls) => {
    const { port } = await served({ handshakeTimeout: 400, tls });
    const pieces = [REQUEST.slice(0, 40), REQUEST.slice(40, 80)];
    const thread = new PeerThread(IN_PIECES, { port, secure: tls !== undefined, pieces });
    expect(await thread.told()).toBe('begun');
    blockLoop(800);
    expect([await thread.told(), await thread.told()]).toEqual(['HTTP/1.1 408 Request Timeout', 'closed']);
  });

  test('in the middle of its TLS handshake: it goes on', async () => {
    const { port } = await served({ handshakeTimeout: 400, tls: TLS });
    const thread = new PeerThread(TLS_IN_PIECES, { port, request: REQUEST });
    expect(await thread.told()).toBe('begun');
    blockLoop(800);
    expect(await thread.told()).toBe('HTTP/1.1 101 Switching Protocols');
  });

  test('a TLS handshake that stays silent is ended', async () => {
    const { port } = await served({ handshakeTimeout: 100, tls: TLS });
    expect(await rawAnswer(port, '')).toBe('');
  });
});

describe('a request of which the body', () => {
  const begin = async (pieces: readonly string[]) => {
    const server = http.createServer({ requestTimeout: 400, headersTimeout: 400, connectionsCheckingInterval: 50 });
    readBeforeTimeouts(server);
    server.on('request', (request, response) => request.on('end', () => response.end('whole')).resume());
    const thread = new PeerThread(IN_PIECES, { port: await listen(server), secure: false, pieces });
    expect(await thread.told()).toBe('begun');
    blockLoop(800);
    return thread;
  };
  const HEAD = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello';

  test('waits in the kernel while our loop is blocked past requestTimeout is answered', async () => {
    const thread = await begin([HEAD, 'world']);
    expect(await thread.told()).toBe('HTTP/1.1 200 OK');
  });

  test('is missing then is told 408', async () => {
    const thread = await begin([HEAD, 'wor']);
    expect([await thread.told(), await thread.told()]).toEqual(['HTTP/1.1 408 Request Timeout', 'closed']);
  });
});

test.each([
  ['no HTTP', 'hello\r\n\r\n'],
  ['a head that is too large', `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`],
  [
    'chunk extensions that are too large',
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\na\r\n0\r\n\r\n`,
  ],
  ['a request without Host', 'GET / HTTP/1.1\r\n\r\n'],
])('other faults are answered as node:http does: %s', async (_name, octets) => {
  const request = (incoming: http.IncomingMessage) => void incoming.resume();
  const expected = await rawAnswer(await listen(http.createServer(request)), octets);
  expect(expected).toMatch(/^HTTP\/1\.1 4/);
  const { port } = await served({ request });
  const withoutDate = (answer: string) => answer.replace(/Date: .*\r\n/, '');
  expect(withoutDate(await rawAnswer(port, octets))).toBe(withoutDate(expected));
});

test('choosing upgrades again and again leaves a server as it was', () => {
  const server = http.createServer() as http.Server & { shouldUpgradeCallback?: () => boolean };
  // Nodes before 24.9 do not ask.
  server.shouldUpgradeCallback ??= () => true;
  const before = server.shouldUpgradeCallback;
  for (let i = 0; i < 3; i++) {
    const restore = chooseUpgrades(server, (_request, ask) => !ask());
    restore();
  }
  expect(server.shouldUpgradeCallback).toBe(before);
});
