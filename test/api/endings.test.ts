import { describe, expect, test } from 'vitest';
import {
  type CloseResult,
  newWebSocket,
  type ServeOptions,
  WebSocketClosedError,
  WebSocketProtocolError,
} from '../../src/index.js';
import { parseFrames } from '../support/frame-parser.js';
import { frameFor } from '../support/framer.js';
import { rawWebSocket } from '../support/raw-peer.js';
import { acceptedSocket, awaiting, rejection, served, withResolvers } from '../support/servers.js';

/** Serves one socket in handler style. @returns what its `close` handler and `ws.closed` tell, once it is closed */
async function ending(
  options: ServeOptions,
  act: (peer: Awaited<ReturnType<typeof rawWebSocket>>) => unknown,
): Promise<{ handler: CloseResult; closed: CloseResult; received: Buffer }> {
  const { promise, resolve } = withResolvers<{ handler: CloseResult; closed: Promise<CloseResult> }>();
  const { port } = await served({
    ...options,
    close: (ws, closeCode, reason, cause) =>
      void ws.closed.then(({ wasClean }) =>
        resolve({ handler: { closeCode, reason, wasClean, cause }, closed: ws.closed }),
      ),
  });
  const peer = await rawWebSocket(port);
  await act(peer);
  const { handler, closed } = await promise;
  return { handler, closed: await closed, received: await peer.takeAll() };
}

describe('the cause of an end is told by the close handler and by closed', () => {
  test('what the peer broke', async () => {
    const { handler, closed } = await ending({}, (peer) => peer.write(Buffer.from([0x91, 0x80, 0, 0, 0, 0])));
    expect(handler.cause).toBeInstanceOf(WebSocketProtocolError);
    expect(closed.cause).toBe(handler.cause);
  });

  test('what a handler threw', async () => {
    const boom = new Error('boom');
    const failing = () => {
      throw boom;
    };
    const { handler, closed } = await ending({ message: failing }, (peer) => peer.write(frameFor('server', 1, 'x')));
    expect([handler.cause, closed.cause]).toEqual([boom, boom]);
  });

  test('a time-out', async () => {
    const { closed } = await ending({ idleTimeout: 50 }, () => {});
    expect(closed.cause).toMatchObject({ code: 'WASOCK_IDLE_TIMEOUT' });
  });

  test('an RST of the peer', async () => {
    const { closed } = await ending({}, (peer) => peer.socket.resetAndDestroy());
    expect(closed.cause).toMatchObject({ code: 'ECONNRESET' });
    expect(closed).toMatchObject({ closeCode: 1006, wasClean: false });
  });

  test('none after a Close of the peer, whatever becomes of the TCP connection', async () => {
    const close = frameFor('server', 8, Buffer.from([0x03, 0xe8]));
    const { closed } = await ending({}, async (peer) => {
      peer.write(close);
      await peer.take(4);
      peer.socket.resetAndDestroy();
    });
    expect(closed).toEqual({ closeCode: 1000, reason: '', wasClean: true });
  });

  test('none after a Close of the peer, and none after a FIN without one', async () => {
    const close = frameFor('server', 8, Buffer.from([0x03, 0xe8]));
    const { closed } = await ending({}, (peer) => peer.write(close));
    expect(closed).toEqual({ closeCode: 1000, reason: '', wasClean: true });
    const { closed: left } = await ending({}, (peer) => peer.socket.end());
    expect(left).toEqual({ closeCode: 1006, reason: '', wasClean: false });
  });
});

