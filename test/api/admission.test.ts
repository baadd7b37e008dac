import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { acceptUpgrades, newWebSocket, refuse, type ServeOptions, type ServerLimits, serve } from '../../src/index.js';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { SEED } from '../support/codecs.js';
import { frameFor } from '../support/framer.js';
import { type Fields, RawPeer, rawAnswer, rawWebSocket, requestText } from '../support/raw-peer.js';
import { randomNumbers } from '../support/receiver-harness.js';
import { aWhile, awaiting, listening, served, until } from '../support/servers.js';

const UNLIMITED = Number.POSITIVE_INFINITY;
const MOST = 6;
const CLOSE = frameFor('server', 8, Buffer.of(3, 232));

/** What a client asks of the handlers, in a header. */
const DEEDS = [
  'accept',
  'accept late',
  'refuse',
  'refuse late',
  'throw',
  'reject late',
  'never',
  'throw in open',
  'destroy',
  'destroy late',
  'broken write',
] as const;
type Deed = (typeof DEEDS)[number];

/** How a connection ends that was opened. */
const ENDS = [
  'close',
  'fin',
  'reset',
  'garbage',
  'mute',
  'they hang up',
  'they close',
  'early fin',
  'early reset',
] as const;
type End = (typeof ENDS)[number];

/** Does what the client asks for. @returns whether to accept */
function perform(request: http.IncomingMessage): boolean | Promise<boolean> {
  const deed = request.headers['x-deed'] as Deed;
  const { socket } = request;
  if (deed === 'throw') throw new Error(deed);
  if (deed === 'refuse') return false;
  if (deed === 'destroy') socket.destroy();
  if (deed === 'broken write') {
    socket.write = () => {
      throw new Error(deed);
    };
  }
  if (deed.endsWith('late')) {
    return aWhile(15).then(() => {
      if (deed === 'reject late') throw new Error(deed);
      if (deed === 'destroy late') socket.destroy();
      return deed !== 'refuse late';
    });
  }
  if (deed === 'never') return new Promise(() => {});
  return true;
}

interface Fixture {
  readonly port: number;
  open(): number;
  pending(): number;
  /** The server's sockets. */
  sockets(): Iterable<{ hangup(): void; close(code?: number): unknown }>;
  connect(): net.Socket;
}

const SHORT = { closeTimeout: 60, handshakeTimeout: 80, pingInterval: 0 };

function handlers(): ServeOptions {
  return {
    error() {},
    async upgrade(request) {
      const accepts = perform(request);
      return (typeof accepts === 'boolean' ? accepts : await accepts) ? undefined : refuse(403);
    },
    open(ws) {
      if (ws.request?.headers['x-deed'] === 'throw in open') throw new Error('in open');
    },
  };
}

const fixtureOf = (
  server: {
    metrics(): { connectionsOpen: number; handshakesPending: number };
    connections: Fixture['sockets'] extends () => infer T ? T : never;
  },
  port: number,
  connect = () => net.connect(port, '127.0.0.1'),
): Fixture => ({
  port,
  connect,
  open: () => server.metrics().connectionsOpen,
  pending: () => server.metrics().handshakesPending,
  sockets: () => server.connections,
});

const connectTls = (port: number) => () =>
  tls.connect({ port, host: '127.0.0.1', ca: CERTIFICATE, servername: 'localhost' });

