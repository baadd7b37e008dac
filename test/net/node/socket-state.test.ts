import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import {
  dropEndListener,
  holdHandle,
  isPausedByUser,
  letFlow,
  queuedBytes,
  releaseHandle,
  restoreFlowing,
} from '../../../src/net/node/socket-state.js';
import { IS_DOCUMENTED } from '../../support/documented.js';
import { memoryPair, tcpPair } from '../../support/sockets.js';
import { until } from '../../support/waiting.js';

test.skipIf(IS_DOCUMENTED)(
  'a held handle reads for nobody until it is released (needs what is not documented)',
  async () => {
    const { near, far } = await tcpPair();
    near.pause();
    far.write(Buffer.alloc(5_000_000));
    await until(() => near.readableLength >= near.readableHighWaterMark);
    holdHandle(near);
    const { bytesRead } = near;
    let told = 0;
    near.on('data', (chunk) => {
      told += chunk.length;
    });
    near.resume();
    await until(() => told === bytesRead);
    near.read(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(near.bytesRead).toBe(bytesRead);
    releaseHandle(near);
    await until(() => told === 5_000_000);
    expect(() => releaseHandle(near)).not.toThrow();
  },
);

test("without node:net's listener for 'end', a socket that may be half open still tells its end and can be written to", async () => {
  const { near, far } = await tcpPair();
  near.allowHalfOpen = true;
  const before = near.listenerCount('end');
  dropEndListener(near);
  // An array of listeners takes memory for each socket. One listener takes none.
  expect(near.listenerCount('end')).toBe(IS_DOCUMENTED ? before : 0);
  const heard: string[] = [];
  far.on('data', (chunk) => heard.push(chunk.toString()));
  near.on('end', () => near.end('after the end')).resume();
  far.end();
  await until(() => heard.join('') === 'after the end');
  dropEndListener(memoryPair()[0]);
});

test('what a write has still to leave is known, or Infinity', async () => {
  const { near } = await tcpPair();
  expect(queuedBytes(near)).toBe(IS_DOCUMENTED ? Number.POSITIVE_INFINITY : 0);
  near.write(Buffer.alloc(50_000_000));
  expect(queuedBytes(near)).toBeGreaterThan(1_000_000);
  expect(queuedBytes(memoryPair()[0])).toBe(Number.POSITIVE_INFINITY);
});

describe('a stream that was read from for a while', () => {
  const readFor = (socket: Socket) => {
    const flowing = socket.readableFlowing;
    const onData = () => {};
    socket.on('data', onData).resume();
    socket.off('data', onData);
    restoreFlowing(socket, flowing);
  };

  test('is not paused by its user, and flows to the next listener', async () => {
    const { near, far } = await tcpPair();
    readFor(near);
    expect(isPausedByUser(near)).toBe(false);
    const chunks: string[] = [];
    near.on('data', (chunk) => chunks.push(String(chunk)));
    letFlow(near);
    far.write('one');
    await until(() => chunks.length === 1);
  });

  test('is paused if its user had paused it', async () => {
    const { near } = await tcpPair();
    near.pause();
    readFor(near);
    expect(isPausedByUser(near)).toBe(true);
    letFlow(near);
    expect(near.isPaused()).toBe(true);
  });
});
