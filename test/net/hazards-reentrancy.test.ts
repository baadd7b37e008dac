import { describe, expect, test } from 'vitest';
import { codec } from '../../src/codec/select.js';
import { SEED } from '../support/codecs.js';
import { type Opened, openConnection } from '../support/connection-harness.js';
import { FramePeer } from '../support/frame-peer.js';
import { fragmentsFor, frameFor } from '../support/framer.js';
import { randomNumbers } from '../support/receiver-harness.js';
import { memoryPair, tcpPair } from '../support/sockets.js';
import { turns, until } from '../support/waiting.js';

describe('re-entrancy', () => {
  test('hazard.1: two ends in memory answer each other from within their callbacks', async () => {
    const [near, far] = memoryPair();
    const one: Opened = openConnection(near, {
      on: {
        onMessage: (opcode, data) => Number(data) < 500 && void one.connection.send(opcode, `${Number(data) + 1}`),
      },
    });
    const other: Opened = openConnection(far, {
      options: { role: 'client' },
      on: {
        onMessage: (opcode, data) => Number(data) < 500 && void other.connection.send(opcode, `${Number(data) + 1}`),
      },
    });
    await turns();
    one.connection.send(1, '0');
    await until(() => one.recorder.messages.length + other.recorder.messages.length === 501);
    expect(other.recorder.messages).toEqual(Array.from({ length: 251 }, (_, i) => `${2 * i}`));
    expect(one.recorder.messages).toEqual(Array.from({ length: 250 }, (_, i) => `${2 * i + 1}`));
  });

  test('hazard.1: each message of a batch is answered from within its callback', async () => {
    const [near, far] = memoryPair();
    const one = openConnection(near, { on: { onMessage: (opcode, data) => void one.connection.send(opcode, data) } });
    const answers: string[] = [];
    const other = openConnection(far, {
      options: { role: 'client' },
      on: {
        onMessage: (_opcode, data) => {
          answers.push(data.toString());
          if (!`${data}`.startsWith('again')) other.connection.send(1, `again ${data}`);
        },
      },
    });
    await turns();
    for (let i = 0; i < 400; i++) other.connection.send(1, `${i}`);
    await until(() => answers.length === 800);
    const numbers = Array.from({ length: 400 }, (_, i) => `${i}`);
    expect(answers.filter((text) => !text.startsWith('again'))).toEqual(numbers);
    expect(answers.filter((text) => text.startsWith('again'))).toEqual(numbers.map((text) => `again ${text}`));
  });

  test('hazard.1: a ring of five connections, messages of all sizes, each passed on from within the callback', async () => {
    const random = randomNumbers(SEED);
    const pairs = Array.from({ length: 5 }, () => memoryPair());
    const rounds = 4;
    const arrived: Buffer[] = [];
    const ends: { server: Opened; client: Opened }[] = pairs.map(([near, far], i) => ({
      server: openConnection(near, {
        on: {
          onMessage: (opcode, data) => {
            const hops = (data as Buffer)[0] + 1;
            if (hops === 5 * rounds) return void arrived.push(data as Buffer);
            (data as Buffer)[0] = hops;
            void ends[(i + 1) % 5].client.connection.send(opcode, data);
          },
        },
      }),
      client: openConnection(far, { options: { role: 'client' } }),
    }));
    await turns();
    const sent = Array.from({ length: 30 }, (_, i) => {
      const message = Buffer.alloc(2 + Math.floor(random() ** 2 * 300_000), i);
      message[0] = 0;
      return message;
    });
    for (const message of sent) ends[0].client.connection.send(2, message);
    await until(() => arrived.length === sent.length);
    const intact = sent.every((message, i) => arrived[i].subarray(1).equals(message.subarray(1)));
    expect(intact, `FC_SEED=${SEED}`).toBe(true);
  });

  test('hazard.1: a callback of a connection that reads into the window feeds a stream in memory', async () => {
    const { near, far } = await tcpPair();
    const [inner, outer] = memoryPair();
    const sink = openConnection(inner);
    const source = openConnection(outer, { options: { role: 'client' } });
    openConnection(near, { on: { onMessage: (opcode, data) => void source.connection.send(opcode, data) } });
    await turns();
    const peer = new FramePeer(far);
    const messages = Array.from({ length: 300 }, (_, i) => `${i} ${'x'.repeat(i)}`);
    // A stream in memory that is written to directly delivers within the walk of the window.
    outer.write(frameFor('server', 1, 'direct'));
    peer.send(...messages.map((message) => frameFor('server', 1, message)));
    await sink.recorder.messagesReceived(301);
    expect(sink.recorder.messages).toEqual(['direct', ...messages]);
  });

  test('hazard.1: octets that arrive during the walk of another connection wait', async () => {
    const { near, far } = await tcpPair();
    const [inner, outer] = memoryPair();
    const order: string[] = [];
    const sink = openConnection(inner, { on: { onMessage: (_opcode, data) => void order.push(`inner ${data}`) } });
    openConnection(near, {
      on: {
        onMessage: (_opcode, data) => {
          order.push(`outer ${data}`);
          outer.write(frameFor('server', 1, `${data}`));
        },
      },
    });
    await turns();
    new FramePeer(far).send(...['a', 'b', 'c'].map((text) => frameFor('server', 1, text)));
    await sink.recorder.messagesReceived(3);
    expect(order).toEqual(['outer a', 'outer b', 'outer c', 'inner a', 'inner b', 'inner c']);
  });

  test('hazard.1: an outbox that writes a full chunk is answered at once, and keeps what it is asked to send', async () => {
    const [near, far] = memoryPair();
    const one = openConnection(near, {
      on: { onMessage: (_opcode, data) => void one.connection.send(1, `re ${data}`) },
    });
    const peer = new FramePeer(far);
    await turns();
    let nested = 0;
    far.on('data', () => {
      if (nested < 20) far.write(frameFor('server', 1, `${nested++}`));
    });
    const large = Array.from({ length: 40 }, (_, i) => Buffer.alloc(30_000, i));
    for (const payload of large) one.connection.send(2, payload);
    await peer.framesReceived(40 + 20);
    const payloads = peer.frames.filter(({ opcode }) => opcode === 2).map(({ payload }) => payload);
    expect(payloads.every((payload, i) => payload.equals(large[i]))).toBe(true);
    const answers = peer.frames.filter(({ opcode }) => opcode === 1).map(({ payload }) => payload.toString());
    expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => `re ${i}`));
  });
});

