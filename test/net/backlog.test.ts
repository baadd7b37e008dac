import { expect, test } from 'vitest';
import { Backlog, Batch } from '../../src/net/backlog.js';
import { takeChunk } from '../../src/net/staging.js';
import { stateOf } from '../support/outbox-harness.js';

test('a batch counts the octets of its parts', () => {
  const batch = new Batch();
  batch.add(Buffer.from('one'));
  const chunk = takeChunk(10);
  chunk.appendEncoded(Buffer.from('three'));
  batch.addChunk(chunk);
  expect([batch.length, batch.chunks, Buffer.concat(batch.parts).toString()]).toEqual([8, [chunk], 'onethree']);
});

test('is done when nothing is in flight or waits, and nobody is owed a drain', () => {
  const backlog = new Backlog(0);
  expect([backlog.isDone, backlog.length]).toEqual([true, 0]);
  backlog.open.add(Buffer.from('waits'));
  expect([backlog.isDone, backlog.length]).toEqual([false, 5]);
  backlog.inFlight = backlog.waiting;
  backlog.waiting = null;
  expect([backlog.isDone, backlog.length]).toEqual([false, 5]);
  backlog.inFlight = null;
  backlog.behind = true;
  expect(backlog.isDone).toBe(false);
  backlog.behind = false;
  backlog.pong = Buffer.alloc(1);
  expect(backlog.isDone).toBe(false);
});

test('a frame leaves with the batch that is begun next; its promise settles when that has left', async () => {
  const backlog = new Backlog(0);
  backlog.begin();
  const batch = backlog.onAppend();
  const promise = backlog.whenFree();
  backlog.begin();
  backlog.complete(new Batch(), false);
  backlog.settle();
  expect([backlog.hasLeft(batch), await stateOf(promise)]).toEqual([false, 'pending']);
  backlog.complete(new Batch(), false);
  backlog.settle();
  expect([backlog.hasLeft(batch), await stateOf(promise)]).toEqual([true, 'resolved']);
});

test('made while its first batch is being written, it counts that one as begun', () => {
  const backlog = new Backlog(1);
  const batch = backlog.onAppend();
  backlog.complete(new Batch(), false);
  expect(backlog.hasLeft(batch)).toBe(false);
});

test('gives chunks back that nobody reads any more, and only those', () => {
  const backlog = new Backlog(0);
  for (const reusable of [true, false]) {
    const chunk = takeChunk(1000);
    chunk.appendEncoded(Buffer.from('x'));
    const batch = new Batch();
    batch.addChunk(chunk);
    backlog.complete(batch, reusable);
    expect(takeChunk(1000) === chunk).toBe(reusable);
  }
});
