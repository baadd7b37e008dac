import { describe, expect, test } from 'vitest';
import { openConnection } from '../../support/connection-harness.js';
import { FramePeer } from '../../support/frame-peer.js';
import { fragmentsFor, frameFor, frameHeaderFor } from '../../support/framer.js';
import { tcpPair } from '../../support/sockets.js';
import { turns, until } from '../../support/waiting.js';

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => frameFor('server', 1, `${from + i}`));
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`);

test('hazard.3: a throwing callback takes neither the window nor the frames of other connections along', async () => {
  const links = await Promise.all(
    Array.from({ length: 6 }, async (_, id) => {
      const { near, far } = await tcpPair();
      const on = {
        onMessage: (_opcode: number, data: string | Buffer) => {
          if (id % 2 === 0 && data === '50') throw new Error('mine');
        },
      };
      return { id, peer: new FramePeer(far), far, ...openConnection(near, { on }) };
    }),
  );
  for (const { peer } of links) peer.send(...numbered(0, 100));
  for (const { id, recorder, peer, far } of links) {
    if (id % 2 === 0) {
      expect(await peer.closeCode()).toBe(1011);
      await peer.finReceived();
      far.end();
      await recorder.closed();
      expect(recorder.messages).toEqual(numbers(0, 51));
      expect(recorder.events.slice(-2)).toEqual(['error', 'close']);
    } else {
      await recorder.messagesReceived(100);
      peer.send(...numbered(100, 200));
      await recorder.messagesReceived(200);
      expect(recorder.messages).toEqual(numbers(0, 200));
    }
  }
});

test('hazard.4: pause() in the middle of a batch: the remaining frames wait, nothing is lost or reordered', async () => {
  const { near, far } = await tcpPair();
  const opened = openConnection(near, { on: { onMessage: () => opened.connection.pause() } });
  const { connection, recorder } = opened;
  const peer = new FramePeer(far);
  peer.send(...numbered(0, 20), frameFor('server', 9, 'ping'), ...numbered(20, 25));
  for (let i = 1; i <= 25; i++) {
    await recorder.messagesReceived(i);
    await turns(3);
    expect(recorder.messages).toHaveLength(i);
    if (i === 10) peer.send(...numbered(25, 30));
    connection.resume();
  }
  for (let i = 26; i <= 30; i++) {
    await recorder.messagesReceived(i);
    connection.resume();
  }
  expect(recorder.messages).toEqual(numbers(0, 30));
  expect(recorder.events.indexOf('ping')).toBe(20);
});

describe('head', () => {
  test('hazard.5: octets that came with the handshake are frames, in front of those that the socket brings', async () => {
    const { near, far } = await tcpPair();
    const frames = Buffer.concat(numbered(0, 300));
    far.write(frames.subarray(1000));
    const { recorder } = openConnection(near, { head: frames.subarray(0, 1000) });
    await recorder.messagesReceived(300);
    expect(recorder.messages).toEqual(numbers(0, 300));
  });

  test('hazard.5: a client takes the frames that came behind the 101, a Close frame among them', async () => {
    const { near, far } = await tcpPair();
    const head = Buffer.concat([frameFor('client', 1, 'welcome'), frameFor('client', 8, Buffer.of(3, 232))]);
    const { recorder } = openConnection(far, { head, options: { role: 'client' } });
    expect(recorder.messages).toEqual(['welcome']);
    const peer = new FramePeer(near);
    expect(await peer.closeCode()).toBe(1000);
    near.end();
    expect(await recorder.closed()).toMatchObject({ closeCode: 1000, wasClean: true });
  });

  test('hazard.5: what breaks a rule in it fails the connection', async () => {
    const { near, far } = await tcpPair();
    const { recorder } = openConnection(near, { head: Buffer.of(0xff) });
    expect(await new FramePeer(far).closeCode()).toBe(1002);
    expect(recorder.events).toEqual(['error']);
  });
});

describe('declared length is not memory', () => {
  const memoryInUse = () => {
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    return arrayBuffers + heapUsed;
  };

  test('hazard.6: 50 headers that announce a gibibyte each cost next to nothing', async () => {
    const options = { maxPayload: 2 ** 31 };
    const before = memoryInUse();
    const links = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const { near, far } = await tcpPair();
        far.write(Buffer.concat([frameHeaderFor('server', 2, 2n ** 30n), Buffer.alloc(100)]));
        await until(() => near.readableLength > 0);
        return openConnection(near, { options });
      }),
    );
    await turns();
    expect((memoryInUse() - before) / 50).toBeLessThan(1_000_000);
    expect(links.every(({ connection }) => connection.state === 'open')).toBe(true);
  });

  test('hazard.6: a message over maxPayload is refused by its header, before its octets come', async () => {
    const { near, far } = await tcpPair();
    const { recorder } = openConnection(near, { options: { maxPayload: 1000 } });
    const peer = new FramePeer(far);
    peer.send(...fragmentsFor('server', 2, [Buffer.alloc(600), '']).slice(0, 1), frameHeaderFor('server', 0, 401n));
    expect(await peer.closeCode()).toBe(1009);
    expect(recorder.messages).toEqual([]);
  });
});

test('hazard.7: frames cut at any octet, the header’s included, over a real socket', async () => {
  const stream = Buffer.concat([
    frameFor('server', 1, 'é'),
    frameFor('server', 9, 'ping'),
    ...fragmentsFor('server', 2, ['a', '', 'bc']),
    frameFor('server', 2, Buffer.alloc(130, 7)),
    frameFor('server', 2, Buffer.alloc(65_536, 8)).subarray(0, 14),
  ]);
  const rest = Buffer.from(frameFor('server', 2, Buffer.alloc(65_536, 8)).subarray(14));
  // Two connections for each cut, so that all of them share the window while each waits for its second half.
  for (let from = 1; from < stream.length; from += 40) {
    const cuts = Array.from({ length: Math.min(40, stream.length - from) }, (_, i) => from + i);
    const links = await Promise.all(
      cuts.map(async (cut) => {
        const { near, far } = await tcpPair();
        const link = { cut, near, far, ...openConnection(near) };
        far.resume();
        far.write(stream.subarray(0, cut));
        return link;
      }),
    );
    for (const { near, cut } of links) await until(() => near.bytesRead === cut);
    for (const { far, cut } of links) far.write(Buffer.concat([stream.subarray(cut), rest]));
    for (const { recorder, far, cut } of links) {
      await recorder.messagesReceived(4);
      expect(
        recorder.messages.map((message) => Buffer.from(message).toString('latin1', 0, 4)),
        `cut at ${cut}`,
      ).toEqual(['\xc3\xa9', 'abc', '\x07\x07\x07\x07', '\x08\x08\x08\x08']);
      expect(recorder.messages.map(({ length }) => length)).toEqual([1, 3, 130, 65_536]);
      expect(recorder.pings.map(String)).toEqual(['ping']);
      far.destroy();
    }
  }
});

test('hazard.7: frames that come octet by octet over a real socket', async () => {
  const { near, far } = await tcpPair();
  const { recorder } = openConnection(near);
  const peer = new FramePeer(far);
  const stream = Buffer.concat([
    frameFor('server', 1, 'é'),
    frameFor('server', 9, 'p'),
    ...fragmentsFor('server', 1, ['x', 'y']),
  ]);
  for (let i = 0; i < stream.length; i++) {
    peer.send(stream.subarray(i, i + 1));
    await until(() => near.bytesRead === i + 1);
  }
  await recorder.messagesReceived(2);
  expect(recorder.messages).toEqual(['é', 'xy']);
  expect((await peer.framesReceived(1))[0].payload.toString()).toBe('p');
});
