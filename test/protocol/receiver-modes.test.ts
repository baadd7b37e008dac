import { describe, expect, it } from 'vitest';
import { codec } from '../../src/codec/select.js';
import { FAULT } from '../../src/protocol/faults.js';
import { fragmentsFor, frameFor, octetsOf } from '../support/framer.js';
import {
  binaryMessage,
  controlFrame,
  dataFrame,
  faultEvent,
  ReceiverHarness,
  receiveAllWays,
  receiveReads,
  textMessage,
} from '../support/receiver-harness.js';

/** Whether each payload that a receiver with these options hands over is a view of the codec's memory. */
function viewsOf(reads: readonly Uint8Array[], options: { zeroCopy: boolean; textAs?: 'bytes'; raw?: boolean }) {
  const views: boolean[] = [];
  const harness = new ReceiverHarness(options);
  const look = (payload: string | Buffer) => {
    views.push(typeof payload !== 'string' && payload.buffer === codec.bytes.buffer);
  };
  harness.onMessage = (_, payload) => look(payload);
  harness.onControl = (_, payload) => look(payload);
  harness.onFrame = (_fin, _opcode, payload) => look(payload);
  for (const read of reads) harness.feed(read);
  return views;
}

describe('zeroCopy', () => {
  const binary = frameFor('server', 2, 'binary');
  const text = frameFor('server', 1, 'text €');

  it('hands over views of the window where a message lies in it whole', () => {
    const read = Buffer.concat([binary, text, frameFor('server', 2, Buffer.alloc(70_000))]);
    expect(viewsOf([read], { zeroCopy: true, textAs: 'bytes' })).toEqual([true, true, true]);
  });

  it('without it nothing is a view of the window', () => {
    const read = Buffer.concat([binary, text, frameFor('server', 2, Buffer.alloc(70_000)), frameFor('server', 9, 'p')]);
    expect(viewsOf([read], { zeroCopy: false, textAs: 'bytes' })).toEqual([false, false, false, false]);
    expect(viewsOf([read], { zeroCopy: false, raw: true })).toEqual([false, false, false, false]);
  });

  it('hands over memory of its own for control frames, fragments and what reads have cut', () => {
    const cut = [binary.subarray(0, 8), binary.subarray(8)];
    expect(viewsOf(cut, { zeroCopy: true })).toEqual([false]);
    expect(viewsOf(fragmentsFor('server', 2, ['a', 'b']), { zeroCopy: true })).toEqual([false]);
    expect(viewsOf([frameFor('server', 9, 'ping')], { zeroCopy: true })).toEqual([false]);
    expect(viewsOf([binary], { zeroCopy: true, raw: true })).toEqual([false]);
  });

  it('makes the same events as copying does', () => {
    const stream = [binary, text, frameFor('server', 9, 'ping'), ...fragmentsFor('server', 1, ['a', 'é']), binary];
    expect(receiveAllWays(stream, { zeroCopy: true })).toEqual(receiveAllWays(stream));
  });

  it('the view is writable and alone: what stands behind it is not touched', () => {
    const seen: string[] = [];
    const harness = new ReceiverHarness({ zeroCopy: true });
    harness.onMessage = (_, data) => {
      seen.push(data.toString());
      (data as Buffer).fill(0);
    };
    harness.feed(Buffer.concat([binary, frameFor('server', 2, 'next'), binary]));
    expect(seen).toEqual(['binary', 'next', 'binary']);
  });
});

describe('textAs', () => {
  it('bytes: the octets of the text, in one frame or in fragments', () => {
    const stream = [
      frameFor('server', 1, 'plain'),
      frameFor('server', 1, ''),
      frameFor('server', 1, '€'),
      ...fragmentsFor('server', 1, ['a', 'é']),
    ];
    const expected = ['plain', '', '€', 'aé'].map((text) => ({ ...binaryMessage(text), message: 1 }));
    expect(receiveAllWays(stream, { textAs: 'bytes' })).toEqual(expected);
  });

  it('string: a string for Text, a Buffer for Binary', () => {
    const stream = [frameFor('server', 1, 'same'), frameFor('server', 2, 'same')];
    expect(receiveAllWays(stream)).toEqual([textMessage('same'), binaryMessage('same')]);
  });
});

describe('raw', () => {
  it('reports each frame with FIN and its own opcode, in the order of the wire', () => {
    const stream = [
      frameFor('server', 1, 'whole'),
      frameFor('server', 1, 'fr', { fin: false }),
      frameFor('server', 9, 'ping'),
      frameFor('server', 0, '', { fin: false }),
      frameFor('server', 0, 'ag'),
      frameFor('server', 2, ''),
      frameFor('server', 8, octetsOf('03e8')),
      frameFor('server', 2, 'behind Close'),
    ];
    expect(receiveAllWays(stream, { raw: true })).toEqual([
      dataFrame(true, 1, 'whole'),
      dataFrame(false, 1, 'fr'),
      controlFrame(9, 'ping'),
      dataFrame(false, 0),
      dataFrame(true, 0, 'ag'),
      dataFrame(true, 2),
      controlFrame(8, octetsOf('03e8')),
      dataFrame(true, 2, 'behind Close'),
    ]);
  });

  it('a fragment ends in a buffer of just its size, though others were there before', () => {
    const lengths: number[] = [];
    const harness = new ReceiverHarness({ raw: true });
    harness.onFrame = (_fin, _opcode, payload) => {
      lengths.push(payload.length, payload.buffer.byteLength);
    };
    for (const fragment of fragmentsFor('server', 2, [Buffer.alloc(5000), Buffer.alloc(3000)])) {
      harness.feed(fragment.subarray(0, 20));
      harness.feed(fragment.subarray(20));
    }
    expect(lengths).toEqual([5000, 5000, 3000, 3000]);
  });

  it('judges frames and counts octets and fragments as otherwise', () => {
    const raw = true;
    const first = frameFor('server', 1, 'ab', { fin: false });
    const firstEvent = dataFrame(false, 1, 'ab');
    expect(receiveAllWays([first, first], { raw })).toEqual([firstEvent, faultEvent(FAULT.EXPECTED_CONTINUATION)]);
    const next = frameFor('server', 0, 'cd');
    expect(receiveAllWays([first, next], { raw, maxPayload: 3 })).toEqual([
      firstEvent,
      faultEvent(FAULT.MESSAGE_TOO_BIG),
    ]);
    expect(receiveAllWays([first, next], { raw, maxFragments: 1 })).toEqual([
      firstEvent,
      faultEvent(FAULT.TOO_MANY_FRAGMENTS),
    ]);
    expect(receiveAllWays([first, next, first, next], { raw, maxPayload: 4, maxFragments: 2 })).toHaveLength(4);
  });

  it('checks text over the fragments of a message', () => {
    const good = fragmentsFor('server', 1, [octetsOf('e2'), octetsOf('82 ac')]);
    expect(receiveReads(good, { raw: true })).toEqual([
      dataFrame(false, 1, octetsOf('e2')),
      dataFrame(true, 0, octetsOf('82 ac')),
    ]);
    const bad = fragmentsFor('server', 1, [octetsOf('e2'), octetsOf('82')]);
    expect(receiveAllWays(bad, { raw: true })).toEqual([
      dataFrame(false, 1, octetsOf('e2')),
      faultEvent(FAULT.INVALID_UTF8),
    ]);
  });
});
