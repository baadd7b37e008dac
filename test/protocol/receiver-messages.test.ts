import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Role } from '../../src/protocol/frame-rules.js';
import { SEED } from '../support/codecs.js';
import { frameFor } from '../support/framer.js';
import {
  binaryMessage,
  controlFrame,
  cutAtRandom,
  dataFrame,
  type HarnessOptions,
  type ReceiverEvent,
  ReceiverHarness,
  randomNumbers,
  receiveReads,
  textMessage,
} from '../support/receiver-harness.js';

/** One frame of a valid stream. */
interface SentFrame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly payload: Buffer;
}

interface SentMessage {
  readonly opcode: number;
  readonly payload: Buffer;
  readonly frames: readonly SentFrame[];
}

/** Each class of payload lengths of RFC 6455 §5.2, with both its ends. */
const anyLength = fc.oneof(
  { weight: 6, arbitrary: fc.nat(40) },
  { weight: 3, arbitrary: fc.constantFrom(124, 125, 126, 127, 128, 2048, 2049) },
  { weight: 1, arbitrary: fc.constantFrom(65_535, 65_536, 70_001) },
);

const anyOctets = fc.tuple(anyLength, fc.nat(255)).map(([length, seed]) => {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (seed + i * 29) & 0xff));
});

const anyText = fc
  .tuple(fc.string({ unit: 'binary', maxLength: 12 }), fc.constantFrom(1, 1, 1, 7, 40, 3000))
  .map(([unit, times]) => Buffer.from(unit.repeat(times)));

const anyControlFrame = fc.record({
  opcode: fc.constantFrom(9, 10),
  fin: fc.constant(true),
  payload: fc.uint8Array({ maxLength: 125 }).map((octets) => Buffer.from(octets)),
});

/** A message in 1 to 6 fragments, some of them empty, with control frames in between. */
const anyMessage: fc.Arbitrary<SentMessage> = fc
  .record({
    data: fc.oneof(
      anyOctets.map((payload) => ({ opcode: 2, payload })),
      anyText.map((payload) => ({ opcode: 1, payload })),
    ),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }),
    controls: fc.array(fc.option(anyControlFrame, { freq: 2, nil: null }), { maxLength: 6 }),
  })
  .map(({ data, cuts, controls }) => {
    const { opcode, payload } = data;
    const ends = [...cuts.map((cut) => Math.floor(cut * payload.length)), payload.length].sort((a, b) => a - b);
    const frames = ends.flatMap((end, i) => {
      const control = controls[i] ?? null;
      const fragment = {
        opcode: i === 0 ? opcode : 0,
        fin: i === ends.length - 1,
        payload: payload.subarray(ends[i - 1] ?? 0, end),
      };
      return control === null ? [fragment] : [control, fragment];
    });
    return { opcode, payload, frames };
  });

const anyStream = fc.record({
  role: fc.constantFrom<Role>('server', 'client'),
  messages: fc.array(anyMessage, { minLength: 1, maxLength: 12 }),
  keys: fc.nat(),
  cuts: fc.nat(),
  longestRead: fc.constantFrom(3, 20, 300, 5000, 100_000),
});

/** The stream as it travels. */
function framed(role: Role, messages: readonly SentMessage[], random: () => number): Buffer {
  const frames = messages.flatMap((message) => message.frames);
  return Buffer.concat(
    frames.map(({ opcode, fin, payload }) => {
      const key = role === 'server' ? Math.floor(random() * 2 ** 32) : null;
      return frameFor(role, opcode, payload, { fin, key });
    }),
  );
}

function expectedMessages(messages: readonly SentMessage[]): ReceiverEvent[] {
  return messages.flatMap(({ opcode, payload, frames }) => [
    ...frames.filter((frame) => frame.opcode >= 8).map((frame) => controlFrame(frame.opcode, frame.payload)),
    opcode === 1 ? textMessage(payload.toString()) : binaryMessage(payload),
  ]);
}

/**
 * Gives the stream in reads cut at random to a receiver that stops at random events. What it leaves is given again,
 * alone or in front of the next read.
 */
function receiveWithStops(stream: Buffer, longest: number, random: () => number, options: HarnessOptions) {
  const harness = new ReceiverHarness({
    ...options,
    onEvent: (_, receiver) => {
      if (random() < 0.3) receiver.stop();
    },
  });
  let waiting = Buffer.alloc(0);
  for (const read of cutAtRandom(stream, longest, random)) {
    waiting = Buffer.concat([waiting, read]);
    while (waiting.length > 0) {
      waiting = waiting.subarray(harness.readOnce(waiting));
      if (random() < 0.5) break;
    }
  }
  harness.feed(waiting);
  harness.expectKeptIntact();
  return harness.events;
}

