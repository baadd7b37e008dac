import { describe, expect, test } from 'vitest';
import { Opcode } from '../../src/index.js';
import { fragmentsFor, frameFor } from '../support/framer.js';
import type { RawPeer } from '../support/raw-peer.js';
import { acceptedSocket, aWhile, until } from '../support/servers.js';

const text = (payload: string) => frameFor('server', Opcode.Text, payload);
const close = (code: number) => frameFor('server', Opcode.Close, Buffer.from([code >> 8, code & 255]));

/** How many of these frames the kernel has taken once nothing moves any more. */
async function taken(peer: RawPeer, frame: Uint8Array, count: number): Promise<() => number> {
  let written = 0;
  for (let i = 0; i < count; i++) {
    peer.socket.write(frame, () => {
      written++;
    });
  }
  let before = -1;
  while (before !== written) {
    before = written;
    await aWhile(100);
  }
  return () => written;
}

describe('messages that nobody receives', () => {
  test('hostile.R-03: above 16 messages the socket stops reading, and reads on when they are received', async () => {
    const { ws, peer } = await acceptedSocket();
    const frame = frameFor('server', Opcode.Binary, Buffer.alloc(20_000, 5));
    const written = await taken(peer, frame, 1000);
    expect(written()).toBeLessThan(1000);
    for (let i = 0; i < 1000; i++) expect(await ws.receiveBinaryPacket()).toHaveLength(20_000);
    await until(() => written() === 1000);
  });

  test('hostile.R-03: above 1 MiB the socket stops reading', async () => {
    const { ws, peer } = await acceptedSocket();
    const frame = frameFor('server', Opcode.Binary, Buffer.alloc(1_000_000, 5));
    const written = await taken(peer, frame, 40);
    expect(written()).toBeLessThan(40);
    for (let i = 0; i < 40; i++) expect(await ws.receiveBinaryPacket()).toHaveLength(1_000_000);
    await until(() => written() === 40);
  });

  test('many small messages in one piece arrive whole and in order, however slowly they are received', async () => {
    const { ws, peer } = await acceptedSocket();
    const count = 2000;
    peer.write(Buffer.concat(Array.from({ length: count }, (_, i) => text(`${i}`))));
    peer.write(close(1000));
    for (let i = 0; i < count; i++) {
      if (i % 100 === 0) await aWhile(1);
      expect(await ws.receiveStrPacket()).toBe(`${i}`);
    }
    expect(await ws.closed).toMatchObject({ closeCode: 1000, wasClean: true });
  });
});

describe('raw: true', () => {
  test('close sends Close, and the code that the peer sent is the result', async () => {
    const { ws, peer } = await acceptedSocket({ raw: true });
    peer.write(close(4001));
    expect(await ws.receivePacket()).toMatchObject({ opcode: Opcode.Close });
    const closed = ws.close(4001);
    expect((await peer.take(4)).toString('hex')).toBe('88020fa1');
    peer.socket.end();
    expect(await closed).toEqual({ closeCode: 4001, reason: '', wasClean: true });
  });

  test('a whole Text frame is a string, a fragment is bytes', async () => {
    const { ws, peer } = await acceptedSocket({ raw: true });
    peer.write(Buffer.concat([text('a'), ...fragmentsFor('server', Opcode.Text, ['b', 'c'])]));
    expect(await ws.receivePacket()).toEqual({ opcode: 1, data: 'a', fin: true });
    expect(await ws.receivePacket()).toEqual({ opcode: 1, data: Buffer.from('b'), fin: false });
    expect(await ws.receivePacket()).toEqual({ opcode: 0, data: Buffer.from('c'), fin: true });
  });
});
