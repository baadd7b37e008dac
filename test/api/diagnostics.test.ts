import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import * as channels from '../../src/api/diagnostics.js';
import {
  type DiagnosticsMessages,
  newWebSocket,
  Opcode,
  prepare,
  refuse,
  type Server,
  type WebSocket,
} from '../../src/index.js';
import { FakeBroker } from '../support/fake-broker.js';
import { fragmentsFor, frameFor } from '../support/framer.js';
import { noise } from '../support/messages.js';
import { runNode } from '../support/program.js';
import { rawAnswer, rawWebSocket, requestText } from '../support/raw-peer.js';
import { acceptedSocket, awaiting, connected, fillUp, served, until, withResolvers } from '../support/servers.js';

type Name = keyof DiagnosticsMessages;
type Told = { [Each in Name]: { name: Each; message: DiagnosticsMessages[Each] } }[Name];

const NAMES: readonly Name[] = [
  'wasock:open',
  'wasock:message',
  'wasock:send',
  'wasock:close',
  'wasock:error',
  'wasock:handshake.refused',
  'wasock:slow-peer',
  'wasock:broker',
];

/** All that the channels tell until the test ends. */
function listen(names: readonly Name[] = NAMES, onTold: (told: Told) => void = () => {}): Told[] {
  const all: Told[] = [];
  for (const name of names) {
    const listener = (message: unknown) => {
      const told = { name, message } as Told;
      all.push(told);
      onTold(told);
    };
    subscribe(name, listener);
    onTestFinished(() => void unsubscribe(name, listener));
  }
  return all;
}

const CLOSE = frameFor('server', Opcode.Close, Buffer.from('\x0f\xa0bye', 'latin1'));
const ENDED = { closeCode: 4000, reason: 'bye', wasClean: true, cause: undefined };

