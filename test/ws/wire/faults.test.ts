import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ServerOptions, WebSocket } from 'ws';
import type { Role } from '../../../src/protocol/frame-rules.js';
import { fragmentsFor, frameFor, frameHeaderFor } from '../../support/framer.js';
import { type RawPeer, RawServer, rawWebSocket } from '../../support/raw-peer.js';
import { turns, until } from '../../support/waiting.js';
import { IMPLEMENTATIONS, type Implementation, WASOCK } from '../implementations.js';
import { listen } from '../pairs.js';

const invalid = (what: string) => `Invalid WebSocket frame: ${what}`;

/** What a peer sends, and the error and the close code that it gets: `WS_ERR_…`, message, class, code. */
const FAULTS: [
  what: string,
  octets: (role: Role) => Buffer,
  code: string,
  message: string,
  name: string,
  sent: number,
  options?: ServerOptions,
][] = [
  [
    'FIN is missing',
    (role) => frameFor(role, 9, '', { fin: false }),
    'EXPECTED_FIN',
    invalid('FIN must be set'),
    'RangeError',
    1002,
  ],
  [
    'a bad close code',
    (role) => frameFor(role, 8, Buffer.from([3, 0xed])),
    'INVALID_CLOSE_CODE',
    invalid('invalid status code 1005'),
    'RangeError',
    1002,
  ],
  [
    'a long ping',
    (role) => frameFor(role, 9, Buffer.alloc(126)),
    'INVALID_CONTROL_PAYLOAD_LENGTH',
    invalid('invalid payload length 126'),
    'RangeError',
    1002,
  ],
  [
    'a close of 1 octet',
    (role) => frameFor(role, 8, 'x'),
    'INVALID_CONTROL_PAYLOAD_LENGTH',
    invalid('invalid payload length 1'),
    'RangeError',
    1002,
  ],
  ['a reserved opcode', (role) => frameFor(role, 3), 'INVALID_OPCODE', invalid('invalid opcode 3'), 'RangeError', 1002],
  [
    'a continuation of nothing',
    (role) => frameFor(role, 0, 'x'),
    'INVALID_OPCODE',
    invalid('invalid opcode 0'),
    'RangeError',
    1002,
  ],
  [
    'a message in a message',
    (role) => Buffer.concat([frameFor(role, 1, 'x', { fin: false }), frameFor(role, 2, 'y')]),
    'INVALID_OPCODE',
    invalid('invalid opcode 2'),
    'RangeError',
    1002,
  ],
  [
    'bad UTF-8',
    (role) => frameFor(role, 1, Buffer.from([0xff])),
    'INVALID_UTF8',
    invalid('invalid UTF-8 sequence'),
    'Error',
    1007,
  ],
  [
    'a bad reason',
    (role) => frameFor(role, 8, Buffer.from([3, 0xe8, 0xff])),
    'INVALID_UTF8',
    invalid('invalid UTF-8 sequence'),
    'Error',
    1007,
  ],
  [
    'RSV1',
    (role) => frameFor(role, 1, '', { rsv: 0x40 }),
    'UNEXPECTED_RSV_1',
    invalid('RSV1 must be clear'),
    'RangeError',
    1002,
  ],
  [
    'RSV2',
    (role) => frameFor(role, 1, '', { rsv: 0x20 }),
    'UNEXPECTED_RSV_2_3',
    invalid('RSV2 and RSV3 must be clear'),
    'RangeError',
    1002,
  ],
  [
    'RSV3',
    (role) => frameFor(role, 1, '', { rsv: 0x10 }),
    'UNEXPECTED_RSV_2_3',
    invalid('RSV2 and RSV3 must be clear'),
    'RangeError',
    1002,
  ],
  [
    '2^53 octets',
    (role) => frameHeaderFor(role, 2, 2n ** 53n),
    'UNSUPPORTED_DATA_PAYLOAD_LENGTH',
    'Unsupported WebSocket frame: payload length > 2^53 - 1',
    'RangeError',
    1009,
  ],
  [
    '2^63 octets',
    (role) => frameHeaderFor(role, 2, 2n ** 63n),
    'UNSUPPORTED_DATA_PAYLOAD_LENGTH',
    'Unsupported WebSocket frame: payload length > 2^53 - 1',
    'RangeError',
    1009,
  ],
  [
    'a long message',
    (role) => frameHeaderFor(role, 2, 11n),
    'UNSUPPORTED_MESSAGE_LENGTH',
    'Max payload size exceeded',
    'RangeError',
    1009,
    { maxPayload: 10 },
  ],
  [
    'many fragments',
    (role) => Buffer.concat(fragmentsFor(role, 2, ['a', 'b', 'c'])),
    'TOO_MANY_BUFFERED_PARTS',
    'Too many message fragments',
    'RangeError',
    1008,
    { maxFragments: 2 },
  ],
];

