import { describe, expect, test, vi } from 'vitest';
import { codec } from '../../../src/codec/select.js';
import { UNCOPIED_FROM } from '../../../src/net/writing/sizes.js';
import { openConnection } from '../../support/connection-harness.js';
import { FramePeer } from '../../support/frame-peer.js';
import { frameFor } from '../../support/framer.js';
import { stateOf } from '../../support/outbox-harness.js';
import { runNode } from '../../support/program.js';
import { memoryPair, tcpPair } from '../../support/sockets.js';
import { turns, until } from '../../support/waiting.js';

describe('promises after terminate() in the same turn', () => {
  test('hazard.9: what is in flight, what waits and what has just been sent is rejected', async () => {
    const { near, far } = await tcpPair();
    far.pause();
    const { connection, recorder } = openConnection(near);
    const inFlight = connection.send(2, Buffer.alloc(30_000_000));
    const waiting = connection.send(2, Buffer.alloc(100_000));
    const small = connection.send(1, 'small');
    expect([inFlight, waiting, small].every((promise) => promise instanceof Promise)).toBe(true);
    const writes = vi.spyOn(near, 'write');
    connection.terminate();
    expect(connection.bufferedAmount).toBe(0);
    const expected = { code: 'WASOCK_CLOSED', closeCode: 1006, wasClean: false };
    await expect(inFlight).rejects.toMatchObject(expected);
    await expect(waiting).rejects.toMatchObject(expected);
    await expect(small).rejects.toMatchObject(expected);
    await recorder.closed();
    expect(recorder.events).toEqual(['close']);
    expect(writes).not.toHaveBeenCalled();
  });

  test('hazard.9: a frame that was to leave at the end of the turn is not written to a dead socket', async () => {
    const { near } = await tcpPair();
    const { connection, recorder } = openConnection(near);
    const writes = vi.spyOn(near, 'write');
    connection.send(1, 'late');
    connection.terminate();
    await recorder.closed();
    expect(writes).not.toHaveBeenCalled();
    expect(connection.bufferedAmount).toBe(0);
  });

  test('hazard.9: when the socket is destroyed by somebody else', async () => {
    const { near, far } = await tcpPair();
    far.pause();
    const { connection, recorder } = openConnection(near);
    near.destroy();
    const sent = connection.send(2, Buffer.alloc(100_000));
    expect(sent).toBeInstanceOf(Promise);
    await expect(sent).rejects.toMatchObject({ code: 'WASOCK_CLOSED' });
    expect(await recorder.closed()).toMatchObject({ closeCode: 1006 });
  });

  test('hazard.9: on a stream in memory', async () => {
    const [near] = memoryPair();
    near._write = () => {};
    const { connection } = openConnection(near, { options: { highWaterMark: 10 } });
    connection.send(1, 'stays in flight');
    await turns(2);
    const sent = connection.send(2, Buffer.alloc(100));
    expect(sent).toBeInstanceOf(Promise);
    connection.terminate();
    await expect(sent).rejects.toMatchObject({ code: 'WASOCK_CLOSED' });
  });

  test('hazard.9: when the peer resets the connection', async () => {
    const { near, far } = await tcpPair();
    far.pause();
    const { connection } = openConnection(near);
    const sent = connection.send(2, Buffer.alloc(30_000_000));
    far.resetAndDestroy();
    await expect(sent).rejects.toMatchObject({ code: 'WASOCK_CLOSED', cause: { code: expect.any(String) } });
  });
});

describe('masking keys', () => {
  test('hazard.10: every frame of a client has one of its own, control frames included', async () => {
    const { near, far } = await tcpPair();
    const { connection } = openConnection(far, { options: { role: 'client' } });
    const peer = new FramePeer(near);
    for (let i = 0; i < 3000; i++) connection.send(i % 2 === 0 ? 1 : 9, 'x');
    connection.send(2, Buffer.alloc(200_000))?.catch(() => {});
    peer.send(frameFor('client', 9, 'ping'));
    await peer.frameOf(10);
    connection.close(1000);
    await peer.frameOf(8);
    const keys = peer.frames.map(({ key }) => key?.toString('hex'));
    expect(keys).toHaveLength(3003);
    expect(keys).not.toContain(undefined);
    // Among 3003 random 32-bit keys two are equal in one run out of a thousand; ten pairs are in none.
    expect(new Set(keys).size).toBeGreaterThan(2990);
    for (let octet = 0; octet < 4; octet++) {
      const values = new Set(keys.map((key) => key?.slice(2 * octet, 2 * octet + 2)));
      expect(values.size).toBeGreaterThan(200);
    }
  });
});

