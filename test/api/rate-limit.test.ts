import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { checkRateLimit } from '../../src/api/rate-limit.js';
import { newWebSocket, Opcode, ReadyState, type ServeOptions, serve } from '../../src/index.js';
import { RESERVE_BYTES } from '../../src/net/reading/inbox.js';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { openConnection } from '../support/connection-harness.js';
import { parseFrames } from '../support/frame-parser.js';
import { FramePeer } from '../support/frame-peer.js';
import { fragmentsFor, frameFor } from '../support/framer.js';
import { heldMemory } from '../support/memory.js';
import { prose } from '../support/messages.js';
import { runNode } from '../support/program.js';
import { closeFrame, LONG, limit, many, ping, settled, text, UNLIMITED } from '../support/rate-limits.js';
import { RawServer, rawWebSocket } from '../support/raw-peer.js';
import { acceptedSocket, aWhile, connected, served, until } from '../support/servers.js';
import { tcpPair } from '../support/sockets.js';

/** `serve` that notes what it is told. */
async function listening(options: ServeOptions) {
  const messages: string[] = [];
  const pings: string[] = [];
  const closes: unknown[] = [];
  const told = await served({
    message: (_ws, data) => void messages.push(data.toString()),
    ping: (_ws, data) => void pings.push(data.toString()),
    close: (_ws, code, reason) => void closes.push([code, reason]),
    ...options,
  });
  return { ...told, messages, pings, closes };
}

describe('the option', () => {
  test('has defaults, and is off if it is not given', () => {
    expect(checkRateLimit(undefined)).toBeNull();
    expect(checkRateLimit({ frames: 5 })).toEqual(limit({ frames: 5 }));
    expect(checkRateLimit({ messages: 1, bytes: UNLIMITED, per: 1, action: 'close' })).toEqual(
      limit({ messages: 1, per: 1, action: 'close' }),
    );
  });

  const kinds = ['messages', 'frames', 'bytes', 'per'];
  const wrong: [object | null | string | number, new () => Error, string][] = [
    ...kinds.flatMap((kind): [object, new () => Error, string][] => [
      [{ frames: 1, [kind]: '10' }, TypeError, '"10"'],
      [{ frames: 1, [kind]: null }, TypeError, 'null'],
      [{ frames: 1, [kind]: 10n }, TypeError, '10'],
      [{ frames: 1, [kind]: 0 }, RangeError, '0'],
      [{ frames: 1, [kind]: -3 }, RangeError, '-3'],
      [{ frames: 1, [kind]: 1.5 }, RangeError, '1.5'],
      [{ frames: 1, [kind]: Number.NaN }, RangeError, 'NaN'],
    ]),
    [{ frames: 1, per: UNLIMITED }, RangeError, 'Infinity'],
    [{ frames: 1, action: 'drop' }, TypeError, '"drop"'],
    [{ frames: 1, action: null }, TypeError, 'null'],
    [{ frames: 1, message: 1 }, TypeError, '"message"'],
    [{}, TypeError, 'limits nothing: give messages, frames or bytes'],
    [{ per: 5 }, TypeError, 'limits nothing: give messages, frames or bytes'],
    [null, TypeError, 'null'],
    [[1], TypeError, 'an array'],
    [5, TypeError, '5'],
    ['fast', TypeError, '"fast"'],
  ];

  test.each(wrong)('%o is an error that tells it', (value, error, told) => {
    expect(() => checkRateLimit(value)).toThrow(error);
    expect(() => checkRateLimit(value)).toThrow(/rateLimit/);
    expect(() => checkRateLimit(value)).toThrow(told);
  });

  test('is checked where it is given, of servers and of clients', () => {
    const rateLimit = { messages: 0 };
    expect(() => serve({ rateLimit })).toThrow(RangeError);
    expect(() => newWebSocket('ws://127.0.0.1:1', [], { rateLimit })).toThrow(RangeError);
  });

  test('a polluted prototype sets no limit', () => {
    const prototype = Object.prototype as Record<string, unknown>;
    Object.assign(prototype, { frames: 1, action: 'close' });
    try {
      expect(checkRateLimit({ messages: 5 })).toEqual(limit({ messages: 5 }));
    } finally {
      delete prototype.frames;
      delete prototype.action;
    }
  });
});

