import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { newWebSocket, Opcode, type SlowPeer, type WebSocket, WebSocketClosedError } from '../../src/index.js';
import { SEED } from '../support/codecs.js';
import { frameFor } from '../support/framer.js';
import { noise, prose } from '../support/messages.js';
import { type RawPeer, rawWebSocket } from '../support/raw-peer.js';
import {
  acceptedSocket,
  aWhile,
  awaiting,
  connected,
  fillUp,
  rejection,
  served,
  settles,
  until,
  withResolvers,
} from '../support/servers.js';

const pong = (payload: string | Uint8Array = '') => frameFor('server', Opcode.Pong, payload);

/** The payload of the next frame, a Ping of a server. */
async function nextPing(peer: RawPeer): Promise<Buffer> {
  const [first, length] = await peer.take(2);
  expect(first).toBe(0x89);
  return peer.take(length);
}

describe('await ws.ping()', () => {
  test('sends an empty Ping and resolves with the milliseconds to its Pong, which are then ws.latency', async () => {
    const { ws, peer } = await acceptedSocket();
    expect(ws.latency).toBeUndefined();
    const answered = ws.ping();
    expect(await nextPing(peer)).toHaveLength(0);
    await aWhile(20);
    peer.write(pong());
    const milliseconds = await answered;
    expect(milliseconds).toBeGreaterThan(15);
    expect(ws.latency).toBe(milliseconds);
  });

  test('several in flight are told apart by their payloads, in whatever order they are answered', async () => {
    const { ws, peer } = await acceptedSocket();
    const order: string[] = [];
    const pings = ['a', 'b', undefined, undefined].map((data, i) => ws.ping(data).then(() => order.push(`${i}`)));
    const payloads: Buffer[] = [];
    for (const _ of pings) payloads.push(await nextPing(peer));
    expect(payloads.map((payload) => payload.toString('latin1'))).toEqual(['a', 'b', '', '\0\0\0\x01']);
    for (const payload of payloads) {
      const count = order.length;
      peer.write(pong(payload));
      await until(() => order.length === count + 1);
    }
    expect(order).toEqual(['0', '1', '2', '3']);
  });

  test('a peer may answer only the latest (§5.5.3)', async () => {
    const { ws, peer } = await acceptedSocket();
    const pings = [ws.ping('a'), ws.ping(), ws.ping('c')];
    for (const _ of pings) await nextPing(peer);
    peer.write(pong('c'));
    const all = await Promise.all(pings);
    expect(ws.latency).toBe(all[2]);
    expect(all[0]).toBeGreaterThanOrEqual(all[2]);
  });

  test('equal payloads are answered in the order of the calls', async () => {
    const { ws, peer } = await acceptedSocket();
    const pings = [ws.ping('x'), ws.ping('x')];
    await nextPing(peer);
    peer.write(pong('x'));
    await pings[0];
    expect(await settles(pings[1], 30)).toBe(false);
    peer.write(pong('x'));
    expect(await pings[1]).toBeGreaterThanOrEqual(ws.latency as number);
  });

  test('a Pong that nobody asked for resolves nothing, and is no latency', async () => {
    const { ws, peer } = await acceptedSocket({ pingInterval: 0 });
    peer.write(Buffer.concat([pong(), pong('x')]));
    const answered = ws.ping('here?');
    await nextPing(peer);
    peer.write(Buffer.concat([pong(), pong('HERE?')]));
    expect(await settles(answered, 30)).toBe(false);
    expect(ws.latency).toBeUndefined();
    peer.write(pong('here?'));
    await answered;
  });

  test('bytes may be used again at once', async () => {
    const { ws, peer } = await acceptedSocket();
    const bytes = Buffer.from('mine');
    const answered = ws.ping(bytes);
    bytes.fill(0);
    expect((await nextPing(peer)).toString()).toBe('mine');
    peer.write(pong('mine'));
    await answered;
  });

  test.each([
    ['126 bytes', 'x'.repeat(126), RangeError],
    ['42 characters of three bytes', '€'.repeat(42), RangeError],
    ['what cannot be sent', 42, TypeError],
    ['null', null, TypeError],
  ])('%s throw, and nothing is sent', async (_name, data, type) => {
    const { ws, peer } = await acceptedSocket();
    expect(() => ws.ping(data as string)).toThrow(type);
    ws.hangup();
    expect(await peer.takeAll()).toHaveLength(0);
  });

  test('it waits in its turn for a message that is being compressed, and the time for that counts', async () => {
    const opened = withResolvers<WebSocket>();
    const { port } = await served({ compression: true, open: (ws) => opened.resolve(ws), pingInterval: 0 });
    const peer = await rawWebSocket(port, { 'Sec-WebSocket-Extensions': 'permessage-deflate' });
    const ws = await opened.promise;
    void ws.send(prose(300_000));
    const answered = ws.ping('behind');
    const [first, length7] = await peer.take(2);
    expect([first, length7]).toEqual([0xc1 + 1, 127]);
    await peer.take(Number((await peer.take(8)).readBigUInt64BE()));
    expect((await nextPing(peer)).toString()).toBe('behind');
    expect(await settles(answered, 20)).toBe(false);
    peer.write(pong('behind'));
    expect(await answered).toBeGreaterThan(20);
  });

  test('in raw mode the Pong is handed over, too', async () => {
    const { ws, peer } = await acceptedSocket({ raw: true } as object);
    const answered = ws.ping('raw');
    await nextPing(peer);
    peer.write(pong('raw'));
    expect(await answered).toBe(ws.latency);
    expect(await ws.receivePacket()).toMatchObject({ opcode: Opcode.Pong, fin: true });
  });

  test('in serve the pong handler hears of it, after ws.latency', async () => {
    const seen = withResolvers<unknown[]>();
    const { port } = await served({
      open: (ws) => void ws.ping('p'),
      pong: (ws, data) => seen.resolve([ws.latency, data.toString()]),
    });
    const peer = await rawWebSocket(port);
    await nextPing(peer);
    peer.write(pong('p'));
    expect(await seen.promise).toEqual([expect.any(Number), 'p']);
  });

  test('a client can do it as well', async () => {
    const { url } = await served();
    const ws = await connected(url);
    expect(await ws.ping()).toBe(ws.latency);
  });
});

