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
  receiveReads,
  textMessage,
} from '../support/receiver-harness.js';
import { UTF8_VECTORS } from '../vectors/utf8.js';

const VALID = UTF8_VECTORS.filter(({ isValid }) => isValid);
const INVALID = UTF8_VECTORS.filter(({ isValid }) => !isValid);
const INVALID_UTF8 = faultEvent(FAULT.INVALID_UTF8);

/** The message in two fragments, for each place where it can be cut. */
function fragmentations(octets: Buffer): Buffer[] {
  return Array.from({ length: octets.length + 1 }, (_, cut) =>
    Buffer.concat(fragmentsFor('server', 1, [octets.subarray(0, cut), octets.subarray(cut)])),
  );
}

describe('text (RFC 6455 §5.6, §8.1)', () => {
  it.each(VALID)('valid, in one frame and in any two fragments: $name', ({ octets }) => {
    const expected = [textMessage(octets.toString())];
    expect(receiveAllWays(frameFor('server', 1, octets))).toEqual(expected);
    expect(receiveAllWays(frameFor('client', 1, octets), { role: 'client' })).toEqual(expected);
    for (const stream of fragmentations(octets)) expect(receiveAllWays(stream)).toEqual(expected);
  });

  it.each(INVALID)('hostile.F-11: not UTF-8 fails with 1007: $name', ({ octets }) => {
    expect(FAULT.INVALID_UTF8.closeCode).toBe(1007);
    expect(receiveAllWays([frameFor('server', 1, octets), frameFor('server', 1, 'more')])).toEqual([INVALID_UTF8]);
    expect(receiveAllWays(frameFor('client', 1, octets), { role: 'client' })).toEqual([INVALID_UTF8]);
    for (const stream of fragmentations(octets)) expect(receiveAllWays(stream)).toEqual([INVALID_UTF8]);
  });

  it.each(INVALID)('is no matter in a binary message: $name', ({ octets }) => {
    expect(receiveAllWays(frameFor('server', 2, octets))).toEqual([binaryMessage(octets)]);
    const fragments = fragmentsFor('server', 2, [octets.subarray(0, 1), octets.subarray(1)]);
    expect(receiveAllWays(fragments)).toEqual([binaryMessage(octets)]);
  });

  it('is checked where it is wanted as bytes or as raw frames too', () => {
    for (const options of [{ textAs: 'bytes' }, { raw: true }, { textAs: 'bytes', zeroCopy: true }] as const) {
      expect(receiveAllWays(frameFor('server', 1, octetsOf('68 ff')), options)).toEqual([INVALID_UTF8]);
    }
  });

  it('keeps a byte order mark and U+0000', () => {
    expect(receiveAllWays(frameFor('server', 1, '\ufeffa\0b'))).toEqual([textMessage('\ufeffa\0b')]);
    expect(receiveAllWays(fragmentsFor('server', 1, ['\ufeff', 'a\0b']))).toEqual([textMessage('\ufeffa\0b')]);
  });

  it('of any length is what was sent, ASCII or not', () => {
    for (const [unit, times] of [['a', 65_536] as const, ['€', 30_000] as const, ['😀a', 20_000] as const]) {
      const text = unit.repeat(times);
      expect(receiveReads([frameFor('server', 1, text)])).toEqual([textMessage(text)]);
      const octets = Buffer.from(text);
      const fragments = fragmentsFor('server', 1, [octets.subarray(0, 50_001), octets.subarray(50_001)]);
      expect(receiveReads(fragments)).toEqual([textMessage(text)]);
    }
  });
});

describe('an impossible octet fails the connection as soon as it comes (RFC 6455 §8.1)', () => {
  it.each([
    ['FF', '61 ff', 2],
    ['a continuation octet alone', '80', 1],
    ['an overlong form', '61 c0', 2],
    ['an overlong form, at its second octet', 'e0 80', 2],
    ['a surrogate, at its second octet', 'ed a0', 2],
    ['beyond U+10FFFF, at its second octet', 'f4 90', 2],
    ['an unfinished code point', '61 c3 62', 3],
  ])('hostile.F-12: %s', (_, hex, bad) => {
    const start = octetsOf(hex);
    const text = Buffer.concat([start, Buffer.from('and more')]);
    // In the first half of a frame, and in a first fragment.
    expect(octetsUntilFault(frameFor('server', 1, text))).toBe(6 + bad);
    expect(octetsUntilFault(frameFor('server', 1, text, { fin: false }))).toBe(6 + bad);
    expect(receiveReads([frameFor('server', 1, text, { fin: false })])).toEqual([INVALID_UTF8]);
    expect(receiveReads([frameFor('server', 1, text).subarray(0, -1)])).toEqual([INVALID_UTF8]);
  });

  it('a code point that is cut short fails at the end of the message, not of a fragment', () => {
    const stream = Buffer.concat(fragmentsFor('server', 1, [octetsOf('e2 82'), '']));
    expect(octetsUntilFault(stream)).toBe(stream.length);
    expect(receiveAllWays(frameFor('server', 1, octetsOf('e2 82'), { fin: false }))).toEqual([]);
    expect(receiveAllWays(fragmentsFor('server', 1, [octetsOf('e2 82'), octetsOf('ac')]))).toEqual([textMessage('€')]);
  });
});

