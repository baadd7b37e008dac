import { PassThrough, Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { withOwn } from '../../src/ws/sender.js';
import { parseFrames } from '../support/frame-parser.js';
import { until } from '../support/waiting.js';
import { IMPLEMENTATIONS } from './implementations.js';

/** A stream that takes octets one write a time, and only when it is told to. */
class Slow extends Writable {
  readonly octets: Buffer[] = [];
  takeNext: () => void = () => {};

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.takeNext = () => {
      this.octets.push(chunk);
      done();
    };
  }
}

/** Newer versions of Node read one chunk a time. */
function allOf(stream: PassThrough): Buffer {
  const chunks: Buffer[] = [];
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const framesIn = (stream: PassThrough) =>
  parseFrames(allOf(stream)).map(({ fin, opcode, key, payload }) => [fin, opcode, key !== null, String(payload)]);

describe.each(IMPLEMENTATIONS)('%s: a Sender by itself', (_, impl) => {
  test('ws.I2: writes frames to the stream that it was made for', () => {
    const stream = new PassThrough();
    const sender = new impl.Sender(stream, {});
    expect(sender._socket).toBe(stream);
    sender.send('whole', { binary: false, fin: true, mask: false, compress: false }, undefined);
    sender.send(Buffer.from('be'), { binary: true, fin: false, mask: false, compress: false });
    sender.ping('between', false);
    sender.send(Buffer.from('gun'), { binary: true, fin: true, mask: true, compress: false });
    sender.pong(Buffer.from('pong'), true);
    sender.close(1000, 'why', false);
    expect(framesIn(stream)).toEqual([
      [true, 1, false, 'whole'],
      [false, 2, false, 'be'],
      [true, 9, false, 'between'],
      [true, 0, true, 'gun'],
      [true, 10, true, 'pong'],
      [true, 8, false, '\u0003\ufffdwhy'],
    ]);
  });

  test('ws.M2: callbacks come as the stream takes the frames, in order', async () => {
    const stream = new Slow();
    const sender = new impl.Sender(stream, {});
    const called: number[] = [];
    const options = { binary: true, fin: true, mask: true, compress: false };
    for (const i of [0, 1, 2]) sender.send(Buffer.of(i), options, () => called.push(i));
    for (let taken = 0; called.length < 3; taken++) {
      expect(called.length).toBeLessThanOrEqual(taken);
      stream.takeNext();
      await new Promise(setImmediate);
    }
    expect(called).toEqual([0, 1, 2]);
  });

  test('ws.M9: a Blob is fetched first; what is sent behind it waits for it', async () => {
    const stream = new PassThrough();
    const sender = new impl.Sender(stream, {});
    const options = { binary: true, fin: true, mask: false, compress: false };
    sender.send(new Blob(['from a blob']), options);
    sender.send('behind', { ...options, binary: false });
    expect(sender._bufferedBytes).toBe(17);
    await until(() => sender._bufferedBytes === 0);
    await until(() => stream.readableLength > 20);
    expect(framesIn(stream)).toEqual([
      [true, 2, false, 'from a blob'],
      [true, 1, false, 'behind'],
    ]);
  });

  test('ws.M2: a Blob that cannot be read is an error for all that waits behind it', async () => {
    const stream = new PassThrough();
    const sender = new impl.Sender(stream, {});
    const failure = new Error('gone');
    const blob = Object.assign(Object.create(Blob.prototype), {
      arrayBuffer: () => Promise.reject(failure),
      stream: () => undefined,
    });
    Object.defineProperties(blob, { size: { value: 3 }, type: { value: '' } });
    const told: string[] = [];
    const errors: Error[] = [];
    sender.onerror = (error: Error) => errors.push(error);
    const options = { binary: true, fin: true, mask: false, compress: false };
    sender.send(blob, options, (error?: Error) => error && told.push('first'));
    sender.send('behind', options, (error?: Error) => error && told.push('second'));
    await until(() => told.length + errors.length === 3);
    expect([told, errors]).toEqual([['first', 'second'], [failure]]);
    expect(stream.read()).toBeNull();
  });
});

describe('the options that are given override the defaults', () => {
  const inheriting = Object.assign(Object.create({ fin: false, binary: true }), { mask: true });
  const given: readonly unknown[] = [
    undefined,
    null,
    'fin',
    7,
    {},
    { binary: true },
    { fin: false, compress: false },
    { fin: undefined },
    { mask: null, other: 1 },
    inheriting,
    Object.assign(Object.create(null), { compress: 0 }),
    Object.defineProperty({ mask: true }, 'fin', { value: false, enumerable: false }),
    {
      get binary() {
        return true;
      },
    },
    new Proxy({ fin: false }, {}),
    [true, false],
  ];

  test.each(given)('as a spread of them does: %o', (options) => {
    const defaults = { binary: false, mask: false, compress: true, fin: true };
    const { binary, mask, compress, fin } = { ...defaults, ...(options as object) };
    expect(withOwn({ ...defaults }, options)).toEqual({ binary, mask, compress, fin });
  });
});
