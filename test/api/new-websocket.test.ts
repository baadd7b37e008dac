import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newWebSocket, Opcode, ReadyState, WebSocketCreationError } from '../../src/index.js';
import { AUTHORITY, EXPIRED, SIGNED, SIGNED_KEY } from '../support/bad-certificates.js';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { frameFor } from '../support/framer.js';
import { acceptance, RawServer } from '../support/raw-peer.js';
import { aWhile, connected, listening, rejection, served, settles, until } from '../support/servers.js';

describe('wrong arguments throw at the call, and nothing is sent', () => {
  test.each([
    { title: 'no URL and no request', args: [42], error: TypeError },
    { title: 'null', args: [null], error: TypeError },
    { title: 'what cannot be parsed', args: ['ws://'], error: SyntaxError },
    { title: 'a fragment', args: ['ws://localhost/#f'], error: SyntaxError },
    { title: 'a line end in the URL', args: ['ws://localhost/\r\nX: y'], error: SyntaxError },
    { title: 'protocols of another type', args: ['ws://localhost', 5], error: TypeError },
    { title: 'a protocol that is no token', args: ['ws://localhost', 'a b'], error: SyntaxError },
    { title: 'a protocol with a line end', args: ['ws://localhost', ['a\r\nX: y']], error: SyntaxError },
    { title: 'a protocol twice', args: ['ws://localhost', ['a', 'a']], error: SyntaxError },
    { title: 'options that are none', args: ['ws://localhost', [], 5], error: TypeError },
    { title: 'options of null', args: ['ws://localhost', [], null], error: TypeError },
    { title: 'a limit out of range', args: ['ws://localhost', [], { maxPayload: 0 }], error: RangeError },
    {
      title: 'a header that cannot be written',
      args: ['ws://localhost', [], { headers: { a: 'b\r\nX: y' } }],
      error: TypeError,
    },
    {
      title: 'a header of the handshake',
      args: ['ws://localhost', [], { headers: { Upgrade: 'x' } }],
      error: TypeError,
    },
    { title: 'an Origin with a line end', args: ['ws://localhost', [], { origin: 'a\r\nX: y' }], error: TypeError },
    { title: 'a signal that is none', args: ['ws://localhost', [], { signal: {} }], error: TypeError },
    { title: 'onClosed of another value', args: ['ws://localhost', [], { onClosed: 'throw' }], error: TypeError },
    {
      title: 'followRedirects of another type',
      args: ['ws://localhost', [], { followRedirects: 3 }],
      error: TypeError,
    },
  ])('hostile.A4.14 hostile.S-12: $title', ({ args, error }) => {
    expect(() => newWebSocket(...(args as [string]))).toThrow(error);
  });

  test('a polluted prototype adds no option', async () => {
    const prototype = Object.prototype as Record<string, unknown>;
    const server = await RawServer.listen();
    prototype.headers = { 'X-Polluted': '1' };
    prototype.origin = 'http://polluted.example';
    try {
      const opening = connected(server.url);
      const { request } = await server.accept();
      await opening;
      expect(request).not.toMatch(/polluted/i);
    } finally {
      delete prototype.headers;
      delete prototype.origin;
    }
  });
});

