import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { WebSocketClosedError } from '../../src/protocol/errors.js';
import { type Opening, openConnection } from '../support/connection-harness.js';
import { FrameParser } from '../support/frame-parser.js';
import { FramePeer } from '../support/frame-peer.js';
import { frameFor } from '../support/framer.js';
import { runNode } from '../support/program.js';
import { memoryPair, tcpPair } from '../support/sockets.js';
import { turns, until } from '../support/waiting.js';

const closeFrame = (role: 'server' | 'client', code?: number, reason = '') => {
  if (code === undefined) return frameFor(role, 8);
  return frameFor(role, 8, Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from(reason)]));
};

async function link(role: 'server' | 'client', opening: Opening = {}) {
  const { near, far } = await tcpPair();
  const opened = openConnection(near, { ...opening, options: { role, ...opening.options } });
  return { ...opened, peer: new FramePeer(far), near, far };
}

/** A stream that is no socket, takes each write after 100 ms or never, and answers the Close that it was given. */
class SlowStream extends Duplex {
  taken = 0;
  readonly #takes: boolean;
  readonly #parser = new FrameParser();

  constructor(takes: boolean) {
    super();
    this.#takes = takes;
  }

  override _writev(chunks: { chunk: Buffer }[], callback: () => void): void {
    if (!this.#takes) return;
    setTimeout(() => {
      for (const { chunk } of chunks) this.#take(chunk);
      callback();
    }, 100);
  }

  #take(chunk: Buffer): void {
    this.taken += chunk.length;
    this.#parser.push(chunk);
    const last = this.#parser.frames.at(-1);
    if (last?.opcode === 8) this.push(frameFor('server', 8, last.payload));
  }

  override _read(): void {}
}

