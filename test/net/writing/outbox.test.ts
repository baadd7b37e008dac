import { describe, expect, test } from 'vitest';
import { LARGEST_CHUNK, UNCOPIED_FROM } from '../../../src/net/writing/sizes.js';
import { parseFrames } from '../../support/frame-parser.js';
import { frameFor } from '../../support/framer.js';
import { endOfTurn, HIGH_WATER_MARK, makeOutbox, stateOf } from '../../support/outbox-harness.js';

const TEXT = 0x81;
const BINARY = 0x82;
const bytes = (size: number, fill = 1) => Buffer.alloc(size, fill);
const framesOf = (octets: Buffer) => parseFrames(octets).map(({ payload }) => payload.toString());

describe('when frames leave', () => {
  test('those of one turn leave in one write, at its end', async () => {
    const { outbox, transport } = makeOutbox();
    for (const text of ['one', 'two', 'three']) expect(outbox.append(TEXT, text)).toBe(true);
    expect(transport.written).toEqual([]);
    await endOfTurn();
    expect(transport.written).toHaveLength(1);
    expect(transport.partCounts).toEqual([1]);
    expect(framesOf(transport.octets)).toEqual(['one', 'two', 'three']);
  });

  test('those of many outboxes leave in the same turn, each in one write', async () => {
    const all = Array.from({ length: 20 }, () => makeOutbox());
    for (let i = 0; i < 3; i++) for (const { outbox } of all) outbox.append(TEXT, `${i}`);
    await endOfTurn();
    expect(all.map(({ transport }) => transport.written.length)).toEqual(all.map(() => 1));
    expect(all.map(({ transport }) => framesOf(transport.octets).join())).toEqual(all.map(() => '0,1,2'));
  });

  test('between hold and release they wait for the release, and leave within it', async () => {
    const { outbox, transport } = makeOutbox();
    outbox.hold();
    outbox.append(TEXT, 'one');
    outbox.append(TEXT, 'two');
    await endOfTurn();
    expect(transport.written).toEqual([]);
    outbox.release();
    expect(framesOf(transport.octets)).toEqual(['one', 'two']);
    expect(transport.written).toHaveLength(1);
  });

  test('a release without frames writes nothing', () => {
    const { outbox, transport } = makeOutbox();
    outbox.hold();
    outbox.release();
    expect(transport.written).toEqual([]);
  });

  test('frames appended before and behind a hold keep their order', async () => {
    const { outbox, transport } = makeOutbox();
    outbox.append(TEXT, 'before');
    outbox.hold();
    outbox.append(TEXT, 'within');
    outbox.release();
    outbox.append(TEXT, 'behind');
    await endOfTurn();
    expect(framesOf(transport.octets)).toEqual(['before', 'within', 'behind']);
  });

  test('two to three full chunks leave within the turn, so that no batch is much larger', async () => {
    const { outbox, transport } = makeOutbox();
    const frames = 4000;
    for (let i = 0; i < frames; i++) outbox.append(BINARY, bytes(1000, i));
    const withinTurn = transport.written.map(({ length }) => length);
    expect(withinTurn.length).toBeGreaterThanOrEqual(5);
    expect(Math.min(...withinTurn)).toBeGreaterThanOrEqual(2 * LARGEST_CHUNK);
    expect(Math.max(...withinTurn)).toBeLessThanOrEqual(3 * LARGEST_CHUNK + 1004);
    await endOfTurn();
    const expected = Array.from({ length: frames }, (_, i) => frameFor('client', 2, bytes(1000, i)));
    expect(transport.octets.equals(Buffer.concat(expected))).toBe(true);
  });

  test('while a write is in flight they wait, and leave together behind it', async () => {
    const { outbox, transport } = makeOutbox();
    transport.takesWhole = false;
    outbox.append(TEXT, 'first');
    await endOfTurn();
    for (const text of ['a', 'b', 'c']) {
      outbox.append(TEXT, text);
      await endOfTurn();
    }
    transport.takesWhole = true;
    transport.complete();
    expect(transport.written).toHaveLength(2);
    expect(framesOf(transport.octets)).toEqual(['first', 'a', 'b', 'c']);
  });

  test('order is kept between frames that are copied and payloads that are not', async () => {
    const { outbox, transport } = makeOutbox();
    const large = bytes(UNCOPIED_FROM, 3);
    outbox.hold();
    outbox.append(TEXT, 'before');
    outbox.append(BINARY, large);
    outbox.append(TEXT, 'between');
    outbox.append(BINARY, large);
    outbox.append(TEXT, 'behind');
    outbox.release();
    expect(framesOf(transport.octets)).toEqual(['before', `${large}`, 'between', `${large}`, 'behind']);
  });

  test.each([
    ['took', true],
    ['did not take', false],
  ])('a frame that is appended within a write that the stream %s whole is not lost', async (_name, takesWhole) => {
    const { outbox, transport } = makeOutbox({ releasesMemory: false });
    transport.takesWhole = takesWhole;
    let nested = 0;
    transport.onWrite = () => {
      if (nested++ < 3) outbox.append(TEXT, `nested ${nested}`);
    };
    for (let i = 0; i < 10; i++) outbox.append(BINARY, bytes(LARGEST_CHUNK / 2, i));
    await endOfTurn();
    while (transport.inFlight !== null) transport.complete();
    const frames = framesOf(transport.octets);
    expect(frames.filter((text) => !text.startsWith('nested')).map((text) => text.charCodeAt(0))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    expect(frames.filter((text) => text.startsWith('nested'))).toEqual(['nested 1', 'nested 2', 'nested 3']);
  });
});

describe('payloads', () => {
  test('below UNCOPIED_FROM are the caller’s again when append returns', async () => {
    const { outbox, transport } = makeOutbox();
    transport.takesWhole = false;
    const payload = bytes(UNCOPIED_FROM - 1, 1);
    expect(outbox.append(BINARY, payload)).toBe(true);
    payload.fill(9);
    await endOfTurn();
    transport.complete();
    expect(transport.octets.equals(frameFor('client', 2, bytes(UNCOPIED_FROM - 1, 1)))).toBe(true);
  });

  test('from UNCOPIED_FROM on leave without a copy, at once', () => {
    const { outbox, transport } = makeOutbox();
    transport.takesWhole = false;
    const payload = bytes(UNCOPIED_FROM);
    outbox.append(BINARY, payload);
    expect(transport.inFlight).toHaveLength(2);
    expect(transport.inFlight?.[1]).toBe(payload);
  });

  test('from UNCOPIED_FROM on, those of one receive callback leave together at its end, and are free then', async () => {
    const { outbox, transport } = makeOutbox();
    outbox.hold();
    const payloads = [bytes(UNCOPIED_FROM, 1), bytes(UNCOPIED_FROM, 2), bytes(UNCOPIED_FROM, 3)];
    const free = payloads.map((payload) => (outbox.append(BINARY, payload) ? null : outbox.whenFree()));
    expect(new Set(free).size).toBe(1);
    expect(transport.written).toHaveLength(0);
    outbox.release();
    expect(transport.written).toHaveLength(1);
    expect(await stateOf(free[0]!)).toBe('resolved');
    expect(outbox.bufferedAmount).toBe(0);
  });

  test('within a receive callback no more waits than one batch', () => {
    const { outbox, transport } = makeOutbox();
    outbox.hold();
    for (let i = 0; i < 20; i++) outbox.append(BINARY, bytes(UNCOPIED_FROM * 2, i));
    expect(transport.written.length).toBeGreaterThan(1);
    expect(outbox.bufferedAmount).toBeLessThan(LARGEST_CHUNK + UNCOPIED_FROM * 2);
    outbox.release();
    expect(outbox.bufferedAmount).toBe(0);
  });

  test('are copied where the reader may keep what was written', () => {
    const { outbox, transport } = makeOutbox({ releasesMemory: false });
    transport.takesWhole = false;
    const payload = bytes(200_000);
    expect(outbox.append(BINARY, payload)).toBe(true);
    outbox.flush();
    expect(transport.inFlight?.every((part) => part.buffer !== payload.buffer)).toBe(true);
  });
});

describe('what append and whenFree tell the caller', () => {
  test('the kernel took an uncopied payload whole: it is free', () => {
    const { outbox } = makeOutbox();
    expect(outbox.append(BINARY, bytes(1_000_000))).toBe(true);
  });

  test('the kernel still reads an uncopied payload: it is free once the write has ended', async () => {
    const { outbox, transport } = makeOutbox();
    transport.takesWhole = false;
    expect(outbox.append(BINARY, bytes(UNCOPIED_FROM))).toBe(false);
    const free = outbox.whenFree();
    expect(await stateOf(free)).toBe('pending');
    transport.complete();
    expect(await stateOf(free)).toBe('resolved');
  });

  test('an uncopied payload behind a write in flight is free once its own write has ended', async () => {
    const { outbox, transport } = makeOutbox({ highWaterMark: 10_000_000 });
    transport.takesWhole = false;
    outbox.append(BINARY, bytes(UNCOPIED_FROM));
    const first = outbox.whenFree();
    expect(outbox.append(BINARY, bytes(UNCOPIED_FROM))).toBe(false);
    const second = outbox.whenFree();
    transport.complete();
    expect([await stateOf(first), await stateOf(second)]).toEqual(['resolved', 'pending']);
    transport.complete();
    expect(await stateOf(second)).toBe('resolved');
  });

  test('the peer is behind when more than highWaterMark waits and the kernel takes nothing', async () => {
    const { outbox, transport, events } = makeOutbox();
    transport.takesWhole = false;
    outbox.append(TEXT, 'x');
    await endOfTurn();
    const step = bytes(1000);
    let accepted = 0;
    while (outbox.append(BINARY, step)) accepted++;
    expect(outbox.bufferedAmount).toBe(3 + (accepted + 1) * 1004);
    expect(outbox.bufferedAmount).toBeGreaterThan(HIGH_WATER_MARK);
    expect(outbox.bufferedAmount - 1004).toBeLessThanOrEqual(HIGH_WATER_MARK);
    const free = outbox.whenFree();
    transport.complete();
    expect([await stateOf(free), events.drains]).toEqual(['pending', 0]);
    transport.takesWhole = true;
    transport.complete();
    expect([await stateOf(free), events.drains]).toEqual(['resolved', 1]);
  });

  test('a peer that does not lag causes no drain', async () => {
    const { outbox, transport, events } = makeOutbox();
    transport.takesWhole = false;
    outbox.append(TEXT, 'x');
    await endOfTurn();
    transport.complete();
    expect(events.drains).toBe(0);
  });

  test('those who wait settle in the order of their frames', async () => {
    const { outbox, transport } = makeOutbox();
    transport.takesWhole = false;
    const order: number[] = [];
    const waits = [0, 1, 2, 3].map((i) => {
      outbox.append(BINARY, bytes(40_000));
      return outbox.whenFree().then(() => order.push(i));
    });
    while (transport.inFlight !== null) transport.complete();
    await Promise.all(waits);
    expect(order).toEqual([0, 1, 2, 3]);
  });

  test('those who wait when the connection closes are rejected, and nothing is written any more', async () => {
    const { outbox, transport } = makeOutbox();
    transport.takesWhole = false;
    outbox.append(BINARY, bytes(UNCOPIED_FROM));
    const inFlight = outbox.whenFree();
    outbox.append(BINARY, bytes(UNCOPIED_FROM));
    const waiting = outbox.whenFree();
    outbox.close();
    await expect(inFlight).rejects.toThrow('closed');
    await expect(waiting).rejects.toThrow('closed');
    expect(outbox.bufferedAmount).toBe(0);
    expect(outbox.append(TEXT, 'late')).toBe(true);
    await endOfTurn();
    transport.complete();
    expect(transport.written).toHaveLength(1);
  });
});

describe('bufferedAmount', () => {
  test('counts headers and payloads of all that the kernel has not taken, exactly', async () => {
    const { outbox, transport } = makeOutbox();
    transport.takesWhole = false;
    outbox.append(TEXT, 'abc');
    expect(outbox.bufferedAmount).toBe(5);
    await endOfTurn();
    expect(outbox.bufferedAmount).toBe(5);
    outbox.append(BINARY, bytes(126));
    expect(outbox.bufferedAmount).toBe(5 + 130);
    outbox.append(BINARY, bytes(70_000));
    expect(outbox.bufferedAmount).toBe(5 + 130 + 70_010);
    outbox.append(TEXT, 'ü');
    expect(outbox.bufferedAmount).toBe(5 + 130 + 70_010 + 4);
    transport.complete();
    expect(outbox.bufferedAmount).toBe(130 + 70_010 + 4);
    transport.complete();
    expect(outbox.bufferedAmount).toBe(0);
  });

  test('counts the four octets of a masking key', () => {
    const { outbox } = makeOutbox({ maskingKey: () => 1 });
    outbox.append(TEXT, 'abc');
    expect(outbox.bufferedAmount).toBe(9);
  });
});

describe('frames that are encoded already, for many outboxes', () => {
  const shared = Buffer.concat([
    frameFor('client', 1, 'one'),
    frameFor('client', 1, 'two'),
    frameFor('client', 1, 'six'),
  ]);
  const frames = [shared.subarray(0, 5), shared.subarray(5, 10), shared.subarray(10)];

  test('those of one turn that stand one behind the other leave as one part, where they are', async () => {
    const outboxes = [makeOutbox(), makeOutbox()];
    for (const frame of frames) for (const { outbox } of outboxes) expect(outbox.appendFrame(frame)).toBe(true);
    expect(outboxes.map(({ outbox }) => outbox.bufferedAmount)).toEqual([15, 15]);
    await endOfTurn();
    for (const { outbox, transport } of outboxes) {
      expect(transport.given.map((part) => part.buffer)).toEqual([shared.buffer]);
      expect(transport.written).toEqual([shared]);
      expect(outbox.bufferedAmount).toBe(0);
    }
  });

  test('keep their order among frames of our own', async () => {
    const { outbox, transport } = makeOutbox();
    outbox.appendFrame(frames[0]);
    outbox.append(0x81, 'own');
    outbox.appendFrame(frames[1]);
    outbox.appendFrame(frames[2]);
    outbox.append(0x82, Buffer.alloc(UNCOPIED_FROM));
    outbox.appendFrame(frames[0]);
    outbox.appendPong(Buffer.alloc(0));
    await endOfTurn();
    const own = [
      frameFor('client', 1, 'own'),
      frameFor('client', 2, Buffer.alloc(UNCOPIED_FROM)),
      frameFor('client', 10),
    ];
    const [one, two, six] = frames;
    expect(transport.octets.equals(Buffer.concat([one, own[0], two, six, own[1], one, own[2]]))).toBe(true);
  });

  test('that do not stand one behind the other are put together', async () => {
    const { outbox, transport } = makeOutbox();
    for (const i of [2, 0, 0, 1]) outbox.appendFrame(frames[i]);
    await endOfTurn();
    expect(transport.written).toEqual([Buffer.concat([frames[2], frames[0], frames[0], frames[1]])]);
  });

  test('are copied behind a write in flight, so that a slow peer keeps no shared memory alive', async () => {
    const { outbox, transport } = makeOutbox();
    transport.takesWhole = false;
    outbox.appendFrame(frames[0]);
    outbox.flush();
    outbox.appendFrame(frames[1]);
    outbox.appendFrame(frames[2]);
    transport.complete();
    expect(transport.given.map((part) => part.buffer === shared.buffer)).toEqual([true, false]);
    transport.complete();
    expect(transport.octets.equals(shared)).toBe(true);
  });

  test('are copied for a reader who may keep what was written', async () => {
    const { outbox, transport } = makeOutbox({ releasesMemory: false });
    outbox.appendFrame(frames[0]);
    await endOfTurn();
    expect(transport.given[0].buffer).not.toBe(shared.buffer);
    expect(transport.octets.equals(frames[0])).toBe(true);
  });

  test('large ones are not copied behind other frames either', async () => {
    const large = frameFor('client', 2, Buffer.alloc(100_000, 'large'));
    const { outbox, transport } = makeOutbox();
    outbox.append(0x81, 'own');
    outbox.appendFrame(large);
    outbox.appendFrame(frames[0]);
    await endOfTurn();
    expect(transport.given.some((part) => part.buffer === large.buffer)).toBe(true);
    expect(transport.octets.equals(Buffer.concat([frameFor('client', 1, 'own'), large, frames[0]]))).toBe(true);
  });

  test('say whether the peer is behind, and are dropped behind the end', async () => {
    const { outbox, transport } = makeOutbox({ highWaterMark: 12 });
    transport.takesWhole = false;
    expect(outbox.appendFrame(frames[0])).toBe(true);
    outbox.flush();
    expect(outbox.appendFrame(frames[1])).toBe(true);
    expect(outbox.appendFrame(frames[2])).toBe(false);
    const free = outbox.whenFree();
    transport.complete();
    expect(await stateOf(free)).toBe('pending');
    transport.complete();
    expect(await stateOf(free)).toBe('resolved');
    outbox.end();
    expect(outbox.appendFrame(frames[0])).toBe(true);
    expect(transport.octets.equals(shared)).toBe(true);
  });
});

describe('Pongs', () => {
  const pongs = (octets: Buffer) => framesOf(octets);

  test('are all sent, in order and in one write, to a peer that reads', () => {
    const { outbox, transport } = makeOutbox();
    outbox.hold();
    for (let i = 0; i < 100; i++) outbox.appendPong(Buffer.from(`${i}`));
    outbox.release();
    expect(pongs(transport.octets)).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`));
    expect(transport.written).toHaveLength(1);
  });

  test('collapse to the latest while the peer is behind (§5.5.3), and cost no memory', async () => {
    const { outbox, transport } = makeOutbox();
    transport.takesWhole = false;
    outbox.append(TEXT, 'blocked');
    outbox.append(TEXT, 'x'.repeat(70_000));
    await endOfTurn();
    const { bufferedAmount } = outbox;
    for (let i = 0; i < 1000; i++) outbox.appendPong(Buffer.from(`${i}`));
    expect(outbox.bufferedAmount).toBe(bufferedAmount);
    while (transport.inFlight !== null) transport.complete();
    expect(pongs(transport.octets).slice(2)).toEqual(['999']);
  });

  test('are all kept while a write is under way and the peer is not behind, as over TLS, where each write takes time', async () => {
    const { outbox, transport } = makeOutbox();
    transport.takesWhole = false;
    outbox.append(TEXT, 'under way');
    await endOfTurn();
    for (const pong of ['a', 'b', 'c']) outbox.appendPong(Buffer.from(pong));
    while (transport.inFlight !== null) transport.complete();
    expect(pongs(transport.octets)).toEqual(['under way', 'a', 'b', 'c']);
  });

  test('a Pong that waits goes in front of a Close frame, behind which nothing may follow (§5.5.1)', async () => {
    const { outbox, transport } = makeOutbox();
    transport.takesWhole = false;
    outbox.append(TEXT, 'blocked');
    await endOfTurn();
    outbox.appendPong(Buffer.from('p'));
    outbox.appendClose(Buffer.of(3, 232));
    outbox.end();
    transport.takesWhole = true;
    transport.complete();
    expect(parseFrames(transport.octets).map(({ opcode }) => opcode)).toEqual([1, 10, 8]);
    expect(transport.ended).toBe(true);
  });

  test('a Pong that waits when the output ends without a Close frame is sent before FIN', async () => {
    const { outbox, transport } = makeOutbox();
    transport.takesWhole = false;
    outbox.append(TEXT, 'blocked');
    await endOfTurn();
    outbox.appendPong(Buffer.from('p'));
    outbox.end();
    transport.takesWhole = true;
    transport.complete();
    expect(parseFrames(transport.octets).map(({ opcode }) => opcode)).toEqual([1, 10]);
    expect(transport.ended).toBe(true);
  });
});

describe('the end', () => {
  test('comes behind all frames, also those in flight', async () => {
    const { outbox, transport } = makeOutbox();
    transport.takesWhole = false;
    outbox.append(TEXT, 'one');
    await endOfTurn();
    outbox.append(TEXT, 'two');
    outbox.end();
    expect(transport.ended).toBe(false);
    transport.complete();
    expect(transport.ended).toBe(false);
    transport.complete();
    expect(transport.ended).toBe(true);
    expect(framesOf(transport.octets)).toEqual(['one', 'two']);
  });

  test('drops frames that are appended later', async () => {
    const { outbox, transport } = makeOutbox();
    outbox.append(TEXT, 'one');
    outbox.end();
    expect(outbox.append(TEXT, 'two')).toBe(true);
    outbox.end();
    await endOfTurn();
    expect(framesOf(transport.octets)).toEqual(['one']);
    expect(outbox.bufferedAmount).toBe(0);
  });
});

test('the promise of a long text, which is encoded in memory of our own, settles when it has left', async () => {
  const { outbox, transport } = makeOutbox();
  transport.takesWhole = false;
  expect(outbox.append(TEXT, 'x'.repeat(HIGH_WATER_MARK + 100_000))).toBe(false);
  let settled = false;
  const free = outbox.whenFree().then(() => {
    settled = true;
  });
  await endOfTurn();
  expect(settled).toBe(false);
  transport.complete();
  await free;
  expect(settled).toBe(true);
  expect(transport.inFlight).toBe(null);
});

test('all who wait for the same batch have one promise', async () => {
  const { outbox, transport } = makeOutbox();
  transport.takesWhole = false;
  outbox.append(BINARY, bytes(UNCOPIED_FROM * 8));
  const first = outbox.whenFree();
  outbox.append(TEXT, 'a');
  const second = outbox.whenFree();
  outbox.append(TEXT, 'b');
  expect(outbox.whenFree()).toBe(second);
  expect(second).not.toBe(first);
  while (transport.inFlight !== null) transport.complete();
  await Promise.all([first, second]);
  expect(outbox.bufferedAmount).toBe(0);
});

describe('what has left', () => {
  test('departed counts octets that the kernel has taken, headers included, whole or in the end', async () => {
    const { outbox, transport } = makeOutbox();
    outbox.append(TEXT, 'one');
    expect([outbox.departed, outbox.bufferedAmount, outbox.isBlocked]).toEqual([0, 5, false]);
    await endOfTurn();
    expect([outbox.departed, outbox.bufferedAmount, outbox.isBlocked]).toEqual([5, 0, false]);
    transport.takesWhole = false;
    outbox.append(TEXT, 'two');
    outbox.flush();
    expect([outbox.departed, outbox.bufferedAmount, outbox.isBlocked]).toEqual([5, 5, true]);
    outbox.append(TEXT, bytes(100_000));
    expect([outbox.departed, outbox.bufferedAmount]).toEqual([5, 5 + 10 + 100_000]);
    transport.complete();
    expect([outbox.departed, outbox.isBlocked]).toEqual([10, true]);
    transport.complete();
    expect([outbox.departed, outbox.bufferedAmount, outbox.isBlocked]).toEqual([10 + 10 + 100_000, 0, false]);
  });

  test('departed counts published frames, and no frame that was dropped at the end', async () => {
    const { outbox } = makeOutbox();
    outbox.appendFrame(Buffer.of(0x81, 1, 65));
    await endOfTurn();
    expect(outbox.departed).toBe(3);
    outbox.append(TEXT, 'last');
    outbox.close();
    expect([outbox.departed, outbox.bufferedAmount]).toEqual([3, 0]);
  });
});
