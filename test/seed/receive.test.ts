import { describe, expect, test } from 'vitest';
import {
  newWebSocket,
  Opcode,
  ReadyState,
  WebSocketClosedError,
  WebSocketPacketTypeError,
  WebSocketProtocolError,
} from '../../src/index.js';
import { FAULT } from '../../src/protocol/faults.js';
import { parseFrames } from '../support/frame-parser.js';
import { closeHex, fragmentsFor, frameFor, frameHeaderFor } from '../support/framer.js';
import { RawServer, rawWebSocket } from '../support/raw-peer.js';
import { acceptedSocket, aWhile, awaiting, connected, rejection, until } from '../support/servers.js';

const close = (code: number, reason = '') =>
  frameFor('server', Opcode.Close, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]));

/** What a server says to these octets: the error of its reader, and what it sent until the end of the connection. */
async function failed(octets: Uint8Array, options = {}) {
  const { ws, peer } = await acceptedSocket(options);
  peer.write(octets);
  const error = await rejection(ws.receivePacket());
  const sent = await peer.takeAll();
  return { error, sent: sent.toString('hex'), state: ws.readyState };
}

describe('receiving', () => {
  test('seed.R1: messages only; Ping and Close are answered', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(frameFor('server', Opcode.Ping, 'p'));
    peer.write(frameFor('server', Opcode.Pong, 'q'));
    peer.write(frameFor('server', Opcode.Text, 'message'));
    expect(await ws.receivePacket()).toEqual({ opcode: Opcode.Text, data: 'message' });
    peer.write(close(1000));
    expect(await rejection(ws.receivePacket())).toBeInstanceOf(WebSocketClosedError);
    expect((await peer.takeAll()).toString('hex')).toBe('8a0170' + '880203e8');
  });

  test('seed.R1: raw: true returns every frame, answers none, and reads on behind a Close', async () => {
    const { ws, peer } = await acceptedSocket({ raw: true });
    peer.write(frameFor('server', Opcode.Ping, 'p'));
    peer.write(frameFor('server', Opcode.Pong, 'q'));
    for (const fragment of fragmentsFor('server', Opcode.Text, ['mes', 'sage'])) peer.write(fragment);
    peer.write(close(1000));
    peer.write(frameFor('server', Opcode.Binary, 'behind'));
    const frames = [];
    for (let i = 0; i < 6; i++) frames.push(await ws.receivePacket());
    expect(frames).toEqual([
      { opcode: Opcode.Ping, data: Buffer.from('p'), fin: true },
      { opcode: Opcode.Pong, data: Buffer.from('q'), fin: true },
      { opcode: Opcode.Text, data: Buffer.from('mes'), fin: false },
      { opcode: Opcode.Cont, data: Buffer.from('sage'), fin: true },
      { opcode: Opcode.Close, data: Buffer.from([3, 232]), fin: true },
      { opcode: Opcode.Binary, data: Buffer.from('behind'), fin: true },
    ]);
    expect(ws.readyState).toBe(ReadyState.Open);
    expect(peer.received.length).toBe(0);
  });

  test('seed.R2: text that is not UTF-8 fails the connection with 1007', async () => {
    const { error, sent } = await failed(frameFor('server', Opcode.Text, Buffer.from([0x68, 0xff])));
    expect(error).toMatchObject({ closeCode: 1006, cause: { code: 'WASOCK_INVALID_UTF8', sentCloseCode: 1007 } });
    expect(sent).toBe(closeHex(1007, FAULT.INVALID_UTF8.message));
  });

  test('seed.R2: binary comes as bytes, whatever they are', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(frameFor('server', Opcode.Binary, Buffer.from([0xff, 0xfe])));
    expect(await ws.receiveBinaryPacket()).toEqual(Buffer.from([0xff, 0xfe]));
  });

  test('seed.R3: the wrong type is an error, the message is gone, the connection stays', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(frameFor('server', Opcode.Binary, 'bytes'));
    peer.write(frameFor('server', Opcode.Text, 'text'));
    peer.write(frameFor('server', Opcode.Text, 'more'));
    const first = await rejection(ws.receiveStrPacket());
    expect(first).toBeInstanceOf(WebSocketPacketTypeError);
    expect(first.message).toBe('Expected string packet, received binary packet');
    const second = await rejection(ws.receiveBinaryPacket());
    expect(second.message).toBe('Expected binary packet, received string packet');
    expect(await ws.receiveStrPacket()).toBe('more');
    expect(ws.readyState).toBe(ReadyState.Open);
  });

  test('seed.R4: the call keeps waiting for a message while Pings are answered and Pongs noted', async () => {
    const { ws, peer } = await acceptedSocket();
    const received = ws.receiveStrPacket();
    peer.write(frameFor('server', Opcode.Ping, 'data'));
    peer.write(frameFor('server', Opcode.Pong));
    expect((await peer.take(6)).toString('latin1')).toBe('\x8a\x04data');
    peer.write(frameFor('server', Opcode.Text, 'message'));
    expect(await received).toBe('message');
  });

  test('seed.R5: Close is answered, the connection closed, and the error has code and reason', async () => {
    const { error, sent, state } = await failed(close(4000, 'why'));
    expect(error).toBeInstanceOf(WebSocketClosedError);
    expect(error.message).toMatch(/^Socket closed/);
    expect(error).toMatchObject({ closeCode: 4000, reason: 'why', wasClean: true });
    expect(sent).toBe('88020fa0');
    expect(state).toBe(ReadyState.Closed);
  });

  test.each(
    [
      { id: 'R6', where: 'between two frames', octets: Buffer.alloc(0) },
      { id: 'R7', where: 'inside a header', octets: Buffer.from([0x82]) },
      { id: 'R7', where: 'inside a length', octets: Buffer.from([0x82, 0xfe, 1]) },
      { id: 'R7', where: 'inside a mask', octets: Buffer.from([0x82, 0x85, 1, 2]) },
      { id: 'R7', where: 'inside a payload', octets: frameFor('server', Opcode.Text, 'hello').subarray(0, 8) },
    ].map((row) => [row.id, row.where, row] as const),
  )(
    'seed.%s hostile.T-02: the end of the stream %s is Closed and an error with 1006',
    async (_id, _title, { octets }) => {
      const { ws, peer } = await acceptedSocket();
      peer.socket.end(octets);
      const error = await rejection(ws.receivePacket());
      expect(error).toBeInstanceOf(WebSocketClosedError);
      expect(error).toMatchObject({ closeCode: 1006, reason: '', wasClean: false });
      expect(ws.readyState).toBe(ReadyState.Closed);
    },
  );

  test.each(
    [
      { id: 'R8', title: 'RSV1', octets: frameFor('server', 1, 'x', { rsv: 0x40 }), code: 'RESERVED_BITS' },
      { id: 'R8', title: 'RSV2', octets: frameFor('server', 1, 'x', { rsv: 0x20 }), code: 'RESERVED_BITS' },
      { id: 'R8', title: 'RSV3', octets: frameFor('server', 1, 'x', { rsv: 0x10 }), code: 'RESERVED_BITS' },
      {
        id: 'R9',
        title: 'an unmasked frame',
        octets: frameFor('server', 1, 'x', { key: null }),
        code: 'EXPECTED_MASK',
      },
      { id: 'R12', title: 'a continuation of nothing', octets: frameFor('server', 0), code: 'UNEXPECTED_CONTINUATION' },
      { id: 'R13', title: 'opcode 3', octets: frameFor('server', 3), code: 'RESERVED_OPCODE' },
      { id: 'R13', title: 'opcode 11', octets: frameFor('server', 11), code: 'RESERVED_OPCODE' },
      {
        id: 'R14',
        title: 'a Ping in fragments',
        octets: frameFor('server', 9, '', { fin: false }),
        code: 'FRAGMENTED_CONTROL',
      },
      {
        id: 'R14',
        title: 'a Ping of 126 octets',
        octets: frameFor('server', 9, 'x'.repeat(126)),
        code: 'CONTROL_TOO_LONG',
      },
      {
        id: 'R15',
        title: 'the top bit of the length',
        octets: frameHeaderFor('server', 2, 1n << 63n),
        code: 'LENGTH_SIGN_BIT',
      },
    ].map((row) => [row.id, row.title, row] as const),
  )(
    'seed.%s: %s is Close 1002, then Closed and an error that names the rule',
    async (_id, _title, { octets, code }) => {
      const { error, sent, state } = await failed(octets);
      expect(sent).toBe(closeHex(1002, FAULT[code as keyof typeof FAULT].message));
      expect(error).toBeInstanceOf(WebSocketClosedError);
      expect(error.cause).toBeInstanceOf(WebSocketProtocolError);
      expect(error.cause).toMatchObject({ code: `WASOCK_${code}`, sentCloseCode: 1002 });
      expect((error.cause as Error).message).toMatch(/\(RFC 6455 §5\.\d\)$/);
      expect(state).toBe(ReadyState.Closed);
    },
  );

  test('seed.R9: a masked frame from a server is Close 1002 too', async () => {
    const server = await RawServer.listen();
    const opening = connected(server.url);
    const { peer } = await server.accept('', frameFor('server', Opcode.Text, 'masked'));
    const error = await rejection((await opening).receivePacket());
    expect(error.cause).toMatchObject({ code: 'WASOCK_UNEXPECTED_MASK', sentCloseCode: 1002 });
    const sent = await peer.takeAll();
    const [{ opcode, key, payload }] = parseFrames(sent);
    expect([opcode, key === null, payload.readUInt16BE(0)]).toEqual([Opcode.Close, false, 1002]);
  });

  test('seed.R10: fragments are joined until FIN, and the first one gives the type', async () => {
    const { ws, peer } = await acceptedSocket();
    for (const fragment of fragmentsFor('server', Opcode.Text, ['grü', '', 'ße'])) peer.write(fragment);
    for (const fragment of fragmentsFor('server', Opcode.Binary, ['a', 'b'])) peer.write(fragment);
    expect(await ws.receivePacket()).toMatchObject({ opcode: Opcode.Text, data: 'grüße' });
    expect(await ws.receivePacket()).toMatchObject({ opcode: Opcode.Binary, data: Buffer.from('ab') });
  });

  test('seed.R11: control frames between fragments are answered; a new message there is Close 1002', async () => {
    const { ws, peer } = await acceptedSocket();
    const [first, last] = fragmentsFor('server', Opcode.Text, ['one ', 'message']);
    peer.write(Buffer.concat([first, frameFor('server', Opcode.Ping, 'p'), last]));
    expect(await ws.receiveStrPacket()).toBe('one message');
    expect((await peer.take(3)).toString('hex')).toBe('8a0170');
    const { error, sent } = await failed(Buffer.concat([first, frameFor('server', Opcode.Text, 'new')]));
    expect(error.cause).toMatchObject({ code: 'WASOCK_EXPECTED_CONTINUATION' });
    expect(sent).toBe(closeHex(1002, FAULT.EXPECTED_CONTINUATION.message));
  });

  test.each([
    { title: 'maxPayload + 1', length: 1025n, options: { maxPayload: 1024 } },
    { title: '1 MiB + 1 by default', length: 1_048_577n, options: {} },
    { title: '2^32, of which the low half is 0', length: 1n << 32n, options: {} },
  ])('seed.R15: a length of $title is Close 1009', async ({ length, options }) => {
    const { error, sent } = await failed(frameHeaderFor('server', 2, length), options);
    const { maxPayload = 1_048_576 } = options as { maxPayload?: number };
    expect(sent).toBe(closeHex(1009, `${FAULT.MESSAGE_TOO_BIG.message} ${maxPayload}`));
    expect(error.cause).toMatchObject({ code: 'WASOCK_MESSAGE_TOO_BIG', sentCloseCode: 1009 });
  });

  test('seed.R16: a receive on a socket that is gone already is Closed and an error', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.reset();
    await ws.closed;
    expect(ws.readyState).toBe(ReadyState.Closed);
    expect(await rejection(ws.receivePacket())).toBeInstanceOf(WebSocketClosedError);
    expect(await rejection(ws.receiveStrPacket())).toBeInstanceOf(WebSocketClosedError);
  });

  test('seed.R17: a slow reader slows the peer, and loses nothing', async () => {
    const { ws, peer } = await acceptedSocket();
    const payload = Buffer.alloc(65_000);
    const frame = frameFor('server', Opcode.Binary, payload);
    const all = 400;
    let written = 0;
    for (let i = 0; i < all; i++) {
      peer.socket.write(frame, () => {
        written++;
      });
    }
    await aWhile(200);
    expect(written).toBeLessThan(all);
    for (let i = 0; i < all; i++) expect((await ws.receiveBinaryPacket()).length).toBe(payload.length);
    await until(() => written === all);
  });

  test('seed.R17: a second receive at the same time is a TypeError', async () => {
    const { ws, peer } = await acceptedSocket();
    const first = ws.receivePacket();
    expect(await rejection(ws.receivePacket())).toBeInstanceOf(TypeError);
    expect(await rejection(ws.receiveStrPacket())).toBeInstanceOf(TypeError);
    peer.write(frameFor('server', Opcode.Text, 'x'));
    expect(await first).toMatchObject({ data: 'x' });
  });

  test('seed.R18: an error that a handler does not catch ends that connection, and is reported', async () => {
    const { port, errors } = await awaiting(async (request) => {
      const ws = await newWebSocket(request);
      for (;;) await ws.send(await ws.receiveStrPacket());
    });
    const bad = await rawWebSocket(port);
    const good = await rawWebSocket(port);
    bad.write(frameFor('server', Opcode.Text, 'x', { rsv: 0x40 }));
    expect((await bad.takeAll()).toString('hex')).toBe(closeHex(1002, FAULT.RESERVED_BITS.message));
    await until(() => errors.length === 1);
    expect(errors[0]).toMatchObject({ name: 'WebSocketClosedError', cause: { code: 'WASOCK_RESERVED_BITS' } });
    good.write(frameFor('server', Opcode.Text, 'still here'));
    expect((await good.take(12)).toString('latin1')).toBe('\x81\x0astill here');
  });
});