function checkStreams(options: HarnessOptions, expectedOf: (messages: SentMessage[]) => ReceiverEvent[]): void {
  fc.assert(
    fc.property(anyStream, ({ role, messages, keys, cuts, longestRead }) => {
      const stream = framed(role, messages, randomNumbers(keys));
      const events = receiveWithStops(stream, longestRead, randomNumbers(cuts), { role, ...options });
      expect(events).toEqual(expectedOf(messages));
    }),
    { seed: SEED, numRuns: 100 },
  );
}

/** Text as the octets that it was sent as. */
function withTextAsBytes(messages: SentMessage[]): ReceiverEvent[] {
  return expectedMessages(messages).map((event) =>
    'text' in event ? { message: 1, octets: Buffer.from(event.text).toString('hex') } : event,
  );
}

describe(`any valid stream, cut anywhere, stopped at any event, comes out as it was sent (seed ${SEED})`, () => {
  it('as messages', () => {
    checkStreams({}, expectedMessages);
  });

  it('as messages, text as bytes', () => {
    checkStreams({ textAs: 'bytes' }, withTextAsBytes);
  });

  it('as messages, without copying', () => {
    checkStreams({ textAs: 'bytes', zeroCopy: true }, withTextAsBytes);
  });

  it('as raw frames', () => {
    checkStreams({ raw: true }, (messages) =>
      messages.flatMap(({ frames }) =>
        frames.map(({ opcode, fin, payload }) =>
          opcode >= 8 ? controlFrame(opcode, payload) : dataFrame(fin, opcode, payload),
        ),
      ),
    );
  });
});

describe('hazard.2: what was handed over', () => {
  it('hostile.F-28: 1000 payloads that are kept are the same when the window has long held something else', () => {
    const kept: { readonly payload: Buffer; readonly sent: Buffer }[] = [];
    const harness = new ReceiverHarness({ textAs: 'bytes' });
    const sentPayloads: Buffer[] = [];
    const keep = (_: number, payload: string | Buffer) => {
      kept.push({ payload: payload as Buffer, sent: sentPayloads[kept.length] });
    };
    harness.onMessage = keep;
    harness.onControl = keep;
    for (let i = 0; i < 1000; i++) {
      const sent = Buffer.alloc(i % 50 === 0 ? 5000 + i : i % 126, 33 + (i % 90));
      sentPayloads.push(sent);
      const frame = frameFor('server', sent.length > 125 ? 2 : [1, 2, 9][i % 3], sent);
      // Some are cut, so that they are put together elsewhere than in the window.
      if (i % 7 === 0) harness.feed(frame.subarray(0, 8));
      harness.feed(i % 7 === 0 ? frame.subarray(8) : frame);
    }
    expect(kept).toHaveLength(1000);
    expect(kept.findIndex(({ payload, sent }) => !payload.equals(sent))).toBe(-1);
    const inWindow = kept.filter(({ payload }) => payload.buffer.byteLength > 500_000);
    expect(inWindow).toHaveLength(0);
  });

  it('writing to one payload changes no other', () => {
    const payloads: Buffer[] = [];
    const harness = new ReceiverHarness();
    harness.onMessage = (_, data) => {
      (data as Buffer).fill(0xff);
      payloads.push(data as Buffer);
    };
    const frames = Array.from({ length: 100 }, (_, i) => frameFor('server', 2, Buffer.alloc(i, i)));
    harness.feed(Buffer.concat(frames));
    harness.feed(Buffer.concat(frames));
    expect(payloads.map((payload) => payload.length)).toEqual([...frames.keys(), ...frames.keys()]);
    expect(payloads.every((payload) => payload.every((octet) => octet === 0xff))).toBe(true);
  });

  it('writing to one payload as it is handed over does not reach those behind it in the same read', () => {
    const seen: string[] = [];
    const harness = new ReceiverHarness();
    harness.onMessage = (_, data) => {
      seen.push(data.toString());
      (data as Buffer).fill(0);
    };
    harness.feed(Buffer.concat(['one', 'two', 'three'].map((text) => frameFor('server', 2, text))));
    expect(seen).toEqual(['one', 'two', 'three']);
  });

  it('is the same for equal payloads sent one by one', () => {
    const frame = frameFor('server', 2, 'same');
    expect(receiveReads(Array(300).fill(frame))).toEqual(Array(300).fill(binaryMessage('same')));
  });
});