const MASKS: typeof FAULTS = [
  [
    'no mask',
    () => frameFor('server', 1, 'x', { key: null }),
    'EXPECTED_MASK',
    invalid('MASK must be set'),
    'RangeError',
    1002,
  ],
];
const NO_MASKS: typeof FAULTS = [
  ['a mask', () => frameFor('server', 1, 'x'), 'UNEXPECTED_MASK', invalid('MASK must be clear'), 'RangeError', 1002],
];

/** A socket of this role, and the octets at its other end. */
async function open(
  impl: Implementation,
  role: Role,
  options: ServerOptions = {},
): Promise<{ ws: WebSocket; peer: RawPeer }> {
  if (role === 'client') {
    const raw = await RawServer.listen();
    const ws = new impl.WebSocket(raw.url, options as never);
    onTestFinished(() => ws.terminate());
    const [{ peer }] = await Promise.all([raw.accept(), once(ws, 'open')]);
    peer.socket.setNoDelay(true);
    return { ws, peer };
  }
  const { wss, url } = await listen(impl, options);
  const connection = once(wss, 'connection');
  const peer = await rawWebSocket(Number(new URL(url).port));
  peer.socket.setNoDelay(true);
  return { ws: (await connection)[0], peer };
}

/** The close code in the first frame that came, which a client has masked. */
function sentCode(octets: Buffer): number {
  const isMasked = (octets[1] & 0x80) !== 0;
  const code = octets.readUInt16BE(isMasked ? 6 : 2);
  return isMasked ? code ^ octets.readUInt16BE(2) : code;
}

