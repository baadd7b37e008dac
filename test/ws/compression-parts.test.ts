import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/protocol/frame-rules.js';
import { deflated } from '../support/deflate-stream.js';
import { type ParsedFrame, parseFrames } from '../support/frame-parser.js';
import { frameFor } from '../support/framer.js';
import { prose } from '../support/messages.js';
import { until } from '../support/waiting.js';
import { BOTH, messageOf, NAME, openWith, RSV1, TEXT } from './compressing.js';
import { IMPLEMENTATIONS, inner, WASOCK } from './implementations.js';
import { connect } from './pairs.js';

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