describe('the answer of a server', () => {
  test.each([
    { status: '200 OK', extra: '' },
    { status: '401 Unauthorized', extra: 'WWW-Authenticate: Basic\r\n' },
    { status: '301 Moved Permanently', extra: 'Location: ws://localhost:1/\r\n' },
    { status: '503 Service Unavailable', extra: 'Retry-After: 5\r\n' },
  ])(
    'hostile.S-04: $status is an error with status, headers and the first KiB of the body',
    async ({ status, extra }) => {
      const server = await RawServer.listen();
      const failed = rejection(newWebSocket(server.url));
      await server.answer(`HTTP/1.1 ${status}\r\n${extra}Content-Length: 5000\r\n\r\n${'b'.repeat(5000)}`);
      const error = await failed;
      expect(error).toMatchObject({ name: 'WebSocketFailedUpgradeError', status: Number(status.slice(0, 3)) });
      expect(error).toMatchObject({ body: Buffer.alloc(1024, 'b') });
      if (extra !== '') {
        const [name, value] = extra.trim().split(': ');
        expect(error).toMatchObject({ headers: { [name.toLowerCase()]: value } });
      }
    },
  );

  test('hostile.S-05: informational answers before the 101 are skipped, up to 8 of them', async () => {
    const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
    const server = await RawServer.listen();
    const opening = connected(server.url);
    const peer = await server.peer();
    const request = await peer.takeHead();
    peer.write(`HTTP/1.1 100 Continue\r\n\r\n${hint.repeat(7)}${acceptance(request)}`);
    expect((await opening).readyState).toBe(ReadyState.Open);

    const failed = rejection(newWebSocket(server.url));
    const other = await server.peer();
    await other.takeHead();
    other.write(hint.repeat(9));
    expect(await failed).toMatchObject({ name: 'WebSocketHandshakeError' });
    await other.takeAll();
    expect(other.ended).toBe(true);
  });

  test.each([
    { title: 'a head of 1 MB', answer: `HTTP/1.1 101 Switching Protocols\r\nX: ${'a'.repeat(1_000_000)}\r\n\r\n` },
    {
      title: 'a head that never ends',
      answer: `HTTP/1.1 101 Switching Protocols\r\n${'X: aaaaaaaaaaaa\r\n'.repeat(20_000)}`,
    },
    { title: 'garbage', answer: 'SSH-2.0-OpenSSH_9.6\r\n' },
  ])('hostile.S-09 hostile.A4.7: $title fails the handshake', async ({ answer }) => {
    const server = await RawServer.listen();
    const failed = rejection(newWebSocket(server.url));
    const { peer } = await server.answer(answer);
    const error = await failed;
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect(error.cause).toMatchObject({ code: expect.stringMatching(/^HPE_/) });
    await peer.takeAll();
    expect(peer.ended).toBe(true);
  });

  test('maxHeaderBytes says how long the head may be', async () => {
    const server = await RawServer.listen();
    const opening = connected(server.url, [], { maxHeaderBytes: 100_000 });
    await server.accept(`X: ${'a'.repeat(50_000)}\r\n`);
    expect((await opening).readyState).toBe(ReadyState.Open);
  });

  test('hostile.S-10: silence ends at handshakeTimeout, also in the middle of the head and in TLS', async () => {
    const server = await RawServer.listen();
    const silent = newWebSocket(server.url, [], { handshakeTimeout: 80 });
    expect((await rejection(silent)).message).toContain('handshakeTimeout');
    const partial = rejection(newWebSocket(server.url, [], { handshakeTimeout: 150 }));
    await server.peer();
    await server.answer('HTTP/1.1 101 Switching Pro');
    expect((await partial).message).toContain('handshakeTimeout');
    const tls = newWebSocket(server.url.replace('ws:', 'wss:'), [], { handshakeTimeout: 80 });
    expect((await rejection(tls)).message).toContain('handshakeTimeout');
  });

  test('a handshakeTimeout longer than any timer is none', async () => {
    const { url } = await served();
    const ws = await connected(url, [], { handshakeTimeout: 2 ** 40 });
    expect(ws.readyState).toBe(ReadyState.Open);
    expect((await connected(url, [], { handshakeTimeout: 0 })).readyState).toBe(ReadyState.Open);
  });
});

describe('signal', () => {
  test('hostile.A-10: one that is aborted already rejects with its reason, and nothing connects', async () => {
    const server = await RawServer.listen();
    const reason = new Error('not today');
    const opened = newWebSocket(server.url, [], { signal: AbortSignal.abort(reason) });
    expect(await rejection(opened)).toBe(reason);
    expect(await settles(server.peer(), 50)).toBe(false);
  });

  test('hostile.A-10: an abort while the name is looked up, or TCP connects', async () => {
    const abort = new AbortController();
    const lookup = () => {};
    const opened = newWebSocket('ws://name.invalid/', [], { signal: abort.signal, lookup } as object);
    await aWhile(20);
    abort.abort();
    expect(await rejection(opened)).toMatchObject({ name: 'AbortError' });
  });

  test('hostile.A-10: an abort while TLS connects', async () => {
    const server = await RawServer.listen();
    const abort = new AbortController();
    const opened = newWebSocket(server.url.replace('ws:', 'wss:'), [], { signal: abort.signal });
    const peer = await server.peer();
    await until(() => peer.received.length > 0);
    abort.abort();
    expect(await rejection(opened)).toMatchObject({ name: 'AbortError' });
    await peer.takeAll();
    expect(peer.ended).toBe(true);
  });

  test.each(['', 'HTTP/1.1 101 Switching Prot'])(
    'hostile.A-10: an abort after the request, behind %j',
    async (answer) => {
      const server = await RawServer.listen();
      const abort = new AbortController();
      const opened = newWebSocket(server.url, [], { signal: abort.signal });
      const { peer } = await server.answer(answer);
      await aWhile(20);
      abort.abort();
      expect(await rejection(opened)).toMatchObject({ name: 'AbortError' });
      await peer.takeAll();
      expect(peer.ended).toBe(true);
    },
  );

  test('hostile.A-10: an abort of an open socket is without effect', async () => {
    const { url } = await served({ message: (ws, data) => void ws.send(data) });
    const abort = new AbortController();
    const ws = await connected(url, [], { signal: abort.signal });
    abort.abort();
    ws.send('still here');
    expect(await ws.receiveStrPacket()).toBe('still here');
  });
});

