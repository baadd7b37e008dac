import { constants } from 'node:buffer';
import { describe, expect, it, vi } from 'vitest';
import { WINDOW_START } from '../../src/codec/memory-map.js';
import { codec } from '../../src/codec/select.js';
import { FAULT } from '../../src/protocol/faults.js';
import { MessageBuffer } from '../../src/protocol/message-buffer.js';
import { HAS_WEB_ASSEMBLY } from '../support/codecs.js';
import { fragmentsFor, frameFor, frameHeaderFor, octetsOf } from '../support/framer.js';
import { heldMemory } from '../support/memory.js';
import {
  binaryMessage,
  faultEvent,
  octetsUntilFault,
  ReceiverHarness,
  receiveAllWays,
  receiveReads,
  textMessage,
} from '../support/receiver-harness.js';

const TOO_BIG = faultEvent(FAULT.MESSAGE_TOO_BIG);
const TOO_MANY = faultEvent(FAULT.TOO_MANY_FRAGMENTS);
const KiB = 1024;
const MiB = 1_048_576;
/** The pool is Node's own, from which the reads of these tests come. */
const NEARLY_NOTHING = 64 * KiB + Buffer.poolSize;
const UNLIMITED = { maxPayload: Number.POSITIVE_INFINITY, maxFragments: Number.POSITIVE_INFINITY };

/** Octets that each of `receivers` receivers holds that has got `reads`; many of them, so that the heap's wavering is little. */
function heldBy(receivers: number, reads: readonly Uint8Array[], options = {}): number {
  const before = heldMemory();
  const harnesses = Array.from({ length: receivers }, () => {
    const harness = new ReceiverHarness(options);
    for (const read of reads) harness.feed(read);
    return harness;
  });
  const after = heldMemory();
  expect(harnesses.every(({ events }) => events.length === 0)).toBe(true);
  return (after.heap + after.arrayBuffers - before.heap - before.arrayBuffers) / receivers;
}

