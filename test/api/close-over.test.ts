import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConnectionSet, checkCloseOptions } from '../../src/api/connections.js';
import { newWebSocket, type WebSocket } from '../../src/index.js';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { FakeBroker } from '../support/fake-broker.js';
import { parseFrames } from '../support/frame-parser.js';
import { frameFor } from '../support/framer.js';
import { runNode } from '../support/program.js';
import { type RawPeer, rawAnswer, rawClient, rawWebSocket, requestText } from '../support/raw-peer.js';
import { aWhile, awaiting, connected, getPage, served, settles, until } from '../support/servers.js';
import { turns } from '../support/waiting.js';

/** A clock that the test moves, while it is a number. */
const clock = vi.hoisted(() => ({ now: Number.NaN, ticks: new Set<() => void>() }));

vi.mock('node:timers', async (importOriginal) => {
  const timers = await importOriginal<typeof import('node:timers')>();
  return {
    ...timers,
    setInterval: (tick: () => void, milliseconds: number) => {
      if (Number.isNaN(clock.now)) return timers.setInterval(tick, milliseconds);
      clock.ticks.add(tick);
      return tick;
    },
    clearInterval: (timer: NodeJS.Timeout | (() => void)) => {
      if (typeof timer === 'function') clock.ticks.delete(timer);
      else timers.clearInterval(timer);
    },
  };
});

const closeFrame = (code: number) => frameFor('server', 8, Buffer.of(code >> 8, code & 255));

describe('the options', () => {
  test('over is off by default, and at most the time-out', () => {
    expect(checkCloseOptions({})).toMatchObject({ over: 0, timeout: undefined });
    expect(checkCloseOptions({ over: 5, timeout: 5 })).toMatchObject({ over: 5, timeout: 5 });
    expect(checkCloseOptions({ over: 5 })).toMatchObject({ over: 5, timeout: undefined });
    for (const timeout of [0, Number.POSITIVE_INFINITY]) {
      expect(checkCloseOptions({ over: 10_000, timeout })).toMatchObject({ over: 10_000, timeout: 0 });
    }
  });

  test.each([
    [{ over: '5' }, TypeError, /over .*"5"/],
    [{ over: null }, TypeError, /over .*null/],
    [{ over: -1 }, RangeError, /over .*-1/],
    [{ over: 0.5 }, RangeError, /over .*0\.5/],
    [{ over: Number.NaN }, RangeError, /over .*NaN/],
    [{ over: Number.POSITIVE_INFINITY }, RangeError, /over .*Infinity/],
    [{ over: Number.POSITIVE_INFINITY, timeout: 10 }, RangeError, /over .*Infinity/],
    [{ over: 11, timeout: 10 }, RangeError, /over .*11.*10/],
  ])('%o is an error that tells it, and nothing has changed', async (options, error, message) => {
    const { server, port } = await served();
    expect(() => server.close(options as object)).toThrow(error);
    expect(() => server.close(options as object)).toThrow(message);
    await rawWebSocket(port);
  });
});

describe('the spread, on a moved clock', () => {
  beforeEach(() => {
    clock.now = 1000;
    vi.spyOn(performance, 'now').mockImplementation(() => clock.now);
  });
  afterEach(() => {
    clock.now = Number.NaN;
    vi.restoreAllMocks();
  });

  /** Moves the clock in one go, or in steps of 20 ms, and has the timer fire. */
  async function pass(milliseconds: number, step = 20): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += step) {
      clock.now += step;
      for (const tick of clock.ticks) tick();
    }
    await turns(2);
  }

  function setOf(count: number) {
    const set = new ConnectionSet<unknown>();
    const order: number[] = [];
    const sockets = Array.from(
      { length: count },
      (_, i) => ({ close: () => void order.push(i), hangup() {} }) as unknown as WebSocket,
    );
    for (const ws of sockets) set.add(ws);
    return { set, sockets, order };
  }

  test('is even, in an order by chance, and each socket is told once', async () => {
    const { set, order } = setOf(1000);
    const told = set.closeOver(1001, '', 10_000);
    for (let second = 1; second <= 10; second++) {
      await pass(1000);
      expect(Math.abs(order.length - second * 100)).toBeLessThanOrEqual(3);
    }
    await told;
    const sorted = [...order].sort((a, b) => a - b);
    expect(sorted).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(order).not.toEqual(sorted);
  });

  test('catches up after a stall of the process that was longer than the time', async () => {
    const { set, order } = setOf(100);
    const told = set.closeOver(1001, '', 1000);
    await pass(5000, 5000);
    await pass(20);
    await told;
    expect(order).toHaveLength(100);
  });

  test('ends as soon as all have left, and at once if there is none', async () => {
    const { set, sockets, order } = setOf(10);
    let ended = 0;
    const told = set.closeOver(1001, '', 1_000_000).then(() => ended++);
    await pass(1000);
    for (const ws of sockets) set.delete(ws);
    await pass(20);
    await told;
    expect([ended, order.length]).toEqual([1, 1]);
    const none = setOf(0).set.closeAll(1001, '', 1_000_000);
    await pass(20);
    await none;
    expect(clock.ticks.size).toBe(0);
  });
});

