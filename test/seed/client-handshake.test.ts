import http from 'node:http';
import { describe, expect, test } from 'vitest';
import { newWebSocket, Opcode, WebSocketCreationError, WebSocketError } from '../../src/index.js';
import { frameFor } from '../support/framer.js';
import { ACCEPT, acceptance, RawServer } from '../support/raw-peer.js';
import { aWhile, awaiting, connected, listening, rejection } from '../support/servers.js';

/** What a client says to a server that answers like this. */
async function failure(answer: (request: string) => string, protocols?: string[]) {
  const server = await RawServer.listen();
  const failed = rejection(newWebSocket(server.url, protocols));
  const peer = await server.peer();
  peer.write(answer(await peer.takeHead()));
  return { error: await failed, peer };
}

describe('the handshake on the client', () => {
  test('seed.K1: the header fields of the request, and no others', async () => {
    const server = await RawServer.listen();
    const opening = newWebSocket(`${server.url}?a=1&b=%20`, ['foo', 'bar']);
    const { request } = await server.accept('Sec-WebSocket-Protocol: foo\r\n');
    (await opening).hangup();
    const [line, ...fields] = request.trimEnd().split('\r\n');
    expect(line).toBe('GET /ws?a=1&b=%20 HTTP/1.1');
    const map = new Map(fields.map((field) => field.split(': ') as [string, string]));
    expect([...map.keys()].sort()).toEqual([
      'Connection',
      'Host',
      'Sec-WebSocket-Key',
      'Sec-WebSocket-Protocol',
      'Sec-WebSocket-Version',
      'Upgrade',
    ]);
    expect(map.get('Host')).toBe(`127.0.0.1:${server.port}`);
    expect(map.get('Upgrade')).toBe('websocket');
    expect(map.get('Connection')).toBe('Upgrade');
    expect(map.get('Sec-WebSocket-Version')).toBe('13');
    expect(map.get('Sec-WebSocket-Protocol')).toBe('foo, bar');
    expect(Buffer.from(map.get('Sec-WebSocket-Key') ?? '', 'base64').length).toBe(16);
  });

  test('seed.K1: every connection has a key of its own', async () => {
    const server = await RawServer.listen();
    const keys = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const opening = newWebSocket(server.url);
      keys.add(/Sec-WebSocket-Key: (.*)\r/.exec((await server.accept()).request)?.[1] ?? '');
      (await opening).hangup();
    }
    expect(keys.size).toBe(3);
  });

  test('seed.K1: origin and headers add to it', async () => {
    const server = await RawServer.listen();
    const opening = newWebSocket(server.url, [], { origin: 'http://a.example', headers: { 'X-A': ['1', '2'] } });
    const { request } = await server.accept();
    (await opening).hangup();
    expect(request).toContain('\r\nOrigin: http://a.example\r\n');
    expect(request).toContain('\r\nX-A: 1\r\nX-A: 2\r\n');
  });

  test('seed.K2: another scheme is an error before anything is sent', async () => {
    const error = await rejection(newWebSocket('ftp://127.0.0.1:1/'));
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect(error.message).toMatch(/^Scheme ftp not supported yet/);
  });

  test.each([
    { scheme: 'ws', port: 80 },
    { scheme: 'wss', port: 443 },
  ])('seed.K2: $scheme means port $port', async ({ scheme, port }) => {
    const asked: unknown[] = [];
    const createConnection = (options: { port?: number | string }) => {
      asked.push(options.port);
      throw new Error('far enough');
    };
    const opened = newWebSocket(`${scheme}://localhost/`, [], { createConnection: createConnection as never });
    expect(await rejection(opened)).toBeInstanceOf(WebSocketError);
    expect(asked).toEqual([port]);
  });

  test.each([
    { title: 'a wrong Sec-WebSocket-Accept', from: /Accept: .*/, to: `Accept: ${ACCEPT}` },
    { title: 'no Sec-WebSocket-Accept', from: /Sec-WebSocket-Accept: .*\r\n/, to: '' },
    { title: 'another Upgrade', from: 'Upgrade: websocket', to: 'Upgrade: foo' },
    { title: 'no Connection', from: 'Connection: Upgrade\r\n', to: '' },
    { title: 'status 200', from: '101 Switching Protocols', to: '200 OK\r\nContent-Length: 0' },
    { title: 'an extension', from: /\r\n\r\n$/, to: '\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n' },
  ])('seed.K3: $title fails the handshake, and the connection is closed', async ({ from, to }) => {
    const { error, peer } = await failure((request) => acceptance(request).replace(from, to));
    expect(error).toBeInstanceOf(WebSocketError);
    expect(error.name).toBe(to.startsWith('200') ? 'WebSocketFailedUpgradeError' : 'WebSocketHandshakeError');
    expect((await peer.takeAll()).length).toBe(0);
  });

  test('seed.K4: any other answer carries status, headers and the start of the body', async () => {
    const answer = 'HTTP/1.1 404 Not Found\r\nX-Why: there is none\r\nContent-Length: 4\r\n\r\nnone';
    const { error } = await failure(() => answer);
    expect(error.name).toBe('WebSocketFailedUpgradeError');
    expect(error.message).toMatch(/^Failed to Upgrade \(Possibly Connected to non-WebSocket url\)/);
    expect(error).toMatchObject({
      status: 404,
      headers: { 'x-why': 'there is none' },
      body: Buffer.from('none'),
      code: 'WASOCK_FAILED_UPGRADE',
    });
  });

  test.each(['', 'Sec-WebSocket-Protocol: bar\r\n'])(
    'seed.K5: asked for foo and got %j: a mismatch, and the connection is closed',
    async (line) => {
      const { error, peer } = await failure((request) => acceptance(request, line), ['foo']);
      expect(error.name).toBe('WebSocketProtocolMismatchError');
      expect((await peer.takeAll()).length).toBe(0);
    },
  );

  test('seed.K6: a protocol that was not asked for fails the handshake', async () => {
    const { error } = await failure((request) => acceptance(request, 'Sec-WebSocket-Protocol: bar\r\n'));
    expect(error.name).toBe('WebSocketHandshakeError');
  });

  test('seed.K6: an empty protocol means none, and sends no header', async () => {
    const server = await RawServer.listen();
    const opening = newWebSocket(server.url, '');
    const { request } = await server.accept();
    expect((await opening).protocol).toBe('');
    (await opening).hangup();
    expect(request).not.toContain('Sec-WebSocket-Protocol');
  });

  test('seed.K7: redirects are followed only if asked for', async () => {
    const { url } = await awaiting(async (request) => {
      const ws = await newWebSocket(request);
      await ws.send('arrived');
      await ws.closed;
    });
    const from = `ws://127.0.0.1:${await listening(http.createServer((_request, response) => response.writeHead(302, { Location: url }).end()))}`;
    expect(await rejection(newWebSocket(from))).toMatchObject({ status: 302, headers: { location: url } });
    const ws = await connected(from, [], { followRedirects: true });
    expect(await ws.receiveStrPacket()).toBe('arrived');
    expect(ws.url).toBe(url);
  });

  test('seed.K8: gives up on a silent server after handshakeTimeout', async () => {
    const server = await RawServer.listen();
    const error = await rejection(newWebSocket(server.url, [], { handshakeTimeout: 60 }));
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect(error.message).toContain('handshakeTimeout');
    const peer = await server.peer();
    await peer.takeAll();
    expect(peer.ended).toBe(true);
  });

  test('seed.K9: a refused connection is a WebSocketError with the original as its cause', async () => {
    const error = await rejection(newWebSocket('ws://127.0.0.1:1/'));
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect(error).toMatchObject({ code: 'WASOCK_CREATION', cause: { code: 'ECONNREFUSED' } });
  });

  test.each(['', 'HTTP/1.1 101 Swi', 'what is HTTP?\r\n\r\n', '\0\0\0\0'])(
    'seed.K9: a server that answers %j and drops the connection is a WebSocketError with a cause',
    async (answer) => {
      const server = await RawServer.listen();
      const failed = rejection(newWebSocket(server.url));
      const peer = await server.peer();
      await peer.takeHead();
      peer.socket.end(answer);
      const error = await failed;
      expect(error).toBeInstanceOf(WebSocketCreationError);
      expect(error.cause).toBeInstanceOf(Error);
    },
  );

  test('seed.K10: a frame that came in one piece with the 101 is delivered', async () => {
    const server = await RawServer.listen();
    const opening = newWebSocket(server.url);
    await server.accept('', Buffer.concat([frameFor('client', Opcode.Text, 'first'), frameFor('client', 1, 'second')]));
    const ws = await opening;
    await aWhile();
    expect(await ws.receiveStrPacket()).toBe('first');
    expect(await ws.receiveStrPacket()).toBe('second');
    ws.hangup();
  });
});
