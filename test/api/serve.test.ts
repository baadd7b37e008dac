import http, { type IncomingMessage } from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { Opcode, ReadyState, refuse, type ServeOptions, serve, type WebSocket } from '../../src/index.js';
import { frameFor } from '../support/framer.js';
import { type RawPeer, rawAnswer, rawClient, rawWebSocket, requestText } from '../support/raw-peer.js';
import { aWhile, connected, getPage, listening, rejection, served, until, withResolvers } from '../support/servers.js';

const statusOf = (answer: string) => Number(answer.slice(9, 12));
const text = (payload: string) => frameFor('server', Opcode.Text, payload);

describe('arguments', () => {
  test.each([
    { title: 'no options', options: undefined, error: TypeError },
    { title: 'a port of another type', options: { port: true }, error: TypeError },
    { title: 'a port out of range', options: { port: 65_536 }, error: RangeError },
    { title: 'a host of another type', options: { host: 1 }, error: TypeError },
    { title: 'a relative path', options: { path: 'ws' }, error: TypeError },
    { title: 'a handler that is no function', options: { message: 'echo' }, error: TypeError },
    { title: 'a port and a Unix socket', options: { port: 1, unix: '/x' }, error: TypeError },
    { title: 'a port and a server', options: { port: 1, server: http.createServer() }, error: TypeError },
    { title: 'a server that is none', options: { server: {} }, error: TypeError },
    { title: 'a server and tls', options: { server: http.createServer(), tls: {} }, error: TypeError },
    { title: 'a limit out of range', options: { maxPayload: 0 }, error: RangeError },
    { title: 'compression that is no option', options: { compression: 'on' }, error: TypeError },
  ])('$title: thrown at the call', ({ options, error }) => {
    expect(() => serve(options as ServeOptions)).toThrow(error);
  });
});

describe('zeroCopy and textAs', () => {
  test('zeroCopy: data is a view that is valid until message returns', async () => {
    const seen: { now: string; view: Buffer }[] = [];
    const { port } = await served({
      zeroCopy: true,
      message: (ws, data) => {
        seen.push({ now: data.toString('latin1'), view: data as Buffer });
        ws.send(data);
      },
    });
    const peer = await rawWebSocket(port);
    for (const letter of ['a', 'b', 'c']) {
      peer.write(frameFor('server', Opcode.Binary, letter.repeat(100)));
      expect((await peer.take(102)).subarray(2).toString()).toBe(letter.repeat(100));
    }
    expect(seen.map(({ now }) => now)).toEqual(['a', 'b', 'c'].map((letter) => letter.repeat(100)));
    expect(seen[0].view.toString('latin1')).not.toBe('a'.repeat(100));
  });

  test('hostile.F-28: without it, every message keeps its octets', async () => {
    const seen: Buffer[] = [];
    const { port } = await served({ message: (_ws, data) => seen.push(data as Buffer) });
    const peer = await rawWebSocket(port);
    for (let i = 0; i < 1000; i++) peer.write(frameFor('server', Opcode.Binary, Buffer.alloc(50, i)));
    await until(() => seen.length === 1000);
    expect(seen.every((bytes, i) => bytes.equals(Buffer.alloc(50, i)))).toBe(true);
  });

  test('textAs: "bytes": Text comes as a Buffer', async () => {
    const seen: unknown[] = [];
    const { port } = await served({ textAs: 'bytes', message: (...args) => seen.push(args.slice(1)) });
    const peer = await rawWebSocket(port);
    peer.write(text('grüße'));
    await until(() => seen.length === 1);
    expect(seen).toEqual([[Buffer.from('grüße'), Opcode.Text]]);
  });
});

describe('path and request', () => {
  test('path is exact; others go to request', async () => {
    const { port } = await served({
      path: '/ws',
      request: (request, response) => response.end(`page ${request.url}`),
    });
    await rawWebSocket(port, {}, '/ws?query');
    const answer = await rawAnswer(port, requestText({}, 'GET /other HTTP/1.1'));
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(answer).toContain('\r\nConnection: close\r\n');
    expect(answer).toContain('page /other');
    expect((await getPage(port, '/page')).text).toBe('page /page');
  });

  test('without request: 404, and 426 where a WebSocket is served', async () => {
    const { port } = await served({ path: '/ws' });
    const other = await getPage(port, '/other');
    expect(other.status).toBe(404);
    expect(other.headers.connection).toBe('close');
    const here = await getPage(port, '/ws');
    expect(here.status).toBe(426);
    expect(here.headers['sec-websocket-version']).toBe('13');
    expect(statusOf(await rawAnswer(port, requestText({}, 'GET /other HTTP/1.1')))).toBe(404);
  });

  test.each([
    () => {
      throw new Error('page');
    },
    () => Promise.reject(new Error('page')),
  ])('a request handler that fails is 500, and told to error', async (request) => {
    const { port, errors } = await served({ path: '/ws', request });
    expect((await getPage(port, '/')).status).toBe(500);
    expect(statusOf(await rawAnswer(port, requestText({}, 'GET /other HTTP/1.1')))).toBe(500);
    expect(errors.map(({ message }) => message)).toEqual(['page', 'page']);
  });

  test('hostile.H-10: another Upgrade value goes to request, or gets a plain refusal', async () => {
    const { port } = await served();
    expect(statusOf(await rawAnswer(port, requestText({ Upgrade: 'h2c' })))).toBe(426);
    const withPages = await served({ request: (_request, response) => response.end('page') });
    expect(statusOf(await rawAnswer(withPages.port, requestText({ Upgrade: 'h2c' })))).toBe(200);
    expect(statusOf(await rawAnswer(withPages.port, requestText({ Upgrade: 'h2c, websocket' })))).toBe(400);
  });
});

