import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import https from 'node:https';
import { pipeline } from 'node:stream/promises';
import { setTimeout as aWhile } from 'node:timers/promises';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { acceptUpgrades, serve } from '../../../src/index.js';
import { CERTIFICATE, PRIVATE_KEY } from '../../support/certificate.js';
import { IS_DOCUMENTED } from '../../support/documented.js';
import { type Fields, RawPeer, rawClient, requestText } from '../../support/raw-peer.js';
import { listening } from '../../support/servers.js';

/*
 * Requests whose `Upgrade` names another protocol than WebSocket: Java's HttpClient and `curl --http2` ask for `h2c` by
 * default, Apache's HttpClient for `TLS/1.2`. To node:http, without listeners for 'upgrade', they are requests like any
 * other.
 */

/** An application with answers of many kinds. */
async function app(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  try {
    if (pathname === '/echo') await pipeline(request, response.writeHead(201, { 'X-Kind': 'echo' }));
    else if (pathname === '/large') await pipeline(blocks(40), response);
    else if (pathname === '/drain') await writeBlocks(response);
    else if (pathname === '/late') await aWhile(60).then(() => response.end('late'));
    else if (pathname === '/destroy') response.destroy();
    else if (pathname === '/length') await bodyLength(request).then((length) => response.end(`${length} bytes`));
    else response.end(describeRequest(request));
  } catch {
    response.destroy();
  }
}

function* blocks(count: number): Iterable<Buffer> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(65_536, 97 + (i % 26));
}

/** Writes as those do who wait for 'drain', and look at `writableNeedDrain` first. */
async function writeBlocks(response: ServerResponse): Promise<void> {
  for (const block of blocks(40)) {
    if (response.writableNeedDrain) await once(response, 'drain');
    response.write(block);
  }
  response.end();
}

async function bodyLength(request: IncomingMessage): Promise<number> {
  let length = 0;
  for await (const chunk of request) length += (chunk as Buffer).length;
  return length;
}

function describeRequest(request: IncomingMessage): string {
  const { method, url, httpVersion, rawHeaders, upgrade, complete } = request as IncomingMessage & { upgrade: boolean };
  return JSON.stringify({ method, url, httpVersion, rawHeaders, upgrade, complete });
}

const LAST = requestText({ Upgrade: undefined, Connection: 'close' }, 'GET /last HTTP/1.1');

/** A request for another protocol. */
function ask(requestLine: string, fields: Fields = {}, body = ''): string {
  const none = { 'Sec-WebSocket-Key': undefined, 'Sec-WebSocket-Version': undefined };
  return requestText({ Upgrade: 'h2c', ...none, ...fields }, requestLine) + body;
}

/** What a client writes, with milliseconds of silence in between. */
type Program = readonly (string | number)[];

const CHUNKED = { 'Transfer-Encoding': 'chunked' };

