import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ServerOptions, WebSocket } from 'ws';
import type { Role } from '../../src/protocol/frame-rules.js';
import { deflated, inflated, StreamDeflater, StreamInflater } from '../support/deflate-stream.js';
import { type ParsedFrame, parseFrames } from '../support/frame-parser.js';
import { FramePeer } from '../support/frame-peer.js';
import { frameFor } from '../support/framer.js';
import { heldMemory } from '../support/memory.js';
import { noise, prose } from '../support/messages.js';
import { tcpPair } from '../support/sockets.js';
import { turns, until } from '../support/waiting.js';
import { IMPLEMENTATIONS, type Implementation, inner, NPM_WS, WASOCK } from './implementations.js';
import { connect } from './pairs.js';

const NAME = 'permessage-deflate';
const RSV1 = 0x40;
const BOTH = 'server_no_context_takeover; client_no_context_takeover';

interface Setting {
  readonly role?: Role;
  /** As they stand in the header field. */
  readonly parameters?: string;
  /** Of the extension. */
  readonly options?: object;
  /** Of the socket. */
  readonly socketOptions?: ServerOptions;
  /** Whose extension it is. Default: that of the socket's implementation. */
  readonly by?: Implementation;
}

/** A socket whose extension is set from outside, as mockttp does; and its peer, which sees frames. */
async function openWith(impl: Implementation, setting: Setting = {}): Promise<{ ws: WebSocket; peer: FramePeer }> {
  const { role = 'server', parameters = BOTH, options, socketOptions, by = impl } = setting;
  const { near, far } = await tcpPair();
  const extension = new by.PerMessageDeflate({ ...options, isServer: role === 'server' });
  extension.accept(by.extension.parse(parameters === '' ? NAME : `${NAME}; ${parameters}`)[NAME]);
  const ws = new impl.WebSocket(null as never, undefined, { autoPong: true, closeTimeout: 30_000 } as never);
  inner(ws)._isServer = role === 'server';
  inner(ws)._extensions = { [NAME]: extension };
  inner(ws).setSocket(near, Buffer.alloc(0), { maxPayload: 0, ...socketOptions });
  ws.on('error', () => {});
  onTestFinished(() => ws.terminate());
  expect(ws.extensions).toBe(NAME);
  return { ws, peer: new FramePeer(far) };
}

/** The message of some frames. */
function messageOf(frames: readonly ParsedFrame[]): Buffer {
  const payload = Buffer.concat(frames.map((frame) => frame.payload));
  return frames[0].rsv === RSV1 ? inflated(payload) : payload;
}

const TEXT = prose(5000).toString();

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

