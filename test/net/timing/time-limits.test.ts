import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { makeConnection, type Opening, openConnection } from '../../support/connection-harness.js';
import { FramePeer } from '../../support/frame-peer.js';
import { fragmentsFor, frameFor, frameHeaderFor } from '../../support/framer.js';
import { tcpPair } from '../../support/sockets.js';
import { until } from '../../support/waiting.js';

async function link(options: Opening['options']) {
  const { near, far } = await tcpPair();
  return { ...openConnection(near, { options }), peer: new FramePeer(far), near, far };
}

const PING = 9;
const PONG = 10;

describe('the keepalive', () => {
  test('pings at its interval, with an empty payload, for as long as Pongs come', async () => {
    const { peer, recorder } = await link({ pingInterval: 60, pongTimeout: 400 });
    const answer = setInterval(() => {
      while (answered < peer.frames.length) {
        peer.send(frameFor('server', PONG, peer.frames[answered++].payload));
      }
    }, 5);
    let answered = 0;
    await peer.framesReceived(12);
    clearInterval(answer);
    expect(peer.opcodes.every((opcode) => opcode === PING)).toBe(true);
    expect(peer.texts.every((text) => text === '')).toBe(true);
    expect(recorder.closes).toEqual([]);
    expect(recorder.pongs.length).toBeGreaterThan(0);
  });

  test('ends a connection whose Pong does not come: 1006, WASOCK_PONG_TIMEOUT', async () => {
    const { peer, recorder } = await link({ pingInterval: 60, pongTimeout: 100 });
    expect(await recorder.closed()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
    expect(recorder.cause).toMatchObject({ code: 'WASOCK_PONG_TIMEOUT' });
    expect(peer.opcodes).not.toContain(8);
    expect(peer.opcodes).toContain(PING);
    expect(recorder.events).toEqual(['error', 'close']);
  });

  test('does not take messages for a Pong', async () => {
    const { peer, recorder } = await link({ pingInterval: 60, pongTimeout: 100 });
    const chatter = setInterval(() => peer.socket.writable && peer.send(frameFor('server', 1, 'x')), 10);
    await recorder.closed();
    clearInterval(chatter);
    expect(recorder.cause).toMatchObject({ code: 'WASOCK_PONG_TIMEOUT' });
  });

  test('spares a connection that we ourselves have paused, and takes up again behind resume', async () => {
    const { connection, recorder } = await link({ pingInterval: 60, pongTimeout: 100 });
    connection.pause();
    await sleep(600);
    expect(recorder.closes).toEqual([]);
    connection.resume();
    await recorder.closed();
    expect(recorder.cause).toMatchObject({ code: 'WASOCK_PONG_TIMEOUT' });
  });

  test('hostile.R-05: spares a connection on which a message arrives at 8 KiB/s or more', async () => {
    const { peer, recorder } = await link({ pingInterval: 60, pongTimeout: 100 });
    const frame = frameFor('server', 2, Buffer.alloc(400_000));
    let at = 0;
    const trickle = setInterval(() => {
      peer.send(frame.subarray(at, at + 4000));
      at += 4000;
      if (at >= frame.length) clearInterval(trickle);
    }, 5);
    await recorder.messagesReceived(1);
    expect(recorder.events).toEqual(['message']);
    await recorder.closed();
    expect(recorder.cause).toMatchObject({ code: 'WASOCK_PONG_TIMEOUT' });
  });

  test('hostile.R-05: does not spare one whose message trickles', async () => {
    const { peer, recorder } = await link({ pingInterval: 60, pongTimeout: 200 });
    peer.send(frameHeaderFor('server', 2, 1000n));
    const trickle = setInterval(() => peer.socket.writable && peer.send(Buffer.of(1)), 10);
    await recorder.closed();
    clearInterval(trickle);
    expect(recorder.cause).toMatchObject({ code: 'WASOCK_PONG_TIMEOUT' });
  });

  test('can be replaced, told to ping at once, and stopped', async () => {
    const { connection, peer, recorder } = await link({ pingInterval: 60, pongTimeout: 100 });
    const stop = connection.setKeepalive(60_000, 0);
    connection.pingNow();
    await peer.framesReceived(1);
    expect(peer.opcodes).toEqual([PING]);
    await sleep(300);
    expect([peer.frames.length, recorder.closes.length]).toEqual([1, 0]);
    stop();
    connection.pingNow();
    await sleep(150);
    expect(peer.frames).toHaveLength(1);
  });

  test('that was replaced is not stopped by the function of the one before', async () => {
    const { connection, peer } = await link({});
    const stopFirst = connection.setKeepalive(60_000, 0);
    connection.setKeepalive(50, 0);
    stopFirst();
    expect((await peer.framesReceived(2)).length).toBeGreaterThanOrEqual(2);
  });

  test('that was set before start is kept', async () => {
    const { near, far } = await tcpPair();
    const { connection, recorder } = makeConnection(near, { options: { pingInterval: 50, pongTimeout: 50 } });
    connection.setKeepalive(60_000, 0);
    connection.start();
    const peer = new FramePeer(far);
    await sleep(300);
    expect([peer.frames.length, recorder.closes.length]).toEqual([0, 0]);
  });
});

describe('messageTimeout', () => {
  test.each([
    ['one frame of', [frameHeaderFor('server', 2, 1000n)]],
    ['fragments of', fragmentsFor('server', 2, ['a', 'b']).slice(0, 1)],
    ['a header of', [frameHeaderFor('server', 2, 1000n).subarray(0, 1)]],
  ])('hostile.R-06: fails a connection that trickles %s a message: 1008', async (_name, [start]) => {
    const { peer, recorder } = await link({ messageTimeout: 150 });
    peer.send(start);
    const trickle = setInterval(() => peer.socket.writable && start.length > 1 && peer.send(frameFor('server', 9)), 20);
    const closeCode = await peer.closeCode();
    clearInterval(trickle);
    expect(closeCode).toBe(1008);
    expect(recorder.errors[0]).toMatchObject({ code: 'WASOCK_MESSAGE_TIMEOUT' });
    expect(recorder.events.at(-1)).toBe('error');
  });

  test('grows with the octets that have arrived, by one second for each 8 KiB', async () => {
    const { peer, recorder } = await link({ messageTimeout: 100 });
    const frame = frameFor('server', 2, Buffer.alloc(40_000));
    peer.send(frame.subarray(0, 30_000));
    await sleep(600);
    expect(recorder.errors).toEqual([]);
    peer.send(frame.subarray(30_000));
    await recorder.messagesReceived(1);
    expect(recorder.events).toEqual(['message']);
  });

  test('leaves a busy connection alone whose reads always end in the middle of a frame', async () => {
    const { peer, recorder } = await link({ messageTimeout: 120 });
    const frame = frameFor('server', 1, 'message');
    peer.send(frame.subarray(0, 5));
    for (let i = 0; i < 60; i++) {
      await sleep(10);
      peer.send(frame.subarray(5), frame.subarray(0, 5));
    }
    expect(recorder.messages.length).toBeGreaterThan(50);
    expect(recorder.errors).toEqual([]);
  });

  test('does not run while nothing is under way, nor while we are paused', async () => {
    const { connection, near, peer, recorder } = await link({ messageTimeout: 800 });
    peer.send(frameFor('server', 1, 'whole'));
    await recorder.messagesReceived(1);
    await sleep(1000);
    const frame = frameFor('server', 1, 'cut');
    const before = near.bytesRead;
    peer.send(frame.subarray(0, 4));
    await until(() => near.bytesRead === before + 4);
    connection.pause();
    await sleep(1000);
    connection.resume();
    await sleep(150);
    expect(recorder.errors).toEqual([]);
    peer.send(frame.subarray(4));
    await recorder.messagesReceived(2);
    expect(recorder.errors).toEqual([]);
  });

  test('is told once: a connection that has failed has no other time limit than closeTimeout', async () => {
    const { peer, recorder, far } = await link({ messageTimeout: 60, idleTimeout: 250, closeTimeout: 5000 });
    peer.send(frameHeaderFor('server', 2, 1000n));
    await peer.closeCode();
    await sleep(300);
    expect(recorder.events).toEqual(['error']);
    far.end();
    await recorder.closed();
    expect(recorder.cause).toMatchObject({ code: 'WASOCK_MESSAGE_TIMEOUT' });
  });
});

describe('idleTimeout', () => {
  test('ends a connection from which nothing comes: 1006, WASOCK_IDLE_TIMEOUT', async () => {
    const { recorder } = await link({ idleTimeout: 150 });
    expect(await recorder.closed()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
    expect(recorder.cause).toMatchObject({ code: 'WASOCK_IDLE_TIMEOUT' });
  });

  test('is put off by any octet', async () => {
    const { peer, recorder } = await link({ idleTimeout: 300 });
    const frame = frameFor('server', 2, Buffer.alloc(1000));
    for (let i = 0; i < 40; i++) {
      peer.send(frame.subarray(i, i + 1));
      await sleep(20);
    }
    expect(recorder.closes).toEqual([]);
    await recorder.closed();
    expect(recorder.cause).toMatchObject({ code: 'WASOCK_IDLE_TIMEOUT' });
  });

  test('does not run while we are paused, and begins anew with resume', async () => {
    const { connection, recorder } = await link({ idleTimeout: 150 });
    connection.pause();
    await sleep(500);
    expect(recorder.closes).toEqual([]);
    connection.resume();
    await recorder.closed();
    expect(recorder.cause).toMatchObject({ code: 'WASOCK_IDLE_TIMEOUT' });
  });
});

test('a closing connection whose other limits are over does not keep the timer busy', async () => {
  const { connection, peer } = await link({
    idleTimeout: 60,
    messageTimeout: 60,
    pingInterval: 60,
    closeTimeout: 2000,
  });
  connection.close(1000);
  await peer.closeCode();
  await sleep(150);
  const { setTimeout: original } = globalThis;
  let timers = 0;
  globalThis.setTimeout = ((...args: Parameters<typeof original>) => {
    timers++;
    return original(...args);
  }) as typeof original;
  await sleep(500);
  globalThis.setTimeout = original;
  expect(timers).toBeLessThan(10);
});

test('without limits nothing is waited for', async () => {
  const { peer, recorder } = await link({});
  peer.send(frameFor('server', 1, 'cut').subarray(0, 4));
  await sleep(300);
  expect([recorder.events, peer.frames.length]).toEqual([[], 0]);
  peer.send(frameFor('server', 1, 'cut').subarray(4));
  await until(() => recorder.messages.length === 1);
});

test('a peer whose messages keep us busy is alive, though its Pong stands behind them', async () => {
  const { peer, recorder } = await link({ pingInterval: 100, pongTimeout: 500 });
  const busy = setInterval(() => peer.socket.writable && peer.send(frameFor('server', 2, Buffer.alloc(2000))), 5);
  await sleep(1500);
  clearInterval(busy);
  expect(recorder.closes).toEqual([]);
  expect(peer.opcodes).toContain(PING);
  await recorder.closed();
  expect(recorder.cause).toMatchObject({ code: 'WASOCK_PONG_TIMEOUT' });
});
