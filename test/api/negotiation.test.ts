import http from 'node:http';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { type CompressionOptions, newWebSocket, serve, type WebSocket } from '../../src/index.js';
import { WebSocketClosedError, WebSocketHandshakeError } from '../../src/protocol/errors.js';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { frameFor } from '../support/framer.js';
import { RawPeer, RawServer, rawClient, requestText } from '../support/raw-peer.js';
import { awaiting, connected, listening, rejection, served, until, withResolvers } from '../support/servers.js';
import { connectWs } from '../support/ws-client.js';

type Option = boolean | CompressionOptions | undefined;

/** A server, the sockets that it has opened, and how to connect to it. */
interface Started {
  readonly port: number;
  readonly sockets: WebSocket[];
  readonly connect?: (port: number) => Promise<RawPeer>;
  /** How many pieces a request is to come in. */
  readonly pieces?: number;
}

async function rawTlsClient(port: number): Promise<RawPeer> {
  const socket = tls.connect({ port, host: '127.0.0.1', ca: CERTIFICATE, servername: 'localhost' });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  return new RawPeer(socket);
}

const echo = (ws: WebSocket, data: string | Buffer) => void ws.send(data);

/** Echoes, in await style, until the peer is gone. */
async function echoes(ws: WebSocket, sockets: WebSocket[]): Promise<void> {
  sockets.push(ws);
  try {
    for await (const message of ws) ws.send(message);
  } catch (error) {
    if (!(error instanceof WebSocketClosedError)) throw error;
  }
}

/** Every way to serve WebSockets. */
const WAYS: [way: string, start: (compression: Option) => Promise<Started>][] = [
  [
    'serve',
    async (compression) => {
      const sockets: WebSocket[] = [];
      const { port } = await served({ compression, open: (ws) => sockets.push(ws), message: echo });
      return { port, sockets };
    },
  ],
  [
    'serve, through node:http',
    async (compression) => {
      const sockets: WebSocket[] = [];
      const { port } = await served({ compression, open: (ws) => sockets.push(ws), message: echo });
      return { port, sockets, pieces: 2 };
    },
  ],
  [
    'serve, with an upgrade handler that takes time',
    async (compression) => {
      const sockets: WebSocket[] = [];
      const { port } = await served({
        compression,
        upgrade: () => new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
        open: (ws) => sockets.push(ws),
        message: echo,
      });
      return { port, sockets };
    },
  ],
  [
    'serve over TLS',
    async (compression) => {
      const sockets: WebSocket[] = [];
      const { port } = await served({
        compression,
        tls: { key: PRIVATE_KEY, cert: CERTIFICATE },
        open: (ws) => sockets.push(ws),
        message: echo,
      });
      return { port, sockets, connect: rawTlsClient };
    },
  ],
  [
    'serve({ server })',
    async (compression) => {
      const sockets: WebSocket[] = [];
      const server = http.createServer();
      await served({ server, compression, open: (ws) => sockets.push(ws), message: echo });
      return { port: await listening(server), sockets };
    },
  ],
  [
    'acceptUpgrades and newWebSocket(request)',
    async (compression) => {
      const sockets: WebSocket[] = [];
      const { port } = await awaiting(async (request) => echoes(await newWebSocket(request), sockets), { compression });
      return { port, sockets };
    },
  ],
  [
    'acceptUpgrades and newWebSocket(request, …, handler)',
    async (compression) => {
      const sockets: WebSocket[] = [];
      const handler = (ws: WebSocket) => echoes(ws, sockets);
      const { port } = await awaiting((request) => newWebSocket(request, handler), { compression });
      return { port, sockets };
    },
  ],
  [
    'newWebSocket(request, [], { compression })',
    async (compression) => {
      const sockets: WebSocket[] = [];
      const { port } = await awaiting(async (request) =>
        echoes(await newWebSocket(request, [], { compression, onClosed: 'ignore' }), sockets),
      );
      return { port, sockets };
    },
  ],
  [
    'newWebSocket(request) with the socket of an upgrade event',
    async (compression) => {
      const sockets: WebSocket[] = [];
      const server = http.createServer();
      server.on('upgrade', async (request, socket: Socket, head) =>
        echoes(await newWebSocket(request, [], { socket, head, compression }), sockets),
      );
      return { port: await listening(server), sockets };
    },
  ],
];

