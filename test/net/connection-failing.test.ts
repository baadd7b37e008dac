import { describe, expect, test } from 'vitest';
import { WebSocketProtocolError } from '../../src/protocol/errors.js';
import { type Opening, openConnection } from '../support/connection-harness.js';
import { FramePeer } from '../support/frame-peer.js';
import { frameFor, octetsOf } from '../support/framer.js';
import { tcpPair } from '../support/sockets.js';
import { turns, until } from '../support/waiting.js';

async function link(opening: Opening = {}) {
  const { near, far } = await tcpPair();
  const opened = openConnection(near, opening);
  return { ...opened, peer: new FramePeer(far), near, far };
}

describe('a peer that breaks a rule', () => {
  test.each([
    ['an unmasked frame', '81 05 68656c6c6f', 1002, 'WASOCK_EXPECTED_MASK', '5.1'],
    ['a reserved bit', 'c1 80 00000000', 1002, 'WASOCK_RESERVED_BITS', '5.2'],
    ['a reserved opcode', '83', 1002, 'WASOCK_RESERVED_OPCODE', '5.2'],
    ['a 64-bit length with its first bit set', '82 ff 8000000000000000', 1002, 'WASOCK_LENGTH_SIGN_BIT', '5.2'],
    ['text that is not UTF-8', '81 81 00000000 ff', 1007, 'WASOCK_INVALID_UTF8', '8.1'],
    ['a message larger than maxPayload', '82 ff 0000000000100001', 1009, 'WASOCK_MESSAGE_TOO_BIG', '7.4.1'],
    ['a Close frame of one octet', '88 81 00000000 03', 1002, 'WASOCK_BAD_CLOSE_LENGTH', '5.5.1'],
    ['a Close frame with 1006', '88 82 00000000 03ee', 1002, 'WASOCK_BAD_CLOSE_CODE', '7.4'],
    ['a close reason that is not UTF-8', '88 83 00000000 03e8ff', 1007, 'WASOCK_BAD_CLOSE_REASON', '5.5.1'],
  ])('with %s gets Close, then FIN; onError, then onClose, once each', async (_name, hex, closeCode, code, section) => {
    const { connection, peer, recorder, far } = await link();
    peer.send(octetsOf(hex));
    expect(await peer.closeCode()).toBe(closeCode);
    // §7.1.7: we do not wait for the peer to close.
    await peer.finReceived();
    expect(connection.state).toBe('closing');
    far.end();
    expect(await recorder.closed()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
    expect(recorder.events).toEqual(['error', 'close']);
    expect(recorder.errors[0]).toBeInstanceOf(WebSocketProtocolError);
    expect(recorder.errors[0]).toMatchObject({ code, section, sentCloseCode: closeCode });
    expect(recorder.cause).toBe(recorder.errors[0]);
    expect((connection.closedError() as Error).cause).toBe(recorder.errors[0]);
  });

  test('gets the messages in front of the fault delivered, and nothing behind it', async () => {
    const { peer, recorder } = await link();
    peer.send(frameFor('server', 1, 'good'), octetsOf('c1 80 00000000'), frameFor('server', 1, 'late'));
    await peer.closeCode();
    expect(recorder.messages).toEqual(['good']);
  });

  test('receives the Close frame also while it goes on sending, and the connection ends within closeTimeout', async () => {
    const { peer, recorder, far } = await link({ options: { closeTimeout: 300 } });
    peer.send(octetsOf('c1 80 00000000'));
    const flood = setInterval(() => far.writable && far.write(Buffer.alloc(500_000)), 1);
    const closeCode = await peer.closeCode();
    await recorder.closed();
    clearInterval(flood);
    expect(closeCode).toBe(1002);
    expect(peer.error).toSatisfy((error) => error === undefined || peer.frames.length === 1);
    expect(recorder.events).toEqual(['error', 'close']);
  });

  test('while we are paused is read on, or the kernel would answer its octets with RST', async () => {
    const opened = await link({
      options: { closeTimeout: 60_000 },
      on: { onMessage: () => opened.connection.pause() },
    });
    const { peer, recorder, connection, far } = opened;
    peer.send(frameFor('server', 1, 'pause'));
    await recorder.messagesReceived(1);
    connection.failByHandler(new Error('elsewhere'));
    // More than the buffers of both kernels hold.
    peer.send(Buffer.alloc(30_000_000));
    expect(await peer.closeCode()).toBe(1011);
    await until(() => far.writableLength === 0);
    far.end();
    await recorder.closed();
    expect(peer.error).toBe(undefined);
    expect(recorder.events).toEqual(['message', 'close']);
  });

  test('is not heard any more: its answer to our Close is discarded', async () => {
    const { peer, recorder, connection, far } = await link();
    connection.failByHandler(new Error('mine'));
    await peer.closeCode();
    far.end(frameFor('server', 8, Buffer.of(3, 243)));
    // What comes behind a failure is discarded (§7.1.7), so its Close is not seen.
    expect(await recorder.closed()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
  });
});

describe.each([
  ['onMessage', frameFor('server', 1, 'x')],
  ['onPing', frameFor('server', 9, 'x')],
  ['onPong', frameFor('server', 10, 'x')],
] as const)('%s that throws', (name, frame) => {
  test('fails the connection with 1011; onError gets what was thrown, once', async () => {
    const thrown = new Error('mine');
    const { peer, recorder, far } = await link({
      on: {
        [name]: () => {
          throw thrown;
        },
      },
    });
    peer.send(frame, frame, frame);
    expect(await peer.closeCode()).toBe(1011);
    await peer.finReceived();
    far.end();
    await recorder.closed();
    expect(recorder.events).toEqual([name.slice(2).toLowerCase(), 'error', 'close']);
    expect([recorder.errors, recorder.cause]).toEqual([[thrown], thrown]);
  });
});

test('what a handler throws that is no Error is wrapped in one', async () => {
  const { peer, recorder } = await link({
    on: {
      onMessage: () => {
        throw 'text';
      },
    },
  });
  peer.send(frameFor('server', 1, 'x'));
  expect(await peer.closeCode()).toBe(1011);
  expect(recorder.errors[0]).toMatchObject({ code: 'WASOCK_HANDLER', message: 'text' });
});

test('onFrame that throws in raw mode fails the connection, too', async () => {
  const { peer, recorder } = await link({
    options: { raw: true },
    on: {
      onFrame: () => {
        throw new Error('mine');
      },
    },
  });
  peer.send(frameFor('server', 1, 'x'));
  expect(await peer.closeCode()).toBe(1011);
  expect(recorder.events).toEqual(['frame', 'error']);
});

test('what a throwing handler has sent before leaves before the Close frame', async () => {
  const opened = await link({
    on: {
      onMessage: () => {
        opened.connection.send(1, 'sent before');
        throw new Error('mine');
      },
    },
  });
  opened.peer.send(frameFor('server', 1, 'x'));
  await opened.peer.closeCode();
  expect(opened.peer.opcodes).toEqual([1, 8]);
});

test('a connection that has failed is not failed again by what comes later', async () => {
  const { connection, peer, recorder, far } = await link();
  peer.send(octetsOf('c1 80 00000000'));
  await peer.closeCode();
  connection.close(1000);
  peer.send(octetsOf('c1 80 00000000'));
  await peer.finReceived();
  await turns();
  far.end();
  await recorder.closed();
  expect(peer.opcodes).toEqual([8]);
  expect(recorder.events).toEqual(['error', 'close']);
});