const PROGRAMS: Readonly<Record<string, Program>> = {
  'GET for h2c': [ask('GET / HTTP/1.1')],
  'GET for h2c as curl asks': [
    ask('GET / HTTP/1.1', { Connection: 'Upgrade, HTTP2-Settings', 'HTTP2-Settings': 'AAMAAABkAAQAAP__' }),
  ],
  'GET for TLS/1.2': [ask('GET / HTTP/1.1', { Upgrade: 'TLS/1.2' })],
  'GET for two protocols': [ask('GET / HTTP/1.1', { Upgrade: 'foo/2, bar' })],
  'GET with an empty Upgrade': [ask('GET / HTTP/1.1', { Upgrade: '' })],
  'Upgrade without Connection': [ask('GET / HTTP/1.1', { Connection: undefined })],
  HEAD: [ask('HEAD /echo HTTP/1.1')],
  OPTIONS: [ask('OPTIONS / HTTP/1.1')],
  'OPTIONS *': [ask('OPTIONS * HTTP/1.1')],
  DELETE: [ask('DELETE /a?b=c HTTP/1.1')],
  'PUT without a body': [ask('PUT / HTTP/1.1')],
  'POST with a length': [ask('POST /echo HTTP/1.1', { 'Content-Length': '5' }, 'hello')],
  'POST in chunks': [ask('POST /echo HTTP/1.1', CHUNKED, '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n')],
  'POST in chunks with trailers': [ask('POST /length HTTP/1.1', CHUNKED, '5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n')],
  'POST that comes slowly': [ask('POST /echo HTTP/1.1', { 'Content-Length': '10' }), 40, 'hello', 40, 'world'],
  'a head that comes slowly': [
    'GET / HTTP/1.1\r\nHost: localhost\r\nUpgr',
    40,
    'ade: h2c\r\nConnection: upgrade\r\n',
    40,
    '\r\n',
  ],
  'a body of 2 MB': [ask('POST /length HTTP/1.1', { 'Content-Length': '2000000' }, 'x'.repeat(2_000_000))],
  'a body of 2 MB that is echoed': [ask('POST /echo HTTP/1.1', { 'Content-Length': '2000000' }, 'x'.repeat(2_000_000))],
  'a body that nobody reads': [ask('POST / HTTP/1.1', { 'Content-Length': '5' }, 'hello')],
  'an answer of 2.6 MB': [ask('GET /large HTTP/1.1')],
  'an answer of 2.6 MB that waits for drain': [ask('GET /drain HTTP/1.1')],
  'an answer that comes late': [ask('GET /late HTTP/1.1')],
  'an answer that breaks off': [ask('GET /destroy HTTP/1.1')],
  'Expect: 100-continue': [ask('POST /echo HTTP/1.1', { Expect: '100-continue', 'Content-Length': '5' }), 40, 'hello'],
  'Expect: something else': [ask('POST /echo HTTP/1.1', { Expect: 'tea', 'Content-Length': '5' }, 'hello')],
  'three in turn on one connection': [
    ask('GET /1 HTTP/1.1'),
    40,
    ask('POST /echo HTTP/1.1', CHUNKED, '1\r\na\r\n0\r\n\r\n'),
    40,
    ask('GET /3 HTTP/1.1'),
  ],
  'three at once': [
    ask('GET /late HTTP/1.1') + ask('POST /echo HTTP/1.1', { 'Content-Length': '2' }, 'hi') + ask('GET /3 HTTP/1.1'),
  ],
  'after a plain one': [
    requestText({ Upgrade: undefined, Connection: 'keep-alive' }, 'GET /plain HTTP/1.1') + ask('GET / HTTP/1.1'),
  ],
  'Connection: close': [ask('GET / HTTP/1.1', { Connection: 'close, upgrade' })],
  'HTTP/1.0': [ask('GET / HTTP/1.0')],
  'a target in absolute-form': [ask('GET http://localhost/abs?x HTTP/1.1')],
  'no Host': [ask('GET / HTTP/1.1', { Host: undefined })],
  'a length that is no number': [ask('POST / HTTP/1.1', { 'Content-Length': 'five' })],
  'a length and chunks': [ask('POST / HTTP/1.1', { ...CHUNKED, 'Content-Length': '5' })],
  'header lines above the limit': [ask('GET / HTTP/1.1', { 'X-Large': 'x'.repeat(20_000) })],
};

/**
 * Everything that comes back, without dates, and without the sizes of the chunks of what streams: these are those of the
 * reads. A last request ends the connection.
 */
async function converse(peer: RawPeer, program: Program): Promise<string> {
  for (const step of program) {
    if (typeof step === 'number') await aWhile(step);
    else peer.write(step);
  }
  // node:http drops what comes in one read with such a request and after it.
  for (let before = -1; before !== peer.received.length; await aWhile(80)) before = peer.received.length;
  peer.write(LAST);
  const answer = (await peer.takeAll()).toString('latin1').replace(/Date: .*\r\n/g, '');
  return answer.length < 100_000 ? answer : answer.replace(/(\r\n|(?<=[ax]))[0-9a-f]+\r\n/g, '');
}

