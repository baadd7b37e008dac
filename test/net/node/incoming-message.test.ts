import http, { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRequestHead } from '../../../src/handshake/request-head.js';
import { buildRequest, canBuildRequests } from '../../../src/net/node/incoming-message.js';
import { RequestHead } from '../../../src/net/opening/request-head.js';
import { SEED } from '../../support/codecs.js';
import { requestText } from '../../support/raw-peer.js';
import { tcpPair } from '../../support/sockets.js';

const MAX_HEADER_BYTES = 1024;

/** What node:http makes of the first octets of a connection. */
interface Upgraded {
  readonly request: IncomingMessage;
  readonly head: string;
}

const server = http.createServer({ maxHeaderSize: MAX_HEADER_BYTES });

/** `null` if it is no upgrade request to node:http, or none yet. */
async function upgradedByNode(octets: string): Promise<Upgraded | null> {
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  let seen: Upgraded | null = null;
  const onUpgrade = (request: IncomingMessage, _socket: Duplex, head: Buffer) => {
    seen = { request, head: head.toString('latin1') };
  };
  server.once('upgrade', onUpgrade);
  server.emit('connection', socket);
  socket.push(Buffer.from(octets, 'latin1'));
  await new Promise((resolve) => setImmediate(resolve));
  server.off('upgrade', onUpgrade);
  socket.destroy();
  return seen;
}

/** All that a user may look at. */
function describeRequest(request: IncomingMessage): Record<string, unknown> {
  const { method, url, httpVersion, httpVersionMajor, httpVersionMinor, headers, headersDistinct, rawHeaders } =
    request;
  const { complete, aborted, destroyed, readable, statusCode, statusMessage, trailers, rawTrailers } = request;
  const upgrade = (request as { upgrade?: unknown }).upgrade;
  const line = { method, url, httpVersion, httpVersionMajor, httpVersionMinor, upgrade };
  const fields = { headers, headersDistinct, rawHeaders, trailers, rawTrailers };
  return { ...line, ...fields, complete, aborted, destroyed, readable, statusCode, statusMessage };
}

const oneOf = (...texts: string[]) => fc.constantFrom(...texts);
const mostly = (usual: string, ...others: string[]) =>
  fc.oneof({ weight: 25, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: oneOf(...others) });

const eol = mostly('\r\n', '\n', '\r', '\r\n ', '\r\n\t', '\r\r\n', '');
const separator = mostly(': ', ':', ' : ', ':  ', ':\t', ' ', '');
const anyValue = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 6 }),
  fc.string({ unit: oneOf('a', ' ', '\t', ',', '"', ':', '\x7f', '\x80', '\xff', '\0', '\r', '\n'), maxLength: 6 }),
  oneOf('x', 'a b', 'chunked', '0', '5', 'close', 'x'.repeat(400)),
);
const anyName = fc.oneof(
  fc.string({ unit: oneOf('a', 'B', '-', '_', '!', '~', '|'), minLength: 1, maxLength: 4 }),
  fc.string({ unit: oneOf('a', ' ', '(', '/', '@', '\x80', '\0', '\t', ':'), maxLength: 3 }),
  oneOf('Content-Length', 'Transfer-Encoding', 'Expect', 'TE', 'Keep-Alive', 'Proxy-Connection', 'Cookie', '__proto__'),
  oneOf('Host', 'Upgrade', 'Connection', 'Sec-WebSocket-Key', 'Origin', 'Set-Cookie'),
);
const lineOf = (name: fc.Arbitrary<string>, value: fc.Arbitrary<string>) => fc.tuple(name, separator, value, eol);
const required = fc.tuple(
  lineOf(mostly('Host', 'host', 'HOST', 'Hos'), mostly('a', 'a:80', '[::1]', '', 'a b', 'caf\xe9')),
  lineOf(mostly('Upgrade', 'upgrade', 'Upgrad'), mostly('websocket', 'WebSocket', 'websocket, h2c', 'h2c', '')),
  lineOf(
    mostly('Connection', 'CONNECTION'),
    mostly('Upgrade', 'keep-alive, Upgrade', 'upgrade', 'close', 'close, upgrade', 'Upgrade, ', 'upgraded'),
  ),
  lineOf(mostly('Sec-WebSocket-Key', 'sec-websocket-key'), mostly('dGhlIHNhbXBsZSBub25jZQ==', '', 'abc')),
  lineOf(mostly('Sec-WebSocket-Version', 'Sec-WebSocket-version'), mostly('13', '8', '13 ', '')),
);
const requestLine = fc.tuple(
  mostly('GET', 'get', 'POST', 'GETS', ' GET', '\r\nGET', ''),
  mostly(' ', '  ', '\t', ''),
  fc.oneof(
    mostly('/', '*', '', '/a?b', '/#c', 'http://a/', '/a b', '//', '/\xe9', '/\x7f', 'a'),
    fc.string({ unit: 'binary-ascii', maxLength: 4 }).map((text) => `/${text}`),
  ),
  mostly(' ', '  ', ''),
  mostly('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/1.2', 'http/1.1', ''),
  eol,
);
const some = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(arbitrary, { maxLength: 3 }));
const nearlyARequest = fc
  .tuple(
    requestLine,
    required,
    some(lineOf(anyName, anyValue)),
    fc.nat(),
    eol,
    mostly('', 'frames', 'GET / HTTP/1.1\r\n\r\n'),
  )
  .map(([start, lines, more, at, end, behind]) => {
    const fields = [...lines] as string[][];
    fields.splice(at % (fields.length + 1), 0, ...more);
    return [...start, ...fields.flat(), end, behind].join('');
  });

test('whatever is taken without node:http, node:http takes too, and in the same way', async () => {
  expect(canBuildRequests).toBe(true);
  const { near } = await tcpPair();
  const counts = { taken: 0, left: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(nearlyARequest, async (octets) => {
      const head = parseRequestHead(octets, MAX_HEADER_BYTES);
      const upgraded = await upgradedByNode(octets);
      if (upgraded === null) counts.refused++;
      if (head === null) return void counts.left++;
      counts.taken++;
      expect(upgraded).not.toBeNull();
      expect(octets.slice(head.text.length)).toBe(upgraded?.head);
      const expected = describeRequest(upgraded?.request as IncomingMessage);
      expect(describeRequest(buildRequest(head, near))).toEqual(expected);
      const again = new RequestHead(head, near);
      again.release();
      expect(describeRequest(again.message)).toEqual(expected);
    }),
    { seed: SEED, numRuns: 3000 },
  );
  // Each of the three is there often, or the property says little.
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(100);
}, 60_000);

test('a request that is built is an IncomingMessage of its socket, at its end', async () => {
  const { near } = await tcpPair();
  const head = parseRequestHead(requestText({ Cookie: 'a=b' }, 'GET /ws?x=1 HTTP/1.1'), MAX_HEADER_BYTES);
  const request = buildRequest(head!, near);
  expect(request).toBeInstanceOf(IncomingMessage);
  expect(request.socket).toBe(near);
  expect(request.headers).toMatchObject({ cookie: 'a=b', upgrade: 'websocket' });
  const chunks: unknown[] = [];
  for await (const chunk of request) chunks.push(chunk);
  expect(chunks).toEqual([]);
  expect(near.destroyed).toBe(false);
});
