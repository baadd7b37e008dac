import { expect, test } from 'vitest';
import { messageIterator } from '../../src/api/message-iterator.js';

/** Two messages, and the end. */
function twoMessages() {
  const results: IteratorResult<string>[] = [
    { value: 'a', done: false },
    { value: 'b', done: false },
    { value: undefined, done: true },
  ];
  return () => Promise.resolve(results.shift()!);
}

test('gives the messages up to their end, and does not leave then', async () => {
  let left = 0;
  const messages: string[] = [];
  for await (const message of messageIterator(twoMessages(), () => left++)) messages.push(message);
  await new Promise(setImmediate);
  expect(messages).toEqual(['a', 'b']);
  expect(left).toBe(0);
});

test('a loop that ends early leaves, behind what else happens in that turn', async () => {
  const events: string[] = [];
  const leave = () => void events.push('left');
  for await (const message of messageIterator(twoMessages(), leave)) {
    events.push(message);
    break;
  }
  events.push('behind the loop');
  await new Promise(setImmediate);
  expect(events).toEqual(['a', 'behind the loop', 'left']);
});

test('so does one that ends with an error, which goes on', async () => {
  let left = 0;
  const loop = (async () => {
    for await (const message of messageIterator(twoMessages(), () => left++)) throw new Error(message);
  })();
  await expect(loop).rejects.toThrow('a');
  await new Promise(setImmediate);
  expect(left).toBe(1);
});