describe('the life of a socket is told, each event once and in order', () => {
  test('in handler style', async () => {
    const opened = withResolvers<WebSocket>();
    const { port } = await served({
      open: (ws) => {
        ws.subscribe('t');
        opened.resolve(ws);
      },
    });
    const all = listen();
    const peer = await rawWebSocket(port);
    const ws = await opened.promise;
    peer.write(
      Buffer.concat([
        frameFor('server', 1, 'tëxt'),
        ...fragmentsFor('server', 2, ['ab', 'c']),
        frameFor('server', 9, 'p'),
      ]),
    );
    await until(() => all.length === 3);
    void ws.send('tëxt');
    void ws.send(Buffer.from('b'), { opcode: Opcode.Binary });
    void ws.send(prepare('prepared'));
    void ws.send('pong', Opcode.Pong);
    void ws.ping();
    peer.write(CLOSE);
    await ws.closed;
    expect(all).toEqual([
      { name: 'wasock:open', message: { socket: ws } },
      { name: 'wasock:message', message: { socket: ws, opcode: 1, data: 'tëxt', length: 5 } },
      { name: 'wasock:message', message: { socket: ws, opcode: 2, data: Buffer.from('abc'), length: 3 } },
      { name: 'wasock:send', message: { socket: ws, opcode: 1, data: 'tëxt' } },
      { name: 'wasock:send', message: { socket: ws, opcode: 2, data: Buffer.from('b') } },
      { name: 'wasock:send', message: { socket: ws, opcode: 1, data: 'prepared' } },
      { name: 'wasock:send', message: { socket: ws, opcode: 10, data: 'pong' } },
      { name: 'wasock:close', message: { socket: ws, ...ENDED } },
    ]);
    expect(await ws.closed).toEqual({ closeCode: 4000, reason: 'bye', wasClean: true });
  });

  test('in await style, on both sides', async () => {
    const all = listen();
    const accepted = withResolvers<WebSocket>();
    const { url } = await awaiting(async (request) => accepted.resolve(await newWebSocket(request)));
    const client = await connected(url);
    const server = await accepted.promise;
    void client.send('up');
    expect(await server.receiveStrPacket()).toBe('up');
    void server.send(Buffer.from('down'));
    await client.receiveBinaryPacket();
    await client.close(4000, 'bye');
    await server.closed;
    const of = (socket: WebSocket) => all.filter(({ message }) => (message as { socket: WebSocket }).socket === socket);
    expect(of(server)).toEqual([
      { name: 'wasock:open', message: { socket: server } },
      { name: 'wasock:message', message: { socket: server, opcode: 1, data: 'up', length: 2 } },
      { name: 'wasock:send', message: { socket: server, opcode: 2, data: Buffer.from('down') } },
      { name: 'wasock:close', message: { socket: server, ...ENDED } },
    ]);
    expect(of(client)).toEqual([
      { name: 'wasock:open', message: { socket: client } },
      { name: 'wasock:send', message: { socket: client, opcode: 1, data: 'up' } },
      { name: 'wasock:message', message: { socket: client, opcode: 2, data: Buffer.from('down'), length: 4 } },
      // §5.5.1: an answer echoes the code.
      { name: 'wasock:close', message: { socket: client, ...ENDED, reason: '' } },
    ]);
    expect(all).toHaveLength(8);
  });

  test('in raw mode each frame is a message', async () => {
    const { ws, peer } = await acceptedSocket({ raw: true } as object);
    const all = listen(['wasock:message']);
    peer.write(
      Buffer.concat([
        ...fragmentsFor('server', 1, ['a', 'bc']),
        frameFor('server', 9, 'p'),
        frameFor('server', 1, 'whole'),
      ]),
    );
    await until(() => all.length === 4);
    expect(all.map(({ message }) => message)).toEqual([
      { socket: ws, opcode: 1, data: Buffer.from('a'), length: 1 },
      { socket: ws, opcode: 0, data: Buffer.from('bc'), length: 2 },
      { socket: ws, opcode: 9, data: Buffer.from('p'), length: 1 },
      { socket: ws, opcode: 1, data: 'whole', length: 5 },
    ]);
  });

  test('what is published is told once for each socket that accepts it', async () => {
    const { server, port } = await served({ open: (ws) => ws.subscribe('t') });
    await rawWebSocket(port);
    await rawWebSocket(port);
    const all = listen(['wasock:send']);
    expect(server.publish('t', 'all')).toBe(2);
    const sockets = [...server.connections];
    expect(all.map(({ message }) => message)).toEqual(sockets.map((socket) => ({ socket, opcode: 1, data: 'all' })));
    sockets[0].publish('t', 'others');
    expect(all).toHaveLength(3);
    for (const ws of sockets) void ws.close();
    server.publish('t', 'nobody');
    void sockets[0].send('nobody');
    expect(all).toHaveLength(3);
  });

  test('the cause of an end that was not clean', async () => {
    const { ws, peer } = await acceptedSocket();
    const all = listen(['wasock:close']);
    peer.write(frameFor('server', 3));
    await ws.closed;
    expect(all).toMatchObject([
      { message: { closeCode: 1006, wasClean: false, cause: { code: 'WASOCK_RESERVED_OPCODE' } } },
    ]);
  });
});

test.each([
  ['sends', (ws: WebSocket) => ws.send('x')],
  ['sends a prepared message', (ws: WebSocket) => ws.send(prepare('x'))],
  ['publishes', (_ws: WebSocket, server: Server) => server.publish('t', 'x')],
])('a subscriber may close the socket that %s: the Close follows the message', async (_what, act) => {
  const opened = withResolvers<WebSocket>();
  const { port, server } = await served({
    open: (ws) => {
      ws.subscribe('t');
      opened.resolve(ws);
    },
  });
  const peer = await rawWebSocket(port);
  const ws = await opened.promise;
  listen(['wasock:send'], () => void ws.close(4000));
  act(ws, server);
  const close = frameFor('client', Opcode.Close, Buffer.from('\x0f\xa0', 'latin1'));
  const expected = Buffer.concat([frameFor('client', Opcode.Text, 'x'), close]);
  expect(await peer.take(expected.length)).toEqual(expected);
});