const EXTENSIONS = 'Sec-WebSocket-Extensions';

/** What a browser offers. */
const OFFER = 'permessage-deflate; client_max_window_bits';

const FORGETTING = { serverNoContextTakeover: true, clientNoContextTakeover: true };
const AGREED = { ...FORGETTING, serverMaxWindowBits: 15, clientMaxWindowBits: 15, threshold: 1024, level: 'fast' };

/** Opens a socket. @returns the values of the header in the answer, and the server's socket */
async function open({ port, sockets, connect = rawClient, pieces = 1 }: Started, ...offers: string[]) {
  const peer = await connect(port);
  const request = requestText({ [EXTENSIONS]: offers });
  const count = sockets.length;
  const middle = pieces === 1 ? request.length : 40;
  peer.write(request.slice(0, middle));
  if (pieces > 1) setTimeout(() => peer.write(request.slice(middle)), 20);
  const head = await peer.takeHead();
  expect(head).toMatch(/^HTTP\/1\.1 101 /);
  await until(() => sockets.length > count);
  const lines = [...head.matchAll(/^sec-websocket-extensions: (.*)\r$/gim)].map(([, value]) => value);
  return { peer, lines, ws: sockets[count] };
}

/** An uncompressed message goes there and back. */
async function expectEcho(peer: RawPeer): Promise<void> {
  peer.write(frameFor('server', 1, 'hello'));
  expect((await peer.take(7)).toString('latin1')).toBe('\x81\x05hello');
}

describe.each(WAYS)('%s', (_way, start) => {
  test.each([undefined, false])('with compression %s no extension is answered', async (compression) => {
    const { peer, lines, ws } = await open(await start(compression), OFFER);
    expect(lines).toEqual([]);
    expect(ws.compression).toBeNull();
    await expectEcho(peer);
  });

  test('with compression the answer stands in one header, and the socket knows what was agreed', async () => {
    const { peer, lines, ws } = await open(await start(true), OFFER);
    expect(lines).toEqual(['permessage-deflate; server_no_context_takeover; client_no_context_takeover']);
    expect(ws.compression).toEqual(AGREED);
    expect(Object.isFrozen(ws.compression)).toBe(true);
    await expectEcho(peer);
  });

  test('a client that offers nothing, or nothing valid, is served without', async () => {
    const started = await start(true);
    for (const offers of [[], ['x'], ['permessage-deflate; server_max_window_bits=7', 'permessage-deflate; x']]) {
      const { peer, lines, ws } = await open(started, ...offers);
      expect(lines).toEqual([]);
      expect(ws.compression).toBeNull();
      await expectEcho(peer);
    }
  });

  test('the options count, and of several offers the first valid one', async () => {
    const started = await start({ contextTakeover: true, windowBits: 12, threshold: 5, level: 'small' });
    const offer = 'permessage-deflate; client_no_context_takeover; server_max_window_bits="10"';
    const { lines, ws } = await open(started, 'permessage-deflate; x', offer, OFFER);
    expect(lines).toEqual(['permessage-deflate; client_no_context_takeover; server_max_window_bits=10']);
    expect(ws.compression).toEqual({
      serverNoContextTakeover: false,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 10,
      clientMaxWindowBits: 15,
      threshold: 5,
      level: 'small',
    });
  });

  test('hostile.H-29: the ninth offer is not looked at', async () => {
    const started = await start(true);
    const eight = Array.from({ length: 8 }, (_, at) => `permessage-deflate; x=${at}`);
    expect((await open(started, eight.slice(1).join(','), OFFER)).ws.compression).toEqual(AGREED);
    expect((await open(started, eight.join(','), OFFER)).ws.compression).toBeNull();
  });
});