describe('a peer that sends more than it may', () => {
  test('gets exactly the burst through, of 1,000 messages in one segment', async () => {
    const { port, messages, server } = await listening({ rateLimit: { messages: 10, per: LONG } });
    const peer = await rawWebSocket(port);
    peer.write(many(1000, (i) => text(`${i}`)));
    await until(() => messages.length >= 10);
    await settled();
    expect(messages).toEqual(Array.from({ length: 10 }, (_, i) => `${i}`));
    expect(server.metrics()).toMatchObject({ connectionsPaused: 1, rateLimited: 1, connectionsOpen: 1 });
  });

  test('gets exactly the burst through, of frames that come with the handshake', async () => {
    const { port, messages } = await listening({
      rateLimit: { messages: 3, per: LONG },
      upgrade: () => aWhile(30) as Promise<undefined>,
    });
    const opened = rawWebSocket(port);
    const peer = await opened;
    peer.write(many(100, (i) => text(`${i}`)));
    await until(() => messages.length >= 3);
    await settled();
    expect(messages).toEqual(['0', '1', '2']);
  });

  test('hostile.A2.7: gets no more Pongs than it may send frames', async () => {
    const { port, pings } = await listening({ rateLimit: { frames: 20, per: LONG } });
    const peer = await rawWebSocket(port);
    for (let i = 0; i < 20; i++) peer.write(many(500, () => ping('flood')));
    await until(() => pings.length >= 20);
    await settled();
    expect(pings).toHaveLength(20);
    const frames = parseFrames(peer.received);
    expect(frames.length).toBeLessThanOrEqual(20);
    expect(frames.every(({ opcode }) => opcode === Opcode.Pong)).toBe(true);
  });

  test.each([
    ['empty fragments', () => frameFor('server', 0, '', { fin: false })],
    ['fragments of one byte', () => frameFor('server', 0, 'x', { fin: false })],
  ])('hostile.A2.3: cannot keep the server busy with %s', async (_name, fragment) => {
    const { port, messages, server, closes } = await listening({ rateLimit: { frames: 10, per: LONG } });
    const peer = await rawWebSocket(port);
    peer.write(Buffer.concat([frameFor('server', 1, '', { fin: false }), many(5000, fragment), text('after')]));
    await until(() => server.metrics().rateLimited === 1);
    await settled();
    // 1,024 fragments would be too many: it has not come so far.
    expect([messages, closes, server.metrics().connectionsPaused]).toEqual([[], [], 1]);
  });

  test('is not read from, so that its writes block', async () => {
    const { port, server } = await listening({ rateLimit: { messages: 1, per: LONG } });
    const peer = await rawWebSocket(port);
    const chunk = many(1000, () => text('x'.repeat(1000)));
    for (let i = 0; i < 40; i++) peer.write(chunk);
    await until(() => server.metrics().rateLimited === 1);
    await aWhile(100);
    const { wireBytesReceived } = server.metrics();
    expect(wireBytesReceived).toBeLessThan(1_200_000);
    expect(peer.socket.writableLength).toBeGreaterThan(10_000_000);
    await aWhile(100);
    expect(server.metrics().wireBytesReceived).toBe(wireBytesReceived);
  });

  test('costs no more memory than its last reads', async () => {
    const { port, server } = await listening({ rateLimit: { messages: 1, per: LONG } });
    const peers = await Promise.all(Array.from({ length: 20 }, () => rawWebSocket(port)));
    const before = heldMemory();
    for (const peer of peers) peer.socket.write(many(20_000, () => text('tiny')));
    await until(() => server.metrics().rateLimited === 20);
    await aWhile(100);
    const after = heldMemory();
    const grown = after.arrayBuffers + after.heap - before.arrayBuffers - before.heap;
    // Those who write hold 200 kB each, too.
    expect(grown / 20).toBeLessThan(4 * RESERVE_BYTES + 300_000);
  });

  test('does not hold up others', async () => {
    const { port, messages } = await listening({ rateLimit: { messages: 2, per: LONG } });
    const first = await rawWebSocket(port);
    first.write(many(1000, () => text('much')));
    await until(() => messages.length === 2);
    const second = await rawWebSocket(port);
    second.write(Buffer.concat([text('one'), text('two')]));
    await until(() => messages.length === 4);
    expect(messages.slice(2)).toEqual(['one', 'two']);
  });

  test('is written to while it is held', async () => {
    const { port, server } = await listening({ rateLimit: { messages: 1, per: LONG } });
    const peer = await rawWebSocket(port);
    peer.write(many(50, () => text('x')));
    await until(() => server.metrics().connectionsPaused === 1);
    const [ws] = server.connections;
    ws.send('still here');
    expect((await peer.take(12)).toString('latin1')).toBe('\x81\x0astill here');
  });

  test('pays debts of bytes later; a message that is longer than the bucket comes, too', async () => {
    const { port, messages, server } = await listening({ rateLimit: { bytes: 100_000, per: 50 }, maxPayload: 2 ** 24 });
    const peer = await rawWebSocket(port);
    const long = 'x'.repeat(1_000_000);
    peer.write(Buffer.concat([text(long), text('after')]));
    await until(() => messages.length === 2);
    expect([messages[0] === long, messages[1]]).toEqual([true, 'after']);
    expect(server.metrics().rateLimited).toBeGreaterThan(1);
  });

  test('has what was read delivered, before its bytes are paid for', async () => {
    const { port, messages, server } = await listening({ rateLimit: { bytes: 100, per: LONG } });
    const peer = await rawWebSocket(port);
    peer.write(many(100, (i) => text(`${i}`)));
    await until(() => messages.length === 100);
    peer.write(text('late'));
    await settled();
    expect([messages.length, server.metrics().connectionsPaused]).toEqual([100, 1]);
  });

  test('a client limits its server, too', async () => {
    const server = await RawServer.listen();
    const opening = newWebSocket(server.url, [], { rateLimit: { messages: 3, per: LONG } });
    await server.accept(
      '',
      many(100, (i) => frameFor('client', 1, `${i}`)),
    );
    const ws = await opening;
    for (let i = 0; i < 3; i++) expect(await ws.receiveStrPacket()).toBe(`${i}`);
    const fourth = ws.receiveStrPacket();
    expect(await Promise.race([fourth, settled().then(() => 'nothing')])).toBe('nothing');
    ws.hangup();
    await expect(fourth).rejects.toThrow();
  });
});