test('subscribers hear before handlers and receivers', async () => {
  const order: string[] = [];
  listen(['wasock:open', 'wasock:message', 'wasock:close', 'wasock:error'], ({ name }) => order.push(name));
  const { port } = await served({
    open: () => void order.push('open'),
    message: () => void order.push('message'),
    close: () => void order.push('close'),
    error: () => void order.push('error'),
  });
  const peer = await rawWebSocket(port);
  peer.write(Buffer.concat([frameFor('server', 1, 'a'), frameFor('server', 3)]));
  await until(() => order.includes('close'));
  expect(order).toEqual(['open', 'message', 'error', 'close'].flatMap((event) => [`wasock:${event}`, event]));
});

describe('errors are told with and without handlers', () => {
  test.each([true, false])('what code and peers do wrong, and the socket; a handler: %s', async (hasHandler) => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => log.mockRestore());
    const all = listen(['wasock:error']);
    const heard: unknown[] = [];
    const error = hasHandler ? (...args: unknown[]) => heard.push(args) : undefined;
    const opened: WebSocket[] = [];
    const { port } = await served({
      error,
      open: (ws) => void opened.push(ws),
      message: () => Promise.reject(new Error('mine')),
      upgrade: async ({ url }) => {
        if (url === '/bad') throw new Error('upgrade');
        return undefined;
      },
    });
    const mine = await rawWebSocket(port);
    mine.write(frameFor('server', 1, 'x'));
    await until(() => all.length === 1);
    const theirs = await rawWebSocket(port);
    theirs.write(frameFor('server', 3));
    await until(() => all.length === 2);
    await rawAnswer(port, requestText({}, 'GET /bad HTTP/1.1'));
    expect(all.map(({ message }) => message)).toEqual([
      { socket: opened[0], error: expect.objectContaining({ message: 'mine' }) },
      { socket: opened[1], error: expect.objectContaining({ code: 'WASOCK_RESERVED_OPCODE' }) },
      { socket: undefined, error: expect.objectContaining({ message: 'upgrade' }) },
    ]);
    if (hasHandler) expect(heard).toHaveLength(3);
    else expect(log).toHaveBeenCalledTimes(2);
  });

  test('acceptUpgrades without onError tells them, too', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => log.mockRestore());
    const all = listen(['wasock:error']);
    const { port } = await awaiting(async (request) => void (await (await newWebSocket(request)).receivePacket()), {
      onError: undefined,
    });
    (await rawWebSocket(port)).reset();
    await until(() => all.length === 1);
    await rawAnswer(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => all.length === 2);
    expect(all).toMatchObject([
      { message: { error: { name: 'WebSocketClosedError' }, socket: expect.anything() } },
      { message: { error: { name: 'WebSocketHandshakeError' }, socket: undefined } },
    ]);
    expect(log).not.toHaveBeenCalled();
  });
});

test('refused handshakes are told, also those that the application refuses', async () => {
  const all = listen(['wasock:handshake.refused']);
  const refusal = refuse(418);
  const { port } = await served({ upgrade: () => refusal });
  await rawAnswer(port, requestText({}, 'GET /tea HTTP/1.1'));
  await rawAnswer(port, requestText({ 'Sec-WebSocket-Key': 'x' }));
  expect(
    all.map(({ message }) => [
      (message as { request: IncomingMessage }).request.url,
      (message as { refusal: unknown }).refusal,
    ]),
  ).toEqual([
    ['/tea', refusal],
    ['/ws', expect.objectContaining({ status: 400, reason: 'request' })],
  ]);
});

