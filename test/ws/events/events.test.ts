import { once } from 'node:events';
import { createServer, get } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { WebSocket } from 'ws';
import { frameFor } from '../../support/framer.js';
import { RawServer, rawClient, rawWebSocket, requestText } from '../../support/raw-peer.js';
import { turns, until } from '../../support/waiting.js';
import { IMPLEMENTATIONS, inner } from '../implementations.js';
import { connect, listen } from '../pairs.js';

/** The status and the body of an answer. Not by `fetch`, which needs WebAssembly. */
async function pageAt(url: string): Promise<[status: number | undefined, body: string]> {
  const [response] = await once(get(url, { agent: false }), 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  return [response.statusCode, body];
}

describe.each(IMPLEMENTATIONS)('%s: the events of a socket', (_, impl) => {
  test('ws.V1: open, message, ping, pong and close, with their arguments', async () => {
    const { client, server } = await connect(impl);
    const events: unknown[] = [];
    for (const event of ['message', 'ping', 'pong', 'close'] as const) {
      server.on(event as 'message', (...args) => events.push([event, ...args]));
    }
    client.send('text');
    client.send(Buffer.from([0, 255]));
    client.ping('p');
    client.pong(Buffer.from('q'));
    client.close(4002, 'gründe');
    expect(await once(client, 'pong')).toEqual([Buffer.from('p')]);
    await until(() => events.length === 5);
    expect(events).toEqual([
      ['message', Buffer.from('text'), false],
      ['message', Buffer.from([0, 255]), true],
      ['ping', Buffer.from('p')],
      ['pong', Buffer.from('q')],
      ['close', 4002, Buffer.from('gründe')],
    ]);
  });

  test('ws.V1: open comes before the first message, and close last', async () => {
    const { wss, url } = await listen(impl);
    wss.on('connection', (ws) => {
      ws.send('at once');
      ws.close();
    });
    const ws = new impl.WebSocket(url);
    const events: string[] = [];
    for (const event of ['upgrade', 'open', 'message', 'close']) ws.on(event, () => events.push(event));
    await once(ws, 'close');
    await turns();
    expect(events).toEqual(['upgrade', 'open', 'message', 'close']);
  });

  test('ws.V1: without autoPong Pings are not answered', async () => {
    const { client, server } = await connect(impl, { serverOptions: { autoPong: false } });
    const pongs: unknown[] = [];
    client.on('pong', (data) => pongs.push(String(data)));
    client.ping('unanswered');
    await once(server, 'ping');
    server.pong('by hand');
    await until(() => pongs.length > 0);
    expect(pongs).toEqual(['by hand']);
  });

  test('ws.V2: the EventTarget view gives strings, wasClean, target, type and error', async () => {
    const { client, server } = await connect(impl);
    const events: unknown[] = [];
    server.onmessage = ({ data, type, target }) => events.push([type, data, target === server]);
    server.onclose = ({ code, reason, wasClean, type, target }) =>
      events.push([type, code, reason, wasClean, target === server]);
    client.onopen = () => events.push(['never']);
    client.send('text');
    client.send(Buffer.from([1]));
    client.close(4003, 'why');
    await until(() => events.length === 3);
    expect(events).toEqual([
      ['message', 'text', true],
      ['message', Buffer.from([1]), true],
      ['close', 4003, 'why', true, true],
    ]);
  });

  test('ws.V2: the properties of an event are listed, as those of any interface of the WHATWG are', async () => {
    const { client, server } = await connect(impl);
    const listed: Record<string, string[]> = {};
    const list = (event: { type: string }) => {
      listed[event.type] = [];
      for (const name in event) listed[event.type].push(name);
      listed[event.type].sort();
    };
    server.addEventListener('message', list);
    server.addEventListener('close', list);
    server.addEventListener('error', list);
    client.send('text');
    inner(client)._socket.write(Buffer.of(0x83, 0x80, 0, 0, 0, 0));
    await until(() => 'close' in listed);
    expect(listed).toEqual({
      message: ['data', 'target', 'type'],
      error: ['error', 'message', 'target', 'type'],
      close: ['code', 'reason', 'target', 'type', 'wasClean'],
    });
  });

  test('ws.V2 ws.P.@discordjs/ws: onerror gets the error, onclose an unclean close; undefined options, null handlers', async () => {
    const raw = await RawServer.listen();
    const ws = new impl.WebSocket(raw.url, [], { handshakeTimeout: undefined, headers: undefined, origin: undefined });
    ws.binaryType = 'arraybuffer';
    const events: unknown[] = [];
    ws.onopen = ({ type, target }) => events.push([type, target === ws]);
    ws.onmessage = () => events.push('replaced');
    ws.onmessage = null;
    ws.onerror = ({ type, error, message, target }) => events.push([type, error.message === message, target === ws]);
    ws.onclose = ({ code, wasClean }) => events.push([code, wasClean]);
    const { peer } = await raw.accept();
    peer.write(Buffer.concat([frameFor('client', 2, 'x'), frameFor('client', 3)]));
    await peer.takeAll();
    await until(() => events.length === 3);
    expect(events).toEqual([
      ['open', true],
      ['error', true, true],
      [1006, false],
    ]);
  });
});

describe.each(IMPLEMENTATIONS)('%s: the events of a client', (_, impl) => {
  test('ws.V3 ws.P.playwright-core: upgrade comes with the answer and its raw headers', async () => {
    const raw = await RawServer.listen();
    const ws = new impl.WebSocket(raw.url);
    onTestFinished(() => ws.terminate());
    const upgrade = once(ws, 'upgrade');
    await raw.accept('X-One: 1\r\nx-one: 2\r\n');
    const [response] = await upgrade;
    expect(response.statusCode).toBe(101);
    expect(response.rawHeaders.slice(-4)).toEqual(['X-One', '1', 'x-one', '2']);
    expect(response.headers['x-one']).toBe('1, 2');
  });

  test('ws.V3: closing in upgrade ends the handshake', async () => {
    const raw = await RawServer.listen();
    const ws = new impl.WebSocket(raw.url);
    const events: unknown[] = [];
    ws.on('upgrade', () => ws.terminate());
    ws.on('open', () => events.push('open'));
    ws.on('error', ({ message }) => events.push(message));
    ws.on('close', (code) => events.push(code));
    await raw.accept();
    await until(() => events.length === 2);
    expect(events).toEqual(['WebSocket was closed before the connection was established', 1006]);
  });

  test('ws.V3 ws.P.playwright-core ws.P.miniflare: unexpected-response comes with a body that can be read', async () => {
    const raw = await RawServer.listen();
    const ws = new impl.WebSocket(raw.url);
    const events: unknown[] = [];
    ws.on('error', ({ message }) => events.push(message));
    ws.on('close', () => events.push('close'));
    const told = once(ws, 'unexpected-response');
    await raw.answer('HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nX-A: b\r\n\r\nbecause');
    const [request, response] = await told;
    expect([response.statusCode, response.headers['x-a']]).toEqual([403, 'b']);
    let body = '';
    for await (const chunk of response) body += chunk;
    expect(body).toBe('because');
    expect(events).toEqual([]);
    request.destroy();
    expect(ws.readyState).toBe(impl.WebSocket.CONNECTING);
    ws.terminate();
    await until(() => events.length === 2);
    expect(events).toEqual(['WebSocket was closed before the connection was established', 'close']);
  });

  test('ws.V3 ws.P.miniflare: redirects are followed if asked for, and told; secrets stay with the first host', async () => {
    const { wss, url } = await listen(impl);
    const seen: unknown[] = [];
    wss.on('connection', (ws, { headers }) => {
      seen.push(headers.authorization, headers.cookie, headers['x-kept']);
      ws.close();
    });
    const http = createServer((_request, response) => response.writeHead(302, { Location: url }).end());
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    const from = `ws://user:pass@127.0.0.1:${(http.address() as AddressInfo).port}/`;
    const headers = { Cookie: 'secret', 'X-Kept': 'yes' };

    const plain = new impl.WebSocket(from, { headers });
    const message = new Promise((resolve) => plain.on('error', (error) => resolve(error.message)));
    expect(await message).toBe('Unexpected server response: 302');

    const unwatched = new impl.WebSocket(from, { followRedirects: true, headers });
    await once(unwatched, 'close');
    expect(seen).toEqual([undefined, undefined, 'yes']);
    expect(unwatched.url).toBe(url);

    seen.length = 0;
    const watched = new impl.WebSocket(from, { followRedirects: true, headers });
    const redirects: unknown[] = [];
    watched.on('redirect', (to, request) => redirects.push(to, typeof request.setHeader));
    await once(watched, 'close');
    expect(redirects).toEqual([url, 'function']);
    expect(seen).toEqual([`Basic ${Buffer.from('user:pass').toString('base64')}`, 'secret', 'yes']);
  });

  test('ws.V3: too many redirects, and ones that lead nowhere, are errors', async () => {
    const raw = await RawServer.listen();
    const answers = async (location: string, options: object) => {
      const ws = new impl.WebSocket(raw.url, { followRedirects: true, ...options });
      const told = new Promise((resolve) => ws.on('error', (error) => resolve([error.name, error.message, ws.url])));
      const closed = new Promise((resolve) => ws.on('close', resolve));
      await raw.answer(`HTTP/1.1 301 Moved\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
      expect(await told).toBeDefined();
      expect(await closed).toBe(1006);
      return told;
    };
    expect(await answers('/again', { maxRedirects: 0 })).toEqual(['Error', 'Maximum redirects exceeded', raw.url]);
    expect(await answers('http://', {})).toEqual(['SyntaxError', 'Invalid URL: http://', raw.url]);
    expect(await answers('ftp://x/', {})).toEqual([
      'SyntaxError',
      'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"',
      'ftp://x/',
    ]);
  });
});

describe.each(IMPLEMENTATIONS)('%s: the events of a server', (_, impl) => {
  test('ws.V4: listening, headers, connection, close', async () => {
    const events: unknown[] = [];
    const wss = new impl.WebSocketServer({ port: 0, host: '127.0.0.1' }, () => events.push('callback'));
    wss.on('listening', () => events.push('listening'));
    await once(wss, 'listening');
    wss.on('headers', (headers, request) => {
      events.push('headers', headers[0], request.url);
      headers.push('X-Added: yes', 'Set-Cookie: a=b');
    });
    wss.on('connection', (ws, request) => events.push('connection', request.method, ws.readyState));
    wss.on('close', () => events.push('close'));
    const ws = new impl.WebSocket(`ws://127.0.0.1:${(wss.address() as AddressInfo).port}/x`);
    const [response] = await once(ws, 'upgrade');
    expect([response.headers['x-added'], response.headers['set-cookie']]).toEqual(['yes', ['a=b']]);
    ws.close();
    await once(ws, 'close');
    wss.close(() => events.push('closed'));
    await until(() => events.includes('closed'));
    expect(events).toEqual([
      ...['callback', 'listening', 'headers', 'HTTP/1.1 101 Switching Protocols', '/x'],
      ...['connection', 'GET', 1, 'close', 'closed'],
    ]);
  });

  test('ws.V4: a port that is taken is an error', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const wss = new impl.WebSocketServer({ port: (taken.address() as AddressInfo).port, host: '127.0.0.1' });
    expect((await once(wss, 'error'))[0].code).toBe('EADDRINUSE');
  });

  test.each([
    ['no key', { 'Sec-WebSocket-Key': undefined }, 'GET / HTTP/1.1', 'Missing or invalid Sec-WebSocket-Key header'],
    ['a short key', { 'Sec-WebSocket-Key': 'eA==' }, 'GET / HTTP/1.1', 'Missing or invalid Sec-WebSocket-Key header'],
    [
      'version 7',
      { 'Sec-WebSocket-Version': '7' },
      'GET / HTTP/1.1',
      'Missing or invalid Sec-WebSocket-Version header',
    ],
    ['another upgrade', { Upgrade: 'h2c' }, 'GET / HTTP/1.1', 'Invalid Upgrade header'],
    ['POST', {}, 'POST / HTTP/1.1', 'Invalid HTTP method'],
    ['bad protocols', { 'Sec-WebSocket-Protocol': 'a,,b' }, 'GET / HTTP/1.1', 'Invalid Sec-WebSocket-Protocol header'],
    [
      'double protocols',
      { 'Sec-WebSocket-Protocol': 'a, a' },
      'GET / HTTP/1.1',
      'Invalid Sec-WebSocket-Protocol header',
    ],
  ])('ws.V4: wsClientError tells of %s and leaves the answer to the listener', async (_what, fields, line, message) => {
    const { wss, url } = await listen(impl);
    const told = once(wss, 'wsClientError');
    const peer = await rawClient(Number(new URL(url).port));
    peer.write(requestText(fields, line));
    const [error, socket, request] = await told;
    expect([error.message, request.method]).toEqual([message, line.split(' ')[0]]);
    socket.end('HTTP/1.1 418 Teapot\r\n\r\n');
    expect((await peer.takeAll()).toString()).toBe('HTTP/1.1 418 Teapot\r\n\r\n');
  });

  test('ws.V4: close waits for the sockets, and tells those who come later', async () => {
    const { wss, client } = await connect(impl);
    let closed = 0;
    wss.close(() => closed++);
    wss.close(() => closed++);
    await turns(20);
    expect([closed, client.readyState]).toEqual([0, 1]);
    client.close();
    await until(() => closed === 2);
    const again = new Promise((resolve) => wss.close(resolve));
    expect(await again).toEqual(new Error('The server is not running'));
  });

  test('ws.V4 ws.P.engine.io: a server of somebody else’s goes on; close and listen again', async () => {
    const http = createServer((_request, response) => response.end('page'));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    const { port } = http.address() as AddressInfo;
    for (let round = 0; round < 2; round++) {
      const wss = new impl.WebSocketServer({ server: http });
      const ws = new impl.WebSocket(`ws://127.0.0.1:${port}/`);
      const [server] = (await once(wss, 'connection')) as [WebSocket];
      server.close();
      await once(ws, 'close');
      wss.close();
      await once(wss, 'close');
    }
    expect(await pageAt(`http://127.0.0.1:${port}/`)).toEqual([200, 'page']);
    expect(http.listenerCount('upgrade')).toBe(0);
  });

  test('ws.V4: upgrades are refused with 503 once the server is closing', async () => {
    const wss = new impl.WebSocketServer({ noServer: true });
    const http = createServer();
    http.on('upgrade', (request, socket, head) => wss.handleUpgrade(request, socket, head, () => {}));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    wss.close();
    const ws = new impl.WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/`);
    const message = new Promise((resolve) => ws.on('error', (error) => resolve(error.message)));
    expect(await message).toBe('Unexpected server response: 503');
  });

  test('ws.V4: the answer to a plain request is 426', async () => {
    const { url } = await listen(impl);
    expect(await pageAt(url.replace('ws:', 'http:'))).toEqual([426, 'Upgrade Required']);
  });

  test.each([
    [
      { path: '/only' },
      'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 11\r\n\r\nBad Request',
    ],
    [
      { verifyClient: () => false },
      'HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\nUnauthorized',
    ],
    [
      {
        verifyClient: (_info: object, callback: (...args: unknown[]) => void) =>
          callback(false, 429, 'slöw', { 'Retry-After': 120 }),
      },
      'HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 5\r\nRetry-After: 120\r\n\r\nslöw',
    ],
  ])('ws.V4: refusals, octet for octet: %j', async (options, answer) => {
    const { url } = await listen(impl, options as never);
    const peer = await rawClient(Number(new URL(url).port));
    peer.write(requestText({}, 'GET /x HTTP/1.1'));
    expect((await peer.takeAll()).toString()).toBe(answer);
  });

  test('ws.V4: verifyClient sees Origin, under the name of the version', async () => {
    const origins: unknown[] = [];
    const { url } = await listen(impl, {
      verifyClient: ({ origin, secure }: { origin: string; secure: boolean }) => {
        origins.push(origin, secure);
        return true;
      },
    });
    const port = Number(new URL(url).port);
    await rawWebSocket(port, { Origin: 'http://a' });
    await rawWebSocket(port, { 'Sec-WebSocket-Version': '8', 'Sec-WebSocket-Origin': 'http://b' });
    expect(origins).toEqual(['http://a', false, 'http://b', false]);
  });

  test.each([[{}], [{ port: 0, noServer: true }], [{ port: 0, server: createServer() }]])(
    'ws.V4: exactly one of port, server and noServer: %j',
    (options) => {
      const error = new TypeError('One and only one of the "port", "server", or "noServer" options must be specified');
      expect(() => new impl.WebSocketServer(options as never)).toThrow(error);
    },
  );

  test('ws.V4: address is an error without a server', () => {
    const wss = new impl.WebSocketServer({ noServer: true });
    expect(() => wss.address()).toThrow(new Error('The server is operating in "noServer" mode'));
  });
});
