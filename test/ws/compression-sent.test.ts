import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/protocol/frame-rules.js';
import { StreamInflater } from '../support/deflate-stream.js';
import { FramePeer } from '../support/frame-peer.js';
import { frameFor } from '../support/framer.js';
import { prose } from '../support/messages.js';
import { tcpPair } from '../support/sockets.js';
import { until } from '../support/waiting.js';
import { messageOf, NAME, openWith, RSV1, TEXT } from './compressing.js';
import { IMPLEMENTATIONS, inner } from './implementations.js';

describe.each(IMPLEMENTATIONS)('%s: what is sent', (_, impl) => {
  test.each<Role>(['server', 'client'])('is compressed from the threshold on, by a %s', async (role) => {
    const { ws, peer } = await openWith(impl, { role });
    for (const length of [1023, 1024]) ws.send('x'.repeat(length));
    // In bytes: 1023, 1026.
    for (const count of [341, 342]) ws.send('€'.repeat(count));
    ws.send(Buffer.alloc(1023));
    ws.send(Buffer.alloc(1024));
    ws.send(new Blob(['x'.repeat(1023)]));
    ws.send(new Blob(['x'.repeat(1024)]));
    const frames = await peer.framesReceived(8);
    expect(frames.map(({ rsv }) => rsv)).toEqual([0, RSV1, 0, RSV1, 0, RSV1, 0, RSV1]);
    expect(frames.map((frame) => messageOf([frame]).length)).toEqual([1023, 1024, 1023, 1026, 1023, 1024, 1023, 1024]);
    expect(frames.every(({ key }) => (key !== null) === (role === 'client'))).toBe(true);
  });

  test.each([0, '10', null, Number.POSITIVE_INFINITY, Number.NaN])('from a threshold of %s on', async (threshold) => {
    const { ws, peer } = await openWith(impl, { options: { threshold } });
    for (const length of [9, 100]) ws.send('x'.repeat(length));
    const isOver = (length: number) => length >= (threshold as number);
    const frames = await peer.framesReceived(2);
    expect(frames[1].rsv).toBe(isOver(100) ? RSV1 : 0);
    if (!isOver(9)) expect(frames[0].rsv).toBe(0);
  });

  test('is compressed whatever its length with takeover, and refers to what went before', async () => {
    const { ws, peer } = await openWith(impl, { parameters: '' });
    for (let i = 0; i < 3; i++) ws.send('{"id":1,"name":"a short one","tags":["x","y"]}');
    const frames = await peer.framesReceived(3);
    const stream = new StreamInflater();
    expect(frames.map(({ rsv }) => rsv)).toEqual([RSV1, RSV1, RSV1]);
    for (const { payload } of frames) expect(String(stream.inflate(payload))).toContain('a short one');
    expect(frames[1].payload.length).toBeLessThan(frames[0].payload.length / 2);
  });

  test('ws.M3 ws.P.@hono/node-ws: is compressed unless `compress` says otherwise', async () => {
    const { ws, peer } = await openWith(impl);
    ws.send(TEXT, { compress: false });
    ws.send(TEXT, { compress: undefined });
    ws.send(TEXT, {});
    ws.send(TEXT);
    const frames = await peer.framesReceived(4);
    expect(frames.map(({ rsv }) => rsv)).toEqual([0, 0, RSV1, RSV1]);
  });

  test('in fragments is compressed as the first fragment says; Pings between are not', async () => {
    const { ws, peer } = await openWith(impl, { options: { threshold: 100 } });
    const send = (fragments: [length: number, compress?: boolean][]) => {
      for (const [i, [length, compress = true]] of fragments.entries()) {
        ws.send(prose(length, i + 1), { fin: i === fragments.length - 1, compress });
        if (i === 0) ws.ping('between');
      }
    };
    send([[200], [50], [90_000]]);
    send([[50], [200]]);
    send([
      [200, false],
      [200, true],
    ]);
    send([
      [200, true],
      [200, false],
    ]);
    send([[200], [0]]);
    const frames = (await peer.framesReceived(16)).filter(({ opcode }) => opcode !== 9);
    expect(frames.map(({ rsv, fin, opcode }) => [rsv, fin, opcode])).toEqual([
      ...[
        [RSV1, false, 2],
        [0, false, 0],
        [0, true, 0],
      ],
      ...[
        [0, false, 2],
        [0, true, 0],
      ],
      ...[
        [0, false, 2],
        [0, true, 0],
      ],
      ...[
        [RSV1, false, 2],
        [0, true, 0],
      ],
      ...[
        [RSV1, false, 2],
        [0, true, 0],
      ],
    ]);
    const messages = [frames.slice(0, 3), frames.slice(3, 5), frames.slice(5, 7), frames.slice(7, 9), frames.slice(9)];
    const lengths = [
      [200, 50, 90_000],
      [50, 200],
      [200, 200],
      [200, 200],
      [200, 0],
    ];
    for (const [i, message] of messages.entries()) {
      const parts = lengths[i].map((length, j) => prose(length, j + 1));
      expect(messageOf(message).equals(Buffer.concat(parts))).toBe(true);
    }
  });

  test('is masked as `mask` says', async () => {
    const { ws, peer } = await openWith(impl);
    for (const mask of [true, false, true]) ws.send(TEXT, { mask });
    ws.send(TEXT, { mask: true, fin: false });
    ws.send(TEXT, { mask: true });
    const frames = await peer.framesReceived(5);
    expect(frames.map(({ key, rsv }) => [key !== null, rsv])).toEqual([
      ...[
        [true, RSV1],
        [false, RSV1],
        [true, RSV1],
        [true, RSV1],
        [true, 0],
      ],
    ]);
    for (const frame of frames.slice(0, 3)) expect(String(messageOf([frame]))).toBe(TEXT);
    expect(String(messageOf(frames.slice(3)))).toBe(TEXT + TEXT);
  });

  test('a control frame never is', async () => {
    const { ws, peer } = await openWith(impl, { options: { threshold: 0 } });
    ws.ping('x'.repeat(120));
    ws.pong('x'.repeat(120));
    ws.close(1000, 'x'.repeat(120));
    expect((await peer.framesReceived(3)).map(({ rsv }) => rsv)).toEqual([0, 0, 0]);
  });

  test('ws.M2: after a message that takes many turns everything keeps its order, and bufferedAmount counts', async () => {
    const { ws, peer } = await openWith(impl);
    const events: string[] = [];
    const long = prose(2_000_000);
    ws.send(long, () => events.push('long'));
    expect(ws.bufferedAmount).toBeGreaterThanOrEqual(long.length);
    ws.send('short', () => events.push('short'));
    ws.ping('ping', false, () => events.push('ping'));
    ws.pong('pong', false, () => events.push('pong'));
    peer.send(frameFor('server', 9, 'theirs'));
    await once(ws, 'ping');
    ws.send(new Blob(['blob']), () => events.push('blob'));
    expect(ws.bufferedAmount).toBeGreaterThanOrEqual(long.length);
    expect(events).toEqual([]);
    ws.close(1000, 'end');
    const frames = await peer.framesReceived(7);
    expect(frames.map(({ opcode }) => opcode)).toEqual([2, 1, 9, 10, 10, 2, 8]);
    expect(messageOf([frames[0]]).equals(long)).toBe(true);
    expect(frames.slice(1, -1).map(({ payload }) => String(payload))).toEqual([
      ...['short', 'ping', 'pong', 'theirs', 'blob'],
    ]);
    expect(ws.bufferedAmount).toBe(0);
    peer.send(frameFor('server', 8, Buffer.of(3, 0xe8)));
    peer.socket.end();
    expect((await once(ws, 'close'))[0]).toBe(1000);
    expect(events).toEqual(['long', 'short', 'ping', 'pong', 'blob']);
  });

  test('ws.M2: terminate while a message is being compressed: errors for what waits, in order, before `close`', async () => {
    const { ws, peer } = await openWith(impl);
    const events: string[] = [];
    ws.send('first', (error) => events.push(error ? 'no first' : 'first'));
    await peer.framesReceived(1);
    for (const [name, data] of [
      ['long', prose(3_000_000)],
      ['short', 'short'],
      ['other', prose(100_000)],
    ] as const) {
      ws.send(data, (error) => events.push(error ? `${name}: ${error.message}` : name));
    }
    ws.on('close', (code) => events.push(`close ${code}`));
    ws.terminate();
    await once(ws, 'close');
    const error = 'The socket was closed while data was being compressed';
    expect(events).toEqual(['first', `long: ${error}`, `short: ${error}`, `other: ${error}`, 'close 1006']);
    await peer.finReceived();
    expect(peer.frames.length).toBe(1);
  });

  test('ws.M2: the peer breaks the connection while a message is being compressed', async () => {
    const { ws, peer } = await openWith(impl);
    const results: boolean[] = [];
    ws.send(prose(3_000_000), (error) => results.push(!error));
    ws.send('short', (error) => results.push(!error));
    peer.socket.destroy();
    await once(ws, 'close');
    await until(() => results.length === 2);
    expect(results).toEqual([false, false]);
  });

  test('ws.C2: a peer that sends more Pings than may wait while a message is compressed is disconnected', async () => {
    const { near, far } = await tcpPair();
    const options = { autoPong: true, maxPendingAutoPongs: 3, closeTimeout: 30_000 };
    const ws = new impl.WebSocket(null as never, undefined, options as never);
    const extension = new impl.PerMessageDeflate({ isServer: true });
    extension.accept([{}]);
    inner(ws)._extensions = { [NAME]: extension };
    inner(ws).setSocket(near, Buffer.alloc(0), {});
    const peer = new FramePeer(far);
    ws.send(prose(5_000_000));
    peer.send(...Array.from({ length: 4 }, () => frameFor('server', 9)));
    expect((await once(ws, 'close'))[0]).toBe(1006);
  });
});