describe.each(IMPLEMENTATIONS)('%s: what is received', (_, impl) => {
  const messages = [prose(10), prose(3000), Buffer.alloc(0), prose(300_000), noise(2000)];

  test.each<Role>(['server', 'client'])('by a %s without takeover, whole and in fragments', async (role) => {
    const { ws, peer } = await openWith(impl, { role });
    const received: [Buffer, boolean][] = [];
    ws.on('message', (data: Buffer, isBinary) => received.push([data, isBinary]));
    for (const message of messages) {
      const payload = deflated(message);
      peer.send(frameFor(role, 2, payload, { rsv: RSV1 }), frameFor(role, 9));
      const middle = payload.length >> 1;
      peer.send(
        frameFor(role, 2, payload.subarray(0, middle), { rsv: RSV1, fin: false }),
        frameFor(role, 10),
        frameFor(role, 0, payload.subarray(middle)),
        frameFor(role, 1, 'plain'),
      );
    }
    await until(() => received.length === messages.length * 3);
    for (const [i, message] of messages.entries()) {
      const [whole, fragmented, plain] = received.slice(i * 3, i * 3 + 3);
      expect(whole[0].equals(message) && fragmented[0].equals(message)).toBe(true);
      expect([whole[1], fragmented[1], String(plain[0]), plain[1]]).toEqual([true, true, 'plain', false]);
    }
  });

  test.each([8, 9, 12, 15])('with takeover and a window of %i bits', async (bits) => {
    const { ws, peer } = await openWith(impl, { parameters: `client_max_window_bits=${bits}` });
    const received: Buffer[] = [];
    ws.on('message', (data: Buffer) => received.push(data));
    // zlib has no window of 8 bits, and goes as far back as one of them may in one of 9.
    const stream = new StreamDeflater({ windowBits: Math.max(9, bits) });
    const all = [...messages, ...messages];
    const payloads = all.map((message) =>
      bits === 8 ? deflated(message, { windowBits: 9 }) : stream.deflate(message),
    );
    for (const payload of payloads) peer.send(frameFor('server', 2, payload, { rsv: RSV1 }));
    await until(() => received.length === all.length);
    expect(received.every((data, i) => data.equals(all[i]))).toBe(true);
  });

  test('ws.M9: as binaryType says', async () => {
    const { ws, peer } = await openWith(impl);
    const received: unknown[] = [];
    ws.on('message', (data, isBinary) => received.push(isBinary ? data : String(data)));
    for (const type of ['nodebuffer', 'arraybuffer', 'fragments', 'blob'] as const) {
      ws.binaryType = type as 'nodebuffer';
      for (const length of [0, 200]) {
        peer.send(frameFor('server', 2, deflated(prose(length)), { rsv: RSV1 }));
        peer.send(frameFor('server', 1, deflated(prose(length)), { rsv: RSV1 }));
      }
      await until(() => received.length === 4);
      const [emptyBinary, emptyText, binary, text] = received.splice(0);
      expect([emptyText, text]).toEqual(['', prose(200).toString()]);
      const [none, all] = {
        nodebuffer: [Buffer.alloc(0), prose(200)],
        arraybuffer: [new ArrayBuffer(0), new Uint8Array(prose(200)).buffer],
        fragments: [[], [prose(200)]],
        blob: [new Blob([]), new Blob([prose(200) as never])],
      }[type];
      expect([emptyBinary, binary]).toEqual([none, all]);
      if (type === 'blob') expect(Buffer.from(await (binary as Blob).arrayBuffer()).equals(prose(200))).toBe(true);
    }
  });

  test.each(['nodebuffer', 'fragments'])('ws.R1: text that is not UTF-8 fails with 1007: %s', async (binaryType) => {
    const { ws, peer } = await openWith(impl);
    ws.binaryType = binaryType as 'nodebuffer';
    const error = new Promise((resolve) => ws.on('error', resolve));
    peer.send(frameFor('server', 1, deflated(Buffer.of(0x61, 0xff)), { rsv: RSV1 }));
    expect(await error).toMatchObject({ code: 'WS_ERR_INVALID_UTF8' });
    expect(await peer.closeCode()).toBe(1007);
  });

  test('ws.C2: skipUTF8Validation takes compressed text as it comes', async () => {
    const { ws, peer } = await openWith(impl, { socketOptions: { skipUTF8Validation: true } });
    const message = once(ws, 'message');
    peer.send(frameFor('server', 1, deflated(Buffer.of(0x61, 0xff)), { rsv: RSV1 }));
    expect(await message).toEqual([Buffer.of(0x61, 0xff), false]);
  });

  test('ws.C2: allowSynchronousEvents: false, in order', async () => {
    const { ws, peer } = await openWith(impl, { socketOptions: { allowSynchronousEvents: false } });
    const events: string[] = [];
    ws.on('message', (data: Buffer) => events.push(`${data.length}`));
    ws.on('ping', (data) => events.push(String(data)));
    for (const length of [10, 400_000, 20]) {
      peer.send(
        frameFor('server', 2, deflated(prose(length)), { rsv: RSV1 }),
        frameFor('server', 9, `after ${length}`),
      );
    }
    await until(() => events.length === 6);
    expect(events).toEqual(['10', 'after 10', '400000', 'after 400000', '20', 'after 20']);
  });

  test('ws.M10: pause and resume', async () => {
    const { ws, peer } = await openWith(impl);
    const received: number[] = [];
    ws.on('message', (data: Buffer) => received.push(data.length));
    ws.pause();
    for (const length of [10, 400_000, 20]) peer.send(frameFor('server', 2, deflated(prose(length)), { rsv: RSV1 }));
    await turns(20);
    expect(received).toEqual([]);
    ws.resume();
    await until(() => received.length === 3);
    expect(received).toEqual([10, 400_000, 20]);
  });
});

/** What breaks a rule of RFC 7692, and the error and close code for that. */
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

