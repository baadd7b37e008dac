import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  MAX_QUEUED,
  MAX_QUEUED_BYTES,
  MessageQueue,
  type Packet,
  QUEUE_RESERVE,
  type Reading,
} from '../../src/api/message-queue.js';
import { SEED } from '../support/codecs.js';
import { heldMemory } from '../support/memory.js';
import { aWhile, rejection, settles } from '../support/servers.js';

const packet = (data: string | Buffer): Packet => ({ opcode: 1, data, fin: true });
const READING: Reading<unknown> = { packet: ({ data }) => data };

describe('a queue of messages', () => {
  test('gives them out in the order in which they came', async () => {
    const queue = new MessageQueue();
    const received: unknown[] = [];
    for (let i = 0; i < 40; i++) {
      queue.push(packet(`${i}`));
      if (i % 3 === 2) received.push(await queue.receive(READING));
    }
    while (received.length < 40) received.push(await queue.receive(READING));
    expect(received).toEqual(Array.from({ length: 40 }, (_, i) => `${i}`));
  });

  test('gives them out in order whatever the turns of pushing and receiving', async () => {
    const turns = fc.array(fc.tuple(fc.nat(100), fc.nat(100)), { maxLength: 30 });
    const gives = fc.asyncProperty(turns, async (given) => {
      const queue = new MessageQueue();
      let pushed = 0;
      let received = 0;
      for (const [more, wanted] of given) {
        for (let i = 0; i < more; i++) queue.push(packet(`${pushed++}`));
        for (let i = 0; i < wanted && received < pushed; i++) {
          expect(await queue.receive(READING)).toBe(`${received++}`);
        }
      }
      while (received < pushed) expect(await queue.receive(READING)).toBe(`${received++}`);
      expect(queue.hasRoom).toBe(true);
    });
    await fc.assert(gives, { seed: SEED });
  });

  test('ends an iteration as its reading says', async () => {
    const queue = new MessageQueue();
    const ending: Reading<unknown> = {
      packet: ({ data }) => data,
      end: (isOrderly) => (isOrderly ? 'the end' : undefined),
    };
    const waiting = queue.receive(ending);
    queue.end(new Error('over'), true);
    expect(await waiting).toBe('the end');
    expect(await queue.receive(ending)).toBe('the end');
  });

  test('hands the next one to the receiver that waits', async () => {
    const queue = new MessageQueue();
    const received = queue.receive(READING);
    expect(await settles(received, 5)).toBe(false);
    queue.push(packet('a'));
    queue.push(packet('b'));
    expect(await received).toBe('a');
    expect(await queue.receive(READING)).toBe('b');
  });

  test('is full when its reserve is, above 16 messages, and has room again at half of these', async () => {
    expect([MAX_QUEUED, QUEUE_RESERVE]).toEqual([16, 65_536]);
    const queue = new MessageQueue();
    for (let i = 0; i <= 16; i++) queue.push(packet('regular'));
    // Each counts for 64 bytes more.
    for (let i = 0; i < 64; i++) queue.push(packet('x'.repeat(960)));
    expect(queue.isFull).toBe(false);
    queue.push(packet(''));
    expect(queue.isFull).toBe(true);
    // What was the first of the reserve is regular now.
    await queue.receive(READING);
    expect(queue.isFull).toBe(false);
    for (let i = 0; i < 72; i++) await queue.receive(READING);
    expect(queue.hasRoom).toBe(false);
    await queue.receive(READING);
    expect(queue.hasRoom).toBe(true);
  });

  test('holds no more than 1025 messages without data', () => {
    const queue = new MessageQueue();
    let pushed = 0;
    for (; !queue.isFull; pushed++) queue.push(packet(''));
    expect(pushed).toBe(17 + 1025);
  });

  test('is not full after whatever is received of a full one, and its reserve is empty when it is', async () => {
    const queue = new MessageQueue();
    for (let i = 0; !queue.isFull; i++) queue.push(packet('x'.repeat((i * 7919) % 40_000)));
    for (;;) {
      await queue.receive(READING);
      if (queue.hasRoom) break;
    }
    expect(queue.isFull).toBe(false);
    let more = 0;
    for (; !queue.isFull; more++) queue.push(packet('y'.repeat(1000)));
    expect(more).toBeGreaterThanOrEqual(8 + Math.floor(QUEUE_RESERVE / 1064));
  });

  test('is full when its reserve is, above 1 MiB', async () => {
    expect(MAX_QUEUED_BYTES).toBe(1_048_576);
    const queue = new MessageQueue();
    queue.push(packet(Buffer.alloc(1_048_576)));
    queue.push(packet('x'));
    queue.push(packet('x'.repeat(65_472)));
    expect(queue.isFull).toBe(false);
    queue.push(packet('x'));
    expect(queue.isFull).toBe(true);
    await queue.receive(READING);
    expect(queue.isFull).toBe(false);
    expect(queue.hasRoom).toBe(true);
  });

  test('lets only one wait', async () => {
    const queue = new MessageQueue();
    const first = queue.receive(READING);
    expect(await rejection(queue.receive(READING))).toBeInstanceOf(TypeError);
    queue.push(packet('x'));
    expect(await first).toBe('x');
  });

  test('gives out what waits before it ends', async () => {
    const queue = new MessageQueue();
    const error = new Error('over');
    queue.push(packet('last'));
    queue.end(error);
    queue.end(new Error('again'));
    expect(await queue.receive(READING)).toBe('last');
    expect(await rejection(queue.receive(READING))).toBe(error);
    expect(await rejection(queue.receive(READING))).toBe(error);
  });

  test('ends for the receiver that waits', async () => {
    const queue = new MessageQueue();
    const received = rejection(queue.receive(READING));
    const error = new Error('over');
    queue.end(error);
    expect(await received).toBe(error);
  });

  test('rejects with what the reading throws, and the message is consumed', async () => {
    const queue = new MessageQueue();
    const picky: Reading<never> = {
      packet: ({ data }) => {
        throw new TypeError(String(data));
      },
    };
    const waiting = rejection(queue.receive(picky));
    queue.push(packet('a'));
    queue.push(packet('b'));
    expect((await waiting).message).toBe('a');
    expect((await rejection(queue.receive(picky))).message).toBe('b');
    queue.end(new Error('end'));
    expect((await rejection(queue.receive(picky))).message).toBe('end');
  });

  test('marks every rejection as handled', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    const queue = new MessageQueue();
    void queue.receive(READING);
    void queue.receive(READING);
    queue.end(new Error('over'));
    void queue.receive(READING);
    await aWhile(20);
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });

  test('lets go of what was received, also when it is never empty', async () => {
    const queue = new MessageQueue();
    const packets = Array.from({ length: 200 }, (_, i) => packet(`${i}`));
    queue.push(packets[0]);
    const seen = new WeakRef(packets[0]);
    for (let i = 1; i < packets.length; i++) {
      queue.push(packets[i]);
      await queue.receive(READING);
      expect(queue.isFull).toBe(false);
    }
    packets.length = 0;
    await aWhile(20);
    // Collects garbage.
    heldMemory();
    expect(seen.deref()).toBeUndefined();
  });
});
