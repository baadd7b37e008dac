import { once } from 'node:events';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/protocol/frame-rules.js';
import { deflated } from '../support/deflate-stream.js';
import { frameFor } from '../support/framer.js';
import { heldMemory } from '../support/memory.js';
import { noise, prose } from '../support/messages.js';
import { until } from '../support/waiting.js';
import { BOTH, openWith, RSV1, TEXT } from './compressing.js';
import { IMPLEMENTATIONS, inner, NPM_WS, WASOCK } from './implementations.js';

const FAULTS: [what: string, octets: (role: Role) => Buffer, error: object, closeCode: number][] = [
  [
    'garbage',
    (role) => frameFor(role, 2, Buffer.alloc(20, 0xff), { rsv: RSV1 }),
    { code: 'Z_DATA_ERROR', errno: -3 },
    1007,
  ],
  [
    'a bomb',
    (role) => frameFor(role, 2, deflated(Buffer.alloc(3_000_000)), { rsv: RSV1 }),
    { name: 'RangeError', message: 'Max payload size exceeded', code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' },
    1009,
  ],
  [
    'a bomb in fragments',
    (role) => {
      const payload = deflated(Buffer.alloc(3_000_000));
      return Buffer.concat([
        frameFor(role, 2, payload.subarray(0, 5), { rsv: RSV1, fin: false }),
        frameFor(role, 0, payload.subarray(5)),
      ]);
    },
    { code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' },
    1009,
  ],
  [
    'RSV1 on a Ping',
    (role) => frameFor(role, 9, '', { rsv: RSV1 }),
    { code: 'WS_ERR_UNEXPECTED_RSV_1', message: 'Invalid WebSocket frame: RSV1 must be clear' },
    1002,
  ],
  [
    'RSV1 on a continuation',
    (role) => Buffer.concat([frameFor(role, 2, 'x', { fin: false, rsv: RSV1 }), frameFor(role, 0, 'y', { rsv: RSV1 })]),
    { code: 'WS_ERR_UNEXPECTED_RSV_1' },
    1002,
  ],
  [
    'RSV1 on a continuation of nothing',
    (role) => frameFor(role, 0, '', { rsv: RSV1 }),
    { code: 'WS_ERR_UNEXPECTED_RSV_1' },
    1002,
  ],
  ['RSV1 and RSV2', (role) => frameFor(role, 2, '', { rsv: 0x60 }), { code: 'WS_ERR_UNEXPECTED_RSV_2_3' }, 1002],
  [
    'RSV1 on a Ping that is fragmented',
    (role) => frameFor(role, 9, '', { rsv: RSV1, fin: false }),
    { code: 'WS_ERR_EXPECTED_FIN', message: 'Invalid WebSocket frame: FIN must be set' },
    1002,
  ],
  ...[3, 11].map((opcode): (typeof FAULTS)[number] => [
    `RSV1 on the reserved opcode ${opcode}`,
    (role) => frameFor(role, opcode, '', { rsv: RSV1 }),
    { code: 'WS_ERR_INVALID_OPCODE', message: `Invalid WebSocket frame: invalid opcode ${opcode}` },
    1002,
  ]),
  [
    'a message in a message',
    (role) => Buffer.concat([frameFor(role, 2, 'x', { fin: false, rsv: RSV1 }), frameFor(role, 1, 'y', { rsv: RSV1 })]),
    { code: 'WS_ERR_INVALID_OPCODE', message: 'Invalid WebSocket frame: invalid opcode 1' },
    1002,
  ],
];

describe.each(IMPLEMENTATIONS)('%s: a fault of the peer', (_, impl) => {
  test.each(FAULTS)('ws.R1: %s', async (_what, octetsFor, expected, closeCode) => {
    for (const role of ['server', 'client'] as const) {
      for (const parameters of [BOTH, '']) {
        const { ws, peer } = await openWith(impl, {
          role,
          parameters,
          options: { maxPayload: 100_000 },
          socketOptions: { maxPayload: 100_000 },
        });
        const messages: unknown[] = [];
        ws.on('message', (data: Buffer) => messages.push(data.length));
        const error = new Promise((resolve) => ws.on('error', resolve));
        peer.send(frameFor(role, 2, deflated(Buffer.alloc(100_000)), { rsv: RSV1 }), octetsFor(role));
        expect(await error).toMatchObject(expected);
        expect(await error).toBeInstanceOf(Error);
        expect(await peer.closeCode()).toBe(closeCode);
        peer.socket.end();
        expect((await once(ws, 'close'))[0]).toBe(1006);
        expect(messages).toEqual([100_000]);
      }
    }
  });
});

test.each(IMPLEMENTATIONS)('%s: ws.R1: a distance beyond the beginning of a message', async (_, impl) => {
  const { ws, peer } = await openWith(impl);
  const error = new Promise((resolve) => ws.on('error', resolve));
  for (const dictionary of [undefined, prose(100)]) {
    peer.send(frameFor('server', 2, deflated(prose(50), { dictionary }), { rsv: RSV1 }));
  }
  expect(await error).toMatchObject({ code: 'Z_DATA_ERROR' });
  expect(await peer.closeCode()).toBe(1007);
});

describe('wasock/ws differs from npm ws', () => {
  test('ws.C3: a message that is cut short, or has bytes after its end, is refused', async () => {
    const payload = deflated(TEXT);
    for (const parameters of [BOTH, '']) {
      for (const octets of [payload.subarray(0, -7), Buffer.concat([deflateRawSync(TEXT), Buffer.of(1, 2, 3)])]) {
        const { ws, peer } = await openWith(WASOCK, { parameters });
        const error = new Promise((resolve) => ws.on('error', resolve));
        peer.send(frameFor('server', 1, octets, { rsv: RSV1 }));
        expect(await error).toMatchObject({ message: 'invalid compressed data', code: 'Z_DATA_ERROR', errno: -3 });
        expect(await peer.closeCode()).toBe(1007);
      }
    }
  });

  test('ws.C3: several final blocks in one message are all inflated', async () => {
    for (const parameters of [BOTH, '']) {
      const { ws, peer } = await openWith(WASOCK, { parameters });
      const received: string[] = [];
      ws.on('message', (data) => received.push(String(data)));
      const blocks = ['one ', 'two ', 'three'].map((text) => deflateRawSync(text));
      for (let i = 0; i < 2; i++) peer.send(frameFor('server', 1, Buffer.concat(blocks), { rsv: RSV1 }));
      await until(() => received.length === 2);
      expect(received).toEqual(['one two three', 'one two three']);
    }
  });

  test('a message that does not get shorter leaves as it is', async () => {
    for (const zlibDeflateOptions of [{}, { level: 6 }, { level: 9 }]) {
      const { ws, peer } = await openWith(WASOCK, { options: { threshold: 0, zlibDeflateOptions } });
      const messages = [Buffer.alloc(0), Buffer.from('x'), noise(2000), noise(100_000)];
      for (const message of messages) ws.send(message);
      const frames = await peer.framesReceived(4);
      expect(frames.map(({ rsv, payload }) => [rsv, payload.length])).toEqual(
        messages.map(({ length }) => [0, length]),
      );
    }
  });

  test('what was sent is not kept, even if something always waits', async () => {
    const { ws, peer } = await openWith(WASOCK, { parameters: '', options: { zlibDeflateOptions: { level: 9 } } });
    const message = prose(50_000);
    let sent = 0;
    const send = () => ws.send(Buffer.from(message), onSent);
    const onSent = () => {
      if (++sent < 200) send();
    };
    const before = heldMemory();
    for (let i = 0; i < 3; i++) send();
    await until(() => sent >= 190);
    // What the peer has got keeps the reads alive in which it came.
    for (const frame of peer.frames) Object.assign(frame, { payload: Buffer.alloc(0) });
    // All of it would be 9.5 MB.
    expect(heldMemory().arrayBuffers - before.arrayBuffers).toBeLessThan(5_000_000);
    await peer.framesReceived(202);
  });

  test('frames that others have made keep their order after a long message', async () => {
    const { ws, peer } = await openWith(WASOCK);
    const events: string[] = [];
    ws.send(prose(1_000_000), () => events.push('long'));
    const frame = NPM_WS.Sender.frame(Buffer.from('made'), { fin: true, opcode: 2, mask: false, readOnly: true });
    inner(ws)._sender.sendFrame(frame, () => events.push('made'));
    expect(ws.bufferedAmount).toBe(1_000_000 + 6);
    ws.send('last', () => events.push('last'));
    const frames = await peer.framesReceived(3);
    expect(frames.map(({ payload }) => payload.length > 100 || String(payload))).toEqual([true, 'made', 'last']);
    await until(() => events.length === 3);
    expect(events).toEqual(['long', 'made', 'last']);
  });
});
