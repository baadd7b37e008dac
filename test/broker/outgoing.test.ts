import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

vi.mock('node:timers', () => ({
  setTimeout: (...args: Parameters<typeof setTimeout>) => setTimeout(...args),
  clearTimeout: (timer: NodeJS.Timeout) => clearTimeout(timer),
  setImmediate: (callback: () => void) => setImmediate(callback),
}));

import { Outgoing } from '../../src/broker/outgoing.js';
import { FakeBroker } from '../support/fake-broker.js';
import { heldMemory } from '../support/memory.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] }));
afterEach(() => void vi.useRealTimers());

function newOutgoing(maxBuffered = 1000) {
  const broker = new FakeBroker();
  const dropped: string[] = [];
  const outgoing = new Outgoing(broker, maxBuffered, (topic) => dropped.push(topic));
  const push = (topic: string, size = 100) => outgoing.push(topic, Buffer.alloc(size));
  const sent = () => broker.take().map(({ topic }) => topic);
  return { broker, dropped, outgoing, push, sent };
}

/** What a promise has come to by now. */
async function stateOf(promise: Promise<void>): Promise<string> {
  return Promise.race([
    promise.then(
      () => 'resolved',
      (error) => `rejected ${error.code}`,
    ),
    new Promise<string>((resolve) =>
      queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => resolve('waits')))),
    ),
  ]);
}

describe('while the broker is up', () => {
  test('all goes out in its order, however much a turn publishes', () => {
    const { push, sent, dropped } = newOutgoing();
    for (let i = 0; i < 1000; i++) push(`t${i}`);
    expect(sent()).toEqual(Array.from({ length: 1000 }, (_, i) => `t${i}`));
    expect(dropped).toEqual([]);
  });

  test('no more than 1 MiB is under way, and the rest waits its turn', async () => {
    const { broker, push, sent, dropped, outgoing } = newOutgoing();
    for (let i = 0; i < 5; i++) push(`t${i}`, 600_000);
    const [first, second, ...more] = broker.take();
    expect([first.topic, second.topic, more]).toEqual(['t0', 't1', []]);
    expect(outgoing.bytes).toBe(3_000_000);
    first.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(sent()).toEqual([]);
    second.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(sent()).toEqual(['t2', 't3']);
    expect(dropped).toEqual([]);
  });

  test('a burst of more than 64 MiB loses its oldest that wait', () => {
    const { broker, push, dropped, outgoing } = newOutgoing();
    for (let i = 0; i < 70; i++) push(`t${i}`, 1_048_576);
    expect(broker.take().map(({ topic }) => topic)).toEqual(['t0']);
    expect(dropped).toEqual(['t1', 't2', 't3', 't4', 't5']);
    expect(outgoing.bytes).toBe(65 * 1_048_576);
  });

  test('if it takes less than comes for more than a second, the oldest that wait are dropped', async () => {
    const { push, sent, dropped, broker } = newOutgoing();
    push('under way', 1_048_576);
    for (let i = 0; i < 20; i++) push(`t${i}`);
    await vi.advanceTimersByTimeAsync(1500);
    expect(dropped).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(dropped).toEqual(Array.from({ length: 10 }, (_, i) => `t${i}`));
    broker.take()[0].resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(sent()).toEqual(Array.from({ length: 10 }, (_, i) => `t${i + 10}`));
  });

  test('what it refuses is dropped, and what comes after it goes on', async () => {
    const { push, broker, dropped, sent } = newOutgoing();
    push('a');
    push('b');
    const [a, b] = broker.take();
    a.reject();
    b.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(dropped).toEqual(['a']);
    push('c');
    expect(sent()).toEqual(['c']);
  });

  test('one that throws is one that refuses', async () => {
    const { push, broker, dropped } = newOutgoing();
    broker.publish = () => {
      throw new Error('too large');
    };
    push('a');
    await vi.advanceTimersByTimeAsync(0);
    expect(dropped).toEqual(['a']);
  });
});

describe('while the broker is away', () => {
  test('maxBuffered bytes are kept, the newest, and go out when it is back', () => {
    const { broker, push, sent, dropped, outgoing } = newOutgoing(1000);
    broker.status = 'down';
    for (let i = 0; i < 25; i++) push(`t${i}`);
    expect(dropped).toEqual(Array.from({ length: 15 }, (_, i) => `t${i}`));
    expect(outgoing.bytes).toBe(1000);
    broker.status = 'up';
    outgoing.pump();
    expect(sent()).toEqual(Array.from({ length: 10 }, (_, i) => `t${i + 15}`));
  });

  test('what is dropped is not held', () => {
    const { broker, push, dropped } = newOutgoing(1_000_000);
    broker.status = 'down';
    const before = heldMemory().arrayBuffers;
    for (let i = 0; i < 500; i++) push('a', 100_000);
    expect(dropped).toHaveLength(490);
    expect(heldMemory().arrayBuffers - before).toBeLessThan(1_100_000);
  });

  test('what was under way when the connection broke goes out again, before what came later', async () => {
    const { broker, push, sent, dropped, outgoing } = newOutgoing();
    for (const topic of ['a', 'b', 'c']) push(topic);
    const [a, b, c] = broker.take();
    a.resolve();
    c.reject();
    b.reject();
    broker.status = 'down';
    push('d');
    await vi.advanceTimersByTimeAsync(0);
    push('e');
    expect(sent()).toEqual([]);
    broker.status = 'up';
    outgoing.pump();
    expect(sent()).toEqual(['b', 'c', 'd', 'e']);
    expect(dropped).toEqual([]);
  });

  test('though it is up again before that shows, the order holds', async () => {
    const { broker, push, sent } = newOutgoing();
    push('a');
    broker.take()[0].reject();
    await Promise.resolve();
    await Promise.resolve();
    push('b');
    broker.status = 'down';
    await vi.advanceTimersByTimeAsync(0);
    broker.status = 'up';
    push('c');
    expect(sent()).toEqual(['a', 'b', 'c']);
  });
});