/** A server that redirects everything. @returns its URL and the requests that it got */
async function redirecting(location: string | ((request: http.IncomingMessage) => string), status = 302) {
  const requests: http.IncomingMessage[] = [];
  const server = http.createServer((request, response) => {
    requests.push(request);
    response.writeHead(status, { Location: typeof location === 'string' ? location : location(request) }).end();
  });
  return { url: `ws://127.0.0.1:${await listening(server)}/from`, requests };
}

describe('followRedirects', () => {
  const credentials = { headers: { Authorization: 'Bearer x', Cookie: 'a=b', 'X-Mine': 'kept' } };

  test('hostile.A6.2: credentials are stripped on the way to another host', async () => {
    const server = await RawServer.listen();
    const { url, requests } = await redirecting(server.url);
    const opening = connected(url, [], { followRedirects: true, ...credentials });
    const { request } = await server.accept();
    await opening;
    expect(requests[0].headers).toMatchObject({ authorization: 'Bearer x', cookie: 'a=b' });
    expect(request).not.toMatch(/Authorization|Cookie/i);
    expect(request).toContain('X-Mine: kept');
  });

  test('hostile.A6.2: so is the option auth, which the URL replaces', async () => {
    const server = await RawServer.listen();
    const { url, requests } = await redirecting(server.url);
    const opening = connected(url, [], { followRedirects: true, auth: 'ada:secret' });
    const { request } = await server.accept();
    await opening;
    expect(requests[0].headers.authorization).toBe(`Basic ${btoa('ada:secret')}`);
    expect(request).not.toMatch(/Authorization/i);
    const other = await redirecting(server.url);
    await rejection(newWebSocket(other.url.replace('//', '//grace:other@'), [], { auth: 'ada:secret' }));
    expect(other.requests[0].headers.authorization).toBe(`Basic ${btoa('grace:other')}`);
  });

  test('credentials stay on the same host, those of the URL as well, and http: means ws:', async () => {
    const seen: (string | undefined)[] = [];
    const basic: (string | undefined)[] = [];
    const server = http.createServer((request, response) => {
      seen.push(request.headers.cookie);
      basic.push(request.headers.authorization);
      const { port } = server.address() as AddressInfo;
      response.writeHead(seen.length < 3 ? 307 : 404, { Location: `http://127.0.0.1:${port}/there` }).end();
    });
    const url = `ws://127.0.0.1:${await listening(server)}/`;
    expect(await rejection(newWebSocket(url, [], { followRedirects: true, ...credentials }))).toMatchObject({
      status: 404,
    });
    expect(seen).toEqual(['a=b', 'a=b', 'a=b']);
    seen.length = 0;
    await rejection(newWebSocket(url.replace('//', '//ada:secret@'), [], { followRedirects: true }));
    expect(basic.slice(3)).toEqual(Array(3).fill(`Basic ${btoa('ada:secret')}`));
  });

  test('hostile.A6.2: more than 10 are refused', async () => {
    const { url, requests } = await redirecting((request) => `${request.url}x`);
    const error = await rejection(newWebSocket(url, [], { followRedirects: true }));
    expect(error.message).toContain('more than 10 redirects');
    expect(requests).toHaveLength(11);
  });

  test.each(['file:///etc/passwd', 'ftp://localhost/'])('hostile.A6.2: %s is refused', async (location) => {
    const { url } = await redirecting(location);
    expect(await rejection(newWebSocket(url, [], { followRedirects: true }))).toBeInstanceOf(WebSocketCreationError);
  });

  test('a Location that cannot be parsed rejects', async () => {
    const { url } = await redirecting('ws://');
    expect(await rejection(newWebSocket(url, [], { followRedirects: true }))).toBeInstanceOf(Error);
  });

  test('hostile.A6.2: wss is not given up for ws', async () => {
    const plain = await RawServer.listen();
    const tls = https.createServer({ key: PRIVATE_KEY, cert: CERTIFICATE }, (_request, response) => {
      response.writeHead(302, { Location: plain.url }).end();
    });
    const url = `wss://127.0.0.1:${await listening(tls as never)}/`;
    const error = await rejection(newWebSocket(url, [], { followRedirects: true, ca: CERTIFICATE }));
    expect(error.message).toContain('it gives up TLS');
    expect(await settles(plain.peer(), 50)).toBe(false);
  });
});