describe('sockets of one server', () => {
  test('that have agreed on the same share what was agreed', async () => {
    for (const [, start] of WAYS.slice(0, 6)) {
      const started = await start(true);
      const [first, second, other] = [
        await open(started, OFFER),
        await open(started, OFFER),
        await open(started, 'permessage-deflate; server_max_window_bits=9'),
      ];
      expect(first.ws.compression).toBe(second.ws.compression);
      expect(other.ws.compression).toEqual({ ...AGREED, serverMaxWindowBits: 9 });
    }
  });

  test('of acceptUpgrades may have compression of their own, or none', async () => {
    const sockets: WebSocket[] = [];
    const own: Option[] = [undefined, false, { threshold: 9 }];
    const { port } = await awaiting(
      async (request) => {
        const compression = own[sockets.length];
        await echoes(await newWebSocket(request, [], compression === undefined ? {} : { compression }), sockets);
      },
      { compression: true },
    );
    const agreed = [];
    for (const _ of own) agreed.push((await open({ port, sockets }, OFFER)).ws.compression);
    expect(agreed).toEqual([AGREED, null, { ...AGREED, threshold: 9 }]);
  });

  test('that are raw agree on none, as a raw frame does not tell whether it is compressed', async () => {
    const sockets: WebSocket[] = [];
    const { port } = await awaiting(
      async (request) => void sockets.push(await newWebSocket(request, [], { raw: true })),
      { compression: true },
    );
    const { lines, ws } = await open({ port, sockets }, OFFER);
    expect(lines).toEqual([]);
    expect(ws.compression).toBeNull();
  });
});

test('an invalid option is thrown at the call', async () => {
  const wrong = { compression: { windowBits: 7 } };
  expect(() => serve(wrong)).toThrow(new RangeError('compression.windowBits must be 8 to 15, not 7'));
  expect(() => newWebSocket('ws://127.0.0.1:9/', [], wrong)).toThrow(RangeError);
  const { promise, resolve } = withResolvers<unknown>();
  const { port } = await awaiting((request, response) => {
    try {
      newWebSocket(request, [], wrong);
    } catch (error) {
      response.end();
      resolve(error);
    }
  });
  (await rawClient(port)).write(requestText());
  expect(await promise).toBeInstanceOf(RangeError);
});