describe('maxPayload', () => {
  it.each([1, 125, 126, 65_535, 65_536])('a message of %i octets fits, one octet more is 1009 on its header', (max) => {
    const role = 'client';
    const fits = Buffer.alloc(max, 1);
    expect(FAULT.MESSAGE_TOO_BIG.closeCode).toBe(1009);
    expect(receiveAllWays(frameFor(role, 2, fits), { role, maxPayload: max })).toEqual([binaryMessage(fits)]);
    const header = frameHeaderFor(role, 2, BigInt(max + 1));
    expect(receiveAllWays(header, { role, maxPayload: max })).toEqual([TOO_BIG]);
    expect(octetsUntilFault(header, { role, maxPayload: max })).toBe(header.length);
    const tooBig = frameFor(role, 1, Buffer.alloc(max + 1, 'a'));
    expect(receiveAllWays(tooBig, { role, maxPayload: max })).toEqual([TOO_BIG]);
  });

  it('is for the sum of the fragments, and begins anew with each message', () => {
    const options = { maxPayload: 10 };
    const fits = fragmentsFor('server', 2, ['12345', '', '67890']);
    expect(receiveAllWays([...fits, ...fits, frameFor('server', 2, '1234567890')], options)).toEqual(
      Array(3).fill(binaryMessage('1234567890')),
    );
    const exceeds = Buffer.concat(fragmentsFor('server', 2, ['12345', '678901']));
    expect(receiveAllWays(exceeds, options)).toEqual([TOO_BIG]);
    expect(octetsUntilFault(exceeds, options)).toBe(6 + 5 + 2);
  });

  it('hostile.A2.5: continuations for ever end with 1009 on the header that crosses the limit', () => {
    const fragment = Buffer.alloc(16 * KiB);
    const stream = [
      frameFor('server', 2, fragment, { fin: false }),
      ...Array.from({ length: 63 }, () => frameFor('server', 0, fragment, { fin: false })),
    ];
    const harness = new ReceiverHarness({ maxPayload: MiB });
    for (const frame of stream) harness.feed(frame);
    expect(harness.events).toEqual([]);
    expect(harness.receiver.messageBytes).toBe(MiB);
    harness.feed(octetsOf('00 fe 40'));
    expect(harness.events).toEqual([]);
    harness.feed(octetsOf('00'));
    expect(harness.events).toEqual([TOO_BIG]);
  });

  it.each(['7fffffffffffffff', '7ffffffffffffffe', '0020000000000000', '0000000100000000'])(
    'hostile.A1.2 hostile.A1.3 hostile.F-16: a fragment of one octet, then a length of %s, is 1009 on its header',
    (length) => {
      const stream = octetsOf(`02 81 00000000 61 80 ff ${length} 00000000`);
      expect(receiveAllWays(stream)).toEqual([TOO_BIG]);
      expect(octetsUntilFault(stream)).toBe(7 + 10);
    },
  );

  it('a fragment of one octet, then 2^63-1 octets, is 1009 without any limit too', () => {
    const stream = octetsOf('02 81 00000000 61 80 ff 7fffffffffffffff 00000000');
    expect(receiveAllWays(stream, UNLIMITED)).toEqual([TOO_BIG]);
  });

  it.each(['7fffffffffffffff', '0020000000000000', '0000000100000000', '0000000000100001'])(
    'hostile.F-15: a header that declares %s octets is 1009 at once, with nothing allocated',
    (length) => {
      const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow');
      try {
        const harness = new ReceiverHarness();
        const header = octetsOf(`82 ff ${length} 00000000`);
        harness.feed(header);
        expect(harness.events).toEqual([TOO_BIG]);
        expect(allocate).not.toHaveBeenCalled();
        expect(octetsUntilFault(header)).toBe(10);
      } finally {
        allocate.mockRestore();
      }
    },
  );

  it('hostile.A1.8: a payload beyond what a Buffer holds is 1009 and throws nothing', () => {
    expect(receiveAllWays(octetsOf('82 ff 0000000080000000 00000000'))).toEqual([TOO_BIG]);
    const beyond = frameHeaderFor('server', 2, BigInt(constants.MAX_LENGTH) + 2n);
    expect(receiveAllWays(beyond, UNLIMITED)).toEqual([TOO_BIG]);
  });

  it('hostile.F-30: without limit, a text that no string can hold is 1009 on its header', () => {
    const longest = BigInt(constants.MAX_STRING_LENGTH);
    expect(receiveAllWays(frameHeaderFor('server', 1, longest + 1n), UNLIMITED)).toEqual([TOO_BIG]);
    expect(receiveAllWays(frameHeaderFor('server', 1, longest), UNLIMITED)).toEqual([]);
    const fragments = [frameFor('server', 1, 'a', { fin: false }), frameHeaderFor('server', 0, longest)];
    expect(receiveAllWays(fragments, UNLIMITED)).toEqual([TOO_BIG]);
  });

  it('without limit, the length of a string limits neither binary messages nor text as bytes', () => {
    const length = BigInt(constants.MAX_STRING_LENGTH) + 1n;
    expect(receiveAllWays(frameHeaderFor('server', 2, length), UNLIMITED)).toEqual([]);
    expect(receiveAllWays(frameHeaderFor('server', 1, length), { ...UNLIMITED, textAs: 'bytes' })).toEqual([]);
  });

  it('memory that cannot be had is 1009 and throws nothing', () => {
    const harness = new ReceiverHarness(UNLIMITED);
    harness.feed(frameFor('server', 2, 'abc', { fin: false }));
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed');
    });
    try {
      harness.feed(frameFor('server', 0, Buffer.alloc(4000), { fin: false }));
    } finally {
      allocate.mockRestore();
    }
    expect(harness.events).toEqual([TOO_BIG]);
    harness.feed(frameFor('server', 0, 'more'));
    expect(harness.events).toHaveLength(1);
  });
});