describe('agent and createConnection', () => {
  test('createConnection makes the connection', async () => {
    const { server } = await served({ message: (ws, data) => void ws.send(data) });
    const createConnection = () => net.connect(server.port, '127.0.0.1');
    const ws = await connected('ws://name.invalid/', [], { createConnection });
    ws.send('x');
    expect(await ws.receiveStrPacket()).toBe('x');
  });

  test('an agent makes the connection', async () => {
    const { url } = await served();
    class Counting extends http.Agent {
      made = 0;
      override createConnection(...args: Parameters<http.Agent['createConnection']>) {
        this.made++;
        return super.createConnection(...args);
      }
    }
    const agent = new Counting({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    expect((await connected(url, [], { agent })).readyState).toBe(ReadyState.Open);
    expect(agent.made).toBe(1);
  });
});

/** A TLS server. @returns its port, and the requests that it got */
async function tlsServer() {
  const server = await served({
    tls: { key: PRIVATE_KEY, cert: CERTIFICATE },
    message: (ws, data) => void ws.send(data),
  });
  return server;
}

describe('TLS', () => {
  test('wss with a certificate that is trusted', async () => {
    const { port } = await tlsServer();
    for (const host of ['localhost', '127.0.0.1']) {
      const ws = await connected(`wss://${host}:${port}/`, [], { ca: CERTIFICATE });
      ws.send('over TLS');
      expect(await ws.receiveStrPacket()).toBe('over TLS');
      const big = Buffer.alloc(300_000, 3);
      ws.send(big);
      expect((await ws.receiveBinaryPacket()).equals(big)).toBe(true);
      expect(await ws.close()).toMatchObject({ closeCode: 1000, wasClean: true });
    }
  });

  test('wss with a certificate of an authority that is trusted', async () => {
    const { port } = await served({ tls: { key: SIGNED_KEY, cert: SIGNED } });
    const ws = await connected(`wss://localhost:${port}/`, [], { ca: AUTHORITY });
    expect(ws.readyState).toBe(ReadyState.Open);
  });

  test.each([
    { title: 'self-signed', cert: CERTIFICATE, options: {}, code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    {
      title: 'for another host',
      cert: CERTIFICATE,
      options: { ca: CERTIFICATE, servername: 'other.example' },
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    },
    { title: 'expired', cert: EXPIRED, options: { ca: AUTHORITY }, code: 'CERT_HAS_EXPIRED' },
    {
      title: 'of another authority',
      cert: SIGNED,
      options: { ca: CERTIFICATE },
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    },
  ])(
    'hostile.A6.1 hostile.S-13: a certificate that is $title fails before the request is written',
    async ({ cert, options, code }) => {
      let octets = 0;
      const server = https.createServer({ key: cert === CERTIFICATE ? PRIVATE_KEY : SIGNED_KEY, cert });
      server.on('secureConnection', (socket) => socket.on('data', (chunk) => (octets += chunk.length)));
      server.on('tlsClientError', () => {});
      const port = await listening(server as never);
      const error = await rejection(newWebSocket(`wss://127.0.0.1:${port}/`, [], options));
      expect(error).toBeInstanceOf(WebSocketCreationError);
      expect(error.cause).toMatchObject({ code });
      await aWhile();
      expect(octets).toBe(0);
    },
  );
});

test('a host that refuses on each of its addresses: the error has the reason of each', async () => {
  const closed = net.createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
  const lookup = ((_host: string, _options: unknown, found: (error: null, all: typeof addresses) => void) => {
    found(null, addresses);
  }) as unknown as net.LookupFunction;
  const error = await rejection(newWebSocket(`ws://dual.test:${port}/`, undefined, { lookup }));
  const reasons = addresses.map(({ address }) => `connect ECONNREFUSED ${address}:${port}`);
  expect(error.message).toBe(`No connection to ws://dual.test:${port}: ${reasons.join('; ')}`);
  expect(error.cause).toMatchObject({ errors: reasons.map((message) => ({ message })) });
});

test('a frame of a server larger than maxPayload is Close 1009', async () => {
  const server = await RawServer.listen();
  const opening = connected(server.url, [], { maxPayload: 10 });
  const { peer } = await server.accept('', frameFor('client', Opcode.Binary, Buffer.alloc(11)));
  expect((await rejection((await opening).receivePacket())).cause).toMatchObject({ sentCloseCode: 1009 });
  expect((await peer.takeAll())[0]).toBe(0x88);
});