describe('ws.latency of the keepalive', () => {
  test('is set by its Pongs', async () => {
    const { ws, peer } = await acceptedSocket({ pingInterval: 40, pongTimeout: 10_000 });
    await nextPing(peer);
    expect(ws.latency).toBeUndefined();
    peer.write(pong());
    await until(() => ws.latency !== undefined);
    expect(ws.latency).toBeGreaterThanOrEqual(0);
  });

  test('is set by those of setupPings', async () => {
    const { ws, peer } = await acceptedSocket({ pingInterval: 0 });
    onTestFinished(ws.setupPings(100));
    await nextPing(peer);
    peer.write(pong());
    await until(() => ws.latency !== undefined);
  });

  test('does not count a Ping that was never answered, if a later Ping of the user was', async () => {
    const { ws, peer } = await acceptedSocket({ pingInterval: 0 });
    onTestFinished(ws.setupPings(0.2));
    await nextPing(peer);
    const answered = ws.ping('mine');
    expect((await nextPing(peer)).toString()).toBe('mine');
    peer.write(pong('mine'));
    await answered;
    // Over 200 ms after the first one.
    await nextPing(peer);
    peer.write(pong());
    const before = ws.latency;
    await until(() => ws.latency !== before);
    expect(ws.latency).toBeLessThan(180);
  });

  test('its Pong resolves what was sent before it', async () => {
    const { ws, peer } = await acceptedSocket({ pingInterval: 0 });
    const answered = ws.ping('mine');
    await nextPing(peer);
    onTestFinished(ws.setupPings(100));
    expect(await nextPing(peer)).toHaveLength(0);
    peer.write(pong());
    expect(await answered).toBeGreaterThanOrEqual(0);
  });
});