test.each(['terminate', 'drop', 'wait'] as const)(
  'each message that is not sent to a slow peer is told: %s',
  async (slowPeer) => {
    const { ws, peer } = await acceptedSocket({ maxBackpressure: 100_000, slowPeer });
    peer.stopReading();
    await fillUp(ws, noise(1_000_000));
    while (ws.bufferedAmount <= 100_000) void ws.send(noise(50_000));
    const all = listen(['wasock:slow-peer', 'wasock:send']);
    const { bufferedAmount } = ws;
    void Promise.resolve(ws.send('one')).catch(() => {});
    void ws.ping();
    const one = { name: 'wasock:slow-peer', message: { socket: ws, bufferedAmount, slowPeer } };
    expect(all).toEqual(slowPeer === 'terminate' ? [one] : [one, one]);
  },
);

test('what the broker does is told as server.broker tells it', async () => {
  const all = listen(['wasock:broker']);
  const broker = new FakeBroker();
  broker.maxMessage = 100;
  const { server } = await served({ broker });
  const error = new Error('away');
  broker.turn('down', error);
  broker.turn('up');
  broker.onGap?.('t');
  server.publish('long', Buffer.alloc(200));
  expect(all.map(({ message }) => message)).toEqual([
    { event: 'down', error },
    { event: 'up' },
    { event: 'gap', gap: { topic: 't', origin: null } },
    { event: 'dropped', drop: { topic: 'long', bytes: expect.any(Number) } },
  ]);
});

test('while nobody subscribes, nothing is published', async () => {
  const spies = Object.values(channels)
    .filter((channel) => typeof channel === 'object' && 'publish' in channel)
    .map((channel) => vi.spyOn(channel as { publish(message: unknown): void }, 'publish'));
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore();
  });
  expect(spies).toHaveLength(NAMES.length);
  const broker = new FakeBroker();
  const { server, port } = await served({
    broker,
    slowPeer: 'drop',
    maxBackpressure: 1,
    open: (ws) => ws.subscribe('t'),
  });
  const peer = await rawWebSocket(port);
  const [ws] = server.connections;
  peer.write(frameFor('server', 1, 'x'));
  void ws.send('x');
  server.publish('t', 'x');
  peer.stopReading();
  await fillUp(ws);
  void ws.send('dropped');
  expect(ws.dropped).toBeGreaterThan(0);
  broker.turn('down');
  peer.readOn();
  await rawAnswer(port, requestText({ 'Sec-WebSocket-Key': 'x' }));
  peer.write(frameFor('server', 3));
  await ws.closed;
  for (const spy of spies) expect(spy).not.toHaveBeenCalled();
});

describe('a subscriber that throws', () => {
  test('is an uncaughtException, as for all channels of Node, and the connection does not notice', async () => {
    const run = runNode([
      '-e',
      `const { subscribe } = require('node:diagnostics_channel');
       const { serve, newWebSocket } = require('./build/index.js');
       let thrown = 0;
       process.on('uncaughtException', (error) => { if (error.message === 'subscriber') thrown++; else throw error; });
       for (const name of ['open', 'message', 'send', 'close', 'error', 'handshake.refused'])
         subscribe('wasock:' + name, () => { throw new Error('subscriber'); });
       (async () => {
         const server = await serve({ host: '127.0.0.1', message: (ws, data) => { ws.send(data); } });
         const url = 'ws://127.0.0.1:' + server.port;
         const ws = await newWebSocket(url);
         for (const text of ['a', 'b']) {
           ws.send(text);
           if (await ws.receiveStrPacket() !== text) throw new Error('lost');
         }
         const refused = await newWebSocket(url, [], { origin: 'http://evil.example' }).catch(({ status }) => status);
         const { closeCode } = await ws.close();
         await server.close();
         console.log(JSON.stringify({ thrown, refused, closeCode }));
       })();`,
    ]);
    expect(await run.exit).toMatchObject({ code: 0 });
    // Two of open, four of message and send each, one refusal, two of close.
    expect(JSON.parse(run.stdout)).toEqual({ thrown: 13, refused: 403, closeCode: 1000 });
  });
});

