import { describe, expect, it } from 'vitest';
import { FRAME_ROWS, WINDOW_START } from '../../src/codec/memory-map.js';
import { codec } from '../../src/codec/select.js';
import { FAULT } from '../../src/protocol/faults.js';
import type { Role } from '../../src/protocol/frame-rules.js';
import { fragmentsFor, frameFor, frameHeaderFor, octetsOf } from '../support/framer.js';
import {
  controlFrame,
  faultEvent,
  type HarnessOptions,
  ReceiverHarness,
  receiveAllWays,
  receiveReads,
  textMessage,
} from '../support/receiver-harness.js';

const ROLES: Role[] = ['server', 'client'];

/** Frames of each kind, with another masking key each; some have to be put together. */
function mixedStream(role: Role): Buffer {
  const key = (word: number) => (role === 'server' ? word : null);
  return Buffer.concat([
    frameFor(role, 1, 'one', { key: key(0x11_22_33_44) }),
    frameFor(role, 2, Buffer.alloc(300, 0xc1), { key: key(0x55_66_77_88) }),
    frameFor(role, 1, 'frag', { fin: false, key: key(0x99_aa_bb_cc) }),
    frameFor(role, 9, 'ping', { key: key(0xdd_ee_ff_01) }),
    frameFor(role, 0, 'ment €', { key: key(0x02_03_04_05) }),
    frameFor(role, 10, '', { key: key(0x06_07_08_09) }),
    frameFor(role, 1, '', { key: key(0x0a_0b_0c_0d) }),
    frameFor(role, 2, 'last', { key: key(0x0e_0f_10_11) }),
  ]);
}

/** Stops behind every event. */
const STOPPING: HarnessOptions = { onEvent: (_, receiver) => receiver.stop() };

/** Gives `octets` in one read to a receiver that stops behind event number `stopAt`. @returns how many it took */
function takenByStopping(octets: Buffer, role: Role, stopAt: number): number {
  const harness = new ReceiverHarness({
    role,
    onEvent: (_, receiver) => {
      if (harness.events.length === stopAt) receiver.stop();
    },
  });
  return harness.readOnce(octets);
}

describe.each(ROLES)('stop, as %s', (role) => {
  const stream = mixedStream(role);

  // That the octets which were not taken are as they came is expected by the harness, at each read.
  it('returns in front of the next frame, with all that follows as it came', () => {
    const events = receiveReads([stream], { role });
    const ends = events.map((_, i) => takenByStopping(stream, role, i + 1));
    expect(new Set(ends).size).toBe(events.length);
    expect(ends.at(-1)).toBe(stream.length);
    ends.forEach((end, i) => {
      expect(receiveReads([stream.subarray(0, end)], { role })).toEqual(events.slice(0, i + 1));
    });
  });

  it('loses and repeats nothing, wherever reads are cut', () => {
    const expected = receiveAllWays(stream, { role });
    expect(receiveAllWays(stream, { role, ...STOPPING })).toEqual(expected);
  });

  it('puts back a payload of which only a part had come', () => {
    const behind = frameFor(role, 2, Buffer.alloc(50, 0xd7));
    const first = frameFor(role, 1, 'first');
    for (let present = 0; present <= behind.length; present++) {
      const harness = new ReceiverHarness({ role, ...STOPPING });
      const read = Buffer.concat([first, behind.subarray(0, present)]);
      expect(harness.readOnce(read)).toBe(first.length);
      harness.feed(behind);
      expect(harness.events).toEqual(receiveReads([first, behind], { role }));
    }
  });

  it('within the rest of a frame that a read had cut, leaves the next frame alone', () => {
    for (const opcode of [1, 9]) {
      const cut = frameFor(role, opcode, 'cut frame');
      const next = frameFor(role, 1, 'next');
      const harness = new ReceiverHarness({ role, ...STOPPING });
      harness.feed(cut.subarray(0, -3));
      const rest = Buffer.concat([cut.subarray(-3), next]);
      expect(harness.readOnce(rest)).toBe(3);
      harness.feed(next);
      expect(harness.events).toEqual(receiveReads([cut, next], { role }));
    }
  });

  it('behind a frame whose header a read had cut', () => {
    const cut = frameFor(role, 1, 'cut');
    const next = frameFor(role, 1, 'next');
    const harness = new ReceiverHarness({ role, ...STOPPING });
    harness.feed(cut.subarray(0, 1));
    expect(harness.readOnce(Buffer.concat([cut.subarray(1), next]))).toBe(cut.length - 1);
    harness.feed(next);
    expect(harness.events).toEqual([textMessage('cut'), textMessage('next')]);
  });
});