describe('a Ping whose connection ends first rejects with how it has ended', () => {
  const ENDS: [string, number, (ws: WebSocket, peer: RawPeer) => unknown][] = [
    ['we close', 1000, (ws, peer) => [ws.close(), peer.write(frameFor('server', 8, Buffer.from([0x03, 0xe8])))]],
    ['the peer closes', 4000, (_ws, peer) => peer.write(frameFor('server', 8, Buffer.from([0x0f, 0xa0])))],
    ['we hang up', 1006, (ws) => ws.hangup()],
    ['the peer resets it', 1006, (_ws, peer) => peer.reset()],
    ['the peer ends it', 1006, (_ws, peer) => peer.socket.end()],
    ['the peer breaks a rule', 1006, (_ws, peer) => peer.write(frameFor('server', 3))],
  ];

  test.each(ENDS)('%s: %i', async (_name, closeCode, end) => {
    const { ws, peer } = await acceptedSocket();
    const pings = [ws.ping(), ws.ping('b')];
    await nextPing(peer);
    end(ws, peer);
    peer.socket.once('end', () => peer.socket.end());
    for (const ping of pings) {
      const error = await rejection(ping);
      expect(error).toBeInstanceOf(WebSocketClosedError);
      expect(error).toMatchObject({ closeCode });
    }
    expect(await rejection(ws.ping())).toMatchObject({ closeCode });
  });

  test.each(ENDS)('with onClosed: "ignore" it resolves with NaN: %s', async (_name, _code, end) => {
    const { ws, peer } = await acceptedSocket({ onClosed: 'ignore' });
    const pings = [ws.ping(), ws.ping('b')];
    await nextPing(peer);
    end(ws, peer);
    peer.socket.once('end', () => peer.socket.end());
    expect(await Promise.all(pings)).toEqual([Number.NaN, Number.NaN]);
    expect(await ws.ping()).toBeNaN();
    expect(ws.latency).toBeUndefined();
  });

  test('one that waits for a message that is being compressed, too', async () => {
    const opened = withResolvers<WebSocket>();
    const { port } = await served({ compression: true, open: (ws) => opened.resolve(ws) });
    await rawWebSocket(port, { 'Sec-WebSocket-Extensions': 'permessage-deflate' });
    const ws = await opened.promise;
    void ws.send(prose(300_000));
    const ping = ws.ping();
    ws.hangup();
    expect(await rejection(ping)).toBeInstanceOf(WebSocketClosedError);
  });

  test('ignored, none is an unhandledRejection', async () => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', listener);
    onTestFinished(() => void process.off('unhandledRejection', listener));
    for (const onClosed of ['reject', 'ignore'] as const) {
      const { ws } = await acceptedSocket({ onClosed });
      void ws.ping();
      ws.hangup();
      void ws.ping();
      await ws.closed;
      void ws.ping();
    }
    await aWhile(20);
    expect(unhandled).toEqual([]);
  });

  test('a Ping while it closes rejects at once, and is not sent', async () => {
    const { ws, peer } = await acceptedSocket();
    void ws.close();
    expect(await rejection(ws.ping('late'))).toBeInstanceOf(WebSocketClosedError);
    peer.write(frameFor('server', 8, Buffer.from([0x03, 0xe8])));
    expect((await peer.takeAll()).toString('hex')).toBe('880203e8');
  });
});

describe('a Ping to a peer that is more than maxBackpressure behind is not sent', () => {
  const LIMITS = { maxBackpressure: 100_000, pingInterval: 0 };

  async function behind(slowPeer: SlowPeer, onClosed: 'reject' | 'ignore' = 'reject') {
    const accepted = await acceptedSocket({ ...LIMITS, slowPeer, onClosed });
    accepted.peer.stopReading();
    await fillUp(accepted.ws, noise(1_000_000));
    while (accepted.ws.bufferedAmount <= LIMITS.maxBackpressure) void accepted.ws.send(noise(50_000));
    return accepted;
  }

  test.each(['wait', 'drop'] as const)(
    '%s: it rejects with WASOCK_BACKPRESSURE, and is not dropped',
    async (slowPeer) => {
      for (const onClosed of ['reject', 'ignore'] as const) {
        const { ws, peer } = await behind(slowPeer, onClosed);
        const before = ws.bufferedAmount;
        expect(await rejection(ws.ping())).toMatchObject({ code: 'WASOCK_BACKPRESSURE' });
        expect([ws.bufferedAmount, ws.dropped]).toEqual([before, 0]);
        peer.readOn();
        await until(() => ws.bufferedAmount === 0);
        const answered = ws.ping('now');
        await until(() => peer.received.subarray(-5).toString('latin1') === '\x89\x03now');
        peer.write(pong('now'));
        await answered;
      }
    },
  );

  test('terminate: the connection ends', async () => {
    const { ws } = await behind('terminate');
    expect(await rejection(ws.ping())).toMatchObject({ closeCode: 1006, cause: { code: 'WASOCK_SLOW_PEER' } });
    expect(await ws.closed).toMatchObject({ closeCode: 1006 });
    const ignoring = await behind('terminate', 'ignore');
    expect(await ignoring.ws.ping()).toBeNaN();
  });

  test('one that is behind but not that far gets it after what waits', async () => {
    const { ws, peer } = await acceptedSocket({ maxBackpressure: Number.POSITIVE_INFINITY, pingInterval: 0 });
    peer.stopReading();
    await fillUp(ws);
    const answered = ws.ping('last');
    peer.readOn();
    await until(() => peer.received.subarray(-6).toString('latin1') === '\x89\x04last');
    peer.write(pong('last'));
    expect(await answered).toBe(ws.latency);
  });
});

