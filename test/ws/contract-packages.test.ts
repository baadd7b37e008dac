import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { fragmentsFor, frameFor } from '../support/framer.js';
import { until } from '../support/waiting.js';
import { IMPLEMENTATIONS, inner, NPM_WS } from './implementations.js';
import { connect, listen } from './pairs.js';

/** How each package calls ws, replayed. test/dependents has the packages themselves. */
describe.each(IMPLEMENTATIONS)('%s', (_, impl) => {
  test.each([false, { threshold: 0 }])(
    'ws.P.engine.io: no tracking, headers, a prepared frame between sends, the address; compression: %j',
    async (perMessageDeflate) => {
      const wss = new impl.WebSocketServer({
        noServer: true,
        clientTracking: false,
        perMessageDeflate,
        maxPayload: 1e6,
      });
      wss.on('headers', (headers) => headers.push('x-extra: 1'));
      const http = createServer();
      const sent: unknown[] = [];
      http.on('upgrade', (request, socket, head) => {
        wss.handleUpgrade(request, socket, head, (ws) => {
          expect(inner(ws)._socket.remoteAddress).toBe('127.0.0.1');
          const list = NPM_WS.Sender.frame(Buffer.from('4prepared'), {
            readOnly: false,
            mask: false,
            rsv1: false,
            opcode: 1,
            fin: true,
          });
          ws.send('first', { compress: false }, () => sent.push('first'));
          inner(ws)._sender.sendFrame(list, () => sent.push('prepared'));
          ws.send('last', () => ws.close());
        });
      });
      http.listen(0, '127.0.0.1');
      await once(http, 'listening');
      onTestFinished(() => void http.close());
      const ws = new impl.WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/`);
      const messages: string[] = [];
      ws.on('message', (data) => messages.push(String(data)));
      const [response] = await once(ws, 'upgrade');
      expect(response.headers['sec-websocket-extensions']).toBe(perMessageDeflate ? 'permessage-deflate' : undefined);
      expect(response.headers['x-extra']).toBe('1');
      await once(ws, 'close');
      expect(messages).toEqual(['first', '4prepared', 'last']);
      expect(sent).toEqual(['first', 'prepared']);
    },
  );

  test.each([
    ['text', Buffer.from('text'), 1],
    ['octets', Buffer.from([0, 255]), 2],
    ['nothing', Buffer.alloc(0), 1],
    ['much', Buffer.alloc(70_000), 2],
  ])('ws.P.socket.io-adapter: Sender.frame of %s is that of npm ws', (_what, payload, opcode) => {
    const options = { readOnly: false, mask: false, rsv1: false, opcode, fin: true };
    expect(impl.Sender.frame(payload, options)).toEqual(NPM_WS.Sender.frame(payload, options));
  });

  test('ws.P.engine.io-client: on… setters, send with compress, unref', async () => {
    const { client, server } = await connect(impl, {
      serverOptions: { perMessageDeflate: true },
      clientOptions: { agent: false as never, perMessageDeflate: { threshold: 1024 } },
    });
    expect(client.extensions).toBe('permessage-deflate');
    const data: unknown[] = [];
    client.binaryType = 'arraybuffer';
    client.onmessage = (event) => data.push(event.data);
    inner(client)._socket.unref();
    server.on('message', (message, isBinary) => server.send(message, { binary: isBinary }));
    client.send('text', { compress: true });
    client.send(new Uint8Array([1, 2]).buffer, { compress: false });
    await until(() => data.length === 2);
    expect(data).toEqual(['text', new Uint8Array([1, 2]).buffer]);
  });

  test('ws.P.webpack-dev-server: ping with the callback first, isAlive, no tracking', async () => {
    const { url, wss } = await listen(impl, { clientTracking: false });
    const connection = once(wss, 'connection');
    const ws = new impl.WebSocket(url);
    onTestFinished(() => ws.terminate());
    const [server] = await connection;
    server.isAlive = false;
    server.on('pong', () => {
      server.isAlive = true;
    });
    await new Promise((resolve) => server.ping(resolve));
    await until(() => server.isAlive);
    expect(wss.shouldHandle({ url: '/any' } as never)).toBe(true);
  });

  test('ws.P.@nestjs/platform-ws: both names of the server; addEventListener with a MessageEvent', async () => {
    expect(impl.Server).toBe(impl.WebSocketServer);
    const { client, server, wss } = await connect(impl);
    inner(wss).path = '/';
    const message = new Promise((resolve) =>
      server.addEventListener('message', ({ data }) => resolve(data), undefined),
    );
    client.send('{"event":"x"}');
    expect(await message).toBe('{"event":"x"}');
  });

  test('ws.P.@hono/node-ws: on and off, compress undefined, the reason as a Buffer', async () => {
    const { client, server } = await connect(impl, { serverOptions: { perMessageDeflate: true } });
    const listener = vi.fn();
    server.on('message', listener);
    server.off('message', listener);
    server.send('x', { compress: undefined });
    expect(String((await once(client, 'message'))[0])).toBe('x');
    client.send('y');
    client.close(1000, 'reason');
    expect(await once(server, 'close')).toEqual([1000, Buffer.from('reason')]);
    expect(listener).not.toHaveBeenCalled();
  });

  test('ws.P.express-ws: a server on HTTP, a request that is rewritten, upgradeReq', async () => {
    const http = createServer();
    const wss = new impl.Server({ server: http });
    const urls: unknown[] = [];
    wss.on('connection', (ws: WebSocket, request: IncomingMessage) => {
      if ('upgradeReq' in ws) request = ws.upgradeReq as IncomingMessage;
      request.url = `${request.url}/.websocket`;
      urls.push(request.url);
      ws.close();
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    await once(new impl.WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/a`), 'close');
    expect(urls).toEqual(['/a/.websocket']);
  });

  test('ws.P.vite: noServer, close with a callback behind terminate', async () => {
    const wss = new impl.WebSocketServer({ noServer: true });
    const closed = new Promise((resolve) => wss.close(resolve));
    for (const client of wss.clients) client.terminate();
    expect(await closed).toBeUndefined();
  });

  test('ws.P.graphql-ws: ping and pong, send by promise, close of the server by promise', async () => {
    const { client, server, wss } = await connect(impl);
    const pong = once(server, 'pong');
    server.ping();
    await pong;
    await new Promise<void>((resolve, reject) => server.send('x', (error) => (error ? reject(error) : resolve())));
    const closed = new Promise<void>((resolve, reject) => wss.close((error) => (error ? reject(error) : resolve())));
    for (const ws of wss.clients) ws.close(1001, 'Going away');
    expect((await once(client, 'close'))[0]).toBe(1001);
    await closed;
    await until(() => wss.clients.size === 0);
  });

  test('ws.P.miniflare: close 1012, both kinds of OPEN', async () => {
    const { client, server } = await connect(impl);
    expect([client.OPEN, impl.WebSocket.OPEN, client.readyState]).toEqual([1, 1, 1]);
    server.close(1012);
    expect((await once(client, 'close'))[0]).toBe(1012);
  });

  test('ws.P.puppeteer-core: its options, and listeners by addEventListener', async () => {
    const clientOptions = {
      followRedirects: true,
      perMessageDeflate: false,
      allowSynchronousEvents: false,
      maxPayload: 256 * 1024 * 1024,
      headers: { 'User-Agent': 'x' },
    };
    const { client, server } = await connect(impl, { protocols: [], clientOptions });
    const data: unknown[] = [];
    client.addEventListener('message', (event) => data.push(event.data));
    client.addEventListener('error', () => {});
    server.send('x'.repeat(1e6));
    server.send('y');
    await until(() => data.length === 2);
    expect(data.map((text) => String(text).length)).toEqual([1e6, 1]);
  });

  test('ws.P.playwright-core: a Receiver of its own, fed by _write; a merged masked frame', async () => {
    const receiver = new impl.Receiver();
    const events: unknown[] = [];
    receiver.on('message', (data: Buffer, isBinary: boolean) => events.push([String(data), isBinary]));
    receiver.on('conclude', (code: number, reason: Buffer) => events.push([code, String(reason)]));
    const octets = Buffer.concat([
      ...fragmentsFor('client', 1, ['in ', 'two']),
      frameFor('client', 2, 'x'.repeat(200_000)),
      frameFor('client', 8, Buffer.from([3, 0xe8, 0x6f])),
    ]);
    for (let at = 0; at < octets.length; at += 50_000) {
      const error = await new Promise((resolve) =>
        receiver._write(octets.subarray(at, at + 50_000), 'binary', resolve),
      );
      expect(error).toBeUndefined();
    }
    expect(events).toEqual([
      ['in two', false],
      ['x'.repeat(200_000), true],
      [1000, 'o'],
    ]);
    const broken = new impl.Receiver();
    const error = await new Promise((resolve) => broken._write(frameFor('client', 3), 'binary', resolve));
    expect(error).toMatchObject({ code: 'WS_ERR_INVALID_OPCODE' });

    const list = impl.Sender.frame(Buffer.from('masked'), { opcode: 1, mask: true, fin: true, readOnly: true });
    expect(list).toHaveLength(1);
    const unmasked = Buffer.from(list[0].subarray(6)).map((octet, i) => octet ^ list[0][2 + (i & 3)]);
    expect([list[0][0], list[0][1], String(Buffer.from(unmasked))]).toEqual([0x81, 0x86, 'masked']);
  });

  test('ws.P.mqtt: createWebSocketStream on the class, with options of the client too', async () => {
    const { wss, url } = await listen(impl);
    wss.on('connection', (ws) => {
      const stream = inner(impl.WebSocket).createWebSocketStream(ws);
      stream.pipe(stream);
    });
    const ws = new impl.WebSocket(url, ['mqtt']);
    const stream = inner(impl.WebSocket).createWebSocketStream(ws, { objectMode: true, headers: {} });
    const octets = Buffer.alloc(300_000, 'mqtt');
    const received: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => received.push(chunk));
    stream.write(octets);
    await until(() => Buffer.concat(received).length >= octets.length);
    stream.end();
    await once(stream, 'close');
    expect(Buffer.concat(received).equals(octets)).toBe(true);
    expect(ws.readyState).toBe(impl.WebSocket.CLOSED);
  });

  test('ws.P.y-websocket: empty options and a callback; the server as a member of the class', async () => {
    expect(inner(impl.WebSocket).Server).toBe(impl.WebSocketServer);
    const { client, server } = await connect(impl);
    client.binaryType = 'arraybuffer';
    const message = once(client, 'message');
    const done = new Promise((resolve) => server.send(new Uint8Array([1, 2, 3]), {}, resolve));
    expect((await message)[0]).toBeInstanceOf(ArrayBuffer);
    expect(await done).toBeFalsy();
  });

  test('ws.P.dd-trace: wrapped methods of the prototypes, headers seen by a wrapped emit', async () => {
    const upgrades = vi.spyOn(impl.WebSocketServer.prototype, 'handleUpgrade');
    const sends = vi.spyOn(impl.WebSocket.prototype, 'send');
    onTestFinished(() => {
      upgrades.mockRestore();
      sends.mockRestore();
    });
    const { wss, url } = await listen(impl);
    const lines: unknown[] = [];
    const { emit } = wss;
    wss.emit = (event: string | symbol, ...args: unknown[]) => {
      if (event === 'headers') lines.push((args[0] as string[])[0]);
      return Reflect.apply(emit, wss, [event, ...args]);
    };
    const connection = once(wss, 'connection');
    const ws = new impl.WebSocket(url);
    onTestFinished(() => ws.terminate());
    const [server] = await connection;
    expect(inner(server)._sender._socket).toBe(inner(server)._socket);
    server.send('x');
    await once(ws, 'message');
    expect(lines).toEqual(['HTTP/1.1 101 Switching Protocols']);
    expect([upgrades.mock.calls.length, sends.mock.calls.length]).toEqual([1, 1]);
  });
});
