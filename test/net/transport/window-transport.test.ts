import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { codec } from '../../../src/codec/select.js';
import { canReadIntoBuffer } from '../../../src/net/node/user-buffer.js';
import { writeBeforeFrames } from '../../../src/net/transport/window-transport.js';
import { SEED } from '../../support/codecs.js';
import { openConnection } from '../../support/connection-harness.js';
import { FramePeer } from '../../support/frame-peer.js';
import { frameFor } from '../../support/framer.js';
import { cutAtRandom, randomNumbers } from '../../support/receiver-harness.js';
import { memoryPair, tcpPair, tlsPair, unixPair } from '../../support/sockets.js';
import { turns, until } from '../../support/waiting.js';

/** Whether libuv reads from this socket into the codec's memory. */
function readsIntoWindow(socket: Duplex): boolean {
  const state = socket as unknown as Record<symbol, unknown>;
  const inWindow = Object.getOwnPropertySymbols(socket).some(
    (slot) => ArrayBuffer.isView(state[slot]) && (state[slot] as Buffer).buffer === codec.bytes.buffer,
  );
  return inWindow && socket.listenerCount('data') === 0;
}

const echo = (socket: Duplex) => {
  const opened = openConnection(socket, {
    on: { onMessage: (opcode, data) => void opened.connection.send(opcode, data) },
  });
  return opened;
};

describe('which sockets are read into the window', () => {
  test.each([
    ['a TCP socket', tcpPair],
    ['a Unix socket', unixPair],
  ])('%s is', async (_name, pair) => {
    const { near, far } = await pair();
    expect(canReadIntoBuffer(near)).toBe(true);
    const useUserBuffer = vi.spyOn(
      (near as unknown as { _handle: { useUserBuffer(): void } })._handle,
      'useUserBuffer',
    );
    echo(near);
    expect(useUserBuffer).toHaveBeenCalledTimes(1);
    expect(readsIntoWindow(near)).toBe(true);
    const peer = new FramePeer(far);
    peer.send(frameFor('server', 1, 'hello'));
    expect((await peer.frameOf(1)).payload.toString()).toBe('hello');
  });

  test('a TLS socket is not: its octets have to be deciphered first', async () => {
    const { near, far } = await tlsPair();
    expect(canReadIntoBuffer(near)).toBe(false);
    echo(near);
    expect(readsIntoWindow(near)).toBe(false);
    const peer = new FramePeer(far);
    peer.send(frameFor('server', 1, 'hello'));
    expect((await peer.frameOf(1)).payload.toString()).toBe('hello');
  });

  test('a stream in memory is not', async () => {
    const [near, far] = memoryPair();
    expect(canReadIntoBuffer(near)).toBe(false);
    echo(near);
    expect(readsIntoWindow(near)).toBe(false);
    const peer = new FramePeer(far);
    peer.send(frameFor('server', 1, 'hello'));
    expect((await peer.frameOf(1)).payload.toString()).toBe('hello');
  });

  test('a subclass of net.Socket is not: it may read otherwise', () => {
    class Special extends Socket {}
    expect(canReadIntoBuffer(new Special())).toBe(false);
  });

  test('a socket is not whose handle knows no user buffer; it works nevertheless', async () => {
    const { near, far } = await tcpPair();
    (near as unknown as { _handle: { useUserBuffer: undefined } })._handle.useUserBuffer = undefined;
    expect(canReadIntoBuffer(near)).toBe(false);
    echo(near);
    const peer = new FramePeer(far);
    peer.send(frameFor('server', 1, 'hello'));
    expect((await peer.frameOf(1)).payload.toString()).toBe('hello');
    expect(readsIntoWindow(near)).toBe(false);
  });

  test('a socket without a handle is not', () => {
    expect(canReadIntoBuffer(new Socket())).toBe(false);
  });
});

/** An HTTP server whose upgrade requests all become connections; and what it made of the first. */
async function upgradingServer() {
  const server = http.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'upgrade') as Promise<[http.IncomingMessage, Socket, Buffer]>;
  const far = net.connect(port, '127.0.0.1');
  onTestFinished(() => void far.destroy());
  far.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  const [request, socket, head] = await accepted;
  const opened = openConnection(socket, {
    head,
    on: { onMessage: (opcode, data) => void opened.connection.send(opcode, data) },
  });
  const peer = new FramePeer(far);
  peer.send(frameFor('server', 1, 'hello'));
  await peer.framesReceived(1);
  return { server, far, peer, request, socket, ...opened };
}