/** Peers answer the Close, each once, and note how many came. */
async function answeringPeers(port: number, count: number): Promise<{ peers: RawPeer[]; closes(): number }> {
  const peers = await Promise.all(Array.from({ length: count }, () => rawWebSocket(port)));
  const closed = new Set<RawPeer>();
  for (const peer of peers) {
    peer.socket.on('data', () => {
      if (closed.has(peer) || !peer.received.includes(Buffer.of(0x88))) return;
      closed.add(peer);
      peer.socket.end(closeFrame(1012));
    });
  }
  return { peers, closes: () => closed.size };
}

describe('serve', () => {
  test('sends each socket its Close exactly once, one after the other, and ends with the last', async () => {
    const { server, port } = await served();
    const { peers, closes } = await answeringPeers(port, 20);
    const closed = server.close({ code: 1012, reason: 'bye', over: 400, timeout: 5000 });
    await until(() => closes() > 0);
    expect(server.connections.size).toBeGreaterThan(0);
    await closed;
    expect(closes()).toBe(20);
    for (const peer of peers) {
      const frames = parseFrames(peer.received);
      expect(frames.map(({ opcode }) => opcode)).toEqual([8]);
      expect(frames[0].payload.toString('latin1')).toBe('\x03\xf4bye');
    }
    expect(server.metrics().closesByCode).toEqual({ 1012: 20 });
  });

  test('sockets work on until their turn', async () => {
    const { server, port } = await served({ message: (ws, data) => void ws.send(data) });
    const peers = await Promise.all(Array.from({ length: 4 }, () => rawWebSocket(port)));
    const closed = server.close({ over: 60_000 });
    await aWhile(60);
    expect(server.connections.size).toBe(4);
    let echoes = 0;
    for (const peer of peers) {
      peer.write(frameFor('server', 1, 'on'));
      const octets = await peer.take(4);
      if (octets.toString('latin1') === '\x81\x02on') echoes++;
    }
    expect(echoes).toBe(3);
    for (const peer of peers) peer.reset();
    await closed;
  });

  test('new upgrades get 503 with Retry-After meanwhile, and so do pending ones; plain requests are answered', async () => {
    let asked = 0;
    const { server, port } = await served({
      request: (_request, response) => void response.end('healthy'),
      upgrade: async () => {
        if (++asked > 2) await aWhile(60_000);
      },
    });
    // The turn of the second comes after half a minute.
    const peers = [await rawWebSocket(port), await rawWebSocket(port)];
    const early = await rawClient(port);
    const pending = rawAnswer(port, requestText());
    await until(() => asked === 3);
    const closed = server.close({ over: 60_000 });
    for (const answer of [await pending, await rawAnswer(port, requestText())]) {
      expect(answer).toMatch(/^HTTP\/1\.1 503 /);
      expect(answer).toMatch(/^Retry-After: 1\r$/m);
    }
    early.write(requestText());
    expect((await early.takeAll()).toString()).toMatch(/^HTTP\/1\.1 503 /);
    expect(await getPage(port)).toMatchObject({ status: 200, text: 'healthy' });
    expect(server.connections.size).toBe(2);
    for (const peer of peers) peer.reset();
    await closed;
    // The kernel says either, depending on how far it is.
    await expect(rawClient(port)).rejects.toMatchObject({ code: expect.stringMatching(/^ECONN(REFUSED|RESET)$/) });
  });

  test('ends early if all leave, and a second call waits for the same end', async () => {
    const { server, port } = await served();
    const peers = await Promise.all(Array.from({ length: 5 }, () => rawWebSocket(port)));
    const closed = server.close({ over: 3_600_000 });
    expect(server.close()).toBe(closed);
    expect(server.close({ over: 1, timeout: 1 })).toBe(closed);
    expect(await settles(closed, 60)).toBe(false);
    for (const peer of peers) peer.socket.end();
    await closed;
  });

  test.each([0, Number.POSITIVE_INFINITY])('with a time-out of %d, mute peers are waited for', async (timeout) => {
    const { server, port } = await served();
    const peer = await rawWebSocket(port);
    const closed = server.close({ over: 40, timeout });
    expect((await peer.take(4)).toString('hex')).toBe('880203e9');
    expect(await settles(closed, 100)).toBe(false);
    peer.socket.end(closeFrame(1001));
    await closed;
  });

  test('without a time-out, each has closeTimeout after its Close', async () => {
    const { server, port } = await served({ closeTimeout: 60 });
    await Promise.all(Array.from({ length: 5 }, () => rawWebSocket(port)));
    await server.close({ over: 100 });
    expect(server.metrics()).toMatchObject({ connectionsOpen: 0, closesByCode: { 1006: 5 } });
  });

  test('the time-out holds with mute peers, and with a plain request that is never answered', async () => {
    const { server, port } = await served({ request() {}, closeTimeout: 60_000 });
    const peers = await Promise.all(Array.from({ length: 10 }, () => rawWebSocket(port)));
    const page = getPage(port).catch((error: Error) => error);
    await aWhile(20);
    await server.close({ over: 200, timeout: 300 });
    expect(await page).toBeInstanceOf(Error);
    await until(() => peers.every((peer) => peer.ended));
    for (const peer of peers) expect(peer.received.toString('hex')).toBe('880203e9');
  });

  test('in the middle of a message, and of one that is being sent, nothing else breaks', async () => {
    const messages: string[] = [];
    const { server, port, errors } = await served({ message: (_ws, data) => void messages.push(data.toString()) });
    const peer = await rawWebSocket(port);
    const [first, last] = [frameFor('server', 1, 'ha', { fin: false }), frameFor('server', 0, 'lf')];
    peer.write(first);
    const [ws] = server.connections;
    const closed = server.close({ over: 100, timeout: 10_000 });
    void ws.send(Buffer.alloc(3_000_000, 'x'));
    await aWhile(150);
    peer.socket.end(Buffer.concat([last, closeFrame(1001)]));
    await closed;
    expect((await peer.takeAll()).subarray(-4).toString('hex')).toBe('880203e9');
    // What comes after our own Close is discarded.
    expect([messages, errors]).toEqual([[], []]);
  });

  test('over TLS, and on a server that is shared, which goes on listening', async () => {
    const own = await served({ tls: { key: PRIVATE_KEY, cert: CERTIFICATE } });
    const clients = await Promise.all(
      Array.from({ length: 3 }, () => connected(`wss://127.0.0.1:${own.port}/`, [], { ca: CERTIFICATE })),
    );
    await own.server.close({ over: 60 });
    for (const ws of clients) expect(await ws.closed).toMatchObject({ closeCode: 1001, wasClean: true });

    const { http, port } = await awaiting((_request, response) => response.end('page'), { path: '/other' });
    const shared = await served({ server: http, path: '/ws' });
    const { closes } = await answeringPeers(port, 5);
    await shared.server.close({ over: 60 });
    expect(closes()).toBe(5);
    expect((await getPage(port)).text).toBe('page');
  });

  test('a broker gets what is published meanwhile, and is released at the end', async () => {
    const broker = new FakeBroker();
    const { server, port } = await served({ broker });
    const { closes } = await answeringPeers(port, 3);
    const closed = server.close({ over: 100, timeout: 5000 });
    server.publish('topic', 'meanwhile');
    await until(() => closes() > 0 && broker.calls.length > 0);
    expect(broker.isClosed).toBe(false);
    for (const call of broker.take()) {
      expect([call.name, call.topic]).toEqual(['publish', 'topic']);
      call.resolve();
    }
    await closed;
    expect(broker.isClosed).toBe(true);
  });
});