describe('the process', () => {
  test('hazard.11: bad frames and ignored promises do not end it, with no handler for errors at all', async () => {
    const program = runNode([
      '-e',
      `const { serve, newWebSocket } = require('./build/index.js');
       const net = require('node:net');
       console.error = () => {};
       (async () => {
         const server = await serve({
           port: 0, host: '127.0.0.1', closeTimeout: 200,
           message(ws, data) {
             ws.send(Buffer.alloc(3e6)); ws.ping('x'); ws.close(4000); ws.send('late'); ws.ping(); ws.hangup(); ws.send('later');
             throw new Error('mine');
           },
         });
         const request = 'GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n' +
           'Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n';
         const frames = ['a18000000000', 'c18000000000', '88820000000003ee', '818100000000ff', '82ffffffffffffffffff00000000',
           '8301', '0080', '09', '81850000000068656c6c6f'];
         for (const hex of frames) {
           const socket = net.connect(server.port, '127.0.0.1');
           socket.on('error', () => {});
           socket.resume();
           socket.write(request);
           socket.write(Buffer.from(hex, 'hex'));
           await new Promise((resolve) => setTimeout(resolve, 20));
           if (hex.length % 4 === 0) socket.resetAndDestroy(); else socket.end();
         }
         const ws = await newWebSocket('ws://127.0.0.1:' + server.port);
         ws.receivePacket(); ws.receivePacket(); ws.closed; ws.send('go');
         ws.send(Buffer.alloc(3e6));
         ws.hangup();
         ws.send('late'); ws.receiveStrPacket();
         newWebSocket('ws://127.0.0.1:1'); newWebSocket('http://x').catch(() => {});
         await new Promise((resolve) => setTimeout(resolve, 300));
         await server.close({ timeout: 100 });
         console.log('alive');
       })();`,
    ]);
    const { code } = await program.exit;
    expect(program.stderr).toBe('');
    expect(program.stdout).toContain('alive');
    expect(code).toBe(0);
  });
});