describe('what users rely on is intact after the switch', () => {
  test('the socket is the same object, with its addresses', async () => {
    const { request, socket, far } = await upgradingServer();
    expect(readsIntoWindow(socket)).toBe(true);
    expect(request.socket).toBe(socket);
    expect(socket.remoteAddress).toBe('127.0.0.1');
    expect(socket.remotePort).toBe(far.localPort);
    expect(socket.localPort).toBe(far.remotePort);
  });

  test('bytesRead and bytesWritten count', async () => {
    const { socket, peer, far } = await upgradingServer();
    const before = { read: socket.bytesRead, written: socket.bytesWritten };
    const frame = frameFor('server', 1, 'x'.repeat(1000));
    peer.send(frame);
    await peer.framesReceived(2);
    expect(socket.bytesRead - before.read).toBe(frame.length);
    expect(socket.bytesRead).toBe(far.bytesWritten);
    expect(socket.bytesWritten - before.written).toBe(1004);
  });

  test('server.getConnections counts it until it is closed', async () => {
    const { server, far, recorder } = await upgradingServer();
    const count = () =>
      new Promise<number>((resolve) => server.getConnections((_error, connections) => resolve(connections)));
    expect(await count()).toBe(1);
    far.destroy();
    await recorder.closed();
    expect(await count()).toBe(0);
  });

  test('server.close waits for it, and then calls back', async () => {
    const { server, far, peer, recorder } = await upgradingServer();
    let closed = false;
    server.close(() => {
      closed = true;
    });
    peer.send(frameFor('server', 1, 'still here'));
    await peer.framesReceived(2);
    expect(closed).toBe(false);
    far.end();
    await recorder.closed();
    await until(() => closed);
    expect(closed).toBe(true);
  });

  test("socket.setTimeout emits 'timeout' without traffic, and traffic puts it off", async () => {
    const { socket, peer, recorder } = await upgradingServer();
    let timeouts = 0;
    socket.on('timeout', () => timeouts++);
    socket.setTimeout(600);
    for (let i = 0; i < 20; i++) {
      peer.send(frameFor('server', 1, `${i}`));
      await sleep(50);
    }
    expect(timeouts).toBe(0);
    await until(() => timeouts === 1);
    expect(recorder.closes).toEqual([]);
  });

  test('setKeepAlive, setNoDelay, ref and unref still reach the kernel', async () => {
    const { socket, peer } = await upgradingServer();
    expect(socket.setKeepAlive(true, 1000).setNoDelay(true).unref().ref()).toBe(socket);
    peer.send(frameFor('server', 1, 'and it lives'));
    expect((await peer.framesReceived(2))[1].payload.toString()).toBe('and it lives');
  });

  test('the socket is destroyed and forgotten at the end', async () => {
    const { socket, peer, recorder } = await upgradingServer();
    peer.send(frameFor('server', 8, Buffer.of(3, 232)));
    await peer.finReceived();
    peer.socket.end();
    expect(await recorder.closed()).toMatchObject({ closeCode: 1000, wasClean: true });
    expect(socket.destroyed).toBe(true);
  });
});