describe.each(IMPLEMENTATIONS)('%s', (_, impl) => {
  describe.each(['server', 'client'] as const)('as %s', (role) => {
    const masks = role === 'server' ? MASKS : NO_MASKS;
    test.each([...FAULTS, ...masks])('ws.R1: %s', async (_what, octetsFor, code, message, name, closeCode, options) => {
      for (const step of [Number.POSITIVE_INFINITY, 1]) {
        const { ws, peer } = await open(impl, role, options);
        const events: unknown[] = [];
        ws.on('error', (error) => events.push([error.name, error.message, (error as Error & { code: string }).code]));
        ws.on('close', (ended, reason) => events.push(['close', ended, String(reason)]));
        const octets = octetsFor(role);
        for (let at = 0; at < octets.length; at += step) {
          peer.write(octets.subarray(at, at + Math.min(step, octets.length)));
          if (step === 1) await turns(1);
        }
        const answer = await peer.takeAll();
        expect([answer[0], sentCode(answer)]).toEqual([0x88, closeCode]);
        peer.socket.end();
        await until(() => events.length === 2);
        expect(events).toEqual([
          [name, message, `WS_ERR_${code}`],
          ['close', 1006, ''],
        ]);
      }
    });
  });

  test('ws.R1 ws.C2: a frame over more reads than maxBufferedChunks', async () => {
    const { ws, peer } = await open(impl, 'server', { maxBufferedChunks: 3 });
    const error = new Promise<Error & { code?: string }>((resolve) => ws.on('error', resolve));
    const octets = frameFor('server', 2, Buffer.alloc(100));
    for (let at = 0; at < octets.length; at += 8) {
      peer.write(octets.subarray(at, at + 8));
      await turns(4);
    }
    expect(await error).toMatchObject({ message: 'Too many buffered chunks', code: 'WS_ERR_TOO_MANY_BUFFERED_PARTS' });
    expect(sentCode(await peer.takeAll())).toBe(1008);
  });

  test('ws.C2: skipUTF8Validation takes text as it comes', async () => {
    const { ws, peer } = await open(impl, 'server', { skipUTF8Validation: true });
    const octets = Buffer.from([0xff, 0xfe]);
    const message = once(ws, 'message');
    peer.write(Buffer.concat([frameFor('server', 1, octets), frameFor('server', 8, Buffer.from([3, 0xe8, 0xff]))]));
    expect(await message).toEqual([octets, false]);
    expect(await once(ws, 'close')).toEqual([1000, Buffer.from([0xff])]);
  });

  test('ws.C2: lengths in more octets than they need are taken', async () => {
    const { ws, peer } = await open(impl, 'server');
    const message = once(ws, 'message');
    peer.write(frameFor('server', 2, 'x', { form: 8 }));
    expect(await message).toEqual([Buffer.from('x'), true]);
  });

  test('ws.C2: a peer that has many Pings answered and reads none is disconnected', async () => {
    const { ws, peer } = await open(impl, 'server', { maxPendingAutoPongs: 5 } as ServerOptions);
    const closed = once(ws, 'close');
    peer.stopReading();
    ws.send(Buffer.alloc(30_000_000));
    peer.write(Buffer.concat(Array.from({ length: 500 }, () => frameFor('server', 9, 'ping'))));
    expect((await closed)[0]).toBe(1006);
  });

  test('ws.C2: a peer that has many Pings answered in one burst, and reads the answers, is served', async () => {
    const { peer } = await open(impl, 'server', { maxPendingAutoPongs: 5 } as ServerOptions);
    const burst = Array.from({ length: 400 }, () => [
      frameFor('server', 9, 'ping'),
      // npm ws, which counts those of one read as pending, reads 64 KiB at once.
      frameFor('server', 2, Buffer.alloc(20_000)),
    ]);
    peer.write(Buffer.concat(burst.flat()));
    expect(await peer.take(400 * 6)).toEqual(
      Buffer.concat(Array.from({ length: 400 }, () => frameFor('client', 10, 'ping'))),
    );
  });

  test.each([
    ['HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n', 'Unexpected server response: 401'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'Unexpected server response: 200'],
    ['HTTP/1.1 101 X\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\n', 'Invalid Upgrade header'],
    ['HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n', 'Invalid Sec-WebSocket-Accept header'],
  ])('ws.R2: the answer %j', async (answer, message) => {
    const raw = await RawServer.listen();
    const ws = new impl.WebSocket(raw.url);
    const events: unknown[] = [];
    ws.on('error', (error) => events.push(error.message));
    ws.on('close', (code) => events.push(code));
    await raw.answer(answer);
    await until(() => events.length === 2);
    expect(events).toEqual([message, 1006]);
  });

  test.each([
    [['a'], '', 'Server sent no subprotocol'],
    [[], 'Sec-WebSocket-Protocol: a\r\n', 'Server sent a subprotocol but none was requested'],
    [['a'], 'Sec-WebSocket-Protocol: b\r\n', 'Server sent an invalid subprotocol'],
    [
      [],
      'Sec-WebSocket-Extensions: foo\r\n',
      'Server sent a Sec-WebSocket-Extensions header but no extension was requested',
    ],
  ])('ws.R2: %j was asked for, and the answer has %j', async (protocols, lines, message) => {
    const raw = await RawServer.listen();
    const ws = new impl.WebSocket(raw.url, protocols, { perMessageDeflate: false });
    const told = new Promise((resolve) => ws.on('error', (error) => resolve(error.message)));
    const closed = new Promise((resolve) => ws.on('close', resolve));
    await raw.accept(lines);
    expect([await told, await closed]).toEqual([message, 1006]);
  });

  test('ws.R2: the opening handshake may take handshakeTimeout', async () => {
    const raw = await RawServer.listen();
    const ws = new impl.WebSocket(raw.url, { handshakeTimeout: 30 });
    const told = new Promise((resolve) => ws.on('error', (error) => resolve(error.message)));
    expect(await told).toBe('Opening handshake has timed out');
  });

  test('ws.R2: nobody listens there', async () => {
    const ws = new impl.WebSocket('ws://127.0.0.1:1/');
    const error = await new Promise((resolve) => ws.on('error', resolve));
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    await until(() => ws.readyState === impl.WebSocket.CLOSED);
  });
});

/** Not by `once` of node:events, which listens for errors. */
function closeCodeOf(ws: WebSocket): Promise<number> {
  return new Promise((resolve) => ws.on('close', resolve));
}

describe('wasock/ws: the one difference', () => {
  test('ws.C3: an error that nobody listens for ends its connection only', async () => {
    const { ws, peer } = await open(WASOCK, 'server');
    const closed = closeCodeOf(ws);
    peer.write(frameFor('server', 3));
    expect(sentCode(await peer.takeAll())).toBe(1002);
    peer.socket.end();
    expect(await closed).toBe(1006);
    expect(await closeCodeOf(new WASOCK.WebSocket('ws://127.0.0.1:1/'))).toBe(1006);
  });

  test('ws.C3: throwUnlistened restores the throw', async () => {
    const { ws, peer } = await open(WASOCK, 'server', { throwUnlistened: true } as ServerOptions);
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    onTestFinished(() => {
      for (const listener of before) process.on('uncaughtException', listener);
    });
    const thrown = once(process, 'uncaughtException');
    peer.write(frameFor('server', 3));
    const [error] = await thrown;
    expect(error.code).toBe('WS_ERR_INVALID_OPCODE');
    expect(ws.listenerCount('error')).toBe(0);
  });
});