describe('acceptUpgrades', () => {
  test('spreads the Closes, refuses new upgrades meanwhile, and leaves the server to its owner', async () => {
    const { port, upgrades } = await awaiting(async (request, response) => {
      if (!request.headers.upgrade) return void response.end('page');
      const ws = await newWebSocket(request);
      for await (const message of ws) void ws.send(message);
    });
    const { peers, closes } = await answeringPeers(port, 6);
    const closed = upgrades.close({ over: 300 });
    expect(await rawAnswer(port, requestText())).toMatch(/^HTTP\/1\.1 503 .*^Retry-After: 1\r$/ms);
    await until(() => closes() > 0);
    expect((await getPage(port)).text).toBe('page');
    await closed;
    expect(closes()).toBe(6);
    for (const peer of peers) expect(parseFrames(peer.received)).toHaveLength(1);
    expect((await getPage(port)).text).toBe('page');
  });

  test('the time-out ends mute peers', async () => {
    const { port, upgrades } = await awaiting(async (request) => {
      const ws = await newWebSocket(request);
      await ws.closed;
    });
    const peers = await Promise.all(Array.from({ length: 6 }, () => rawWebSocket(port)));
    await upgrades.close({ over: 50, timeout: 100 });
    expect(upgrades.connections.size).toBe(0);
    await until(() => peers.every((peer) => peer.ended));
  });
});

const PROGRAM = `
  const { serve } = require('./build/index.js');
  const { connect } = require('node:net');
  (async () => {
    const server = await serve({ host: '127.0.0.1', closeTimeout: 600_000 });
    let opened = 0;
    for (let i = 0; i < 20; i++) {
      const socket = connect(server.port, '127.0.0.1').on('error', () => {});
      socket.unref();
      socket.write('GET / HTTP/1.1\\r\\nHost: x\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n');
      socket.once('data', () => opened++);
    }
    while (opened < 20) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.close({ over: 100, timeout: 200 });
    console.log('closed', server.connections.size);
  })();
`;

test('hostile.L-01: after the time-out the process ends by itself, however mute its peers', async () => {
  const program = runNode(['-e', PROGRAM]);
  expect(await program.exit).toEqual({ code: 0, signal: null });
  expect([program.stdout, program.stderr]).toEqual(['closed 0\n', '']);
});