async function answerOf(makeServer: (listener: RequestListener) => http.Server, program: Program): Promise<string> {
  const port = await listening(makeServer(app as RequestListener));
  return converse(await rawClient(port), program);
}

const KEEP_ALIVE = { keepAliveTimeout: 1000 };

const plain = (listener: RequestListener) => http.createServer(KEEP_ALIVE, listener);

function withUpgrades(listener: RequestListener): http.Server {
  const server = http.createServer(KEEP_ALIVE, listener);
  acceptUpgrades(server);
  return server;
}

function withServe(listener: RequestListener): http.Server {
  const server = http.createServer(KEEP_ALIVE, listener);
  void serve({ server, path: '/ws' });
  return server;
}

// The documented way cannot keep node:http from emitting them as upgrades: it answers, and ends the connection.
describe.skipIf(IS_DOCUMENTED)(
  'hostile.H-10: a request for another protocol is answered as on a server without us',
  () => {
    test.each(Object.entries(PROGRAMS))('%s', async (name, program) => {
      const expected = await answerOf(plain, program);
      expect(expected).toMatch(name === 'an answer that breaks off' ? /^$/ : /^HTTP\/1\.1 \d/);
      expect(await answerOf(withUpgrades, program)).toBe(expected);
      expect(await answerOf(withServe, program)).toBe(expected);
    });

    test('over TLS', async () => {
      const secure = async (prepare: (server: https.Server) => void) => {
        const server = https.createServer({ cert: CERTIFICATE, key: PRIVATE_KEY }, app as RequestListener);
        prepare(server);
        const socket = tls.connect({
          port: await listening(server as unknown as http.Server),
          host: '127.0.0.1',
          ca: CERTIFICATE,
          checkServerIdentity: () => undefined,
        });
        await once(socket, 'secureConnect');
        return converse(new RawPeer(socket), PROGRAMS['three in turn on one connection']);
      };
      const expected = await secure(() => {});
      expect(expected.match(/HTTP\/1\.1 20/g)).toHaveLength(4);
      expect(await secure((server) => void acceptUpgrades(server))).toBe(expected);
    });

    test('also on a server that was opened and closed for WebSockets before', async () => {
      const server = http.createServer(app as RequestListener);
      const port = await listening(server);
      for (let i = 0; i < 3; i++) await acceptUpgrades(server).close();
      acceptUpgrades(server);
      const answer = await converse(await rawClient(port), [ask('GET / HTTP/1.1')]);
      expect(answer.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    });

    test('one that somebody else listens for is theirs', async () => {
      const server = withUpgrades(app as RequestListener);
      server.on('upgrade', (request, socket) => {
        if (request.headers.upgrade === 'h2c') socket.end('theirs');
      });
      const peer = await rawClient(await listening(server));
      expect(await converse(peer, [ask('GET / HTTP/1.1')])).toBe('theirs');
    });

    test('listeners for connections hear of each once', async () => {
      const server = withUpgrades(app as RequestListener);
      let connections = 0;
      server.on('connection', () => connections++);
      const peer = await rawClient(await listening(server));
      await converse(peer, [ask('GET / HTTP/1.1'), ask('GET / HTTP/1.1')]);
      expect(connections).toBe(1);
    });
  },
);

test('serve with a server of its own answers them by its request handler, or with 426', async () => {
  const own = await serve({ path: '/ws' });
  const handled = await serve({ path: '/ws', request: (_request, response) => void response.end('handled') });
  onTestFinished(() => Promise.all([own.close({ timeout: 1 }), handled.close({ timeout: 1 })]).then(() => {}));
  const answer = async ({ port }: { port: number }, line: string) => converse(await rawClient(port), [ask(line)]);
  expect(await answer(own, 'GET /ws HTTP/1.1')).toMatch(/^HTTP\/1.1 426 /);
  expect(await answer(own, 'GET /other HTTP/1.1')).toMatch(/^HTTP\/1.1 404 /);
  expect(await answer(handled, 'GET /ws HTTP/1.1')).toContain('handled');
});
