import http from 'node:http';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { acceptUpgrades, newWebSocket, serve } from '../../../src/index.js';
import { CERTIFICATE, PRIVATE_KEY } from '../../support/certificate.js';
import { tcpServer } from '../../support/http-servers.js';
import { RawPeer, rawClient, requestText } from '../../support/raw-peer.js';
import { aWhile, listening, until } from '../../support/servers.js';

const FOREIGN = requestText({}, 'GET /foreign HTTP/1.1');

type Listener = (request: http.IncomingMessage, socket: Duplex, head: Buffer) => void;

/** A server with `acceptUpgrades` at /ws beside somebody else's listener, and the sockets of its upgrades. */
async function shared(listener: Listener, { handshakeTimeout = 100, secure = false, first = false } = {}) {
  const tlsOptions = { cert: CERTIFICATE, key: PRIVATE_KEY };
  const server = secure ? https.createServer(tlsOptions) : http.createServer();
  const sockets: Socket[] = [];
  server.on('request', async (request) => void (await newWebSocket(request)));
  const listen = () => {
    server.on('upgrade', (request, socket, head) => {
      sockets.push(socket as Socket);
      if (request.url !== '/ws') listener(request, socket, head);
    });
  };
  if (first) listen();
  const upgrades = acceptUpgrades(server, { path: '/ws', handshakeTimeout, onError: () => {} });
  onTestFinished(() => upgrades.close({ timeout: 1 }));
  if (!first) listen();
  return { server, sockets, upgrades, port: await listening(server) };
}

async function client(port: number, secure: boolean): Promise<RawPeer> {
  if (!secure) return rawClient(port);
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  return new RawPeer(socket);
}

const WAYS = [
  { name: 'plain, registered later', secure: false, first: false },
  { name: 'plain, registered before', secure: false, first: true },
  { name: 'TLS, registered later', secure: true, first: false },
  { name: 'TLS, registered before', secure: true, first: true },
];

describe.each(WAYS)('an upgrade that every listener ignores ($name)', ({ secure, first }) => {
  test('is answered 404 and closed at handshakeTimeout, whatever the client has sent meanwhile', async () => {
    const { port, sockets } = await shared(() => {}, { secure, first });
    for (const more of ['', 'frames', 'x'.repeat(300_000)]) {
      const peer = await client(port, secure);
      peer.write(FOREIGN);
      await until(() => sockets.length > 0);
      peer.write(more);
      expect((await peer.takeAll()).toString('latin1')).toMatch(/^HTTP\/1\.1 404 /);
      const [socket] = sockets.splice(0);
      await until(() => socket.destroyed);
    }
  });

  test('of a client that has sent FIN, too', async () => {
    const { port, sockets } = await shared(() => {}, { secure, first });
    const peer = await client(port, secure);
    peer.socket.allowHalfOpen = true;
    peer.socket.end(FOREIGN);
    const answer = (await peer.takeAll()).toString('latin1');
    // A client of node:tls reads no more after its own end.
    expect(answer).toMatch(secure ? /^$/ : /^HTTP\/1\.1 404 /);
    await until(() => sockets[0].destroyed);
  });

  test('harms nobody when its client breaks', async () => {
    const { port, sockets } = await shared(() => {}, { secure, first });
    const peer = await client(port, secure);
    peer.write(FOREIGN);
    await until(() => sockets.length === 1);
    sockets[0].destroy(new Error('read ECONNRESET'));
    await until(() => sockets[0].closed);
    expect(sockets[0].errored?.message).toBe('read ECONNRESET');
  });
});

/** What those do who claim a socket, and whose answer takes longer than our handshakeTimeout. */
const CLAIMS: Record<string, (socket: Socket, head: Buffer) => void> = {
  'a byte written': (socket) => socket.write('H'),
  'a listener to data': (socket) => socket.on('data', () => {}),
  'a listener to readable': (socket) => socket.on('readable', () => {}),
  'a listener to error, no time-out and no delay': (socket) =>
    socket
      .setTimeout(0)
      .setNoDelay(true)
      .on('error', () => {}),
  'a listener to close': (socket) => socket.once('close', () => {}),
  'no time-out': (socket) => socket.setTimeout(0),
  'bytes given back': (socket) => socket.unshift(Buffer.from('head')),
  'bytes read': (socket) => void setTimeout(() => socket.read(), 40),
  'a pause': (socket) => socket.pause(),
  'a pipe': (socket) => socket.pipe(new PassThrough()),
};