const FIXTURES: Record<string, (limits: ServerLimits) => Promise<Fixture>> = {
  'a server of its own': async (limits) => {
    const { server, port } = await served({ ...handlers(), ...SHORT, ...limits });
    return fixtureOf(server, port);
  },
  'a server of its own, synchronous': async (limits) => {
    const upgrade = (request: http.IncomingMessage) => {
      const accepts = perform(request);
      if (typeof accepts !== 'boolean') return accepts.then((does) => (does ? undefined : refuse(403)));
      return accepts ? undefined : refuse(403);
    };
    const { server, port } = await served({ ...handlers(), upgrade, ...SHORT, ...limits });
    return fixtureOf(server, port);
  },
  'a shared server': async (limits) => {
    const shared = http.createServer();
    const { server } = await served({ ...handlers(), ...SHORT, ...limits, server: shared });
    return fixtureOf(server, await listening(shared));
  },
  TLS: async (limits) => {
    const { server, port } = await served({
      ...handlers(),
      ...SHORT,
      ...limits,
      tls: { key: PRIVATE_KEY, cert: CERTIFICATE },
    });
    return fixtureOf(server, port, connectTls(port));
  },
  acceptUpgrades: async (limits) => {
    const { upgrades, port } = await awaiting(
      async (request, response) => {
        const accepts = perform(request);
        if (!(typeof accepts === 'boolean' ? accepts : await accepts)) return void response.writeHead(403).end();
        const ws = await newWebSocket(request);
        if (request.headers['x-deed'] === 'throw in open') throw new Error('in open');
        for await (const _ of ws);
      },
      { ...SHORT, ...limits },
    );
    return fixtureOf(upgrades, port);
  },
};

async function connectPeer(fixture: Fixture): Promise<RawPeer> {
  const socket = fixture.connect();
  const peer = new RawPeer(socket);
  await new Promise<void>((resolve) => {
    socket.once(socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect', resolve).once('close', resolve);
  });
  return peer;
}

/** One client from its connection to its end. */
async function visit(fixture: Fixture, deed: Deed, end: End, fields: Fields = {}): Promise<void> {
  const peer = await connectPeer(fixture);
  peer.write(requestText({ 'X-Deed': deed, ...fields }));
  if (end === 'early fin') return void peer.socket.end();
  if (end === 'early reset') return void peer.socket.destroy();
  await peer.takeHead().catch(() => '');
  if (end === 'close') peer.write(CLOSE);
  else if (end === 'fin') peer.socket.end();
  else if (end === 'reset') peer.socket.destroy();
  else if (end === 'garbage') peer.write(Buffer.alloc(100, 0xff));
  else if (end === 'they hang up') for (const ws of fixture.sockets()) ws.hangup();
  else if (end === 'they close') for (const ws of fixture.sockets()) void ws.close();
}

/** Opens as many as there may be, from one address, and not one more. */
async function expectRoomFor(fixture: Fixture, most: number, refusal: RegExp): Promise<void> {
  const open = async () => {
    const peer = await connectPeer(fixture);
    peer.write(requestText({ 'X-Deed': 'accept' }));
    return { peer, head: await peer.takeHead() };
  };
  const first = await Promise.all(Array.from({ length: most }, open));
  for (const { head } of first) expect(head).toMatch(/^HTTP\/1\.1 101 /);
  for (let i = 0; i < 3; i++) expect((await open()).head).toMatch(refusal);
  expect(fixture.open()).toBe(most);
  first[0].peer.socket.destroy();
  await until(() => fixture.open() === most - 1);
  expect((await open()).head).toMatch(/^HTTP\/1\.1 101 /);
  expect((await open()).head).toMatch(refusal);
}

describe.each(Object.entries(FIXTURES))('%s', (_name, make) => {
  test.each([
    ['maxConnections', { maxConnections: MOST }, /^HTTP\/1\.1 503 /],
    ['maxConnectionsPerAddress', { maxConnectionsPerAddress: MOST }, /^HTTP\/1\.1 429 /],
  ])('%s: after a random program there is room for exactly as many as before', async (_limit, limits, refusal) => {
    const random = randomNumbers(SEED);
    const of = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)];
    const fixture = await make(limits);
    try {
      for (let round = 0; round < 6; round++) {
        const visits = Array.from({ length: 12 }, () => {
          const fields: Fields = random() < 0.1 ? { 'Sec-WebSocket-Version': '7' } : {};
          return visit(fixture, random() < 0.4 ? 'accept' : of(DEEDS), of(ENDS), fields);
        });
        await Promise.all(visits);
        expect(fixture.open()).toBeLessThanOrEqual(MOST);
        for (const ws of fixture.sockets()) if (random() < 0.5) void ws.close();
      }
      for (const ws of fixture.sockets()) void ws.close();
      await until(() => fixture.open() === 0 && fixture.pending() === 0);
      await expectRoomFor(fixture, MOST, refusal);
    } catch (error) {
      throw new Error(`FC_SEED=${SEED}`, { cause: error });
    }
  });

  test('pending handshakes count', async () => {
    const fixture = await make({ maxConnections: 2, handshakeTimeout: 60_000 });
    const waiting = [await connectPeer(fixture), await connectPeer(fixture)];
    for (const peer of waiting) peer.write(requestText({ 'X-Deed': 'never' }));
    await until(() => fixture.pending() === 2);
    const third = await connectPeer(fixture);
    third.write(requestText({ 'X-Deed': 'accept' }));
    const answer = (await third.takeAll()).toString();
    expect(answer).toMatch(/^HTTP\/1\.1 503 .*Too many connections are open\n$/s);
    waiting[0].socket.destroy();
    await until(() => fixture.pending() === 1);
    const fourth = await connectPeer(fixture);
    fourth.write(requestText({ 'X-Deed': 'accept' }));
    expect(await fourth.takeHead()).toMatch(/^HTTP\/1\.1 101 /);
  });

  test.each([
    ['undefined is not counted', () => undefined, 101],
    ['a text is one address', () => 'the same', 429],
    [
      'what it throws is a 500',
      () => {
        throw new Error('no');
      },
      500,
    ],
    ['a number is a 500', () => 5, 500],
  ])('addressOf: %s', async (_what, addressOf, status) => {
    const limits = { maxConnectionsPerAddress: 2, addressOf: addressOf as () => string };
    const fixture = await make(limits);
    const heads: string[] = [];
    for (let i = 0; i < 4; i++) {
      const peer = await connectPeer(fixture);
      peer.write(requestText({ 'X-Deed': 'accept' }));
      heads.push(await peer.takeHead());
    }
    const statuses = heads.map((head) => Number(head.slice(9, 12)));
    expect(statuses).toEqual(status === 429 ? [101, 101, 429, 429] : Array(4).fill(status));
    expect(fixture.pending()).toBe(0);
  });
});

