import http, { type Server } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { acceptUpgrades, newWebSocket, serve, type WebSocket } from '../../src/index.js';
import { IS_DOCUMENTED } from '../support/documented.js';
import { closeHex, frameFor } from '../support/framer.js';
import { heldMemory } from '../support/memory.js';
import { rawClient, rawWebSocket, requestText } from '../support/raw-peer.js';
import { aWhile, fillUp, served, until } from '../support/servers.js';
import { ENDPOINTS } from './endpoints.js';

const PLAIN = 'GET /plain HTTP/1.1\r\nHost: x\r\n\r\n';
const UPGRADES = [
  ['a WebSocket', requestText()],
  ['a WebSocket of another version', requestText({ 'Sec-WebSocket-Version': '8' })],
  // Otherwise it is a request like any other, to node:http: net/opening/other-protocols.test.ts.
  ...(IS_DOCUMENTED
    ? ([['another protocol', 'GET /h2 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n']] as const)
    : []),
] as const;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(() => server.close());
  return (server.address() as { port: number }).port;
}

/** Answers plain requests later, so that what is pipelined behind one comes before its answer. */
async function answerLater(response: http.ServerResponse): Promise<void> {
  await aWhile(30);
  response.end('plain');
}

const SERVERS = [
  [
    'serve',
    async () => {
      const server = await serve({ host: '127.0.0.1', request: (_request, response) => answerLater(response) });
      cleanUps.push(() => server.close({ timeout: 1 }));
      return server.port;
    },
  ],
  [
    'acceptUpgrades',
    () => {
      const server = http.createServer(async (request, response) => {
        if (request.url === '/plain') return answerLater(response);
        const ws = await newWebSocket(request);
        for await (const message of ws) ws.send(message);
      });
      acceptUpgrades(server, { onError: () => {} });
      return portOf(server);
    },
  ],
] as const;

describe.each(SERVERS)('%s', (_, open) => {
  test.each(UPGRADES)(
    'an upgrade to %s, pipelined behind a request that is still being answered, ends the connection and nothing else',
    async (_protocol, upgrade) => {
      const port = await open();
      const peer = await rawClient(port);
      peer.write(PLAIN + upgrade);
      const answered = (await peer.takeAll()).toString('latin1');
      expect(answered).not.toContain(' 101 ');
      expect(answered).not.toContain(' 426 ');
      const other = await rawWebSocket(port);
      other.write(frameFor('server', 9, 'alive'));
      expect((await other.take(7)).toString('latin1')).toBe('\x8a\x05alive');
      other.socket.destroy();
    },
  );
});

test('an upgrade behind a request that was answered with the end of the connection is not accepted', async () => {
  const { port } = await served();
  const peer = await rawClient(port);
  peer.write(PLAIN + requestText());
  const answered = (await peer.takeAll()).toString('latin1');
  expect(answered).toContain('HTTP/1.1 426 ');
  expect(answered).not.toContain(' 101 ');
});

test('newWebSocket on a request that was answered rejects, writes nothing, and an RST behind it harms nobody', async () => {
  const errors: Error[] = [];
  const server = http.createServer(async (request, response) => {
    response.statusCode = 401;
    response.end('no');
    await newWebSocket(request).catch((error) => errors.push(error));
  });
  acceptUpgrades(server);
  const peer = await rawClient(await portOf(server));
  peer.write(requestText());
  const answered = (await peer.takeAll()).toString('latin1');
  peer.socket.resetAndDestroy();
  expect(answered).toContain('HTTP/1.1 401 ');
  expect(answered).not.toContain(' 101 ');
  expect(errors).toMatchObject([{ code: 'WASOCK_CREATION', message: expect.stringContaining('already answered') }]);
});

describe.each(ENDPOINTS)('$style', ({ openEndpoint }) => {
  test('hostile.F-29: what came with the request is not kept once it is handled', async () => {
    const endpoint = await openEndpoint();
    const frames = Buffer.concat(Array<Buffer>(50).fill(frameFor('server', 2, Buffer.alloc(1000))));
    const open = async (count: number) => {
      const peers = [];
      for (let i = 0; i < count; i++) {
        const peer = await rawClient(endpoint.port);
        peer.write(Buffer.concat([Buffer.from(requestText()), frames]));
        await peer.takeHead();
        peers.push(peer);
      }
      await until(() => endpoint.messages.length === count * 50);
      endpoint.messages.length = 0;
      await aWhile();
      return peers;
    };
    // Memory that connections share is there after the first.
    const first = await open(3);
    const before = heldMemory();
    const peers = await open(60);
    const after = heldMemory();
    expect((after.arrayBuffers - before.arrayBuffers) / peers.length).toBeLessThan(10_000);
    // Each is an open connection and its client, some 10 kB; the frames were 50 kB.
    expect((after.heap - before.heap) / peers.length).toBeLessThan(25_000);
    for (const { socket } of [...first, ...peers]) socket.destroy();
  });
});

test('hostile.A2.8: tiny sends to a peer that does not read hold one promise a batch, not one each', async () => {
  let opened!: WebSocket;
  const { port } = await served({
    open: (ws) => {
      opened = ws;
    },
  });
  const peer = await rawWebSocket(port);
  peer.stopReading();
  await until(() => opened !== undefined);
  await fillUp(opened, Buffer.alloc(100_000));
  const first = opened.send('x');
  expect(first).toBeInstanceOf(Promise);
  const before = heldMemory();
  for (let i = 0; i < 100_000; i++) expect(opened.send('x')).toBe(first);
  const { heap, arrayBuffers } = heldMemory();
  expect(heap + arrayBuffers - before.heap - before.arrayBuffers).toBeLessThan(2_000_000);
  opened.hangup();
});

describe('what a handler throws', () => {
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const THROWN: readonly [string, unknown][] = [
    ['an object without a prototype', Object.create(null)],
    ['an object whose toString throws', { toString: () => notText() }],
    ['a revoked proxy', revoked.proxy],
    ['a symbol', Symbol('x')],
    ['undefined', undefined],
  ];
  function notText(): never {
    throw new Error('not to be seen');
  }

  test.each(THROWN)('%s: Close 1011, and an Error to the error handler', async (_, thrown) => {
    for (const message of [() => Promise.reject(thrown), () => raise(thrown)]) {
      const errors: Error[] = [];
      const { port } = await served({ message, error: (error) => errors.push(error) });
      const peer = await rawWebSocket(port);
      peer.write(frameFor('server', 1, 'x'));
      expect((await peer.takeAll()).toString('hex')).toBe(closeHex(1011, 'Internal error'));
      expect(errors).toMatchObject([{ code: 'WASOCK_HANDLER' }]);
    }
  });

  test.each(THROWN)('%s, from a request handler: 500, and an Error to onError', async (_, thrown) => {
    const onError = vi.fn();
    const server = http.createServer(() => Promise.reject(thrown));
    acceptUpgrades(server, { onError });
    const port = await portOf(server);
    for (const request of [PLAIN, requestText()]) {
      const peer = await rawClient(port);
      peer.write(request);
      expect((await peer.takeAll()).toString('latin1')).toMatch(/^HTTP\/1.1 500 /);
    }
    expect(onError.mock.calls.map(([error]) => error instanceof Error)).toEqual([true, true]);
  });
});

function raise(thrown: unknown): never {
  throw thrown;
}
