import http from 'node:http';
import { describe, expect, test } from 'vitest';
import * as wasock from '../../src/index.js';
import { frameFor } from '../support/framer.js';
import { RawServer, rawAnswer, rawWebSocket, requestText } from '../support/raw-peer.js';
import { acceptedSocket, aWhile, awaiting, connected, listening, rejection, served } from '../support/servers.js';

const { newWebSocket, Opcode, ReadyState, WebSocketError } = wasock;

describe('the surface of the seed', () => {
  test('seed.C1.ReadyState: the names and numbers of the states', () => {
    expect(ReadyState).toEqual({ Connecting: 0, Open: 1, Closing: 2, Closed: 3 });
  });

  test('seed.C1.ReadyState: a socket goes from Open over Closing to Closed', async () => {
    const { ws, peer } = await acceptedSocket();
    expect(ws.readyState).toBe(ReadyState.Open);
    const closed = ws.close();
    expect(ws.readyState).toBe(ReadyState.Closing);
    peer.write(frameFor('server', Opcode.Close, Buffer.from([0x03, 0xe8])));
    await closed;
    expect(ws.readyState).toBe(ReadyState.Closed);
  });

  test('seed.C1.Opcode: the names and numbers of the opcodes', () => {
    expect(Opcode).toEqual({ Cont: 0, Text: 1, Binary: 2, Close: 8, Ping: 9, Pong: 10 });
  });

  test('seed.C1.WebSocket: what a server knows of a socket', async () => {
    const { ws, server } = await acceptedSocket({}, { 'Sec-WebSocket-Protocol': 'foo' });
    expect(ws).toBeInstanceOf(wasock.WebSocket);
    expect(ws.version).toBe(13);
    expect(ws.key).toBe('dGhlIHNhbXBsZSBub25jZQ==');
    expect(ws.protocol).toBe('');
    expect(ws.url).toBe('/ws');
    expect(ws.request?.headers.host).toBe('localhost');
    expect(ws.remoteAddress).toBe('127.0.0.1');
    expect([...server.upgrades.connections]).toEqual([ws]);
    expect(() => Object.assign(ws, { key: 'another' })).toThrow(TypeError);
  });

  test('seed.C1.WebSocket: what a client knows of a socket', async () => {
    const { url } = await served({ upgrade: (_request, { protocols }) => ({ protocol: protocols[1] }) });
    const ws = await connected(url, ['foo', 'bar']);
    expect(ws.version).toBe(0);
    expect(ws.key).toBe('');
    expect(ws.protocol).toBe('bar');
    expect(ws.url).toBe(url);
    expect(ws.request).toBeUndefined();
    expect(ws.remoteAddress).toBe('127.0.0.1');
  });

  test('seed.C1.newWebSocket: from a URL and from a request, with one protocol, several or none', async () => {
    const { port } = await awaiting(async (request) => {
      const ours = request.url === '/one' ? 'foo' : request.url === '/several' ? ['bar', 'foo'] : undefined;
      const ws = await newWebSocket(request, ours);
      await ws.send(`agreed on ${ws.protocol}`);
      await ws.closed;
    });
    const greeting = async (path: string, protocols?: string | string[]) =>
      (await connected(`ws://127.0.0.1:${port}${path}`, protocols)).receiveStrPacket();
    expect(await greeting('/none')).toBe('agreed on ');
    expect(await greeting('/one', 'foo')).toBe('agreed on foo');
    expect(await greeting('/several', ['foo'])).toBe('agreed on foo');
    expect(await greeting('/several', ['x', 'foo', 'bar'])).toBe('agreed on foo');
  });

  test('seed.C1.send: strings go as Text, bytes as Binary, and the opcode may say otherwise', async () => {
    const { ws, peer } = await acceptedSocket();
    ws.send('text');
    ws.send(Buffer.from('bytes'));
    ws.send(Buffer.from('text'), Opcode.Text);
    ws.send('bytes', Opcode.Binary);
    ws.send('pi', Opcode.Ping);
    ws.send('po', Opcode.Pong);
    const frames = '8104 74657874 8205 6279746573 8104 74657874 8205 6279746573 8902 7069 8a02 706f'.replaceAll(
      ' ',
      '',
    );
    expect((await peer.take(frames.length / 2)).toString('hex')).toBe(frames);
    for (const opcode of [Opcode.Cont, Opcode.Close, 3, 11, -1, '1']) {
      expect(() => ws.send('x', opcode as 1)).toThrow(TypeError);
    }
  });

  test('seed.C1.receivePacket: the next whole message with its opcode', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(frameFor('server', Opcode.Text, 'grüße'));
    peer.write(frameFor('server', Opcode.Binary, Buffer.from([0, 255])));
    expect(await ws.receivePacket()).toMatchObject({ opcode: Opcode.Text, data: 'grüße' });
    expect(await ws.receivePacket()).toMatchObject({ opcode: Opcode.Binary, data: Buffer.from([0, 255]) });
  });

  test('seed.C1.receiveStrPacket: the next text', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(frameFor('server', Opcode.Text, 'hi'));
    expect(await ws.receiveStrPacket()).toBe('hi');
  });

  test('seed.C1.receiveBinaryPacket: the next bytes', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(frameFor('server', Opcode.Binary, 'hi'));
    const data = await ws.receiveBinaryPacket();
    expect(Buffer.isBuffer(data)).toBe(true);
    expect(data).toEqual(Buffer.from('hi'));
  });

  test('seed.C1.ping: with a string, with bytes, and empty', async () => {
    const { ws, peer } = await acceptedSocket();
    ws.ping('ab');
    ws.ping(new Uint8Array([1]));
    ws.ping();
    expect((await peer.take(9)).toString('hex')).toBe('89026162890101' + '8900');
  });

  test('seed.C1.setupPings: pings until the function that it returns is called', async () => {
    const { ws, peer } = await acceptedSocket();
    const stop = ws.setupPings(0.05);
    expect((await peer.take(4)).toString('hex')).toBe('89008900');
    stop();
    await aWhile(100);
    const before = peer.received.length;
    await aWhile(250);
    expect(peer.received.length).toBe(before);
  });

  test('seed.C1.hangup: the TCP connection is closed without a Close frame', async () => {
    const { ws, peer } = await acceptedSocket();
    ws.hangup();
    expect(ws.readyState).toBe(ReadyState.Closed);
    expect((await peer.takeAll()).length).toBe(0);
  });

  test('seed.C1.close: a Close frame with code and reason, and a promise that says how it ended', async () => {
    const { ws, peer } = await acceptedSocket();
    const closed = ws.close(4000, 'bye');
    expect((await peer.take(7)).toString('hex')).toBe('88050fa0627965');
    peer.write(frameFor('server', Opcode.Close, Buffer.from([0x0f, 0xa1])));
    expect(await closed).toEqual({ closeCode: 4001, reason: '', wasClean: true });
    expect((await peer.takeAll()).length).toBe(0);
  });

  test('seed.C1.offeredProtocols: what the client offers, in its order', async () => {
    const offers: string[][] = [];
    const { port } = await awaiting(async (request) => {
      offers.push(wasock.offeredProtocols(request));
      await newWebSocket(request);
    });
    await rawWebSocket(port, { 'Sec-WebSocket-Protocol': ['b, a', 'c'] });
    await rawWebSocket(port);
    expect(offers).toEqual([['b', 'a', 'c'], []]);
  });

  test('seed.C1.jester: a handler that ends without an answer gets the fitting refusal sent for it', async () => {
    const { port, errors } = await awaiting(async (request) => {
      await newWebSocket(request).catch(() => {});
    });
    const answer = await rawAnswer(port, requestText({ 'Sec-WebSocket-Key': undefined }));
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('Connection: close\r\n');
    expect(errors).toEqual([]);
  });

  test('seed.C1.jester: a handler of any framework may await it, here one that hands requests on', async () => {
    const inner = async (request: http.IncomingMessage) => {
      const ws = await newWebSocket(request);
      await ws.send('Welcome');
    };
    const server = http.createServer((request, response) => {
      const next = () => inner(request).catch(() => response.writeHead(404).end());
      setImmediate(next);
    });
    wasock.acceptUpgrades(server);
    const ws = await connected(`ws://127.0.0.1:${await listening(server)}`);
    expect(await ws.receiveStrPacket()).toBe('Welcome');
  });
});