describe('addresses', () => {
  const statusFrom = async (port: number, client: string, host = '127.0.0.1') => {
    const socket = net.connect({ port, host });
    const peer = new RawPeer(socket);
    peer.write(requestText({ 'X-Client': client }));
    return Number((await peer.takeHead()).slice(9, 12));
  };

  test('one client that is at its limit disturbs no other', async () => {
    const { port, server } = await served({
      maxConnectionsPerAddress: 2,
      addressOf: (request) => request.headers['x-client'] as string,
    });
    for (const [client, status] of [
      ['10.0.0.1', 101],
      ['::ffff:10.0.0.1', 101],
      ['10.0.0.1', 429],
      ['10.0.0.2', 101],
      ['2001:db8::1', 101],
      ['2001:db8:0:0:ffff::', 101],
      ['2001:db8::2%eth0', 429],
      ['2001:db8:0:1::2', 101],
    ] as const) {
      expect([client, await statusFrom(port, client)]).toEqual([client, status]);
    }
    expect(server.metrics()).toMatchObject({ connectionsOpen: 6, handshakesRefused: { address: 2 } });
  });

  test('the address of the TCP connection counts, IPv4 on a socket for both kinds like any other', async () => {
    const { port } = await served({ host: '::', maxConnectionsPerAddress: 1 });
    const hosts = ['127.0.0.1', '127.0.0.1', '::1', '::1'];
    const statuses: number[] = [];
    for (const host of hosts) statuses.push(await statusFrom(port, '', host));
    expect(statuses).toEqual([101, 429, 101, 429]);
  });

  test('clients of a Unix socket have none, and are not counted', async () => {
    const unix = path.join(tmpdir(), `wasock-admission-${process.pid}.sock`);
    const { server } = await served({ unix, maxConnectionsPerAddress: 1, maxConnections: 3 });
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) {
      const peer = new RawPeer(net.connect(unix));
      peer.write(requestText());
      statuses.push(Number((await peer.takeHead()).slice(9, 12)));
    }
    expect(statuses).toEqual([101, 101, 101, 503]);
    expect(server.connections.size).toBe(3);
  });
});

