import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { Opcode } from '../../../src/index.js';
import { makeReadErrorsCheap, makeStacks } from '../../../src/net/node/read-errors.js';
import { readIntoBuffer, readOn } from '../../../src/net/node/user-buffer.js';
import { IS_DOCUMENTED } from '../../support/documented.js';
import { frameFor } from '../../support/framer.js';
import { rawWebSocket } from '../../support/raw-peer.js';
import { served, until } from '../../support/servers.js';
import { tcpPair } from '../../support/sockets.js';

const before = Error.stackTraceLimit;
afterEach(() => {
  Object.defineProperty(Error, 'stackTraceLimit', {
    value: before,
    writable: true,
    configurable: true,
    enumerable: true,
  });
});

/** A socket whose reads go to `onRead`, and what its other end does to it. */
async function reading(onRead: () => void) {
  const { near, far } = await tcpPair();
  readIntoBuffer(near, Buffer.alloc(100), () => {
    makeStacks();
    onRead();
    return true;
  });
  makeReadErrorsCheap(near);
  readOn(near);
  const failed = once(near, 'error').then(([error]) => error as NodeJS.ErrnoException);
  failed.catch(() => {});
  return { near, far, failed };
}

const frames = (error: Error) => error.stack?.split('\n').filter((line) => line.startsWith('    at ')).length;

// With documented parts alone nothing is read into a buffer.
describe.skipIf(IS_DOCUMENTED)('the error of a read that fails', () => {
  test('is that of node:net, without a stack', async () => {
    const { far, failed } = await reading(() => {});
    far.resetAndDestroy();
    const error = await failed;
    expect([error.code, error.syscall, error.message]).toEqual(['ECONNRESET', 'read', 'read ECONNRESET']);
    expect(error.errno).toBeLessThan(0);
    expect(frames(error)).toBe(0);
    expect(Error.stackTraceLimit).toBe(before);
  });

  test('has a stack where somebody else has replaced the function of node:net', async () => {
    const { near, far } = await tcpPair();
    const handle = (near as unknown as { _handle: { onread: (this: object) => unknown } })._handle;
    const { onread } = handle;
    const replaced = function (this: object) {
      return onread.call(this);
    };
    handle.onread = replaced;
    makeReadErrorsCheap(near);
    expect(handle.onread).toBe(replaced);
    near.on('error', () => {});
    far.destroy();
  });
});

describe.skipIf(IS_DOCUMENTED)('what the bytes of a read lead to', () => {
  test('has stacks as long as its user wants', async () => {
    const lengths: unknown[] = [];
    const { far } = await reading(() => {
      lengths.push(frames(new Error('mine')), Error.stackTraceLimit);
      Error.stackTraceLimit = 3;
    });
    far.write('a');
    await until(() => lengths.length === 2);
    far.write('b');
    await until(() => lengths.length === 4);
    expect(lengths[0]).toBeGreaterThan(0);
    expect(lengths.slice(1)).toEqual([before, 3, 3]);
    expect(Error.stackTraceLimit).toBe(3);
  });

  test('is read also if stacks are none of our business', async () => {
    for (const [value, writable] of [
      [before, false],
      [undefined, true],
    ] as const) {
      Object.defineProperty(Error, 'stackTraceLimit', { value, writable, configurable: true });
      let reads = 0;
      const { far, failed } = await reading(() => reads++);
      far.write('a');
      await until(() => reads === 1);
      far.resetAndDestroy();
      expect((await failed).code).toBe('ECONNRESET');
      expect(Error.stackTraceLimit).toBe(value);
    }
  });

  test('may throw: the limit is restored, and the connection fails with what was thrown', async () => {
    const thrown: Error[] = [];
    const { port, errors } = await served({
      message() {
        const error = new Error('of a handler');
        thrown.push(error);
        throw error;
      },
    });
    const peer = await rawWebSocket(port);
    peer.socket.write(frameFor('server', Opcode.Text, 'go'));
    await until(() => errors.length === 1);
    expect(errors).toEqual(thrown);
    expect(frames(thrown[0])).toBeGreaterThan(0);
    expect(Error.stackTraceLimit).toBe(before);
  });
});

test('after the end of the other side, the limit is what it was', async () => {
  const { near, far } = await reading(() => {});
  far.end();
  await once(near, 'end');
  expect(Error.stackTraceLimit).toBe(before);
});