describe('our own Close frames say why', () => {
  const closeOf = (received: Buffer) => {
    const { payload } = parseFrames(received).find(({ opcode }) => opcode === 8)!;
    return [payload.readUInt16BE(0), payload.subarray(2).toString()];
  };

  test.each([
    [
      'a message that is too large',
      { maxPayload: 1000 },
      frameFor('server', 2, Buffer.alloc(1001)),
      1009,
      'A message is larger than maxPayload 1000',
    ],
    [
      'a reserved bit',
      {},
      Buffer.from([0xc1, 0x80, 0, 0, 0, 0]),
      1002,
      'A reserved bit is set that no extension defines',
    ],
    ['text that is not UTF-8', {}, frameFor('server', 1, Buffer.from([0xff])), 1007, 'A text message is not UTF-8'],
  ] as const)('%s', async (_what, options, octets, code, reason) => {
    const { received, closed } = await ending(options, (peer) => peer.write(octets));
    expect(closeOf(received)).toEqual([code, reason]);
    expect(closed.cause?.message).toMatch(reason);
  });

  test('but not what went wrong in a handler', async () => {
    const message = () => {
      throw new Error('the password of the database is 1234');
    };
    const { received } = await ending({ message }, (peer) => peer.write(frameFor('server', 1, 'x')));
    expect(closeOf(received)).toEqual([1011, 'Internal error']);
  });
});

describe('for await', () => {
  /** Loops over the messages of an accepted socket. @returns what the loop threw; `undefined` if it ended quietly */
  async function looping(act: (given: Awaited<ReturnType<typeof acceptedSocket>>) => unknown, options: object = {}) {
    const given = await acceptedSocket(options);
    const loop = (async () => {
      for await (const message of given.ws) void message;
    })().catch((error: unknown) => error);
    await act(given);
    return loop;
  }

  test.each([1000, 1001, 4000])('ends quietly after close(%d) of this side', async (code) => {
    const end = await looping(({ ws, peer }) => {
      void ws.close(code);
      peer.write(frameFor('server', 8, Buffer.from([code >> 8, code & 0xff])));
    });
    expect(end).toBeUndefined();
  });

  test('ends quietly after close() of this side that the peer does not answer', async () => {
    expect(await looping(({ ws }) => void ws.close(4000), { closeTimeout: 30 })).toBeUndefined();
  });

  test('throws after a time-out, also of a peer that would have been closed with 1000', async () => {
    const error = (await looping(() => {}, { idleTimeout: 50 })) as WebSocketClosedError;
    expect(error).toBeInstanceOf(WebSocketClosedError);
    expect(error.cause).toMatchObject({ code: 'WASOCK_IDLE_TIMEOUT' });
  });

  test('throws after our 1002, whatever the peer answers', async () => {
    const error = (await looping(({ peer }) => {
      peer.write(Buffer.from([0x91, 0x80, 0, 0, 0, 0]));
      peer.write(frameFor('server', 8, Buffer.from([0x03, 0xe8])));
    })) as WebSocketClosedError;
    expect(error).toBeInstanceOf(WebSocketClosedError);
    expect(error.cause).toBeInstanceOf(WebSocketProtocolError);
  });

  test('throws after our 1011: a second loop of the same socket fails with the first', async () => {
    const { promise, resolve } = withResolvers<unknown>();
    const { port } = await awaiting((request) =>
      newWebSocket(request, async (ws) => {
        const loop = (async () => {
          for await (const message of ws) void message;
        })();
        loop.catch(resolve);
        throw new Error('boom');
      }).then(() => {}),
    );
    const peer = await rawWebSocket(port);
    peer.write(frameFor('server', 8, Buffer.from([0x03, 0xe8])));
    const error = (await promise) as WebSocketClosedError;
    expect(error.cause).toMatchObject({ message: 'boom' });
  });

  test('throws after a hangup of this side', async () => {
    expect(await looping(({ ws }) => ws.hangup())).toBeInstanceOf(WebSocketClosedError);
  });

  test('receive… rejects after any end', async () => {
    const { ws, peer } = await acceptedSocket();
    void ws.close();
    peer.write(frameFor('server', 8, Buffer.from([0x03, 0xe8])));
    expect(await rejection(ws.receivePacket())).toBeInstanceOf(WebSocketClosedError);
  });
});