test('several that accept the upgrades of one server count each its own', async () => {
  const server = http.createServer(async (request) => void (await newWebSocket(request)));
  const [a, b] = ['/a', '/b'].map((at) => acceptUpgrades(server, { path: at, maxConnections: 2, onError() {} }));
  const c = await serve({ server, path: '/c', maxConnections: 2 });
  const port = await listening(server);
  onTestFinished(async () => void (await Promise.all([a, b, c].map((each) => each.close({ timeout: 1 })))));
  for (const at of ['/a', '/b', '/c']) {
    for (let i = 0; i < 2; i++) await rawWebSocket(port, {}, at);
    expect(await rawAnswer(port, requestText({}, `GET ${at} HTTP/1.1`))).toMatch(/^HTTP\/1\.1 503 /);
  }
  expect([a, b, c].map((each) => each.connections.size)).toEqual([2, 2, 2]);
});

test('what is no WebSocket does not count, and is served though there is no more room', async () => {
  const { port, server } = await served({
    path: '/ws',
    maxConnections: 1,
    maxConnectionsPerAddress: 1,
    request: (_request, response) => void response.end('page'),
  });
  await rawWebSocket(port);
  const h2c = { Upgrade: 'h2c', Connection: 'Upgrade, close', 'Sec-WebSocket-Key': undefined };
  for (let i = 0; i < 3; i++) expect(await rawAnswer(port, requestText(h2c))).toMatch(/^HTTP\/1\.1 200 .*page/s);
  expect(await rawAnswer(port, requestText({}, 'GET /other HTTP/1.1'))).toMatch(/^HTTP\/1\.1 200 .*page/s);
  expect(await rawAnswer(port, requestText())).toMatch(/^HTTP\/1\.1 503 /);
  expect(server.connections.size).toBe(1);
});

describe('the options', () => {
  test.each(['maxConnections', 'maxConnectionsPerAddress'])('%s: a wrong value is an error that tells it', (name) => {
    for (const [value, error] of [
      ['5', TypeError],
      [null, TypeError],
      [0, RangeError],
      [-1, RangeError],
      [1.5, RangeError],
      [Number.NaN, RangeError],
    ] as const) {
      for (const call of [
        () => serve({ [name]: value }),
        () => acceptUpgrades(http.createServer(), { [name]: value }),
      ]) {
        expect(call).toThrow(error);
        expect(call).toThrow(new RegExp(`${name} .*${String(value).replace('.', '\\.')}`));
      }
    }
  });

  test.each([5, 'x-forwarded-for', null, {}])('addressOf: %o is a TypeError that tells it', (addressOf) => {
    expect(() => serve({ addressOf: addressOf as never })).toThrow(TypeError);
    expect(() => serve({ addressOf: addressOf as never })).toThrow(/addressOf .*(5|x-forwarded-for|null|object)/);
    expect(() => acceptUpgrades(https.createServer(), { addressOf: addressOf as never })).toThrow(TypeError);
  });

  test('Infinity is unlimited', async () => {
    const { port, server } = await served({ maxConnections: UNLIMITED, maxConnectionsPerAddress: UNLIMITED });
    for (let i = 0; i < 20; i++) await rawWebSocket(port);
    expect(server.connections.size).toBe(20);
  });
});