describe('the peer closes', () => {
  test.each([
    ['server', 1000, ''],
    ['client', 1000, ''],
    ['server', 1001, 'going away'],
    ['client', 3000, 'é'],
    ['server', 4999, 'x'.repeat(123)],
  ] as const)('a %s echoes the code %i (§5.5.1)', async (role, code, reason) => {
    const { peer, recorder, far } = await link(role);
    peer.send(closeFrame(role, code, reason));
    expect(await peer.closeCode()).toBe(code);
    far.end();
    expect(await recorder.closed()).toEqual({ closeCode: code, reason, wasClean: true });
    expect(recorder.events).toEqual(['close']);
    expect(recorder.cause).toBe(undefined);
  });

  test('a Close frame without a code is answered without one, and reported as 1005', async () => {
    const { peer, recorder, far } = await link('server');
    peer.send(closeFrame('server'));
    expect((await peer.frameOf(8)).payload).toHaveLength(0);
    far.end();
    expect(await recorder.closed()).toEqual({ closeCode: 1005, reason: '', wasClean: true });
  });

  test('the server ends the TCP connection first (§7.1.1)', async () => {
    const { peer, recorder, far } = await link('server');
    peer.send(closeFrame('server', 1000));
    await peer.finReceived();
    expect(recorder.closes).toEqual([]);
    far.end();
    await recorder.closed();
  });

  test('the client waits for the server to end the TCP connection (§7.1.1)', async () => {
    const { peer, recorder, far } = await link('client');
    peer.send(closeFrame('client', 1000));
    await peer.closeCode();
    await sleep(30);
    expect([peer.ended, recorder.closes.length]).toEqual([false, 0]);
    far.end();
    await recorder.closed();
    await peer.finReceived();
    expect(peer.ended).toBe(true);
  });

  test('what comes behind its Close frame is not looked at', async () => {
    const { peer, recorder, far } = await link('server');
    peer.send(closeFrame('server', 1000), frameFor('server', 1, 'late'), Buffer.from('garbage'));
    await peer.finReceived();
    far.end();
    expect(await recorder.closed()).toMatchObject({ closeCode: 1000, wasClean: true });
    expect(recorder.events).toEqual(['close']);
  });

  test('hostile.T-03: frames in front of its Close frame and its FIN are handled and answered', async () => {
    const { peer, recorder, far } = await link('server');
    far.end(Buffer.concat([frameFor('server', 9, 'p'), frameFor('server', 1, 'm'), closeFrame('server', 1000)]));
    await peer.finReceived();
    expect(peer.opcodes).toEqual([10, 8]);
    await recorder.closed();
    expect(recorder.events).toEqual(['ping', 'message', 'close']);
  });

  test('more frames than one turn handles, a Close frame and FIN in one read of a stream: none is lost', async () => {
    const [near, far] = memoryPair();
    const { recorder } = openConnection(near, { options: { role: 'client' } });
    await turns();
    const frames = Array.from({ length: 500 }, (_, i) => frameFor('client', 1, `${i}`));
    far.end(Buffer.concat([...frames, closeFrame('client', 1000, 'done')]));
    expect(await recorder.closed()).toEqual({ closeCode: 1000, reason: 'done', wasClean: true });
    expect(recorder.messages).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`));
  });

  test('hostile.T-03: Ping and FIN in one go: Pong, then FIN', async () => {
    const { peer, recorder, far } = await link('server');
    far.end(frameFor('server', 9, 'p'));
    await peer.finReceived();
    expect(peer.opcodes).toEqual([10]);
    expect(await recorder.closed()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
  });

  test('messages that are queued for it are sent before the Close frame', async () => {
    const { near, far } = await tcpPair();
    const { connection, recorder } = openConnection(near);
    const peer = new FramePeer(far, false);
    const payload = Buffer.alloc(30_000_000, 1);
    connection.send(2, payload)?.catch(() => {});
    connection.send(1, 'last');
    peer.send(closeFrame('server', 1000));
    await until(() => connection.state === 'closing');
    peer.read();
    await peer.finReceived();
    expect(peer.opcodes).toEqual([2, 1, 8]);
    far.end();
    expect(await recorder.closed()).toMatchObject({ wasClean: true });
  });
});

describe('we close', () => {
  test.each(['server', 'client'] as const)(
    'a %s sends its Close frame, and ends when the answer has come',
    async (role) => {
      const { connection, peer, recorder, far } = await link(role);
      connection.close(4000, 'why');
      expect(connection.state).toBe('closing');
      const { payload } = await peer.frameOf(8);
      expect([payload.readUInt16BE(0), payload.subarray(2).toString()]).toEqual([4000, 'why']);
      peer.send(closeFrame(role, 4000));
      if (role === 'server') await peer.finReceived();
      far.end();
      expect(await recorder.closed()).toEqual({ closeCode: 4000, reason: '', wasClean: true });
      expect([connection.state, recorder.events]).toEqual(['closed', ['close']]);
    },
  );

  test('without a code: a Close frame without one', async () => {
    const { connection, peer } = await link('server');
    connection.close();
    expect((await peer.frameOf(8)).payload).toHaveLength(0);
  });

  test('a second close changes nothing', async () => {
    const { connection, peer } = await link('server');
    connection.close(1000);
    connection.close(1001);
    expect(await peer.closeCode()).toBe(1000);
    await turns();
    expect(peer.opcodes).toEqual([8]);
  });

  test.each([
    ['a code that may not be sent', 1005, '', TypeError],
    ['a code out of range', 70_000, '', TypeError],
    ['a reason of more than 123 octets', 1000, 'x'.repeat(124), RangeError],
  ] as const)('%s is thrown at the caller, and the connection is as before', async (_name, code, reason, type) => {
    const { connection, peer } = await link('server');
    expect(() => connection.close(code, reason)).toThrow(type);
    expect(connection.state).toBe('open');
    connection.send(1, 'still open');
    expect((await peer.framesReceived(1))[0].opcode).toBe(1);
  });

  test('messages that still come are discarded, Pings are not answered', async () => {
    const { connection, peer, recorder } = await link('server');
    connection.close(1000);
    peer.send(frameFor('server', 1, 'late'), frameFor('server', 9, 'p'), closeFrame('server', 1000));
    await peer.finReceived();
    expect(recorder.events).toEqual([]);
    expect(peer.opcodes).toEqual([8]);
  });

  test('data that is queued leaves before the Close frame', async () => {
    const { connection, peer } = await link('server');
    for (let i = 0; i < 10; i++) connection.send(2, Buffer.alloc(100_000, i))?.catch(() => {});
    connection.close(1000);
    await peer.frameOf(8);
    expect(peer.opcodes).toEqual([2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 8]);
  });

  test('hostile.A7.4: a paused connection reads again, or it would never see the answer', async () => {
    const { connection, peer, recorder, far } = await link('server');
    connection.pause();
    peer.send(frameFor('server', 1, 'unread'));
    await turns();
    connection.close(1000);
    await peer.closeCode();
    peer.send(closeFrame('server', 1000));
    await peer.finReceived();
    far.end();
    expect(await recorder.closed()).toMatchObject({ closeCode: 1000, wasClean: true });
    expect(recorder.messages).toEqual([]);
  });

  test('hostile.R-11: both at once: one close event each, with the code of the Close frame received (§7.1.5)', async () => {
    for (let i = 0; i < 30; i++) {
      const { near, far } = await tcpPair();
      const server = openConnection(near);
      const client = openConnection(far, { options: { role: 'client' } });
      server.connection.close(4001, 'server');
      client.connection.close(4002, 'client');
      const results = [await server.recorder.closed(), await client.recorder.closed()];
      expect(results).toEqual([
        { closeCode: 4002, reason: 'client', wasClean: true },
        { closeCode: 4001, reason: 'server', wasClean: true },
      ]);
      expect([...server.recorder.events, ...client.recorder.events]).toEqual(['close', 'close']);
    }
  });

  test('a fault of the peer that comes behind our Close frame ends the connection: onError, then onClose', async () => {
    const { connection, peer, recorder, far } = await link('server');
    connection.close(1000);
    peer.send(Buffer.of(0xff, 0xff));
    await peer.finReceived();
    expect(peer.opcodes).toEqual([8]);
    far.end();
    expect(await recorder.closed()).toMatchObject({ closeCode: 1006, wasClean: false });
    expect(recorder.events).toEqual(['error', 'close']);
  });
});

describe('closeTimeout', () => {
  const options = { closeTimeout: 100 };

  test('hostile.R-09 hostile.A7.1: a peer that does not answer our Close gets FIN, and a moment later the connection is destroyed', async () => {
    const { connection, peer, recorder } = await link('server', { options });
    connection.close(1000);
    await peer.finReceived();
    expect(peer.opcodes).toEqual([8]);
    expect(recorder.closes).toEqual([]);
    expect(await recorder.closed()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
  });

  test('hostile.R-10 hostile.A7.1: so does one that goes on sending', async () => {
    const { connection, peer, recorder, near } = await link('server', { options });
    const flood = setInterval(() => peer.socket.writable && peer.send(frameFor('server', 1, 'more')), 5);
    connection.close(1000);
    const result = await recorder.closed();
    clearInterval(flood);
    expect(result).toEqual({ closeCode: 1006, reason: '', wasClean: false });
    expect([recorder.messages.length, near.destroyed]).toEqual([0, true]);
  });

  test('a client whose server closed and does not end the TCP connection', async () => {
    const { peer, recorder } = await link('client', { options });
    peer.send(closeFrame('client', 1000));
    await peer.finReceived();
    expect(await recorder.closed()).toMatchObject({ closeCode: 1000, wasClean: true });
  });

  test('hostile.A7.1: a peer that does not read our Close frame', async () => {
    const { near, far } = await tcpPair();
    far.pause();
    const { connection, recorder } = openConnection(near, { options });
    const sent = connection.send(2, Buffer.alloc(30_000_000));
    connection.close(1000);
    await expect(sent).rejects.toMatchObject({ code: 'WASOCK_CLOSED', closeCode: 1006 });
    await recorder.closed();
    expect(near.destroyed).toBe(true);
  });

  test('a stream that does not show what it has taken may take more time than that in all, but not for 1 MiB', async () => {
    const [slow, stuck] = [new SlowStream(true), new SlowStream(false)];
    const [first, second] = [slow, stuck].map((stream) => {
      const { connection, recorder } = openConnection(stream, { options: { closeTimeout: 400 } });
      for (let i = 0; i < 8; i++) void connection.send(2, Buffer.alloc(1_048_576));
      connection.close(4000);
      return recorder;
    });
    expect(await first.closed()).toEqual({ closeCode: 4000, reason: '', wasClean: true });
    expect(slow.taken).toBeGreaterThan(8 * 1_048_576);
    expect(await second.closed()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
  });

  test('0 waits', async () => {
    const { connection, peer, recorder } = await link('server', { options: { closeTimeout: 0 } });
    connection.close(1000);
    await peer.closeCode();
    await sleep(700);
    expect([peer.ended, recorder.closes.length]).toEqual([false, 0]);
  });
});

describe('raw mode', () => {
  test('leaves the answer to the caller, and ends with the code of the Close frame (§7.1.5)', async () => {
    const { connection, peer, recorder, far } = await link('server', { options: { raw: true } });
    peer.send(closeFrame('server', 4000, 'mine'));
    await until(() => recorder.frames.length === 1);
    expect([recorder.frames[0].opcode, connection.state, peer.frames.length]).toEqual([8, 'open', 0]);
    connection.close(4000);
    await peer.finReceived();
    expect(peer.opcodes).toEqual([8]);
    far.end();
    expect(await recorder.closed()).toEqual({ closeCode: 4000, reason: 'mine', wasClean: true });
  });

  test('the answer to our own Close frame ends the connection as in any other mode', async () => {
    const { connection, peer, recorder, far } = await link('server', { options: { raw: true } });
    connection.close(1001);
    await peer.closeCode();
    peer.send(closeFrame('server', 1001));
    await peer.finReceived();
    far.end();
    expect(await recorder.closed()).toEqual({ closeCode: 1001, reason: '', wasClean: true });
    expect(recorder.frames).toEqual([]);
  });
});

describe('terminate', () => {
  test('ends the connection without a Close frame: 1006, with the cause that was given', async () => {
    const { connection, peer, recorder } = await link('server');
    const cause = new Error('enough');
    connection.terminate(cause);
    connection.terminate();
    expect(connection.state).toBe('closing');
    expect(await recorder.closed()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
    expect([recorder.events, recorder.cause]).toEqual([['error', 'close'], cause]);
    await until(() => peer.closed || peer.ended);
    expect(peer.frames).toEqual([]);
    expect((connection.closedError() as WebSocketClosedError & { cause: unknown }).cause).toBe(cause);
  });

  test('hostile.A-05: within a message callback: the other frames of the read are not delivered', async () => {
    const opened = await link('server', { on: { onMessage: () => opened.connection.terminate() } });
    opened.peer.send(frameFor('server', 1, 'one'), frameFor('server', 1, 'two'), frameFor('server', 9));
    await opened.recorder.closed();
    expect(opened.recorder.events).toEqual(['message', 'close']);
  });
});

test('hostile.L-04: nothing keeps a closed connection in memory, nor the process alive', async () => {
  const program = runNode([
    '--expose-gc',
    '-e',
    `const net = require('node:net');
     const { Connection } = require('./build/net/connection.js');
     const { UNCOUNTED } = require('./build/net/counters.js');
     const options = {
       role: 'server', maxPayload: 1e6, maxFragments: 9, textAs: 'string', zeroCopy: false, raw: false, lenientLengths: false,
       inflater: null, deflater: null,
       pingInterval: 60000, pongTimeout: 60000, idleTimeout: 60000, messageTimeout: 60000, closeTimeout: 60000,
       highWaterMark: 65536, maxBackpressure: 1e6, maskingKey: null, rateLimit: null, counters: UNCOUNTED,
     };
     const handler = Object.fromEntries(['Message', 'Frame', 'Ping', 'Pong', 'Drain', 'Error', 'Close'].map((name) => ['on' + name, () => {}]));
     const refs = [];
     let left = 20;
     const server = net.createServer({ allowHalfOpen: true }, (socket) => {
       const connection = new Connection(socket, options, handler);
       connection.start();
       connection.send(1, 'x');
       refs.push(new WeakRef(connection), new WeakRef(socket));
       socket.on('close', () => { if (--left === 0) server.close(check); });
     });
     const close = Buffer.from('888200000000' + '03e8', 'hex');
     server.listen(0, '127.0.0.1', () => {
       for (let i = 0; i < 20; i++) net.connect(server.address().port, '127.0.0.1').end(close).resume();
     });
     async function check() {
       for (let i = 0; i < 20; i++) {
         await new Promise((resolve) => setTimeout(resolve, 10));
         gc();
       }
       console.log(refs.length, refs.filter((ref) => ref.deref() !== undefined).length);
     }`,
  ]);
  expect((await program.exit).code).toBe(0);
  const [made, alive] = program.stdout.split(' ').map(Number);
  expect(made).toBe(40);
  // The last one may still stand on the stack of somebody else.
  expect(alive).toBeLessThanOrEqual(2);
});

test('hostile.L-04: nothing happens any more on a closed connection', async () => {
  const { connection, peer, recorder, far } = await link('server', {
    options: { pingInterval: 50, pongTimeout: 50, idleTimeout: 60, messageTimeout: 50 },
  });
  peer.send(closeFrame('server', 1000));
  await peer.finReceived();
  far.end();
  await recorder.closed();
  await sleep(250);
  connection.pause();
  connection.resume();
  connection.close(1000);
  expect(connection.send(1, 'late')).toBe(undefined);
  await turns();
  expect(recorder.events).toEqual(['close']);
  expect(connection.bufferedAmount).toBe(0);
});