describe('NODE_DEBUG=wasock', () => {
  const SCRIPT = `
    const { serve, newWebSocket } = require('./build/index.js');
    const net = require('node:net');
    const broker = { status: 'up', maxMessage: 50, publish() {}, subscribe() {}, unsubscribe() {}, close() {}, onGap: null };
    (async () => {
      const hostile = Object.assign(new Error('mine\\nWASOCK 1: open \\u2028 \\x9b31m'), { code: 'A\\nB' });
      const server = await serve({
        host: '127.0.0.1', broker, error: () => {},
        message: (ws, data) => { if (data === 'throw') throw hostile; ws.send(data); },
      });
      const url = 'ws://127.0.0.1:' + server.port + '/a%0Ab';
      const ws = await newWebSocket(url);
      ws.send('line one\\nline two');
      await ws.receiveStrPacket();
      await ws.close(4000, 'rea\\nson \\u0085 \\u2028');
      const other = await newWebSocket(url);
      other.send('throw');
      await other.closed;
      await new Promise((resolve) => {
        const socket = net.connect(server.port, '127.0.0.1').on('close', resolve).on('error', () => {}).resume();
        socket.write(Buffer.from('GET /no HTTP/1.1\\r\\nOrigin: http://x\\x85\\x9b\\r\\nHost: a\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n', 'latin1'));
      });
      broker.onGap('a\\nb\\u2028');
      server.publish('t', Buffer.alloc(100));
      await server.close();
    })();`;

  test('prints one line for each event, into which nobody can put another', async () => {
    const run = runNode(['-e', SCRIPT], { NODE_ENV: 'production', NODE_DEBUG: 'wasock' });
    expect(await run.exit).toMatchObject({ code: 0 });
    const lines = run.stderr.split('\n').slice(0, -1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(run.stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]/);
    for (const line of lines) expect(line).toMatch(/^WASOCK \d+: [a-z.-]+ /);
    const counts: Record<string, number> = {};
    for (const line of lines) {
      const [, event] = /^WASOCK \d+: ([a-z.-]+)/.exec(line) as RegExpExecArray;
      counts[event] = (counts[event] ?? 0) + 1;
    }
    expect(counts).toEqual({ open: 4, send: 3, message: 3, close: 4, error: 1, 'handshake.refused': 1, broker: 2 });
    expect(run.stderr).toContain('opcode 1, 17 bytes');
    expect(run.stderr).toContain('4000 "rea\\nson \\u0085 \\u2028"');
    expect(run.stderr).toContain('error 127.0.0.1 "/a%0Ab" "mine\\nWASOCK 1: open \\u2028 \\u009b31m"');
  });

  test('prints nothing if it names others', async () => {
    const run = runNode(['-e', SCRIPT], { NODE_ENV: 'production', NODE_DEBUG: 'http-of-others' });
    expect(await run.exit).toMatchObject({ code: 0 });
    expect(run.stderr).toBe('');
  });

  test('an error that throws when it is read ends nothing', async () => {
    const run = runNode(
      [
        '-e',
        `const { serve, newWebSocket } = require('./build/index.js');
         class Hostile extends Error { get message() { throw new Error('read'); } }
         const hostile = Object.create(Hostile.prototype);
         (async () => {
           const server = await serve({ host: '127.0.0.1', error: () => {}, message: () => { throw hostile; } });
           const ws = await newWebSocket('ws://127.0.0.1:' + server.port);
           ws.send('x');
           console.log((await ws.closed).closeCode);
           await server.close();
         })();`,
      ],
      { NODE_ENV: 'production', NODE_DEBUG: 'wasock' },
    );
    expect(await run.exit).toMatchObject({ code: 0 });
    expect(run.stdout).toBe('1011\n');
    expect(run.stderr).toMatch(/^WASOCK \d+: error$/m);
  });
});