describe.each(IMPLEMENTATIONS)('an extension of %s that is set from outside', (_, by) => {
  test.each<Role>(['client', 'server'])('ws.I4 ws.P.mockttp: says how a %s compresses', async (role) => {
    const { ws, peer } = await openWith(WASOCK, { role, by, options: { threshold: 0 } });
    const message = once(ws, 'message');
    peer.send(frameFor(role, 1, deflated(TEXT), { rsv: RSV1 }));
    expect(String((await message)[0])).toBe(TEXT);
    ws.send('x'.repeat(100));
    const [frame] = await peer.framesReceived(1);
    expect([frame.rsv, String(messageOf([frame]))]).toEqual([RSV1, 'x'.repeat(100)]);
  });

  test('ws.I4: with the limit of the extension', async () => {
    const { ws, peer } = await openWith(WASOCK, { by, options: { maxPayload: 1000 } });
    const error = new Promise((resolve) => ws.on('error', resolve));
    peer.send(frameFor('server', 1, 'x'.repeat(2000)), frameFor('server', 1, deflated(TEXT), { rsv: RSV1 }));
    expect(await error).toMatchObject({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' });
  });

  test('ws.I4: is cleaned up at the end', async () => {
    const { ws } = await openWith(WASOCK, { by });
    let cleanups = 0;
    inner(ws)._extensions[NAME].cleanup = () => cleanups++;
    ws.terminate();
    await once(ws, 'close');
    expect(cleanups).toBe(1);
  });
});

describe.each(IMPLEMENTATIONS)('%s: the parts by themselves', (_, impl) => {
  const extensions = (options: object, parameters = BOTH) => {
    const extension = new impl.PerMessageDeflate(options);
    extension.accept(impl.extension.parse(`${NAME}; ${parameters}`)[NAME]);
    return { [NAME]: extension };
  };

  test('ws.I2: a Sender compresses', async () => {
    const stream = new PassThrough();
    const octets: Buffer[] = [];
    stream.on('data', (chunk) => octets.push(chunk));
    const sender = new impl.Sender(stream, extensions({ isServer: true, threshold: 0 }));
    const options = { binary: true, fin: true, mask: false, compress: true };
    const messages = [prose(2000), prose(3000, 2), prose(200_000)];
    for (const message of messages) sender.send(message, options);
    sender.send(prose(100), { ...options, fin: false, mask: true });
    sender.send(prose(100), { ...options, mask: true });
    sender.ping('ping', false);
    sender.send('plain', { ...options, binary: false, compress: false });
    await until(() => parseFramesOf(octets).length === 7);
    const frames = parseFramesOf(octets);
    expect(frames.map(({ rsv, opcode }) => [rsv, opcode])).toEqual([
      ...[
        [RSV1, 2],
        [RSV1, 2],
        [RSV1, 2],
        [RSV1, 2],
        [0, 0],
        [0, 9],
        [0, 1],
      ],
    ]);
    for (const [i, message] of messages.entries()) expect(messageOf([frames[i]]).equals(message)).toBe(true);
    expect(messageOf(frames.slice(3, 5)).equals(Buffer.concat([prose(100), prose(100)]))).toBe(true);
    expect(sender._bufferedBytes).toBe(0);
  });

  test('ws.I2: a Sender whose stream is destroyed while it compresses sends no more', async () => {
    const stream = new PassThrough();
    const sender = new impl.Sender(stream, extensions({ isServer: true }));
    const options = { binary: true, fin: true, mask: false, compress: true };
    const errors: (string | undefined)[] = [];
    sender.send(prose(1_000_000), options, (error?: Error) => errors.push(error?.message));
    sender.send(prose(10), options, (error?: Error) => errors.push(error?.message));
    stream.destroy();
    await until(() => errors.length === 2);
    const message = 'The socket was closed while data was being compressed';
    expect(errors).toEqual([message, message]);
  });

  test('ws.I3 ws.P.playwright-core: a Receiver inflates', async () => {
    const receiver = new impl.Receiver({ extensions: extensions({ isServer: true }), isServer: true });
    const received: Buffer[] = [];
    receiver.on('message', (data: Buffer) => received.push(data));
    for (const length of [100, 400_000, 50]) {
      receiver.write(frameFor('server', 2, deflated(prose(length)), { rsv: RSV1 }));
    }
    await until(() => received.length === 3);
    expect([100, 400_000, 50].every((length, i) => received[i].equals(prose(length)))).toBe(true);
    const failing = new impl.Receiver({ extensions: extensions({ isServer: true }), isServer: true });
    const error = new Promise((resolve) => failing.on('error', resolve));
    failing.write(frameFor('server', 2, Buffer.alloc(10, 0xff), { rsv: RSV1 }));
    expect(await error).toMatchObject({ code: 'Z_DATA_ERROR' });
  });

  test('a stream of messages', async () => {
    const { client, server } = await connect(impl, {
      serverOptions: { perMessageDeflate: true },
      clientOptions: { perMessageDeflate: true },
    });
    const [from, to] = [impl.createWebSocketStream(client), impl.createWebSocketStream(server)];
    const chunks: Buffer[] = [];
    to.on('data', (chunk) => chunks.push(chunk));
    for (const length of [100, 300_000, 7]) from.write(prose(length));
    from.end();
    await once(to, 'end');
    expect(Buffer.concat(chunks).equals(Buffer.concat([100, 300_000, 7].map((length) => prose(length))))).toBe(true);
    to.end();
    from.resume();
    await once(from, 'close');
  });
});

function parseFramesOf(octets: readonly Buffer[]): ParsedFrame[] {
  try {
    return parseFrames(Buffer.concat(octets));
  } catch {
    // The last is not whole.
    return [];
  }
}
