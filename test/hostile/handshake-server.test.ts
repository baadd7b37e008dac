import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { newWebSocket } from '../../src/api/new-websocket.js';
import { frameFor, octetsOf } from '../support/framer.js';
import { type Fields, rawAnswer, rawClient, rawWebSocket, requestText } from '../support/raw-peer.js';
import { aWhile, awaiting, served } from '../support/servers.js';

/** What reached the user's code. */
interface Seen {
  readonly port: number;
  readonly urls: string[];
  readonly messages: unknown[];
}

async function handlerServer(compression = false): Promise<Seen> {
  const urls: string[] = [];
  const messages: unknown[] = [];
  const { port } = await served({
    compression,
    upgrade: (request) => {
      urls.push(request.url ?? '');
    },
    message: (ws, data) => {
      messages.push(data);
      ws.send(data);
    },
  });
  return { port, urls, messages };
}

async function awaitServer(compression = false): Promise<Seen> {
  const urls: string[] = [];
  const messages: unknown[] = [];
  const { port } = await awaiting(
    async (request: IncomingMessage, _response: ServerResponse) => {
      const ws = await newWebSocket(request);
      urls.push(request.url ?? '');
      for await (const message of ws) {
        messages.push(message);
        ws.send(message);
      }
    },
    { compression },
  );
  return { port, urls, messages };
}

const SERVERS = [
  { style: 'handlers', start: handlerServer },
  { style: 'await', start: awaitServer },
];

const SECOND = 'GET /internal HTTP/1.1\r\nHost: localhost\r\n\r\n';
const HELLO = frameFor('server', 1, 'hello').toString('latin1');

/** Requests with a body, or what could be one: the row, the fields, what follows the head. */
const BODIES: readonly [string, Fields, string][] = [
  ['hostile.A4.10 hostile.H-12: Content-Length and a body', { 'Content-Length': '5' }, 'hello'],
  ['hostile.A4.10 hostile.H-12: Content-Length and a frame in place of the body', { 'Content-Length': '11' }, HELLO],
  ['hostile.A4.10 hostile.H-13: chunked', { 'Transfer-Encoding': 'chunked' }, `0\r\n\r\n${SECOND}`],
  ['hostile.H-14: both', { 'Content-Length': '5', 'Transfer-Encoding': 'chunked' }, `0\r\n\r\n${SECOND}`],
  ['hostile.H-14: two lengths', { 'Content-Length': ['5', '6'] }, 'hello!'],
];

/** Heads that are no HTTP. */
const NO_HTTP: readonly [string, string | Buffer][] = [
  ['hostile.H-21: bare LF', requestText().replaceAll('\r\n', '\n')],
  ['hostile.H-21: a space in front of a colon', requestText().replace('Upgrade:', 'Upgrade :')],
  ['hostile.H-21: a folded line', requestText({ 'X-Folded': 'a\r\n b' })],
  ['hostile.H-21: NUL', requestText({ 'X-Nul': 'a\0b' })],
  ['hostile.T-08: a TLS ClientHello', octetsOf('16 0301 0200 01 0001fc 0303')],
  ['hostile.T-08: the PROXY protocol', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n'],
];

/** Parameters with which no server may accept permessage-deflate. */
const INVALID_OFFERS = [
  ...['0', '7', '16', '99', '08', '1e1', '0xF', '-1', 'NaN'].map((bits) => `server_max_window_bits=${bits}`),
  'server_max_window_bits',
  'client_max_window_bits=7',
  'client_max_window_bits=16',
  'server_no_context_takeover=1',
  'unknown',
  'unknown=1',
  'client_no_context_takeover; client_no_context_takeover',
  'server_max_window_bits=10; server_max_window_bits=12',
];

describe.each(SERVERS)('$style', ({ start }) => {
  test.each(BODIES)('%s: 400, closed, and nothing behind the head is looked at', async (_, fields, behind) => {
    const seen = await start();
    const answer = await rawAnswer(seen.port, requestText(fields) + behind);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(answer).toMatch(/^connection: close\r$/im);
    await aWhile(20);
    expect(seen).toMatchObject({ urls: [], messages: [] });
  });

  test.each(NO_HTTP)('%s: 400, and closed', async (_, octets) => {
    const seen = await start();
    expect(await rawAnswer(seen.port, octets)).toMatch(/^HTTP\/1\.1 400 /);
    expect(seen.urls).toEqual([]);
  });

  describe.each([false, true])('with compression %s', (compression) => {
    test.each(INVALID_OFFERS)('hostile.H-27: the offer permessage-deflate; %s is declined', async (params) => {
      const seen = await start(compression);
      const peer = await rawClient(seen.port);
      peer.write(requestText({ 'Sec-WebSocket-Extensions': `permessage-deflate; ${params}` }));
      const head = await peer.takeHead();
      expect(head).toMatch(/^HTTP\/1\.1 101 /);
      expect(head).not.toMatch(/sec-websocket-extensions/i);
      peer.write(HELLO);
      expect((await peer.take(7)).toString('latin1')).toBe('\x81\x05hello');
    });

    test('hostile.A4.6: an offer inside of quotes is none', async () => {
      const seen = await start(compression);
      const peer = await rawClient(seen.port);
      peer.write(requestText({ 'Sec-WebSocket-Extensions': 'x; y=",permessage-deflate; client_max_window_bits,"' }));
      const head = await peer.takeHead();
      expect(head).not.toMatch(/permessage-deflate/);
      expect(head).toMatch(/^HTTP\/1\.1 (101|400) /);
    });

    test('hostile.A4.2: extensions with names of Object.prototype do not trouble it', async () => {
      const seen = await start(compression);
      const ofDeflate = 'permessage-deflate; __proto__=1';
      for (const offer of ['constructor', '__proto__', 'hasOwnProperty; toString=1', ofDeflate]) {
        const peer = await rawWebSocket(seen.port, { 'Sec-WebSocket-Extensions': offer });
        peer.write(HELLO);
        expect((await peer.take(7)).toString('latin1')).toBe('\x81\x05hello');
      }
      expect(await rawAnswer(seen.port, requestText({ 'Sec-WebSocket-Extensions': ',;constructor' }))).toMatch(
        /^HTTP\/1\.1 400 /,
      );
    });
  });

  test('hostile.A4.15: a target in absolute-form is told as it came, and nobody is connected to', async () => {
    const seen = await start();
    const peer = await rawClient(seen.port);
    peer.write(requestText({}, 'GET http://169.254.169.254/latest HTTP/1.1'));
    expect(await peer.takeHead()).toMatch(/^HTTP\/1\.1 101 /);
    peer.write(HELLO);
    expect((await peer.take(7)).toString('latin1')).toBe('\x81\x05hello');
    expect(seen.urls).toEqual(['http://169.254.169.254/latest']);
  });

  test('hostile.F-26: the opening handshake, cut at any octet, is answered the same', async () => {
    const seen = await start();
    const text = requestText();
    const answers = new Set<string>();
    const cut = async (at: number) => {
      const peer = await rawClient(seen.port);
      peer.socket.setNoDelay(true);
      peer.write(text.slice(0, at));
      await aWhile(2);
      peer.write(text.slice(at) + HELLO);
      answers.add(await peer.takeHead());
      expect((await peer.take(7)).toString('latin1')).toBe('\x81\x05hello');
      peer.reset();
    };
    for (let at = 0; at <= text.length; at += 20) {
      await Promise.all(Array.from({ length: Math.min(20, text.length - at + 1) }, (_, i) => cut(at + i)));
    }
    expect([...answers]).toHaveLength(1);
  });
});