describe('maxFragments', () => {
  it('a message may have that many fragments, empty ones included, and the next one begins anew', () => {
    const message = fragmentsFor('server', 1, ['a', '', 'b']);
    const single = frameFor('server', 1, 'c');
    expect(receiveAllWays([...message, single, ...message], { maxFragments: 3 })).toEqual([
      textMessage('ab'),
      textMessage('c'),
      textMessage('ab'),
    ]);
    expect(FAULT.TOO_MANY_FRAGMENTS.closeCode).toBe(1008);
    expect(receiveAllWays([...message, ...message], { maxFragments: 2 })).toEqual([TOO_MANY]);
  });

  it.each([
    ['hostile.A2.3 hostile.F-23: 20 000 empty fragments to a server', '', 'server'],
    ['hostile.F-24: 20 000 fragments of one octet to a server', 'x', 'server'],
    ['hostile.A2.4: 20 000 empty fragments to a client', '', 'client'],
  ] as const)('%s end with 1008 at the 1025th', (_, payload, role) => {
    const before = heldMemory().arrayBuffers;
    const harness = new ReceiverHarness({ role });
    const next = frameFor(role, 0, payload, { fin: false });
    harness.feed(frameFor(role, 2, payload, { fin: false }));
    for (let i = 2; i <= 1024; i++) harness.feed(next);
    expect(harness.events).toEqual([]);
    expect(harness.receiver.messageBytes).toBe(1024 * payload.length);
    // Behind the plus: Node's own pool, from which the reads of this test come.
    expect(heldMemory().arrayBuffers - before).toBeLessThanOrEqual(2 * 1024 * next.length + Buffer.poolSize);
    for (let i = 1025; i <= 20_000; i++) harness.feed(next);
    expect(harness.events).toEqual([TOO_MANY]);
    expect(heldMemory().arrayBuffers - before).toBeLessThan(NEARLY_NOTHING);
  });
});