describe('a client', () => {
  /** Connects to a raw server. @returns the offer in its request, and its promise */
  async function opening(compression: Option, answer: string | undefined, options: object = {}) {
    const server = await RawServer.listen();
    const promise = newWebSocket(server.url, [], { compression, ...options });
    const settled = promise.then(
      (ws) => void onTestFinished(() => ws.hangup()),
      () => {},
    );
    const { peer, request } = await server.accept(answer === undefined ? '' : `${EXTENSIONS}: ${answer}\r\n`);
    const offers = [...request.matchAll(/^sec-websocket-extensions: (.*)\r$/gim)].map(([, value]) => value);
    await settled;
    return { peer, offers, promise };
  }

  const BOTH = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';

  test.each([undefined, false])('with compression %s offers nothing, and takes no answer', async (compression) => {
    const { offers, promise } = await opening(compression, undefined);
    expect(offers).toEqual([]);
    expect((await promise).compression).toBeNull();
    const failing = await opening(compression, BOTH);
    const error = await rejection(failing.promise);
    expect(error).toBeInstanceOf(WebSocketHandshakeError);
    expect(error.message).toBe('Invalid WebSocket handshake: the server chose an extension that was not offered');
  });

  test('with raw offers nothing', async () => {
    expect((await opening(true, undefined, { raw: true })).offers).toEqual([]);
  });

  test('offers in one header, and knows what was agreed', async () => {
    const { offers, promise } = await opening(true, BOTH);
    expect(offers).toEqual([`${BOTH}; client_max_window_bits`]);
    const { compression } = await promise;
    expect(compression).toEqual(AGREED);
    expect(Object.isFrozen(compression)).toBe(true);
  });

  test('opens without compression if the server answers none', async () => {
    const { peer, promise } = await opening(true, undefined);
    const ws = await promise;
    expect(ws.compression).toBeNull();
    peer.write(frameFor('client', 1, 'hello'));
    expect(await ws.receiveStrPacket()).toBe('hello');
  });

  test('its options count', async () => {
    const option = { contextTakeover: true, windowBits: 10, threshold: 1, level: 'small' } as const;
    const { offers, promise } = await opening(option, 'permessage-deflate; server_max_window_bits="9"');
    expect(offers).toEqual(['permessage-deflate; server_max_window_bits=10; client_max_window_bits=10']);
    expect((await promise).compression).toEqual({
      serverNoContextTakeover: false,
      clientNoContextTakeover: false,
      serverMaxWindowBits: 9,
      clientMaxWindowBits: 10,
      threshold: 1,
      level: 'small',
    });
  });

  test('repeats its offer where it is redirected to', async () => {
    const server = await RawServer.listen();
    const promise = connected(server.url, [], { compression: true, followRedirects: true });
    await server.answer(`HTTP/1.1 302 Found\r\nLocation: ${server.url}\r\nContent-Length: 0\r\n\r\n`);
    const { request } = await server.accept(`${EXTENSIONS}: ${BOTH}\r\n`);
    expect(request).toContain(`\r\n${EXTENSIONS}: ${BOTH}; client_max_window_bits\r\n`);
    expect((await promise).compression).toEqual(AGREED);
  });

  test.each([
    ['an extension that was not offered', 'x', 'the server chose an extension that was not offered'],
    ['another one besides', `${BOTH}, x`, 'the server chose an extension that was not offered'],
    ['several answers', `${BOTH}, ${BOTH}`, 'the server chose permessage-deflate more than once'],
    ['a syntax error', `${BOTH}; =`, 'the Sec-WebSocket-Extensions header of the answer is malformed'],
    ['an unknown parameter', `${BOTH}; x=1`, 'the server answered permessage-deflate with the unknown parameter x'],
    [
      'no server_no_context_takeover',
      'permessage-deflate',
      'the server answered permessage-deflate with no server_no_context_takeover, which was offered',
    ],
  ])('hostile.S-07: %s fails the handshake with an error that tells it', async (_, answer, message) => {
    const { peer, promise } = await opening(true, answer);
    const error = await rejection(promise);
    expect(error).toBeInstanceOf(WebSocketHandshakeError);
    expect(error).toMatchObject({ status: 101, message: `Invalid WebSocket handshake: ${message}` });
    expect(await peer.takeAll()).toHaveLength(0);
  });
});

test('both sides agree with each other', async () => {
  const { promise, resolve } = withResolvers<WebSocket>();
  const { url } = await served({
    compression: { windowBits: 12, contextTakeover: true, threshold: 1 },
    open: (ws) => resolve(ws),
  });
  const client = await connected(url, [], { compression: { contextTakeover: true, level: 'small' } });
  const server = await promise;
  const bits = { serverMaxWindowBits: 12, clientMaxWindowBits: 12 };
  const keeping = { serverNoContextTakeover: false, clientNoContextTakeover: false };
  expect(client.compression).toEqual({ ...keeping, ...bits, threshold: 1024, level: 'small' });
  expect(server.compression).toEqual({ ...keeping, ...bits, threshold: 1, level: 'fast' });
});

describe('with npm ws', () => {
  test('as a client a server agrees', async () => {
    const sockets: WebSocket[] = [];
    const { url } = await served({ compression: true, open: (ws) => sockets.push(ws), message: echo });
    const client = await connectWs(url, [], { perMessageDeflate: true });
    client.ws.send('short');
    expect(await client.next()).toBe('short');
    expect(client.ws.extensions).toBe('permessage-deflate');
    expect(sockets[0].compression).toEqual(AGREED);
  });

  test('as a server a client agrees', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    server.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
    const { port } = server.address() as { port: number };
    for (const contextTakeover of [false, true]) {
      const client = await connected(`ws://127.0.0.1:${port}/`, [], { compression: { contextTakeover } });
      expect(client.compression).toMatchObject({
        serverNoContextTakeover: !contextTakeover,
        clientNoContextTakeover: !contextTakeover,
      });
      // With takeover, npm ws compresses what is below its threshold, too.
      if (contextTakeover) continue;
      client.send('short');
      expect(await client.receiveStrPacket()).toBe('short');
    }
  });
});