describe('upgrade', () => {
  test('may be left out: all are accepted, offers ignored', async () => {
    const { port } = await served();
    const peer = await rawClient(port);
    peer.write(requestText({ 'Sec-WebSocket-Protocol': 'foo' }));
    expect(await peer.takeHead()).not.toContain('Sec-WebSocket-Protocol');
  });

  test.each(['at once', 'later'])('says data, protocol and headers, %s', async (when) => {
    const { promise, resolve } = withResolvers<WebSocket<{ user: string }>>();
    const { port } = await served<{ user: string }>({
      upgrade: (request: IncomingMessage, { protocols, signal }) => {
        expect(signal.aborted).toBe(false);
        const answer = {
          data: { user: `${request.headers.cookie}` },
          protocol: protocols[1],
          headers: { 'Set-Cookie': 'seen=1', 'X-Offers': protocols.join('+') },
        };
        return when === 'later' ? aWhile(10).then(() => answer) : answer;
      },
      open: (ws) => resolve(ws),
    });
    const peer = await rawClient(port);
    peer.write(requestText({ 'Sec-WebSocket-Protocol': 'foo, bar', Cookie: 'me' }));
    const head = await peer.takeHead();
    expect(head).toContain('\r\nSec-WebSocket-Protocol: bar\r\n');
    expect(head).toContain('\r\nSet-Cookie: seen=1\r\nX-Offers: foo+bar\r\n');
    const ws = await promise;
    expect(ws.data).toEqual({ user: 'me' });
    expect(ws.protocol).toBe('bar');
    expect(ws.request?.headers.cookie).toBe('me');
  });

  test.each(['at once', 'later'])('may refuse, %s', async (when) => {
    const refusal = refuse(401, { headers: { 'WWW-Authenticate': 'Basic' }, body: 'who are you?' });
    const { port, errors } = await served({
      upgrade: () => (when === 'later' ? aWhile(10).then(() => refusal) : refusal),
    });
    const answer = await rawAnswer(port, requestText());
    expect(answer).toMatch(/^HTTP\/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 12\r\n/);
    expect(answer).toContain('\r\nWWW-Authenticate: Basic\r\n');
    expect(answer.endsWith('\r\n\r\nwho are you?')).toBe(true);
    expect(errors).toEqual([]);
  });

  test.each([
    {
      title: 'throws',
      upgrade: () => {
        throw new Error('upgrade');
      },
    },
    { title: 'rejects', upgrade: () => Promise.reject(new Error('upgrade')) },
    { title: 'rejects with no Error', upgrade: () => Promise.reject('upgrade') },
  ])('hostile.H-31: that $title: 500, and error is told without a socket', async ({ upgrade }) => {
    const reported: unknown[][] = [];
    const { port } = await served({ upgrade, error: (...args: unknown[]) => reported.push(args) });
    expect(statusOf(await rawAnswer(port, requestText()))).toBe(500);
    expect(reported).toHaveLength(1);
    expect(reported[0][0]).toMatchObject({ message: 'upgrade' });
    expect(reported[0][1]).toBeUndefined();
  });

  test.each([
    { title: 'a header with a line end', answer: { headers: { 'X-A': 'b\r\nX-Injected: 1' } } },
    { title: 'a header name with a line end', answer: { headers: { 'X-A\r\nX-Injected': '1' } } },
    { title: 'a header of the handshake', answer: { headers: { 'Sec-WebSocket-Accept': 'x' } } },
    { title: 'a protocol that was not offered', answer: { protocol: 'baz' } },
    { title: 'false', answer: false },
    { title: 'null', answer: null },
    { title: 'what looks like a refusal', answer: { status: 401, headers: {}, body: 'no' } },
    { title: 'the data itself', answer: { user: 'me' } },
  ])(
    'hostile.H-32: that returns $title: 500, a TypeError for error, and nothing else is written',
    async ({ answer }) => {
      const { port, errors, server } = await served({ upgrade: () => answer as never });
      const octets = await rawAnswer(port, requestText({ 'Sec-WebSocket-Protocol': 'foo' }));
      expect(octets).toMatch(/^HTTP\/1.1 500 Internal Server Error\r\n/);
      expect(octets).not.toContain('X-Injected');
      expect(octets.match(/HTTP\/1.1/g)).toHaveLength(1);
      expect(errors).toHaveLength(1);
      expect(errors[0]).toBeInstanceOf(TypeError);
      expect(server.connections.size).toBe(0);
    },
  );

  test.each([
    [10_000, 9500],
    [1000, 750],
    [0, 0],
  ])(
    'hostile.H-20: of a handshakeTimeout of %i, node:http gets what its patience has left: %i',
    async (handshakeTimeout, left) => {
      const createServer = vi.spyOn(http, 'createServer');
      await served({ handshakeTimeout });
      expect(createServer.mock.calls[0][0]).toMatchObject({ headersTimeout: left, requestTimeout: left });
      createServer.mockRestore();
    },
  );

  test('hostile.A2.9: that stays silent: 503 after handshakeTimeout, and the signal is aborted', async () => {
    const { promise, resolve } = withResolvers();
    const { port } = await served({
      handshakeTimeout: 80,
      upgrade: (_request, { signal }) => {
        signal.addEventListener('abort', () => resolve());
        return new Promise<never>(() => {});
      },
    });
    expect(statusOf(await rawAnswer(port, requestText()))).toBe(503);
    await promise;
  });

  test.each([
    { how: 'RST', leave: (peer: RawPeer) => peer.reset() },
    { how: 'FIN', leave: (peer: RawPeer) => peer.socket.end() },
  ])(
    'hostile.H-30 hostile.A4.17: when the client leaves with $how, the signal is aborted, and an answer is too late',
    async ({ leave }) => {
      const { promise, resolve } = withResolvers<boolean>();
      const answering = withResolvers();
      const { port, errors, server } = await served({
        upgrade: async (_request, { signal }) => {
          answering.resolve();
          await new Promise((done) => signal.addEventListener('abort', done));
          await aWhile(20);
          resolve(signal.aborted);
        },
        open: () => {
          throw new Error('opened');
        },
      });
      const peer = await rawClient(port);
      peer.write(requestText());
      await answering.promise;
      leave(peer);
      expect(await promise).toBe(true);
      await aWhile();
      expect(errors).toEqual([]);
      expect(server.connections.size).toBe(0);
    },
  );

  test('is not asked about a request that breaks a rule', async () => {
    const upgrade = vi.fn();
    const { port } = await served({ upgrade });
    expect(statusOf(await rawAnswer(port, requestText({ Origin: 'http://evil.example' })))).toBe(403);
    expect(statusOf(await rawAnswer(port, requestText({ 'Sec-WebSocket-Version': '8' })))).toBe(426);
    expect(upgrade).not.toHaveBeenCalled();
  });

  test('an Origin rule that throws: 500, told to error', async () => {
    const { port, errors } = await served({
      allowedOrigins: () => {
        throw new Error('rule');
      },
    });
    expect(statusOf(await rawAnswer(port, requestText({ Origin: 'http://a.example' })))).toBe(500);
    expect(errors).toMatchObject([{ message: 'rule' }]);
  });
});

