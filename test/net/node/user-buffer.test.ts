import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import {
  canReadIntoBuffer,
  findOnreadSlots,
  isReadBy,
  readIntoBuffer,
  readOn,
} from '../../../src/net/node/user-buffer.js';
import { tcpPair } from '../../support/sockets.js';
import { until } from '../../support/waiting.js';

describe('where node:net keeps the buffer of `onread`', () => {
  test('is found by asking a socket that was made with it', () => {
    const slots = findOnreadSlots();
    const buffer = new Uint8Array(1);
    const callback = () => true;
    const socket = new Socket({ onread: { buffer, callback } } as SocketConstructorOpts) as unknown as Record<
      symbol,
      unknown
    >;
    expect([socket[slots!.buffer], socket[slots!.callback]]).toEqual([buffer, callback]);
  });

  test('is not found where it is in no place that we can find', () => {
    expect(findOnreadSlots(class {})).toBe(null);
    class OnlyBuffer {
      constructor(options: SocketConstructorOpts) {
        const { buffer } = (options as unknown as { onread: { buffer: Uint8Array } }).onread;
        Object.assign(this, { [Symbol('buffer')]: buffer });
      }
    }
    expect(findOnreadSlots(OnlyBuffer)).toBe(null);
  });
});

describe('a socket that is read into a buffer', () => {
  test('tells whose it is, stops when told to, and reads on', async () => {
    const { near, far } = await tcpPair();
    const buffer = Buffer.alloc(8);
    const told: string[] = [];
    function onRead(this: Duplex, length: number): boolean {
      expect(this).toBe(near);
      told.push(buffer.toString('latin1', 0, length));
      return false;
    }
    near.pause();
    expect(isReadBy(near, onRead)).toBe(false);
    expect(readIntoBuffer(near, buffer, onRead)).toBe(true);
    expect(isReadBy(near, onRead)).toBe(true);
    readOn(near);
    far.write('one');
    await until(() => told.length === 1);
    far.write('two');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(told).toEqual(['one']);
    readOn(near);
    await until(() => told.length === 2);
    expect(told).toEqual(['one', 'two']);
  });

  test('is not one that is closed', async () => {
    const { near } = await tcpPair();
    near.destroy();
    expect(canReadIntoBuffer(near)).toBe(false);
    expect(readIntoBuffer(near, Buffer.alloc(8), () => true)).toBe(false);
    expect(() => readOn(near)).not.toThrow();
  });
});