describe('held', () => {
  test('a peer that resets the connection is noticed when we write, and what it sent before is delivered', async () => {
    const { near, far } = await tcpPair();
    const { connection, recorder } = openConnection(near, {
      options: { rateLimit: limit({ messages: 2, per: LONG }) },
    });
    const peer = new FramePeer(far);
    peer.send(many(10, (i) => text(`${i}`)));
    await recorder.messagesReceived(2);
    far.resetAndDestroy();
    await aWhile(20);
    for (let i = 0; i < 3 && connection.state === 'open'; i++) {
      connection.send(Opcode.Ping, '');
      await aWhile(20);
    }
    expect(await recorder.closed()).toMatchObject({ closeCode: 1006 });
    expect(recorder.messages).toHaveLength(10);
  });

  test('and paused, it takes both ends of waiting to go on, in either order', async () => {
    for (const order of ['resume first', 'release first']) {
      const { near, far } = await tcpPair();
      const { connection, recorder } = openConnection(near, {
        options: { rateLimit: limit({ messages: 1, per: LONG }) },
      });
      const peer = new FramePeer(far);
      peer.send(many(5, (i) => text(`${i}`)));
      await recorder.messagesReceived(1);
      connection.pause();
      const steps = [() => connection.resume(), () => connection.release()];
      if (order === 'release first') steps.reverse();
      steps[0]();
      await settled();
      expect(recorder.messages).toHaveLength(1);
      expect(connection.isPaused).toBe(true);
      steps[1]();
      await recorder.messagesReceived(2);
    }
  });

  test('a handler that throws ends it', async () => {
    const { port, server, closes } = await listening({
      rateLimit: { messages: 1, per: LONG },
      message: () => Promise.reject(new Error('late')),
    });
    const peer = await rawWebSocket(port);
    peer.write(many(500, () => text('x')));
    expect(parseFrames(await peer.takeAll())[0].payload.readUInt16BE(0)).toBe(1011);
    await until(() => closes.length === 1);
    expect(server.metrics()).toMatchObject({ connectionsPaused: 0, connectionsOpen: 0 });
  });

  test.each([
    ['pongTimeout', { pingInterval: 60, pongTimeout: 60 }],
    ['idleTimeout', { idleTimeout: 60, pingInterval: 0 }],
    ['messageTimeout', { messageTimeout: 60, pingInterval: 0 }],
  ])('a peer is not punished by %s', async (_name, options) => {
    const { port, messages, closes, errors } = await listening({ ...options, rateLimit: { frames: 2, per: 600 } });
    const peer = await rawWebSocket(port);
    // The Pong, and the end of the message, wait with us.
    const [first, ...rest] = fragmentsFor('server', 1, ['a', 'b', 'c', 'd']);
    peer.write(Buffer.concat([ping(), first, ...rest, frameFor('server', Opcode.Pong, '')]));
    await until(() => messages.length === 1 || closes.length > 0);
    expect([messages, closes, errors]).toEqual([['abcd'], [], []]);
  });

  test('a message that never ends is noticed by messageTimeout, however much the peer sends between', async () => {
    const { port, errors } = await listening({
      messageTimeout: 300,
      pingInterval: 0,
      rateLimit: { frames: 5, per: 50 },
    });
    const peer = await rawWebSocket(port);
    peer.write(frameFor('server', 1, 'endless', { fin: false }));
    const flood = setInterval(() => peer.write(many(50, () => ping())), 5);
    await until(() => errors.length > 0).finally(() => clearInterval(flood));
    expect(errors).toMatchObject([{ code: 'WASOCK_MESSAGE_TIMEOUT' }]);
  });

  test('nothing of it is left after its end: neither timers nor counts', async () => {
    const { port, server } = await listening({ rateLimit: { messages: 1, per: LONG } });
    const peers = await Promise.all(Array.from({ length: 9 }, () => rawWebSocket(port)));
    for (const peer of peers) peer.write(many(100, () => text('x')));
    await until(() => server.metrics().connectionsPaused === 9);
    for (const [i, ws] of [...server.connections].entries()) {
      if (i % 3 === 0) ws.hangup();
      else if (i % 3 === 1) void ws.close();
    }
    for (const peer of peers) peer.reset();
    await server.close({ timeout: 100 });
    expect(server.metrics()).toMatchObject({ connectionsPaused: 0, connectionsOpen: 0, rateLimited: 9 });
  });
});