describe('where it listens', () => {
  test('on a free port by default, which it tells', async () => {
    const { port } = await served();
    expect(port).toBeGreaterThan(0);
  });

  test('on a busy port: rejects with what node:net says, and may be ignored', async () => {
    const { port } = await served();
    expect(await rejection(serve({ port, host: '127.0.0.1' }))).toMatchObject({ code: 'EADDRINUSE' });
    void serve({ port, host: '127.0.0.1' });
    await aWhile();
  });

  test('on a Unix socket', async () => {
    const unix = path.join(tmpdir(), `wasock-test-${process.pid}-${Date.now()}`);
    const { server } = await served({ unix, message: (ws, data) => void ws.send(data) });
    expect(server.port).toBe(0);
    const ws = await connected('ws://localhost/', [], { createConnection: (() => net.connect(unix)) as never });
    ws.send('x');
    expect(await ws.receiveStrPacket()).toBe('x');
    expect(ws.readyState).toBe(ReadyState.Open);
  });

  test('on a server that it shares, and leaves as it was', async () => {
    const shared = http.createServer((_request, response) => response.end('page'));
    const port = await listening(shared);
    const { server } = await served({ server: shared, path: '/ws', open: (ws) => void ws.send('hi') });
    expect(server.port).toBe(port);
    const peer = await rawWebSocket(port);
    expect((await peer.take(4)).toString('latin1')).toBe('\x81\x02hi');
    expect((await getPage(port, '/')).text).toBe('page');
    await server.close({ timeout: 30 });
    expect(shared.listening).toBe(true);
    expect(shared.listenerCount('upgrade')).toBe(0);
    expect((await getPage(port, '/')).text).toBe('page');
    const again = await served({ server: shared, open: (ws) => void ws.send('ho') });
    expect((await (await rawWebSocket(port)).take(4)).toString('latin1')).toBe('\x81\x02ho');
    await again.server.close({ timeout: 1 });
  });
});
