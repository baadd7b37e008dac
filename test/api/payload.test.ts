import { describe, expect, test } from 'vitest';
import { checkOpcode, messageOpcode, toPayload } from '../../src/api/payload.js';
import { Opcode } from '../../src/protocol/opcode.js';
import { acceptedSocket } from '../support/servers.js';

const BYTES = [1, 2, 3, 4, 5, 6, 7, 8];
const memory = () => Uint8Array.from(BYTES).buffer;
const shared = () => {
  const buffer = new SharedArrayBuffer(8);
  new Uint8Array(buffer).set(BYTES);
  return buffer;
};

/** Node has resizable memory from version 20 on. */
function resizable(): ArrayBuffer & { resize(length: number): void } {
  const buffer = new (ArrayBuffer as unknown as new (length: number, options: object) => never)(8, {
    maxByteLength: 64,
  });
  new Uint8Array(buffer).set(BYTES);
  return buffer;
}

function detached(): ArrayBuffer {
  const buffer = memory();
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

describe('hostile.A6.4 hostile.A-07: what can be sent are exactly the bytes that were given', () => {
  test.each([
    { title: 'a Buffer', data: Buffer.from(BYTES), bytes: BYTES },
    { title: 'a part of a Buffer', data: Buffer.from(BYTES).subarray(2, 5), bytes: [3, 4, 5] },
    { title: 'an empty Buffer', data: Buffer.alloc(0), bytes: [] },
    { title: 'a Uint8Array', data: new Uint8Array(BYTES), bytes: BYTES },
    { title: 'a part of a Uint16Array', data: new Uint16Array(memory()).subarray(1, 3), bytes: [3, 4, 5, 6] },
    { title: 'a Float32Array', data: new Float32Array(memory()), bytes: BYTES },
    { title: 'a BigInt64Array', data: new BigInt64Array(memory()), bytes: BYTES },
    { title: 'a DataView', data: new DataView(memory(), 1, 6), bytes: [2, 3, 4, 5, 6, 7] },
    { title: 'an ArrayBuffer', data: memory(), bytes: BYTES },
    { title: 'a SharedArrayBuffer', data: shared(), bytes: BYTES },
    { title: 'a view of a SharedArrayBuffer', data: new Uint8Array(shared(), 4), bytes: [5, 6, 7, 8] },
    { title: 'a resizable ArrayBuffer', data: resizable(), bytes: BYTES },
    { title: 'a view of a resizable ArrayBuffer', data: new Uint8Array(resizable(), 1, 2), bytes: [2, 3] },
  ])('$title', async ({ data, bytes }) => {
    expect([...(toPayload(data) as Uint8Array)]).toEqual(bytes);
    const { ws, peer } = await acceptedSocket();
    ws.send(data);
    expect([...(await peer.take(2 + bytes.length))]).toEqual([0x82, bytes.length, ...bytes]);
  });

  test('a view of a resizable ArrayBuffer that has shrunk below it is empty', () => {
    const buffer = resizable();
    const view = new Uint8Array(buffer, 4, 4);
    buffer.resize(2);
    expect(toPayload(view)).toHaveLength(0);
  });

  test('a string', () => {
    expect(toPayload('grüße')).toBe('grüße');
    expect(toPayload('')).toBe('');
  });

  test('memory that others can change or resize is copied at the call', () => {
    for (const memory of [shared(), resizable()]) {
      const payload = toPayload(memory) as Uint8Array;
      new Uint8Array(memory)[0] = 99;
      expect([...payload]).toEqual(BYTES);
    }
  });

  test('all other memory is not', () => {
    const bytes = Buffer.from(BYTES);
    expect(toPayload(bytes)).toBe(bytes);
    const buffer = memory();
    expect((toPayload(buffer) as Uint8Array).buffer).toBe(buffer);
  });
});

describe('hostile.A6.4 hostile.A-07: what cannot be sent is a TypeError, and nothing is sent', () => {
  test.each([
    { title: 'a detached ArrayBuffer', data: detached() },
    {
      title: 'a view of a detached ArrayBuffer',
      data: (() => {
        const view = new Uint8Array(8);
        structuredClone(view.buffer, { transfer: [view.buffer] });
        return view;
      })(),
    },
    { title: 'a number', data: 100 },
    { title: 'a bigint', data: 100n },
    { title: 'null', data: null },
    { title: 'undefined', data: undefined },
    { title: 'true', data: true },
    { title: 'a plain object', data: {} },
    {
      title: 'an object with a forged byteLength',
      data: { byteLength: 64, byteOffset: 0, buffer: memory(), length: 64 },
    },
    { title: 'an array', data: [1, 2, 3] },
    { title: 'a Blob', data: new Blob(['x']) },
    { title: 'a String object', data: Object('x') },
    { title: 'a function', data: () => 'x' },
    { title: 'an object without a prototype', data: Object.create(null) },
  ])('$title', async ({ data }) => {
    expect(() => toPayload(data)).toThrow(TypeError);
    const { ws, peer } = await acceptedSocket();
    expect(() => ws.send(data as never)).toThrow(TypeError);
    if (data !== undefined) expect(() => ws.ping(data as never)).toThrow(TypeError);
    ws.hangup();
    expect((await peer.takeAll()).length).toBe(0);
  });

  test.each([new Float32Array(20), new DataView(new ArrayBuffer(8)), new SharedArrayBuffer(8), {}, 5, null])(
    'a close reason that is no string',
    async (reason) => {
      const { ws, peer } = await acceptedSocket();
      expect(() => ws.close(1000, reason as never)).toThrow(TypeError);
      expect(ws.readyState).toBe(1);
      ws.hangup();
      expect((await peer.takeAll()).length).toBe(0);
    },
  );
});

describe('the opcode', () => {
  test.each([Opcode.Text, Opcode.Binary, Opcode.Ping, Opcode.Pong])('%d may be sent', (opcode) => {
    expect(() => checkOpcode(opcode, 'x')).not.toThrow();
    expect(() => checkOpcode(opcode, Buffer.from('x'))).not.toThrow();
  });

  test.each([Opcode.Cont, Opcode.Close, 3, 7, 11, 15, 16, -1, 1.5, '1', null, Number.NaN])(
    '%j is a TypeError',
    (opcode) => {
      expect(() => checkOpcode(opcode, 'x')).toThrow(TypeError);
      expect(() => checkOpcode(opcode, 'x')).toThrow(String(opcode));
    },
  );

  test.each([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]])(
    'Text of bytes that are not UTF-8 is a TypeError: %j',
    (...octets) => {
      expect(() => checkOpcode(Opcode.Text, Buffer.from(octets))).toThrow(TypeError);
    },
  );

  test('Text of bytes that are UTF-8 may be sent', () => {
    expect(() => checkOpcode(Opcode.Text, Buffer.from('grüße 👋'))).not.toThrow();
  });

  test.each([Opcode.Ping, Opcode.Pong])('%d holds at most 125 octets', (opcode) => {
    expect(() => checkOpcode(opcode, 'x'.repeat(125))).not.toThrow();
    expect(() => checkOpcode(opcode, 'x'.repeat(126))).toThrow(RangeError);
    expect(() => checkOpcode(opcode, 'ü'.repeat(63))).toThrow(/126/);
    expect(() => checkOpcode(opcode, Buffer.alloc(126))).toThrow(RangeError);
  });
});

describe('the opcode of a message', () => {
  test('is that of its data, unless it is given', () => {
    expect(messageOpcode(undefined, 'x')).toBe(Opcode.Text);
    expect(messageOpcode(undefined, Buffer.from('x'))).toBe(Opcode.Binary);
    expect(messageOpcode(Opcode.Binary, 'x')).toBe(Opcode.Binary);
    expect(messageOpcode(Opcode.Text, Buffer.from('ü'))).toBe(Opcode.Text);
  });

  test.each([0, 3, 8, 9, 10, -1, 1.5, '1', null, {}, Number.NaN])('%j is a TypeError', (opcode) => {
    expect(() => messageOpcode(opcode, 'x')).toThrow(TypeError);
    expect(() => messageOpcode(opcode, 'x')).toThrow('Opcode.Text or Opcode.Binary');
  });

  test('Text of bytes that are not UTF-8 is a TypeError', () => {
    expect(() => messageOpcode(Opcode.Text, Buffer.from([0xff]))).toThrow(TypeError);
  });
});

test('lone surrogates become U+FFFD', async () => {
  const { ws, peer } = await acceptedSocket();
  ws.send('a\ud800b');
  expect((await peer.take(7)).toString('hex')).toBe('810561efbfbd62');
});
