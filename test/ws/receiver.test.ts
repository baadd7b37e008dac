import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { fragmentsFor, frameFor } from '../support/framer.js';
import { turns, until } from '../support/waiting.js';
import { IMPLEMENTATIONS, inner, WASOCK } from './implementations.js';
import { connect } from './pairs.js';

describe.each(IMPLEMENTATIONS)('%s: a Receiver by itself', (_, impl) => {
  test('ws.I3 ws.M9: takes chunks of any length, as one that a stream pipes to it', async () => {
    const parts = [Buffer.alloc(7000, 1), Buffer.alloc(100, 2), Buffer.alloc(285_000, 3), Buffer.of(4)];
    for (const binaryType of ['nodebuffer', 'fragments', 'arraybuffer']) {
      const receiver = new impl.Receiver({ binaryType });
      const events: unknown[][] = [];
      for (const event of ['message', 'conclude']) receiver.on(event, (...args: unknown[]) => events.push(args));
      const source = new PassThrough();
      source.pipe(receiver);
      source.end(Buffer.concat([...fragmentsFor('client', 2, parts), frameFor('client', 8)]));
      await until(() => events.length === 2);
      const [[message, isBinary], concluded] = events as [[Buffer | Buffer[] | ArrayBuffer, boolean], unknown];
      const octets = Array.isArray(message) ? Buffer.concat(message) : Buffer.from(message as Buffer);
      expect([isBinary, octets.equals(Buffer.concat(parts)), concluded]).toEqual([true, true, [1005, Buffer.alloc(0)]]);
      const lengths = Array.isArray(message) && message.map(({ length }) => length);
      expect(lengths).toEqual(binaryType === 'fragments' && [7000, 100, 285_000, 1]);
    }
  });

  test('ws.R1: a fault in a long chunk is an error of the stream, and the rest is not looked at', async () => {
    const receiver = new impl.Receiver({ isServer: true, maxPayload: 20_480 });
    const messages: unknown[] = [];
    receiver.on('message', (data: Buffer) => messages.push(data.length));
    receiver.write(
      Buffer.concat([
        frameFor('server', 2, Buffer.alloc(20_480)),
        frameFor('server', 2, Buffer.alloc(200_000)),
        frameFor('server', 2, 'more'),
      ]),
    );
    const [error] = await once(receiver, 'error');
    expect(error).toMatchObject({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', message: 'Max payload size exceeded' });
    expect(messages).toEqual([20_480]);
  });

  test('ws.I3: the options of a Receiver', async () => {
    const faultOf = async (options: object, octets: Buffer) => {
      const receiver = new impl.Receiver(options);
      const error = once(receiver, 'error');
      receiver.write(octets);
      return ((await error)[0] as { code: string }).code;
    };
    const many = Buffer.concat(fragmentsFor('client', 2, ['1', '2', '3']));
    expect(await faultOf({ maxFragments: 2 }, many)).toBe('WS_ERR_TOO_MANY_BUFFERED_PARTS');
    expect(await faultOf({}, frameFor('server', 2))).toBe('WS_ERR_UNEXPECTED_MASK');
    expect(await faultOf({ isServer: true }, frameFor('client', 2))).toBe('WS_ERR_EXPECTED_MASK');
    expect(await faultOf({}, frameFor('client', 1, Buffer.of(0xff)))).toBe('WS_ERR_INVALID_UTF8');
    const lenient = new impl.Receiver({ skipUTF8Validation: true });
    const message = once(lenient, 'message');
    lenient.write(frameFor('client', 1, Buffer.of(0xff)));
    expect(await message).toEqual([Buffer.of(0xff), false]);
  });

  test('ws.I3: many frames of no octets in one chunk', async () => {
    const receiver = new impl.Receiver();
    let messages = 0;
    receiver.on('message', () => messages++);
    receiver.write(Buffer.concat(Array.from({ length: 30_000 }, () => frameFor('client', 1))));
    await until(() => messages >= 30_000);
    expect(messages).toBe(30_000);
  });
});

describe.each(IMPLEMENTATIONS)('%s: the _receiver of an open socket', (_, impl) => {
  test('ws.I3: octets that are written to it are those of the peer', async () => {
    const { client } = await connect(impl);
    const received: number[] = [];
    client.on('message', (data: Buffer) => received.push(data.length));
    const { _receiver } = inner(client);
    _receiver.write(frameFor('client', 2, Buffer.alloc(300_000)));
    await until(() => received.length === 1);
    expect(received).toEqual([300_000]);
  });
});

test('ws.I3: octets that are written to the _receiver of a paused socket wait', async () => {
  const { client } = await connect(WASOCK);
  const received: string[] = [];
  client.on('message', (data) => received.push(String(data)));
  const { _receiver } = inner(client);
  client.pause();
  let written = 0;
  _receiver._write(frameFor('client', 1, 'one'), 'buffer', () => written++);
  _receiver._write(frameFor('client', 1, 'two'), 'buffer', () => written++);
  await turns();
  expect([received, written]).toEqual([[], 0]);
  client.resume();
  await until(() => written === 2);
  expect(received).toEqual(['one', 'two']);
  client.pause();
  _receiver._write(frameFor('client', 1, 'three'), 'buffer', () => written++);
  client.terminate();
  await until(() => written === 3);
});