describe('octets', () => {
  test('of connections that share the window reach each its own (random data, random cuts)', async () => {
    const random = randomNumbers(SEED);
    const links = await Promise.all(
      Array.from({ length: 30 }, async (_, id) => {
        const { near, far } = await tcpPair();
        const messages = Array.from({ length: 40 }, () => {
          const size = Math.floor(random() ** 4 * 120_000);
          return Buffer.alloc(size, Buffer.of(id, Math.floor(random() * 256), Math.floor(random() * 256)));
        });
        const octets = Buffer.concat(
          messages.map((message) => frameFor('server', 2, message, { key: Math.floor(random() * 2 ** 32) })),
        );
        return { far, messages, parts: cutAtRandom(octets, 20_000, random), ...echo(near), peer: new FramePeer(far) };
      }),
    );
    while (links.some(({ parts }) => parts.length > 0)) {
      for (const { far, parts } of links) {
        const part = random() < 0.7 ? parts.shift() : undefined;
        if (part !== undefined) far.write(part);
      }
      if (random() < 0.3) await turns(1);
    }
    for (const { messages, recorder, peer } of links) {
      await recorder.messagesReceived(messages.length);
      const intact = recorder.messages.every((message, i) => messages[i].equals(message as Buffer));
      expect(intact, `FC_SEED=${SEED}`).toBe(true);
      const echoed = await peer.framesReceived(messages.length);
      expect(
        echoed.every(({ payload }, i) => messages[i].equals(payload)),
        `FC_SEED=${SEED}`,
      ).toBe(true);
    }
  });

  test('are neither lost nor reordered by pause and resume under load', async () => {
    const { near, far } = await tcpPair();
    const count = 30_000;
    let pauses = 0;
    const { connection, recorder } = openConnection(near, {
      on: {
        onMessage(_opcode, data) {
          if (Number(data) % 97 !== 0) return;
          pauses++;
          connection.pause();
          if (pauses % 3 === 0) setTimeout(() => connection.resume(), 1);
          else setImmediate(() => connection.resume());
        },
      },
    });
    for (let i = 0; i < count; i += 500) {
      far.write(Buffer.concat(Array.from({ length: 500 }, (_, j) => frameFor('server', 1, `${i + j}`))));
    }
    await recorder.messagesReceived(count);
    expect(recorder.messages.findIndex((text, i) => text !== `${i}`)).toBe(-1);
    expect(pauses).toBe(Math.ceil(count / 97));
  });

  test('that came before start are read behind head and before what comes later', async () => {
    const { near, far } = await tcpPair();
    far.write(frameFor('server', 1, 'second'));
    await until(() => near.readableLength > 0);
    const { recorder } = openConnection(near, { head: frameFor('server', 1, 'first') });
    expect(recorder.messages).toEqual(['first', 'second']);
    expect(readsIntoWindow(near)).toBe(true);
    far.write(frameFor('server', 1, 'third'));
    await recorder.messagesReceived(3);
    expect(recorder.messages).toEqual(['first', 'second', 'third']);
  });

  test('that came before start, more frames than one turn handles, are read in order', async () => {
    const { near, far } = await tcpPair();
    const frames = (from: number) =>
      Buffer.concat(Array.from({ length: 400 }, (_, i) => frameFor('server', 1, `${from + i}`)));
    far.write(frames(400));
    await until(() => near.readableLength === frames(400).length);
    const { recorder } = openConnection(near, { head: frames(0) });
    far.write(frames(800));
    await recorder.messagesReceived(1200);
    expect(recorder.messages).toEqual(Array.from({ length: 1200 }, (_, i) => `${i}`));
  });
});

