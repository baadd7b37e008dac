import { describe, expect, it } from 'vitest';
import { FAULT } from '../../src/protocol/faults.js';
import { fragmentsFor, frameFor, octetsOf } from '../support/framer.js';
import {
  binaryMessage,
  controlFrame,
  faultEvent,
  octetsUntilFault,
  ReceiverHarness,
  receiveAllWays,
  textMessage,
} from '../support/receiver-harness.js';

describe('fragmentation (RFC 6455 §5.4)', () => {
  it.each(['server', 'client'] as const)('fragments are joined, and the first gives the type: %s', (role) => {
    const stream = [...fragmentsFor(role, 1, ['He', 'll', 'o']), ...fragmentsFor(role, 2, ['ab', 'c'])];
    expect(receiveAllWays(stream, { role })).toEqual([textMessage('Hello'), binaryMessage('abc')]);
  });

  it.each([
    { name: 'first', parts: ['', 'abc'] },
    { name: 'in the middle', parts: ['ab', '', '', 'c'] },
    { name: 'last', parts: ['abc', ''] },
  ])('empty fragments are fragments: $name', ({ parts }) => {
    expect(receiveAllWays(fragmentsFor('server', 2, parts))).toEqual([binaryMessage('abc')]);
    expect(receiveAllWays(fragmentsFor('server', 1, parts))).toEqual([textMessage('abc')]);
    expect(receiveAllWays(fragmentsFor('client', 1, parts), { role: 'client' })).toEqual([textMessage('abc')]);
  });

  it('a message may consist of empty fragments only', () => {
    expect(receiveAllWays(fragmentsFor('server', 1, ['', '', '']))).toEqual([textMessage('')]);
    expect(receiveAllWays(fragmentsFor('client', 2, ['', '']), { role: 'client' })).toEqual([binaryMessage('')]);
  });

  it('fragments of all length forms make one message', () => {
    const parts = [1, 125, 126, 65_535, 65_536, 0].map((size, i) => Buffer.alloc(size, i + 1));
    expect(receiveAllWays(fragmentsFor('server', 2, parts))).toEqual([binaryMessage(Buffer.concat(parts))]);
  });

  it('hostile.F-19: control frames between fragments are reported as they are, before the message', () => {
    const ping = Buffer.alloc(125, 0xfe);
    const stream = [
      frameFor('server', 1, 'one ', { fin: false }),
      frameFor('server', 9, ping),
      frameFor('server', 0, '', { fin: false }),
      frameFor('server', 10, 'unasked'),
      frameFor('server', 10),
      frameFor('server', 0, 'two'),
      frameFor('server', 10, 'late'),
    ];
    expect(receiveAllWays(stream)).toEqual([
      controlFrame(9, ping),
      controlFrame(10, 'unasked'),
      controlFrame(10),
      textMessage('one two'),
      controlFrame(10, 'late'),
    ]);
  });

  it('hostile.F-04: a continuation of nothing fails with 1002 at its first octet', () => {
    const unexpected = faultEvent(FAULT.UNEXPECTED_CONTINUATION);
    expect(FAULT.UNEXPECTED_CONTINUATION.closeCode).toBe(1002);
    for (const first of ['00', '80']) {
      const frame = octetsOf(`${first} 81 00000000 61`);
      expect(receiveAllWays(frame)).toEqual([unexpected]);
      expect(octetsUntilFault(frame)).toBe(1);
      expect(receiveAllWays([frameFor('server', 1, 'whole'), frame])).toEqual([textMessage('whole'), unexpected]);
      const behindFragments = [...fragmentsFor('server', 1, ['a', 'b']), frame];
      expect(receiveAllWays(behindFragments)).toEqual([textMessage('ab'), unexpected]);
      expect(receiveAllWays([frameFor('server', 9), frame])).toEqual([controlFrame(9), unexpected]);
    }
  });

  it.each([1, 2])('hostile.F-04: a new message, opcode %i, inside a fragmented one fails with 1002', (opcode) => {
    expect(FAULT.EXPECTED_CONTINUATION.closeCode).toBe(1002);
    for (const fin of [true, false]) {
      const first = frameFor('server', 1, 'a', { fin: false });
      const second = frameFor('server', opcode, 'b', { fin });
      expect(receiveAllWays([first, second])).toEqual([faultEvent(FAULT.EXPECTED_CONTINUATION)]);
      expect(octetsUntilFault(Buffer.concat([first, second]))).toBe(first.length + 1);
      const withPing = [first, frameFor('server', 9), second];
      expect(receiveAllWays(withPing)).toEqual([controlFrame(9), faultEvent(FAULT.EXPECTED_CONTINUATION)]);
    }
  });

  it('says how much of a message is under way', () => {
    for (const raw of [false, true]) {
      const harness = new ReceiverHarness({ raw });
      const { receiver } = harness;
      const seen = () => [receiver.fragmented, receiver.midMessage, receiver.messageBytes];
      const fragment = frameFor('server', 2, 'abcdef', { fin: false });
      const ping = frameFor('server', 9, 'ping');
      const last = frameFor('server', 0, 'gh');
      expect(seen()).toEqual([false, false, 0]);
      harness.feed(fragment.subarray(0, 1));
      expect(seen()).toEqual([false, true, 0]);
      harness.feed(fragment.subarray(1, -2));
      expect(seen()).toEqual([true, true, 4]);
      harness.feed(fragment.subarray(-2));
      expect(seen()).toEqual([true, true, 6]);
      harness.feed(ping.subarray(0, -1));
      expect(seen()).toEqual([true, true, 6]);
      harness.feed(Buffer.concat([ping.subarray(-1), last.subarray(0, -1)]));
      expect(seen()).toEqual([false, true, 7]);
      harness.feed(last.subarray(-1));
      expect(seen()).toEqual([false, false, 0]);
      harness.feed(ping.subarray(0, -1));
      expect(seen()).toEqual([false, true, 0]);
    }
  });

  it('says nothing is under way after a fault', () => {
    const harness = new ReceiverHarness();
    harness.feed(frameFor('server', 2, 'abc', { fin: false }));
    harness.feed(octetsOf('83'));
    expect(harness.events).toEqual([faultEvent(FAULT.RESERVED_OPCODE)]);
    const { fragmented, midMessage, messageBytes } = harness.receiver;
    expect([fragmented, midMessage, messageBytes]).toEqual([false, false, 0]);
  });
});