describe('stop', () => {
  it('behind the last frame of a read takes all of it', () => {
    const harness = new ReceiverHarness(STOPPING);
    const frame = frameFor('server', 1, 'only');
    expect(harness.readOnce(frame)).toBe(frame.length);
    expect(harness.readOnce(frame)).toBe(frame.length);
    expect(harness.events).toEqual([textMessage('only'), textMessage('only')]);
  });

  it('holds for the read under way only', () => {
    const harness = new ReceiverHarness();
    const stream = mixedStream('server');
    harness.receiver.stop();
    expect(harness.readOnce(stream)).toBe(stream.length);
    expect(harness.events).toEqual(receiveReads([stream]));
  });

  it('in the midst of a full table', () => {
    const frames = Array.from({ length: 2 * FRAME_ROWS }, (_, i) => frameFor('server', 1, String(i), { key: i * 77 }));
    const octets = Buffer.concat(frames);
    const taken = takenByStopping(octets, 'server', FRAME_ROWS / 2);
    expect(taken).toBe(Buffer.concat(frames.slice(0, FRAME_ROWS / 2)).length);
    expect(receiveReads([octets], STOPPING)).toEqual(frames.map((_, i) => textMessage(String(i))));
  });

  it('keeps a broken frame behind it from being judged until it is given again', () => {
    const harness = new ReceiverHarness(STOPPING);
    const good = frameFor('server', 9, 'good');
    const bad = octetsOf('83 80 00000000');
    expect(harness.readOnce(Buffer.concat([good, bad]))).toBe(good.length);
    expect(harness.events).toEqual([controlFrame(9, 'good')]);
    harness.feed(bad);
    expect(harness.events).toEqual([controlFrame(9, 'good'), faultEvent(FAULT.RESERVED_OPCODE)]);
  });

  it('goes for raw frames too', () => {
    const stream = mixedStream('server');
    const options: HarnessOptions = { raw: true };
    expect(receiveAllWays(stream, { ...options, ...STOPPING })).toEqual(receiveAllWays(stream, options));
  });
});

describe('discard', () => {
  const DISCARDING: HarnessOptions = { onEvent: (_, receiver) => receiver.discard() };

  it.each([
    { name: 'onMessage', first: [frameFor('server', 1, 'a')] },
    { name: 'onMessage of fragments', first: fragmentsFor('server', 1, ['a', 'b']) },
    { name: 'onControl', first: [frameFor('server', 9, 'a')] },
    { name: 'onControl between fragments', first: [frameFor('server', 1, 'a', { fin: false }), frameFor('server', 9)] },
  ])('inside $name: nothing more is reported, and all octets are taken', ({ first }) => {
    const stream = Buffer.concat([...first, mixedStream('server'), octetsOf('83')]);
    expect(receiveAllWays(stream, DISCARDING)).toHaveLength(1);
    const harness = new ReceiverHarness(DISCARDING);
    expect(harness.readOnce(stream)).toBe(stream.length);
    const { midMessage, fragmented, messageBytes } = harness.receiver;
    expect([midMessage, fragmented, messageBytes]).toEqual([false, false, 0]);
  });

  it('inside onFrame, in raw mode', () => {
    const stream = Buffer.concat([...fragmentsFor('server', 1, ['a', 'b', 'c']), mixedStream('server')]);
    expect(receiveAllWays(stream, { raw: true, ...DISCARDING })).toHaveLength(1);
  });

  it('wins over stop', () => {
    const harness = new ReceiverHarness({
      onEvent: (_, receiver) => {
        receiver.stop();
        receiver.discard();
      },
    });
    const stream = mixedStream('server');
    expect(harness.readOnce(stream)).toBe(stream.length);
    harness.feed(stream);
    expect(harness.events).toHaveLength(1);
  });

  it('between two reads forgets a cut header, a cut payload and a message under way', () => {
    for (const begun of [octetsOf('81'), frameHeaderFor('server', 2, 9n), frameFor('server', 1, 'a', { fin: false })]) {
      const harness = new ReceiverHarness();
      harness.feed(begun);
      expect(harness.receiver.midMessage).toBe(true);
      harness.receiver.discard();
      expect(harness.receiver.midMessage).toBe(false);
      harness.feed(Buffer.alloc(100, 0x80));
      expect(harness.events).toEqual([]);
    }
  });
});

describe('a sink that throws', () => {
  const error = new Error('thrown by a handler');
  const THROWING: HarnessOptions = {
    onEvent: () => {
      throw error;
    },
  };

  it.each([
    { name: 'onMessage', octets: frameFor('server', 1, 'a') },
    { name: 'onMessage of fragments', octets: Buffer.concat(fragmentsFor('server', 2, ['a', 'b'])) },
    { name: 'onControl', octets: frameFor('server', 9, 'a') },
    { name: 'onFault', octets: octetsOf('83') },
  ])('in $name: the error comes out, and other receivers of the codec go on', ({ octets }) => {
    const other = new ReceiverHarness();
    const stream = mixedStream('server');
    other.feed(stream.subarray(0, 40));
    const harness = new ReceiverHarness(THROWING);
    expect(() => harness.readOnce(Buffer.concat([octets, stream]))).toThrow(error);
    expect(harness.events).toHaveLength(1);
    other.feed(stream.subarray(40));
    expect(other.events).toEqual(receiveReads([stream]));
    other.expectKeptIntact();
    expect(receiveReads([stream])).toEqual(other.events);
  });

  it('is given nothing more once the receiver discards', () => {
    const harness = new ReceiverHarness(THROWING);
    const stream = mixedStream('server');
    expect(() => harness.readOnce(stream)).toThrow(error);
    harness.receiver.discard();
    codec.bytes.set(stream, WINDOW_START);
    expect(harness.receiver.receive(WINDOW_START, WINDOW_START + stream.length)).toBe(WINDOW_START + stream.length);
    expect(harness.events).toHaveLength(1);
  });

  it('does not harm payloads that were handed over before', () => {
    let left = 3;
    const harness = new ReceiverHarness({
      textAs: 'bytes',
      onEvent: () => {
        if (--left === 0) throw error;
      },
    });
    expect(() => harness.readOnce(mixedStream('server'))).toThrow(error);
    receiveReads([mixedStream('server')], { textAs: 'bytes' });
    harness.expectKeptIntact();
    expect(harness.events).toHaveLength(3);
  });
});
