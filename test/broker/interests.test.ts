import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

vi.mock('node:timers', () => ({
  setTimeout: (...args: Parameters<typeof setTimeout>) => setTimeout(...args),
  clearTimeout: (timer: NodeJS.Timeout) => clearTimeout(timer),
}));

import fc from 'fast-check';
import { Interests } from '../../src/broker/interests.js';
import { SEED } from '../support/codecs.js';
import { FakeBroker } from '../support/fake-broker.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

function newInterests() {
  const broker = new FakeBroker();
  const errors: Error[] = [];
  const left: string[] = [];
  const interests = new Interests(
    broker,
    (error) => errors.push(error),
    (topic) => left.push(topic),
  );
  const wait = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds);
  /** Lets the broker do what it was asked for. @returns what that was */
  const done = async () => {
    await wait();
    const calls = broker.take();
    for (const { resolve } of calls) resolve();
    await wait();
    return calls.map(({ name, topic }) => `${name} ${topic}`);
  };
  return { broker, interests, errors, left, wait, done };
}

test('a topic is subscribed to once, and left some time after the last listener has left', async () => {
  const { interests, done, wait, left } = newInterests();
  interests.join('a');
  interests.join('a');
  expect(await done()).toEqual(['subscribe a']);
  interests.leave('a');
  await wait(900);
  expect(await done()).toEqual([]);
  await wait(2000);
  expect(left).toEqual([]);
  expect(await done()).toEqual(['unsubscribe a']);
  expect(left).toEqual(['a']);
  interests.join('a');
  expect(await done()).toEqual(['subscribe a']);
});

test('whoever comes back at once costs nothing', async () => {
  const { interests, done, wait } = newInterests();
  interests.join('a');
  expect(await done()).toEqual(['subscribe a']);
  for (let i = 0; i < 100; i++) {
    interests.leave('a');
    await wait(10);
    interests.join('a');
  }
  await wait(5000);
  expect(await done()).toEqual([]);
});

test('broker.A-03: the operations of a topic never overlap', async () => {
  const { interests, broker, wait, done } = newInterests();
  interests.join('a');
  await wait();
  interests.leave('a');
  await wait(3000);
  expect(broker.calls.map(({ name }) => name)).toEqual(['subscribe']);
  expect(await done()).toEqual(['subscribe a']);
  expect(await done()).toEqual(['unsubscribe a']);
});

test('broker.A-02: when the broker is back, it is asked for all topics that are listened to, and no others', async () => {
  const { interests, broker, done, wait } = newInterests();
  for (const topic of ['a', 'b', 'c']) interests.join(topic);
  await done();
  broker.status = 'down';
  interests.onDown();
  interests.leave('b');
  interests.join('d');
  await wait(5000);
  expect(await done()).toEqual([]);
  broker.status = 'up';
  interests.onUp();
  expect(await done()).toEqual(['subscribe a', 'subscribe c', 'subscribe d']);
});

test('a topic that is left and joined again while the broker is slow keeps one operation, and is heard', async () => {
  const { interests, broker, wait, done } = newInterests();
  interests.join('a');
  await wait();
  interests.leave('a');
  await wait(5000);
  interests.join('a');
  await wait();
  expect(broker.calls.map(({ name }) => name)).toEqual(['subscribe']);
  expect(await done()).toEqual(['subscribe a']);
  await wait(5000);
  expect(await done()).toEqual([]);
});

test.each(['breaks', 'is refused'])('nothing is kept of a topic whose unsubscription %s', async (what) => {
  const { interests, broker, wait, done, left } = newInterests();
  interests.join('a');
  await done();
  interests.leave('a');
  await wait(5000);
  const [call] = broker.take();
  if (what === 'is refused') call.reject();
  await wait();
  broker.status = 'down';
  interests.onDown();
  if (what === 'breaks') call.reject();
  await wait();
  broker.status = 'up';
  interests.onUp();
  expect(await done()).toEqual([]);
  expect(left).toEqual(['a']);
});

test('what was confirmed by a connection that is gone does not count', async () => {
  const { interests, broker, wait, done } = newInterests();
  interests.join('a');
  await wait();
  const [call] = broker.take();
  broker.status = 'down';
  interests.onDown();
  broker.status = 'up';
  interests.onUp();
  call.resolve();
  expect(await done()).toEqual(['subscribe a']);
});

test('what the broker refuses is told once for each topic, and tried again', async () => {
  const { interests, broker, wait, errors, done } = newInterests();
  interests.join('a');
  for (let i = 0; i < 3; i++) {
    await wait();
    broker.take()[0].reject(new Error('NOPERM'));
    await wait(30_000);
  }
  expect(errors.map(({ message }) => message)).toEqual(['NOPERM']);
  expect(await done()).toEqual(['subscribe a']);
});

describe('after any program', () => {
  test('broker.A-03: the broker has what the sockets want', async () => {
    const steps = fc.oneof(
      fc.record({ do: fc.constantFrom('join', 'leave', 'answer', 'refuse'), topic: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constantFrom('wait', 'long wait', 'down', 'up'), topic: fc.constant('') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { maxLength: 60 }), async (program) => {
        const { interests, broker, left, wait } = newInterests();
        const kept = new Set<string>();
        const wanted = new Set<string>();
        const subscribed = new Set<string>();
        const answer = (index: number) => {
          const [call] = broker.calls.splice(index, 1);
          if (call === undefined) return;
          if (call.name === 'subscribe') subscribed.add(call.topic);
          else subscribed.delete(call.topic);
          call.resolve();
        };
        for (const { do: what, topic } of program) {
          if (what === 'join') {
            wanted.add(topic);
            for (const gone of left.splice(0)) kept.delete(gone);
            kept.add(topic);
            interests.join(topic);
          } else if (what === 'leave') {
            if (wanted.delete(topic)) interests.leave(topic);
          } else if (what === 'answer') answer(0);
          else if (what === 'refuse') broker.calls.shift()?.reject();
          else if (what === 'wait') await wait(100);
          else if (what === 'long wait') await wait(2500);
          else if (what === 'down') {
            broker.status = 'down';
            subscribed.clear();
            for (const { reject } of broker.take()) reject();
            interests.onDown();
          } else if (broker.status === 'down') {
            broker.status = 'up';
            interests.onUp();
          }
          await wait(0);
        }
        if (broker.status === 'down') {
          broker.status = 'up';
          interests.onUp();
        }
        for (let i = 0; i < 40; i++) {
          await wait(2000);
          while (broker.calls.length > 0) answer(0);
        }
        expect([...subscribed].sort()).toEqual([...wanted].sort());
        for (const gone of left) kept.delete(gone);
        expect([...kept].sort()).toEqual([...wanted].sort());
        interests.close();
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
});