test('a broker that takes all at once gets any number of messages', async () => {
  const { broker, push, outgoing, dropped } = newOutgoing(10_000_000);
  let taken = 0;
  broker.publish = () => void taken++ as never;
  broker.status = 'down';
  for (let i = 0; i < 50_000; i++) push('a', 1);
  broker.status = 'up';
  outgoing.pump();
  expect([taken, outgoing.bytes, dropped]).toEqual([50_000, 0, []]);
  expect(await stateOf(outgoing.published)).toBe('resolved');
});

test('what is given back in several turns keeps its order', async () => {
  const { broker, push, sent, outgoing } = newOutgoing();
  for (const topic of ['a', 'b', 'c']) push(topic);
  const [a, b, c] = broker.take();
  broker.status = 'down';
  for (const call of [b, c, a]) {
    call.reject();
    await vi.advanceTimersByTimeAsync(0);
  }
  broker.status = 'up';
  outgoing.pump();
  expect(sent()).toEqual(['a', 'b', 'c']);
});

describe('published', () => {
  test('that is read when something is dropped rejects for that', async () => {
    const broker = new FakeBroker();
    broker.status = 'down';
    const told: Promise<void>[] = [];
    const outgoing: Outgoing = new Outgoing(broker, 100, () => told.push(outgoing.published));
    outgoing.push('a', Buffer.alloc(60));
    outgoing.push('a', Buffer.alloc(60));
    outgoing.close();
    expect(await stateOf(told[0])).toBe('rejected WASOCK_BROKER_DROPPED');
  });

  test('resolves when the broker has all that was published before, and waits for nothing later', async () => {
    const { broker, push, outgoing } = newOutgoing();
    expect(await stateOf(outgoing.published)).toBe('resolved');
    push('a');
    push('b');
    const { published } = outgoing;
    expect(outgoing.published).toBe(published);
    push('c');
    const [a, b] = broker.take();
    b.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(await stateOf(published)).toBe('waits');
    a.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(await stateOf(published)).toBe('resolved');
  });

  test('rejects if something of that is dropped, once', async () => {
    const { broker, push, outgoing } = newOutgoing(200);
    broker.status = 'down';
    for (const topic of ['a', 'b', 'c']) push(topic);
    const { published } = outgoing;
    push('d');
    broker.status = 'up';
    outgoing.pump();
    for (const { resolve } of broker.take()) resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(await stateOf(published)).toBe('rejected WASOCK_BROKER_DROPPED');
    push('e');
    broker.take()[0].resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(await stateOf(outgoing.published)).toBe('resolved');
  });

  test('counts all that are dropped together', async () => {
    const { broker, push, outgoing } = newOutgoing();
    for (const topic of ['a', 'b', 'c']) push(topic);
    const refused = expect(outgoing.published).rejects.toThrow(/^3 message/);
    for (const { reject } of broker.take()) reject();
    await vi.advanceTimersByTimeAsync(0);
    await refused;
    push('d');
    broker.take()[0].resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(await stateOf(outgoing.published)).toBe('resolved');
    for (const topic of ['a', 'b', 'c']) push(topic);
    const givenUp = expect(outgoing.published).rejects.toThrow(/^3 message/);
    outgoing.close();
    await givenUp;
  });

  test('rejects for a message that is too long to be sent', async () => {
    const { outgoing, dropped } = newOutgoing();
    outgoing.skip('a', 7);
    expect(dropped).toEqual(['a']);
    expect(await stateOf(outgoing.published)).toBe('rejected WASOCK_BROKER_DROPPED');
  });

  test('rejects when all is given up', async () => {
    const { outgoing, push, dropped } = newOutgoing();
    push('a');
    const { published } = outgoing;
    outgoing.close();
    expect([dropped, await stateOf(published)]).toEqual([['a'], 'rejected WASOCK_BROKER_DROPPED']);
    push('b');
    expect(dropped).toEqual(['a', 'b']);
  });
});

test('what was dropped or sent is not held', async () => {
  const { broker, push } = newOutgoing();
  broker.status = 'down';
  const before = heldMemory().arrayBuffers;
  for (let i = 0; i < 500; i++) push(`t${i}`, 20_000);
  expect(heldMemory().arrayBuffers - before).toBeLessThan(100_000);
  broker.status = 'up';
  for (let i = 0; i < 500; i++) {
    push(`t${i}`, 20_000);
    for (const { resolve } of broker.take()) resolve();
    for (let turn = 0; turn < 3; turn++) await undefined;
  }
  expect(heldMemory().arrayBuffers - before).toBeLessThan(100_000);
});