describe('any program of Pings, with npm ws as the peer', () => {
  const STEP = fc.oneof(
    fc.record({ act: fc.constant('ping' as const), data: fc.constantFrom(undefined, '', 'a', 'ä', 'x'.repeat(125)) }),
    fc.record({ act: fc.constant('send' as const), size: fc.nat(5000) }),
    fc.record({ act: fc.constant('unsolicited' as const), data: fc.constantFrom('', 'a', 'nobody') }),
    fc.record({ act: fc.constant('silent' as const) }),
    fc.record({ act: fc.constant('turn' as const) }),
  );
  const PROGRAM = fc.record({
    steps: fc.array(STEP, { maxLength: 25 }),
    end: fc.constantFrom('answered', 'close', 'terminate', 'hangup'),
    contextTakeover: fc.boolean(),
  });

  test('each is answered once, in the order of the calls, or rejects because of the end', async () => {
    await fc.assert(
      fc.asyncProperty(PROGRAM, async ({ steps, end, contextTakeover }) => {
        const peers = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
        await once(peers, 'listening');
        const opened = once(peers, 'connection');
        const url = `ws://127.0.0.1:${(peers.address() as AddressInfo).port}`;
        const ws = await connected(url, undefined, { compression: { threshold: 100, contextTakeover } });
        const [peer] = await opened;
        // npm ws answers by itself, until it is made silent.
        let isSilent = false;
        const { pong: answer } = peer;
        peer.pong = (...args: unknown[]) => void (isSilent || answer.apply(peer, args));
        const order: number[] = [];
        const outcomes: Promise<unknown>[] = [];
        let mayReject = 0;
        for (const step of steps) {
          if (step.act === 'ping') {
            const number = outcomes.length;
            outcomes.push(ws.ping(step.data).then((ms) => [order.push(number), ms]));
          } else if (step.act === 'send') void ws.send(prose(step.size));
          else if (step.act === 'unsolicited') answer.call(peer, step.data);
          else if (step.act === 'turn') await aWhile(2);
          else if (!isSilent) {
            await ws.ping('the last that is answered');
            mayReject = outcomes.length;
            isSilent = true;
          }
        }
        const answered = isSilent ? outcomes.slice(0, mayReject) : outcomes;
        if (end === 'answered') await Promise.all(answered);
        if (end === 'terminate') peer.terminate();
        else if (end === 'hangup') ws.hangup();
        else void ws.close();
        const results = await Promise.allSettled(outcomes);
        for (const [i, result] of results.entries()) {
          if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(WebSocketClosedError);
          else expect((result.value as [number, number])[1]).toBeGreaterThanOrEqual(0);
          if (end === 'answered' && i < answered.length) expect(result.status).toBe('fulfilled');
        }
        expect(order).toEqual([...order].sort((a, b) => a - b));
        await new Promise((resolve) => peers.close(resolve));
      }),
      { seed: SEED, numRuns: 25, endOnFailure: true },
    );
  });
});

test('what awaits requests can ping while it handles one message after the other', async () => {
  const times: number[] = [];
  const { url } = await awaiting(async (request) => {
    const ws = await newWebSocket(request);
    for await (const message of ws) {
      times.push(await ws.ping());
      void ws.send(message);
    }
  });
  const ws = await connected(url);
  for (const text of ['a', 'b', 'c']) {
    void ws.send(text);
    expect(await ws.receiveStrPacket()).toBe(text);
  }
  expect(times.every((ms) => ms >= 0)).toBe(true);
  expect(times).toHaveLength(3);
});