describe('the end of a socket', () => {
  test('FIN: what was queued still leaves, then our FIN', async () => {
    const { near, far } = await tcpPair();
    const { connection, recorder } = openConnection(near);
    const peer = new FramePeer(far, false);
    // More than the buffers of both kernels hold.
    const payload = Buffer.alloc(30_000_000, 5);
    connection.send(2, payload)?.catch(() => {});
    far.end();
    await until(() => connection.state !== 'open');
    expect(connection.bufferedAmount).toBeGreaterThan(0);
    peer.read();
    await peer.finReceived();
    expect(peer.frames[0].payload.equals(payload)).toBe(true);
    expect(await recorder.closed()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
  });

  test('FIN in the middle of a frame: no message, 1006', async () => {
    const { near, far } = await tcpPair();
    const { recorder } = openConnection(near);
    far.end(frameFor('server', 1, 'hello').subarray(0, 8));
    far.resume();
    expect(await recorder.closed()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
    expect(recorder.events).toEqual(['close']);
  });

  test('FIN before start', async () => {
    const { near, far } = await tcpPair();
    far.end(frameFor('server', 1, 'hello'));
    far.resume();
    await until(() => near.readableLength > 0);
    await sleep(20);
    const { recorder } = openConnection(near);
    await recorder.closed();
    expect(recorder.events).toEqual(['message', 'close']);
  });

  test('RST: one close event, with the error as its cause', async () => {
    const { near, far } = await tcpPair();
    const { recorder } = openConnection(near);
    far.write(frameFor('server', 1, 'hello'));
    await recorder.messagesReceived(1);
    far.resetAndDestroy();
    expect(await recorder.closed()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
    expect(recorder.events).toEqual(['message', 'close']);
    expect((recorder.cause as NodeJS.ErrnoException).code).toBe('ECONNRESET');
  });
});

describe('writing', () => {
  test('goes past the stream, and behind what the stream still holds', async () => {
    const { near, far } = await tcpPair();
    const large = Buffer.alloc(20_000_000, 'a');
    near.write(large);
    expect(near.writableLength).toBeGreaterThan(0);
    const { connection } = openConnection(near);
    connection.send(1, 'first');
    await turns();
    connection.send(1, 'second');
    const chunks: Buffer[] = [];
    far.on('data', (chunk) => chunks.push(chunk));
    const expected = Buffer.concat([large, frameFor('client', 1, 'first'), frameFor('client', 1, 'second')]);
    const length = () => chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    await until(() => length() >= expected.length);
    expect(Buffer.concat(chunks).equals(expected)).toBe(true);
    const write = vi.spyOn(near, 'write');
    connection.send(1, 'third');
    await until(() => length() > expected.length);
    expect(write).not.toHaveBeenCalled();
  });

  test('that fails ends the connection with the error of the system', async () => {
    const { near, far } = await tcpPair();
    const { connection, recorder } = openConnection(near);
    far.pause();
    connection.send(2, Buffer.alloc(20_000_000));
    await turns();
    far.resetAndDestroy();
    await until(() => recorder.closes.length > 0);
    expect(recorder.closes[0]).toMatchObject({ closeCode: 1006, wasClean: false });
    expect((recorder.cause as NodeJS.ErrnoException).code).toMatch(/ECONNRESET|EPIPE/);
  });
});

describe('what is written before the frames', () => {
  const read = (far: Duplex, length: number) =>
    new Promise<string>((resolve) => {
      let text = '';
      far.on('data', (bytes: Buffer) => {
        text += bytes.toString('latin1');
        if (text.length >= length) resolve(text);
      });
    });

  test('leaves before the frames that follow at once', async () => {
    const { near, far } = await tcpPair();
    const received = read(far, 14);
    writeBeforeFrames(near, 'answer \xe9');
    void openConnection(near).connection.send(1, 'text');
    expect(await received).toBe('answer \xe9\x81\x04text');
  });

  test('leaves after what the stream still holds', async () => {
    const { near, far } = await tcpPair();
    const received = read(far, 12);
    near.cork();
    near.write('before ');
    writeBeforeFrames(near, 'after');
    near.uncork();
    expect(await received).toBe('before after');
  });

  test('is written whole, and before the frames, when the kernel takes only a part', async () => {
    const { near, far } = await tcpPair();
    const text = 'a'.repeat(20_000_000);
    writeBeforeFrames(near, text);
    void openConnection(near).connection.send(1, 'text');
    const received = await read(far, text.length + 6);
    expect(received === `${text}\x81\x04text`).toBe(true);
  });

  test('is an error of the stream if the stream has ended', async () => {
    const { near } = await tcpPair();
    const failed = once(near, 'error');
    near.end();
    writeBeforeFrames(near, 'too late');
    expect((await failed)[0].message).toContain('write after end');
  });

  test.each(['has left', 'leaves while the kernel takes it'])('ends the socket if the peer %s', async (when) => {
    const { near, far } = await tcpPair();
    const failed = new Promise<Error>((resolve) => near.on('error', resolve));
    const closed = new Promise((resolve) => near.on('close', resolve));
    const leave = () => (far as Socket).resetAndDestroy();
    if (when === 'has left') leave();
    writeBeforeFrames(near, 'a'.repeat(20_000_000));
    if (when !== 'has left') leave();
    expect((await failed).message).toMatch(/^(read|write) E(PIPE|CONNRESET)$/);
    await closed;
  });
});