describe('other ways to receive', () => {
  test('awaited: all comes in order, however slowly it is received', async () => {
    const { ws, peer } = await acceptedSocket({ rateLimit: { messages: 40, per: 20 } });
    peer.write(many(300, (i) => text(`${i}`)));
    for (let i = 0; i < 300; i++) {
      expect(await ws.receiveStrPacket()).toBe(`${i}`);
      if (i % 50 === 0) await aWhile(5);
    }
  });

  test.each([false, true])(
    'compressed, with context takeover %s: all comes, short and long',
    async (contextTakeover) => {
      const maxPayload = 8_000_000;
      const { url, messages, server } = await listening({
        compression: { threshold: 0, contextTakeover },
        maxPayload,
        rateLimit: { messages: 5, frames: 9, bytes: 60_000, per: 20 },
      });
      const ws = await connected(url, [], {
        compression: { threshold: 0, contextTakeover },
        maxBackpressure: UNLIMITED,
      });
      const sent = Array.from({ length: 60 }, (_, i) => `${i} ${prose(i % 20 === 7 ? 3_000_000 : 50 * i)}`);
      for (const message of sent) void ws.send(message);
      await until(() => messages.length === sent.length);
      expect(messages.every((message, i) => message === sent[i])).toBe(true);
      expect(server.metrics().rateLimited).toBeGreaterThan(1);
    },
  );

  test('over TLS, with serve', async () => {
    const { port, messages } = await listening({
      tls: { key: PRIVATE_KEY, cert: CERTIFICATE },
      rateLimit: { messages: 50, per: 20 },
    });
    const ws = await connected(`wss://127.0.0.1:${port}/`, [], { ca: CERTIFICATE });
    for (let i = 0; i < 500; i++) void ws.send(`${i}`);
    await ws.close();
    await until(() => messages.length === 500);
    expect(messages).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`));
  });

  test('a process that only waits for what is above its limit goes on', async () => {
    const { url } = await served({
      open: (ws) => {
        for (let i = 0; i < 6; i++) void ws.send(`${i}`);
      },
    });
    const script = `
      const { newWebSocket } = require('./build/index.js');
      newWebSocket('${url}', [], { rateLimit: { messages: 2, per: 100 } }).then(async (ws) => {
        for (let i = 0; i < 6; i++) console.log(await ws.receiveStrPacket());
        ws.hangup();
      });`;
    const child = runNode(['-e', script]);
    expect(await child.exit).toEqual({ code: 0, signal: null });
    expect(child.stdout).toBe('0\n1\n2\n3\n4\n5\n');
  });
});

describe('action: close', () => {
  test.each([
    ['messages', { messages: 5 }, (i: number) => text(`${i}`)],
    ['frames', { frames: 5 }, (i: number) => text(`${i}`)],
  ])('of %s: those before are delivered, the one above is not, and the peer gets 1008', async (_name, some, frame) => {
    const { port, messages, errors, closes, server } = await listening({
      rateLimit: { ...some, per: LONG, action: 'close' },
    });
    const peer = await rawWebSocket(port);
    peer.write(many(1000, frame));
    const [close, ...others] = parseFrames(await peer.takeAll());
    expect([close.opcode, close.payload.readUInt16BE(0), others]).toEqual([Opcode.Close, 1008, []]);
    expect(messages).toEqual(['0', '1', '2', '3', '4']);
    expect(errors).toMatchObject([{ code: 'WASOCK_RATE_LIMIT' }]);
    await until(() => closes.length === 1);
    expect(server.metrics()).toMatchObject({ rateLimited: 1, connectionsPaused: 0 });
  });

  test.each([
    ['Pings', many(6, () => ping())],
    ['Pongs', many(6, () => frameFor('server', Opcode.Pong, ''))],
    ['fragments', many(6, (i) => frameFor('server', i === 0 ? 1 : 0, '', { fin: false }))],
  ])('%s count as frames', async (_name, octets) => {
    const { port, errors } = await listening({ rateLimit: { frames: 5, per: LONG, action: 'close' } });
    const peer = await rawWebSocket(port);
    peer.write(octets);
    await until(() => errors.length > 0);
    expect(errors).toMatchObject([{ code: 'WASOCK_RATE_LIMIT' }]);
  });

  test('bytes count without a whole frame, too', async () => {
    const { port, errors, messages } = await listening({ rateLimit: { bytes: 1000, per: LONG, action: 'close' } });
    const peer = await rawWebSocket(port);
    peer.write(text('x'.repeat(500)));
    await until(() => messages.length === 1);
    peer.write(text('x'.repeat(600)).subarray(0, 550));
    await until(() => errors.length > 0);
    expect(errors).toMatchObject([{ code: 'WASOCK_RATE_LIMIT' }]);
    expect(messages).toHaveLength(1);
  });

  test('a peer that has sent all it may can still close cleanly', async () => {
    const { port, messages, closes } = await listening({ rateLimit: { frames: 5, per: LONG, action: 'close' } });
    const peer = await rawWebSocket(port);
    peer.write(Buffer.concat([many(5, (i) => text(`${i}`)), closeFrame(4003)]));
    expect(parseFrames(await peer.takeAll()).map(({ payload }) => payload.readUInt16BE(0))).toEqual([4003]);
    await until(() => closes.length === 1);
    expect([messages.length, closes]).toEqual([5, [[4003, '']]]);
  });

  test('in raw mode a Close counts: others may follow it', async () => {
    const { ws, peer } = await acceptedSocket({ raw: true, rateLimit: { frames: 3, per: LONG, action: 'close' } });
    peer.write(many(50, () => closeFrame()));
    await ws.closed;
    const codes = parseFrames(await peer.takeAll()).map(({ payload }) => payload.readUInt16BE(0));
    expect(codes).toEqual([1008]);
  });

  test('on a client it is 1008, too', async () => {
    const server = await RawServer.listen();
    const opening = newWebSocket(server.url, [], { rateLimit: { messages: 1, per: LONG, action: 'close' } });
    const { peer } = await server.accept();
    const ws = await opening;
    peer.write(many(5, () => frameFor('client', 1, 'x')));
    expect(await ws.receiveStrPacket()).toBe('x');
    await expect(ws.receiveStrPacket()).rejects.toThrow();
    expect(ws.readyState).not.toBe(ReadyState.Open);
    expect(parseFrames(await peer.takeAll())[0].payload.readUInt16BE(0)).toBe(1008);
  });
});
