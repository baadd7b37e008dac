import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/protocol/frame-rules.js';
import { deflated, StreamDeflater } from '../support/deflate-stream.js';
import { frameFor } from '../support/framer.js';
import { noise, prose } from '../support/messages.js';
import { turns, until } from '../support/waiting.js';
import { openWith, RSV1 } from './compressing.js';
import { IMPLEMENTATIONS } from './implementations.js';

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