describe('bytes in flight', () => {
  test('hazard.12: a promise from send: the peer gets the octets as they were, whatever happens once it has settled', async () => {
    const { near, far } = await tcpPair();
    const { connection } = openConnection(near);
    const peer = new FramePeer(far, false);
    // Fill what the kernels hold, so that the next payload is read from where it is for a while.
    const filler = connection.send(2, Buffer.alloc(30_000_000, 1));
    const payload = Buffer.alloc(1_048_576);
    for (let i = 0; i < payload.length; i++) payload[i] = i ^ (i >> 8);
    const before = Buffer.from(payload);
    const sent = connection.send(2, payload);
    expect(sent).toBeInstanceOf(Promise);
    expect(await stateOf(sent as Promise<void>)).toBe('pending');
    peer.read();
    await filler;
    await sent;
    payload.fill(0);
    const frames = await peer.framesReceived(2);
    expect(frames[1].payload.equals(before)).toBe(true);
  });

  test('hazard.12: `undefined` from send: the octets may be changed at once', async () => {
    const { near, far } = await tcpPair();
    const { connection } = openConnection(near, { options: { highWaterMark: 100_000_000 } });
    const peer = new FramePeer(far, false);
    connection.send(2, Buffer.alloc(30_000_000, 1))?.catch(() => {});
    const payload = Buffer.alloc(UNCOPIED_FROM - 1);
    for (let i = 0; i < 200; i++) {
      payload.fill(i);
      expect(connection.send(2, payload)).toBe(undefined);
    }
    payload.fill(255);
    peer.read();
    const frames = await peer.framesReceived(201);
    expect(frames.slice(1).every((frame, i) => frame.payload.equals(Buffer.alloc(payload.length, i)))).toBe(true);
  });

  test('hazard.12: `undefined` from send of a large payload that the kernel took whole', async () => {
    const { near, far } = await tcpPair();
    const { connection } = openConnection(near);
    const peer = new FramePeer(far);
    const payload = Buffer.alloc(100_000, 1);
    let free = connection.send(2, payload);
    for (let i = 2; i < 30; i++) {
      await free;
      payload.fill(i);
      free = connection.send(2, payload);
    }
    await free;
    payload.fill(255);
    const frames = await peer.framesReceived(29);
    expect(frames.every((frame, i) => frame.payload.equals(Buffer.alloc(100_000, i + 1)))).toBe(true);
  });

  test('hazard.12: a client never masks in the caller’s memory, and has copied it when send returns', async () => {
    const { near, far } = await tcpPair();
    const { connection } = openConnection(far, { options: { role: 'client', highWaterMark: 100_000_000 } });
    const peer = new FramePeer(near, false);
    const payload = Buffer.alloc(1_048_576, 7);
    const before = Buffer.from(payload);
    for (let i = 0; i < 30; i++) expect(connection.send(2, payload)).toBe(undefined);
    expect(payload.equals(before)).toBe(true);
    payload.fill(0);
    peer.read();
    const frames = await peer.framesReceived(30);
    expect(frames.every((frame) => frame.payload.equals(before))).toBe(true);
  });

  test('hazard.12: views of the window that are sent back are copied, also to a peer that does not read', async () => {
    const { near, far } = await tcpPair();
    let views = 0;
    const opened = openConnection(near, {
      options: { zeroCopy: true },
      on: {
        onMessage: (opcode, data) => {
          if ((data as Buffer).buffer === codec.bytes.buffer) views++;
          opened.connection.send(opcode, data)?.catch(() => {});
        },
      },
    });
    const peer = new FramePeer(far, false);
    opened.connection.send(2, Buffer.alloc(30_000_000, 1))?.catch(() => {});
    for (let i = 0; i < 20; i++) {
      peer.send(frameFor('server', 2, Buffer.alloc(20_000, i)));
      await until(() => opened.recorder.messages.length === i + 1);
    }
    codec.bytes.fill(0xaa);
    peer.read();
    const frames = await peer.framesReceived(21);
    expect(frames.slice(1).every((frame, i) => frame.payload.equals(Buffer.alloc(20_000, i)))).toBe(true);
    // A frame that a read has cut is no view; most are not cut.
    expect(views).toBeGreaterThan(0);
  });

  test('hazard.12: a stream in memory may keep what was written to it', async () => {
    const [near, far] = memoryPair();
    const { connection } = openConnection(near);
    far.resume();
    const payload = Buffer.alloc(50_000);
    for (let i = 0; i < 20; i++) {
      payload.fill(i);
      expect(connection.send(2, payload)).toBe(undefined);
      connection.send(1, `${i}`);
      await turns(1);
    }
    payload.fill(255);
    const expected = Array.from({ length: 20 }, (_, i) => [
      frameFor('client', 2, Buffer.alloc(50_000, i)),
      frameFor('client', 1, `${i}`),
    ]);
    expect(Buffer.concat(near.written).equals(Buffer.concat(expected.flat()))).toBe(true);
  });
});

describe('a stream that throws', () => {
  test('hazard.3: in write ends its connection, and the others of the turn are written', async () => {
    const [broken] = memoryPair();
    broken.write = () => {
      throw new Error('broken');
    };
    const first = openConnection(broken);
    const { near, far } = await tcpPair();
    const second = openConnection(near);
    const peer = new FramePeer(far);
    for (const text of ['a', 'b']) {
      first.connection.send(1, text);
      second.connection.send(1, text);
      await turns(3);
    }
    await peer.framesReceived(2);
    expect(peer.texts).toEqual(['a', 'b']);
    expect(await first.recorder.closed()).toMatchObject({ closeCode: 1006 });
    expect(first.recorder.cause).toMatchObject({ message: 'broken' });
  });

  test('hazard.3: and one that never says that it is closed is closed all the same', async () => {
    const [silent] = memoryPair();
    silent._destroy = () => {};
    const { connection, recorder } = openConnection(silent);
    connection.terminate();
    expect(await recorder.closed()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
  });
});

test('a connection whose Close never left was not closed cleanly', async () => {
  const { near, far } = await tcpPair();
  far.pause();
  const { connection, recorder } = openConnection(near, { options: { closeTimeout: 100 } });
  connection.send(2, Buffer.alloc(30_000_000));
  far.write(frameFor('server', 8, Buffer.of(3, 232)));
  expect(await recorder.closed()).toEqual({ closeCode: 1000, reason: '', wasClean: false });
});
