import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Backlog, Batch } from '../../../src/net/writing/backlog.js';
import { takeChunk } from '../../../src/net/writing/chunk.js';
import { LONGEST_WRITE } from '../../../src/net/writing/sizes.js';
import { stateOf } from '../../support/outbox-harness.js';

test('a batch counts the octets of its parts', () => {
  const batch = new Batch();
  batch.add(Buffer.from('one'));
  const chunk = takeChunk(10);
  chunk.appendEncoded(Buffer.from('three'));
  batch.addChunk(chunk);
  expect([batch.length, batch.chunks, Buffer.concat(batch.parts).toString()]).toEqual([8, [chunk], 'onethree']);
});

/** A backlog whose writes are taken whole as often as `taken` says, and the slices that it has written. */
function makeBacklog({ begun = 0 as 0 | 1, taken = [] as boolean[], releasesMemory = true } = {}) {
  const slices: Buffer[] = [];
  const departures: number[] = [];
  /** What had not left each time that something did. */
  const rests: number[] = [];
  const output = {
    writeParts(parts: readonly Uint8Array[]) {
      slices.push(Buffer.concat(parts));
      return taken.shift() ?? true;
    },
    addDeparted(length: number) {
      departures.push(length);
      rests.push(backlog.length);
    },
  };
  const backlog: Backlog = new Backlog(output, { releasesMemory }, begun);
  return { backlog, slices, departures, rests };
}

test('is done when nothing is in flight or waits, and nobody is owed a drain', () => {
  const { backlog } = makeBacklog();
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
  const { backlog } = makeBacklog({ taken: [false, false] });
  backlog.open.add(Buffer.from('first'));
  expect(backlog.writeWaiting()).toBe(false);
  backlog.open.add(Buffer.from('second'));
  const batch = backlog.onAppend();
  const promise = backlog.whenFree();
  expect(backlog.written()).toBe(true);
  backlog.settle();
  expect([backlog.hasLeft(batch), await stateOf(promise)]).toEqual([false, 'pending']);
  expect(backlog.writeWaiting()).toBe(false);
  backlog.settle();
  expect([backlog.hasLeft(batch), await stateOf(promise)]).toEqual([false, 'pending']);
  expect(backlog.written()).toBe(true);
  backlog.settle();
  expect([backlog.hasLeft(batch), await stateOf(promise)]).toEqual([true, 'resolved']);
});

test('made while its first batch is being written, it counts that one as begun', () => {
  const { backlog, departures } = makeBacklog({ begun: 1 });
  const batch = backlog.onAppend();
  backlog.onWriteBegun(Buffer.from('first'), null);
  expect([backlog.length, backlog.written()]).toEqual([5, true]);
  expect(backlog.hasLeft(batch)).toBe(false);
  expect(departures).toEqual([5]);
});

test('gives chunks back that nobody reads any more, and only those', () => {
  for (const releasesMemory of [true, false]) {
    const { backlog } = makeBacklog({ releasesMemory });
    const chunk = takeChunk(1000);
    chunk.appendEncoded(Buffer.from('x'));
    backlog.open.addChunk(chunk);
    expect(backlog.writeWaiting()).toBe(true);
    expect(takeChunk(1000) === chunk).toBe(releasesMemory);
  }
});

describe('what is long leaves in writes of 1 MiB', () => {
  const MIB = 1_048_576;
  const sizes = (buffers: readonly Buffer[]) => buffers.map(({ length }) => length);
  const random = (length: number) => randomBytes(length);

  test('so that what has left shows, also while the rest is in flight', () => {
    const { backlog, slices, departures, rests } = makeBacklog({ taken: [true, false, true, false, true] });
    const parts = [10, 2.5 * MIB, 10, 1.5 * MIB, 70_000].map(random);
    for (const part of parts) backlog.open.add(part);
    const total = parts.reduce((sum, { length }) => sum + length, 0);
    expect(backlog.writeWaiting()).toBe(false);
    expect([departures, backlog.length]).toEqual([[MIB], total - MIB]);
    expect(backlog.written()).toBe(false);
    expect(departures).toEqual([MIB, MIB, MIB]);
    expect(backlog.written()).toBe(true);
    expect(departures.reduce((sum, length) => sum + length)).toBe(total);
    expect(sizes(slices)).toEqual(departures);
    // What has not left counts, also while it is told that something has.
    expect(rests).toEqual(departures.map((_length, i) => departures.slice(i + 1).reduce((sum, rest) => sum + rest, 0)));
    expect(Buffer.concat(slices).equals(Buffer.concat(parts))).toBe(true);
    expect(Math.max(...departures)).toBeLessThanOrEqual(LONGEST_WRITE);
  });

  test('but a header and 1 MiB, or a little more, leave together and uncut', () => {
    const { backlog, slices } = makeBacklog();
    const parts = [10, MIB, 10, MIB, 10, MIB + 60_000].map(random);
    for (const part of parts) backlog.open.add(part);
    expect(backlog.writeWaiting()).toBe(true);
    expect(sizes(slices)).toEqual([MIB + 10, MIB + 10, MIB + 60_010]);
    expect(Buffer.concat(slices).equals(Buffer.concat(parts))).toBe(true);
  });

  test('and chunks are given back when all of it has left, not before', () => {
    const { backlog } = makeBacklog({ taken: [true, false] });
    const chunk = takeChunk(1000);
    chunk.appendEncoded(Buffer.from('x'));
    backlog.open.addChunk(chunk);
    backlog.open.add(random(3 * MIB));
    expect(backlog.writeWaiting()).toBe(false);
    const other = takeChunk(1000);
    expect(other).not.toBe(chunk);
    expect(backlog.written()).toBe(true);
    expect(takeChunk(1000)).toBe(chunk);
  });
});