describe('a code point across fragments', () => {
  it('hostile.F-13: split over fragments and reads, with empty fragments in it', () => {
    const octets = Buffer.from('κόσμε😀€');
    const parts = Array.from(octets, (_, i) => octets.subarray(i, i + 1)).flatMap((part) => [part, Buffer.alloc(0)]);
    expect(receiveAllWays(fragmentsFor('server', 1, parts))).toEqual([textMessage('κόσμε😀€')]);
  });

  it('split around a control frame that is itself cut, and that would end the code point', () => {
    const ping = octetsOf('8c 80 ff');
    const stream = [
      frameFor('server', 1, octetsOf('f0 9f'), { fin: false }),
      frameFor('server', 9, ping),
      frameFor('server', 0, octetsOf('98 80')),
    ];
    expect(receiveAllWays(stream)).toEqual([controlFrame(9, ping), textMessage('😀')]);
  });

  it('does not fall out of the check when the rest is ASCII', () => {
    for (const rest of ['a', 'abc', '']) {
      expect(receiveAllWays(fragmentsFor('server', 1, [octetsOf('e2 82'), rest]))).toEqual([INVALID_UTF8]);
    }
  });

  it('is forgotten with its message: the next message starts anew', () => {
    const stream = [
      ...fragmentsFor('server', 1, [octetsOf('e2'), octetsOf('82 ac')]),
      frameFor('server', 1, 'é'),
      frameFor('server', 2, octetsOf('e2 82')),
      ...fragmentsFor('server', 2, [octetsOf('e2'), octetsOf('82')]),
      frameFor('server', 1, 'ü'),
      ...fragmentsFor('server', 1, ['a', 'b']),
      ...fragmentsFor('server', 1, [octetsOf('ac'), 'b']),
    ];
    expect(receiveAllWays(stream)).toEqual([
      textMessage('€'),
      textMessage('é'),
      binaryMessage(octetsOf('e2 82')),
      binaryMessage(octetsOf('e2 82')),
      textMessage('ü'),
      textMessage('ab'),
      INVALID_UTF8,
    ]);
  });

  it('of one connection is no matter of another with the same codec', () => {
    const one = new ReceiverHarness();
    const other = new ReceiverHarness();
    one.feed(frameFor('server', 1, octetsOf('e2 82'), { fin: false }));
    other.feed(frameFor('server', 1, 'plain'));
    one.feed(frameFor('server', 0, octetsOf('ac')));
    expect(one.events).toEqual([textMessage('€')]);
    expect(other.events).toEqual([textMessage('plain')]);
  });
});

describe('skipUtf8', () => {
  const BAD = octetsOf('61 c3 28 ff');

  it('takes Text as it comes, in one frame, in fragments and in pieces', () => {
    const options = { skipUtf8: true, textAs: 'bytes' } as const;
    const streams = [[frameFor('server', 1, BAD)], fragmentsFor('server', 1, [BAD.subarray(0, 2), BAD.subarray(2)])];
    for (const stream of streams) {
      expect(receiveAllWays(stream, options)).toEqual([{ message: 1, octets: '61c328ff' }]);
      expect(receiveAllWays(stream, { textAs: 'bytes' })).toEqual([faultEvent(FAULT.INVALID_UTF8)]);
    }
  });

  it('takes text that ends within a code point', () => {
    const cut = frameFor('server', 1, octetsOf('e4 b8'));
    expect(receiveAllWays(cut, { skipUtf8: true, textAs: 'bytes' })).toEqual([{ message: 1, octets: 'e4b8' }]);
  });
});