describe('the errors of the seed', () => {
  test('seed.C1.WebSocketError: the base of all others, an Error, with a code', async () => {
    const all = Object.entries(wasock).filter(([name]) => /^WebSocket.+Error$/.test(name));
    expect(all.map(([name]) => name).sort()).toEqual([
      'WebSocketClosedError',
      'WebSocketCreationError',
      'WebSocketFailedUpgradeError',
      'WebSocketHandshakeError',
      'WebSocketPacketTypeError',
      'WebSocketProtocolError',
      'WebSocketProtocolMismatchError',
    ]);
    for (const [, Class] of all) expect(Object.getPrototypeOf(Class)).toBe(WebSocketError);
    expect(new WebSocketError('x', 'WASOCK_X')).toBeInstanceOf(Error);
  });

  test('seed.C1.WebSocketClosedError: the socket was closed, with closeCode, reason and wasClean', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(frameFor('server', Opcode.Close, Buffer.from('\x0f\xa0why', 'latin1')));
    const error = await rejection(ws.receivePacket());
    expect(error).toBeInstanceOf(wasock.WebSocketClosedError);
    expect(error).toMatchObject({ closeCode: 4000, reason: 'why', wasClean: true, code: 'WASOCK_CLOSED' });
  });

  test('seed.C1.WebSocketCreationError: no connection, no such scheme, no place to upgrade', async () => {
    const server = http.createServer(async (request, response) => {
      response.end((await rejection(newWebSocket(request))).name);
    });
    const port = await listening(server);
    const answer = await rawAnswer(port, requestText({ Connection: 'Upgrade, close' }));
    expect(answer).toContain('WebSocketCreationError');
    const refused = await rejection(newWebSocket('ws://127.0.0.1:1/'));
    expect(refused).toBeInstanceOf(wasock.WebSocketCreationError);
    expect(await rejection(newWebSocket('http://127.0.0.1/'))).toBeInstanceOf(wasock.WebSocketCreationError);
  });

  test('seed.C1.WebSocketPacketTypeError: text came where bytes were wanted, and the reverse', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(frameFor('server', Opcode.Text, 'x'));
    peer.write(frameFor('server', Opcode.Binary, 'x'));
    expect(await rejection(ws.receiveBinaryPacket())).toBeInstanceOf(wasock.WebSocketPacketTypeError);
    expect(await rejection(ws.receiveStrPacket())).toBeInstanceOf(wasock.WebSocketPacketTypeError);
  });

  test('seed.C1.WebSocketProtocolMismatchError: no agreement on a protocol', async () => {
    const { url } = await served();
    const error = await rejection(newWebSocket(url, 'foo'));
    expect(error).toBeInstanceOf(wasock.WebSocketProtocolMismatchError);
    expect(error).toMatchObject({ code: 'WASOCK_PROTOCOL_MISMATCH' });
  });

  test('seed.C1.WebSocketFailedUpgradeError: the answer was no upgrade; status, headers, the first KiB of the body', async () => {
    const server = await RawServer.listen();
    const failed = rejection(newWebSocket(server.url));
    await server.answer(`HTTP/1.1 403 Forbidden\r\nX-Why: no\r\nContent-Length: 2000\r\n\r\n${'n'.repeat(2000)}`);
    const error = await failed;
    expect(error).toBeInstanceOf(wasock.WebSocketFailedUpgradeError);
    expect(error).toMatchObject({ status: 403, headers: { 'x-why': 'no' }, body: Buffer.from('n'.repeat(1024)) });
  });

  test('seed.C1.WebSocketHandshakeError: the request was no handshake; status and headers to answer with', async () => {
    const caught: Error[] = [];
    const { port } = await awaiting(async (request, response) => {
      caught.push(await rejection(newWebSocket(request)));
      response.end();
    });
    await rawAnswer(port, requestText({ 'Sec-WebSocket-Version': '12' }));
    expect(caught[0]).toBeInstanceOf(wasock.WebSocketHandshakeError);
    expect(caught[0]).toMatchObject({ status: 426, headers: { 'Sec-WebSocket-Version': '13' } });
  });
});