describe('memory is for what has arrived, not for what was announced', () => {
  it('hostile.A1.6: 100 headers that announce 1 GiB each hold less than 64 KiB each', () => {
    const header = octetsOf('82 ff 0000000040000000 00000000');
    expect(heldBy(100, [header], { maxPayload: 2 * 1024 * MiB })).toBeLessThan(NEARLY_NOTHING);
    expect(heldBy(100, [header, Buffer.alloc(10)], { maxPayload: 2 * 1024 * MiB })).toBeLessThan(NEARLY_NOTHING);
  });

  it('hostile.A1.7: a reserved opcode with a huge length fails at its first octet, with nothing allocated', () => {
    const header = octetsOf('83 ff 000000007fffffff');
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow');
    try {
      const harness = new ReceiverHarness();
      harness.feed(header);
      expect(harness.events).toEqual([faultEvent(FAULT.RESERVED_OPCODE)]);
      expect(allocate).not.toHaveBeenCalled();
    } finally {
      allocate.mockRestore();
    }
    expect(octetsUntilFault(header)).toBe(1);
  });

  it('hostile.A2.2: 1023 fragments of one octet on each of 100 connections hold no more than twice their wire', () => {
    const fragment = octetsOf('00 81 00000000 61');
    const reads = [octetsOf('02 81 00000000 61'), ...Array(1022).fill(fragment)];
    expect(heldBy(100, reads)).toBeLessThan(2 * 1023 * fragment.length);
  });

  it('a million fragments of one octet end with 1008 at the cap, and hold nothing', () => {
    const before = heldMemory().arrayBuffers;
    const harness = new ReceiverHarness();
    const fragments = Buffer.concat(Array(10_000).fill(octetsOf('00 81 00000000 61')));
    harness.feed(octetsOf('02 81 00000000 61'));
    for (let i = 0; i < 100; i++) harness.feed(fragments);
    expect(harness.events).toEqual([TOO_MANY]);
    expect(heldMemory().arrayBuffers - before).toBeLessThan(NEARLY_NOTHING + fragments.length);
  });

  it('a frame of 16 MiB in reads of one octet never keeps more than twice of what has arrived', () => {
    // Without WebAssembly there is no JIT either, and a tenth of it says as much.
    const size = HAS_WEB_ASSEMBLY ? 16 * MiB : MiB;
    const harness = new ReceiverHarness({ maxPayload: size });
    // It leaves behind what a thread keeps for such messages, at most 8 MiB.
    const first = new MessageBuffer();
    for (let at = 0; at < size; at += 1000) first.append(codec.bytes, 0, 1000, size);
    const before = heldMemory().arrayBuffers;
    harness.feed(frameHeaderFor('server', 2, BigInt(size)));
    const excesses: number[] = [];
    let nextLook = 1000;
    for (let arrived = 1; arrived < size; arrived++) {
      codec.bytes[WINDOW_START] = arrived;
      harness.receiver.receive(WINDOW_START, WINDOW_START + 1);
      if (arrived < nextLook) continue;
      excesses.push(heldMemory().arrayBuffers - before - 2 * arrived);
      nextLook = Math.ceil(arrived * 1.15);
    }
    expect(excesses.length).toBeGreaterThan(40);
    expect(Math.max(...excesses)).toBeLessThan(NEARLY_NOTHING);
    expect(harness.receiver.messageBytes).toBe(size - 1);
  }, 120_000);

  it('a message in a thousand fragments is copied a few times in all, not once for each fragment', () => {
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow');
    try {
      const harness = new ReceiverHarness({ textAs: 'bytes' });
      for (const fragment of fragmentsFor('server', 2, Array(1000).fill(Buffer.alloc(1000)))) harness.feed(fragment);
      expect(harness.events).toEqual([binaryMessage(Buffer.alloc(1_000_000))]);
      expect(allocate.mock.calls.length).toBeLessThan(20);
      expect(allocate.mock.calls.every(([octets]) => octets <= MiB)).toBe(true);
    } finally {
      allocate.mockRestore();
    }
  });

  it('nothing is held once a message was handed over and dropped', () => {
    const message = fragmentsFor('server', 2, [Buffer.alloc(200_000), Buffer.alloc(200_000)]);
    const harness = new ReceiverHarness();
    harness.onMessage = () => {};
    const before = heldMemory().arrayBuffers;
    for (const fragment of message) harness.feed(fragment);
    harness.feed(octetsOf('82'));
    expect(heldMemory().arrayBuffers - before).toBeLessThan(NEARLY_NOTHING);
    expect(harness.receiver.midMessage).toBe(true);
  });

  it('a header for one octet more than the limit is 1009 at once', () => {
    expect(receiveAllWays(frameHeaderFor('server', 2, BigInt(MiB + 1)))).toEqual([TOO_BIG]);
  });
});

describe('maxPieces', () => {
  const pieces = FAULT.TOO_MANY_PIECES;

  it('limits the reads that one frame may come in, and begins anew with each frame', () => {
    const frame = frameFor('server', 2, Buffer.alloc(40, 1));
    const inPieces = (count: number) => {
      const harness = new ReceiverHarness({ maxPieces: 4 });
      const reads = Array.from({ length: count }, (_, i) =>
        frame.subarray(i === 0 ? 0 : 6 + i, i === count - 1 ? frame.length : 7 + i),
      );
      for (let sent = 0; sent < 3; sent++) for (const read of reads) harness.feed(read);
      return harness.events;
    };
    expect(inPieces(4)).toEqual(Array(3).fill(binaryMessage(Buffer.alloc(40, 1))));
    expect(inPieces(5)).toEqual([faultEvent(pieces)]);
    expect(pieces.closeCode).toBe(1008);
  });

  it('does not concern what comes whole', () => {
    const whole = [frameFor('server', 2, 'a'), ...fragmentsFor('server', 1, ['b', 'c']), frameFor('server', 2, 'd')];
    expect(receiveReads([Buffer.concat(whole)], { maxPieces: 1 })).toEqual([
      binaryMessage(Buffer.from('a')),
      textMessage('bc'),
      binaryMessage(Buffer.from('d')),
    ]);
  });
});