describe('an upgrade that somebody else only listens to', () => {
  test('is answered 404 later than one that nobody listens to', async () => {
    const { port, sockets } = await shared(
      (request, socket) => {
        if (request.url === '/heard') socket.on('error', () => {}).once('close', () => {});
      },
      { handshakeTimeout: 50 },
    );
    const [heard, other] = [await rawClient(port), await rawClient(port)];
    const ended: string[] = [];
    heard.write(requestText({}, 'GET /heard HTTP/1.1'));
    const first = heard.takeAll().finally(() => ended.push('heard'));
    await until(() => sockets.length === 1);
    other.write(FOREIGN);
    const second = other.takeAll().finally(() => ended.push('other'));
    for (const answer of await Promise.all([first, second])) {
      expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 404 /);
    }
    expect(ended).toEqual(['other', 'heard']);
  });
});

describe('an upgrade that somebody else claims', () => {
  test.each(Object.entries(CLAIMS))('by %s is left to him', async (_name, claim) => {
    const { port, sockets } = await shared((_request, socket, head) => claim(socket as Socket, head));
    const peer = await rawClient(port);
    peer.write(FOREIGN);
    await until(() => sockets.length === 1);
    peer.write('frames');
    await aWhile(300);
    expect(sockets[0].destroyed).toBe(false);
    sockets[0].end('answer');
    expect((await peer.takeAll()).toString()).toMatch(/^H?answer$/);
  });

  test.each([true, false])('by a proxy that is still dialling works (registered before: %s)', async (first) => {
    const backend = await tcpServer((socket) => socket.pipe(socket));
    const { port } = await shared(
      (request, socket, head) => {
        (socket as Socket).setTimeout(0);
        socket.on('error', () => {});
        setTimeout(() => {
          const outgoing = net.connect(Number(backend.port), '127.0.0.1');
          outgoing.write(`${request.url} ${head}`);
          outgoing.pipe(socket).pipe(outgoing);
        }, 350);
      },
      { first },
    );
    const peer = await rawClient(port);
    peer.write(`${FOREIGN}one `);
    peer.write('two');
    expect((await peer.take(16)).toString()).toBe('/foreign one two');
  });
});

test('an upgrade that a listener in front of ours has accepted is left to him, though nothing more happens', async () => {
  const { server, port, sockets } = await shared(() => {});
  server.prependListener('upgrade', (_request, socket) => socket.write('accepted'));
  const peer = await rawClient(port);
  peer.write(FOREIGN);
  await aWhile(300);
  expect([peer.received.toString(), sockets[0].destroyed]).toEqual(['accepted', false]);
});

test('a handshakeTimeout that is off leaves it open', async () => {
  const { port, sockets } = await shared(() => {}, { handshakeTimeout: 0 });
  const peer = await rawClient(port);
  peer.write(FOREIGN);
  await aWhile(200);
  expect([sockets[0].destroyed, peer.ended]).toEqual([false, false]);
});

test('there is one guard for each server, as long as one of ours listens; the shortest handshakeTimeout counts', async () => {
  const server = http.createServer();
  const before = server.listenerCount('upgrade');
  const one = acceptUpgrades(server, { path: '/one', handshakeTimeout: 60_000 });
  const two = await serve({ server, path: '/two', handshakeTimeout: 100 });
  expect(server.listenerCount('upgrade')).toBe(before + 3);
  server.on('upgrade', () => {});
  const port = await listening(server);
  const peer = await rawClient(port);
  peer.write(FOREIGN);
  expect((await peer.takeAll()).toString()).toMatch(/^HTTP\/1\.1 404 /);
  await one.close({ timeout: 1 });
  expect(server.listenerCount('upgrade')).toBe(before + 3);
  await two.close({ timeout: 1 });
  expect(server.listenerCount('upgrade')).toBe(before + 1);
});

test('an upgrade behind a request that is still being answered is left to those who answer', async () => {
  const { server, port } = await shared(() => {});
  server.off('request', server.listeners('request').at(-1) as () => void);
  server.on('request', (_request, response) => void setTimeout(() => response.end('plain'), 300));
  const peer = await rawClient(port);
  peer.write(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${FOREIGN}`);
  expect(await peer.takeHead()).toMatch(/^HTTP\/1\.1 200 /);
  expect((await peer.take(5)).toString()).toBe('plain');
});
