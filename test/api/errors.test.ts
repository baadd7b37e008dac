import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import * as wasock from '../../src/index.js';
import { ERROR_CODE } from '../../src/protocol/errors.js';
import { FAULT } from '../../src/protocol/faults.js';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { frameFor } from '../support/framer.js';
import { tcpServer } from '../support/http-servers.js';
import { acceptedSocket, rejection, served } from '../support/servers.js';

const result = { closeCode: 4000, reason: 'why', wasClean: true };
const cause = new Error('cause');
const PAIR = { cert: CERTIFICATE, key: PRIVATE_KEY };

describe('the classes of errors', () => {
  test.each([
    {
      error: new wasock.WebSocketClosedError(result, { cause }),
      name: 'WebSocketClosedError',
      code: 'WASOCK_CLOSED',
      fields: { ...result, cause },
    },
    {
      error: new wasock.WebSocketCreationError('m', { cause }),
      name: 'WebSocketCreationError',
      code: 'WASOCK_CREATION',
      fields: { cause },
    },
    {
      error: new wasock.WebSocketPacketTypeError('m'),
      name: 'WebSocketPacketTypeError',
      code: 'WASOCK_PACKET_TYPE',
      fields: {},
    },
    {
      error: new wasock.WebSocketProtocolMismatchError('m'),
      name: 'WebSocketProtocolMismatchError',
      code: 'WASOCK_PROTOCOL_MISMATCH',
      fields: {},
    },
    {
      error: new wasock.WebSocketFailedUpgradeError(
        new URL('ws://u:p@h/x?t=1'),
        { status: 404, headers: { a: 'b' } },
        Buffer.from('c'),
      ),
      name: 'WebSocketFailedUpgradeError',
      code: 'WASOCK_FAILED_UPGRADE',
      fields: { url: 'ws://h/x?t=1', status: 404, headers: { a: 'b' }, body: Buffer.from('c'), bodyText: 'c' },
    },
    {
      error: new wasock.WebSocketHandshakeError('m', 426, { a: 'b' }),
      name: 'WebSocketHandshakeError',
      code: 'WASOCK_HANDSHAKE',
      fields: { status: 426, headers: { a: 'b' } },
    },
    {
      error: new wasock.WebSocketProtocolError(FAULT.RESERVED_BITS),
      name: 'WebSocketProtocolError',
      code: 'WASOCK_RESERVED_BITS',
      fields: { sentCloseCode: 1002, section: '5.2' },
    },
  ])('$name: a WebSocketError with the code $code and its fields', ({ error, name, code, fields }) => {
    expect(error).toBeInstanceOf(wasock.WebSocketError);
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(name);
    expect(error.code).toBe(code);
    expect(error).toMatchObject(fields);
    expect(`${error}`).toMatch(new RegExp(`^${name}: .`));
    expect(error.stack).toContain(name);
  });

  test('the codes are of one table, each there once', () => {
    const codes = [...Object.values(ERROR_CODE), ...Object.values(FAULT).map(({ code }) => code)];
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(code).toMatch(/^WASOCK_[A-Z0-9_]+$/);
  });
});

describe('closeCode is that of RFC 6455 §7.1.5', () => {
  test.each([
    {
      title: 'the received one',
      octets: frameFor('server', 8, Buffer.from([0x0f, 0xa0])),
      closeCode: 4000,
      wasClean: true,
    },
    { title: '1005 for a Close without one', octets: frameFor('server', 8), closeCode: 1005, wasClean: true },
    { title: '1006 without a Close', octets: Buffer.alloc(0), closeCode: 1006, wasClean: false },
    { title: '1006 where we failed the connection', octets: frameFor('server', 3), closeCode: 1006, wasClean: false },
  ])('$title', async ({ octets, closeCode, wasClean }) => {
    const { ws, peer } = await acceptedSocket();
    peer.socket.end(octets);
    expect(await rejection(ws.receivePacket())).toMatchObject({ closeCode, wasClean });
    expect(await ws.closed).toMatchObject({ closeCode, wasClean });
  });

  test('a protocol error is the cause of the closed error', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(frameFor('server', 3));
    const error = await rejection(ws.receivePacket());
    expect(error.cause).toBeInstanceOf(wasock.WebSocketProtocolError);
  });
});

describe('whatever the network does to an opening handshake', () => {
  const CODES: readonly string[] = Object.values(ERROR_CODE);

  /** What becomes of a connection, as the server has it. */
  const SERVERS: Record<string, (socket: Socket) => void> = {
    'RST at once': (socket) => void socket.resetAndDestroy(),
    'RST after the request': (socket) => socket.once('data', () => socket.resetAndDestroy()),
    'RST in the middle of the head': (socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 101 Swi', () => socket.resetAndDestroy())),
    'FIN at once': (socket) => void socket.end(),
    'FIN after the request': (socket) => socket.once('data', () => socket.end()),
    'FIN in the middle of the head': (socket) => socket.once('data', () => socket.end('HTTP/1.1 101 Swi')),
    'no HTTP': (socket) => socket.once('data', () => socket.end('220 mail.example ESMTP\r\n')),
    'another status': (socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')),
    'a body that is cut off': (socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 500 No\r\nContent-Length: 900\r\n\r\nhalf')),
    'a 101 without Accept': (socket) =>
      socket.once('data', () =>
        socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
      ),
    silence: (socket) => void socket.resume(),
  };

  test.each(
    Object.keys(SERVERS).flatMap((fault) => [
      [fault, 'ws'],
      [fault, 'wss'],
    ]),
  )('%s, to a client of %s: it rejects with a WebSocketError whose code is in the table', async (fault, scheme) => {
    const { port } = await tcpServer((socket) => SERVERS[fault](socket.on('error', () => {})));
    const error = await rejection(wasock.newWebSocket(`${scheme}://127.0.0.1:${port}/`, [], { handshakeTimeout: 300 }));
    expect(error).toBeInstanceOf(wasock.WebSocketError);
    expect(CODES).toContain((error as wasock.WebSocketError).code);
  });

  test.each([
    ['a port where nobody listens', async () => 'ws://127.0.0.1:1/'],
    ['TLS where none is expected', async () => `wss://127.0.0.1:${(await served()).port}/`],
    ['none where TLS is expected', async () => `ws://127.0.0.1:${(await served({ tls: PAIR })).port}/`],
    ['a certificate that nobody vouches for', async () => `wss://127.0.0.1:${(await served({ tls: PAIR })).port}/`],
  ])('%s: it rejects with WASOCK_CREATION, and what Node.js says as the cause', async (_what, url) => {
    const error = await rejection(wasock.newWebSocket(await url()));
    expect(error).toBeInstanceOf(wasock.WebSocketCreationError);
    expect(error).toMatchObject({ code: 'WASOCK_CREATION', cause: { code: expect.any(String) } });
  });
});