/** Overwrites the whole receive window and what stands beside it. */
function poisonMemory(): void {
  codec.bytes.fill(0xaa);
}

describe('escaping views', () => {
  test('hazard.2: nothing that is handed over aliases the window, unless zeroCopy was asked for', async () => {
    const { near, far } = await tcpPair();
    const { recorder } = openConnection(near, { options: { textAs: 'bytes' } });
    const whole = frameFor('server', 9, 'cut ping');
    const parts = [
      frameFor('server', 2, 'small'),
      frameFor('server', 2, Buffer.alloc(10_000, 'L')),
      frameFor('server', 1, 'text'),
      frameFor('server', 1, 'téxt'),
      ...fragmentsFor('server', 2, ['frag', 'mented']),
      frameFor('server', 9, 'ping'),
      frameFor('server', 10, 'pong'),
      whole.subarray(0, 9),
    ];
    far.write(Buffer.concat(parts));
    await recorder.messagesReceived(5);
    far.write(whole.subarray(9));
    await until(() => recorder.pings.length === 2);
    far.write(frameFor('server', 8, Buffer.concat([Buffer.of(3, 232), Buffer.from('reason')])));
    far.end();
    const result = await recorder.closed();
    poisonMemory();
    expect(recorder.messages.map(String)).toEqual(['small', 'L'.repeat(10_000), 'text', 'téxt', 'fragmented']);
    expect(recorder.pings.map(String)).toEqual(['ping', 'cut ping']);
    expect(recorder.pongs.map(String)).toEqual(['pong']);
    expect(result.reason).toBe('reason');
    const handedOver = [...(recorder.messages as Buffer[]), ...recorder.pings, ...recorder.pongs];
    expect(handedOver.some(({ buffer }) => buffer === codec.bytes.buffer)).toBe(false);
  });

  test('hazard.2: frames of raw mode, too', async () => {
    const { near, far } = await tcpPair();
    const { recorder } = openConnection(near, { options: { raw: true } });
    far.write(Buffer.concat([frameFor('server', 2, 'frame'), frameFor('server', 8, Buffer.of(3, 232))]));
    await until(() => recorder.frames.length === 2);
    poisonMemory();
    expect(recorder.frames.map(({ payload }) => payload.toString('hex'))).toEqual([
      Buffer.from('frame').toString('hex'),
      '03e8',
    ]);
  });

  test('hazard.2: with zeroCopy Binary messages are views, and control frames are not', async () => {
    const { near, far } = await tcpPair();
    const views: boolean[] = [];
    const { recorder } = openConnection(near, {
      options: { zeroCopy: true },
      on: { onMessage: (_opcode, data) => void views.push((data as Buffer).buffer === codec.bytes.buffer) },
    });
    far.write(Buffer.concat([frameFor('server', 2, 'view'), frameFor('server', 9, 'ping')]));
    await until(() => recorder.pings.length === 1);
    poisonMemory();
    expect(views).toEqual([true]);
    expect(recorder.pings[0].toString()).toBe('ping');
  });

  test('hazard.2: a Pong that waits for a blocked peer is the Ping’s payload still', async () => {
    const { near, far } = await tcpPair();
    far.pause();
    const { connection, recorder } = openConnection(near);
    connection.send(2, Buffer.alloc(30_000_000))?.catch(() => {});
    far.write(frameFor('server', 9, 'ping'));
    await until(() => recorder.pings.length === 1);
    poisonMemory();
    const peer = new FramePeer(far);
    far.resume();
    expect((await peer.frameOf(10)).payload.toString()).toBe('ping');
  });
});
