import { describe, expect, test } from 'vitest';
import { newWebSocket, type WebSocket, WebSocketClosedError } from '../../src/index.js';
import { frameFor } from '../support/framer.js';
import { RawServer, rawWebSocket } from '../support/raw-peer.js';
import { acceptedSocket, connected, fillUp, rejection, served, until, withResolvers } from '../support/servers.js';

const SMALL = { highWaterMark: 65_536, maxBackpressure: 100_000 };
const MESSAGE = Buffer.alloc(60_000, 1);

/** Sends until more than maxBackpressure waits. */
async function overload(ws: WebSocket): Promise<void> {
  await fillUp(ws, Buffer.alloc(1_000_000));
  while (ws.bufferedAmount <= SMALL.maxBackpressure) ws.send(MESSAGE);
}

describe('a peer that does not read, and is more than maxBackpressure behind', () => {
  test("hostile.A2.8 hostile.R-01: 'terminate', the default of a server: destroyed with 1006, WASOCK_SLOW_PEER", async () => {
    const { ws, peer } = await acceptedSocket(SMALL);
    peer.stopReading();
    await overload(ws);
    const error = await rejection(ws.send(MESSAGE));
    expect(error).toBeInstanceOf(WebSocketClosedError);
    expect(error).toMatchObject({ closeCode: 1006, cause: { code: 'WASOCK_SLOW_PEER' } });
    expect(await ws.closed).toMatchObject({
      closeCode: 1006,
      reason: '',
      wasClean: false,
      cause: { code: 'WASOCK_SLOW_PEER' },
    });
    expect(await rejection(ws.receivePacket())).toMatchObject({ cause: { code: 'WASOCK_SLOW_PEER' } });
  });

  test("hostile.R-01: 'terminate' in serve: error gets WASOCK_SLOW_PEER, close gets 1006", async () => {
    const { promise, resolve } = withResolvers<number>();
    const opened = withResolvers<WebSocket>();
    const errors: Error[] = [];
    const { port } = await served({
      ...SMALL,
      open: (ws) => opened.resolve(ws),
      close: (_ws, code) => resolve(code),
      error: (error) => errors.push(error),
    });
    const peer = await rawWebSocket(port);
    peer.stopReading();
    const ws = await opened.promise;
    await overload(ws);
    ws.send(MESSAGE);
    expect(await promise).toBe(1006);
    expect(errors).toMatchObject([{ code: 'WASOCK_SLOW_PEER' }]);
  });

  test("hostile.R-01: 'drop': the message is not queued, and counted", async () => {
    const { ws, peer } = await acceptedSocket({ ...SMALL, slowPeer: 'drop' });
    peer.stopReading();
    await overload(ws);
    const before = ws.bufferedAmount;
    expect(ws.dropped).toBe(0);
    expect(ws.send(MESSAGE)).toBeUndefined();
    expect(ws.send('x')).toBeUndefined();
    expect(ws.dropped).toBe(2);
    expect(ws.bufferedAmount).toBe(before);
    peer.readOn();
    await until(() => ws.bufferedAmount === 0);
    ws.send('again');
    expect(ws.dropped).toBe(2);
    ws.hangup();
    expect((await peer.takeAll()).subarray(-7).toString('latin1')).not.toBe('x');
  });

  test("hostile.R-01: 'wait': the message is not queued, and its promise rejects with WASOCK_BACKPRESSURE", async () => {
    const { ws, peer } = await acceptedSocket({ ...SMALL, slowPeer: 'wait' });
    peer.stopReading();
    await overload(ws);
    const before = ws.bufferedAmount;
    expect(await rejection(ws.send(MESSAGE))).toMatchObject({ name: 'WebSocketError', code: 'WASOCK_BACKPRESSURE' });
    expect(ws.bufferedAmount).toBe(before);
    peer.readOn();
    await until(() => ws.bufferedAmount === 0);
    expect(await ws.send('again')).toBeUndefined();
  });

  test('is not one that reads, however much is sent to it in one turn', async () => {
    const { ws, peer } = await acceptedSocket({ highWaterMark: 1000, maxBackpressure: 10_000, slowPeer: 'drop' });
    for (let i = 0; i < 100; i++) ws.send(Buffer.alloc(1000, i));
    expect(ws.dropped).toBe(0);
    const frames = Array.from({ length: 100 }, (_, i) => frameFor('client', 2, Buffer.alloc(1000, i)));
    expect(await peer.take(100 * 1004)).toEqual(Buffer.concat(frames));
  });

  test("'wait' is the default of a client", async () => {
    const server = await RawServer.listen();
    const opening = connected(server.url, [], SMALL);
    const { peer } = await server.accept();
    peer.stopReading();
    const ws = await opening;
    await overload(ws);
    expect(await rejection(ws.send(MESSAGE))).toMatchObject({ code: 'WASOCK_BACKPRESSURE' });
  });

  test('is judged before a message is added, so that any single message can be sent', async () => {
    const { ws, peer } = await acceptedSocket(SMALL);
    const message = Buffer.alloc(5_000_000, 7);
    const sent = ws.send(message);
    const octets = await peer.take(10 + message.length);
    expect(octets.subarray(10).equals(message)).toBe(true);
    expect(await sent).toBeUndefined();
  });

  test.each(['terminate', 'drop', 'wait'] as const)(
    'never has more waiting than maxBackpressure and one message: %j',
    async (slowPeer) => {
      const { ws, peer } = await acceptedSocket({ ...SMALL, slowPeer });
      peer.stopReading();
      await fillUp(ws, Buffer.alloc(50_000));
      const seen: number[] = [];
      for (let i = 0; i < 100; i++) {
        void ws.send(MESSAGE);
        seen.push(ws.bufferedAmount);
      }
      expect(Math.max(...seen)).toBeLessThanOrEqual(SMALL.maxBackpressure + MESSAGE.length + 4);
      expect(Math.max(...seen)).toBeGreaterThan(SMALL.maxBackpressure);
    },
  );

  test('drain tells that it has caught up', async () => {
    const { promise, resolve } = withResolvers<WebSocket>();
    let drained = 0;
    const { port } = await served({ open: (ws) => resolve(ws), drain: () => void drained++, slowPeer: 'wait' });
    const peer = await rawWebSocket(port);
    peer.stopReading();
    const ws = await promise;
    await fillUp(ws);
    expect(drained).toBe(0);
    peer.readOn();
    await until(() => drained === 1);
    expect(ws.bufferedAmount).toBeLessThanOrEqual(65_536);
  });
});

test('newWebSocket takes slowPeer, too', () => {
  expect(() => newWebSocket('ws://127.0.0.1:1/', [], { slowPeer: 'never' as never })).toThrow(TypeError);
});
