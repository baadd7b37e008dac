import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { peerAddress } from '../../../src/net/node/peer-address.js';
import { memoryPair, tcpPair, tlsPair, unixPair } from '../../support/sockets.js';

describe('the address of the peer', () => {
  test.each([
    ['a TCP socket', tcpPair],
    ['a TLS socket', tlsPair],
  ])('of %s is what the socket says', async (_, pair) => {
    const { near, far } = await pair();
    expect([peerAddress(near), peerAddress(far)]).toEqual(['127.0.0.1', '127.0.0.1']);
    expect(near.remoteAddress).toBe('127.0.0.1');
  });

  test('is not there for a Unix socket and a stream in memory', async () => {
    const { near } = await unixPair();
    const [memory] = memoryPair();
    expect([peerAddress(near), peerAddress(memory)]).toEqual([undefined, undefined]);
  });

  test('is that of no other peer once the socket is closed', async () => {
    const { near, far } = await tcpPair();
    expect(peerAddress(far)).toBe('127.0.0.1');
    near.destroy();
    await once(near, 'close');
    expect(peerAddress(near)).toBeUndefined();
  });
});
