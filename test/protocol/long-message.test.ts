import { describe, expect, test } from 'vitest';
import { INFLATE_FULL } from '../../src/codec/codec.js';
import { INFLATE_OUT_SIZE, INFLATE_TAKEN, WINDOW_START } from '../../src/codec/memory-map.js';
import { codec } from '../../src/codec/select.js';
import { Inflater } from '../../src/deflate/inflater.js';
import { FAULT } from '../../src/protocol/faults.js';
import { LongMessage } from '../../src/protocol/long-message.js';
import type { ReceiverOptions } from '../../src/protocol/receiver-options.js';
import { deflated } from '../support/deflate-stream.js';
import { DEFAULT_OPTIONS, ReceiverHarness } from '../support/receiver-harness.js';

const OPTIONS: ReceiverOptions = { ...DEFAULT_OPTIONS, inflater: new Inflater(15) };
const MOST = 100_000_000;

const text = (length: number) =>
  Array.from({ length: Math.ceil(length / 20) }, (_, i) => `${i} grüße ${i * 31};`)
    .join('')
    .slice(0, length);

/** A message whose payload is given from the beginning. */
function longMessage(payload: Buffer, options: Partial<ReceiverOptions> = {}, most = MOST): LongMessage {
  return new LongMessage(codec, 1, payload, most, { ...OPTIONS, ...options }, false);
}

function finish(message: LongMessage): string | null {
  while (!message.hasEnded) message.step();
  if (message.fault !== null) return null;
  const harness = new ReceiverHarness();
  message.report(harness);
  return (harness.events[0] as { text: string }).text;
}

describe('a long message', () => {
  test('is inflated in steps: of few bytes that become many, and of many bytes', () => {
    const many = text(3_000_000);
    expect(finish(longMessage(deflated(many)))).toBe(many);
    expect(finish(longMessage(deflated(many, { level: 0 })))).toBe(many);
    const zeros = '0'.repeat(2_000_000);
    expect(finish(longMessage(deflated(zeros)))).toBe(zeros);
  });

  test('goes on after the output area was filled where the payload lay', () => {
    const message = text(900_000);
    const payload = deflated(message);
    codec.bytes.set(payload, WINDOW_START);
    const outcome = LongMessage.begin(OPTIONS.inflater!, WINDOW_START, WINDOW_START + payload.length, MOST);
    expect(outcome).toBe(INFLATE_FULL);
    const rest = payload.subarray(codec.words[INFLATE_TAKEN]);
    expect(finish(new LongMessage(codec, 1, rest, MOST, OPTIONS, true))).toBe(message);
  });

  // Skipped without WebAssembly: there a message is inflated at once.
  test.skipIf(codec.kind === 'ts')('waits while others are inflated in the same memory', () => {
    const texts = [text(1_200_000), text(1_500_000).toUpperCase(), 'z'.repeat(1_300_000)];
    const messages = texts.map((one) => longMessage(deflated(one)));
    while (messages.some((message) => !message.hasEnded)) {
      for (const message of messages) message.step();
      codec.bytes.set(deflated('short'), WINDOW_START);
      expect(LongMessage.begin(OPTIONS.inflater!, WINDOW_START, WINDOW_START + deflated('short').length, MOST)).toBe(5);
    }
    expect(messages.map(finish)).toEqual(texts);
  });

  // Skipped as well.
  test.skipIf(codec.kind === 'ts')('does not take more than one step at a time', () => {
    const message = longMessage(deflated('x'.repeat(10 * INFLATE_OUT_SIZE)));
    let steps = 0;
    for (; !message.hasEnded; steps++) message.step();
    expect(steps).toBeGreaterThanOrEqual(5);
  });

  test.each([
    ['has more bytes than it may have', deflated('x'.repeat(1_000_001)), FAULT.MESSAGE_TOO_BIG],
    ['is cut short', deflated(text(900_000)).subarray(0, -9), FAULT.INVALID_DEFLATE],
    [
      'is not UTF-8 at the end',
      deflated(Buffer.concat([Buffer.alloc(900_000, 'x'), Buffer.of(0xc3)])),
      FAULT.INVALID_UTF8,
    ],
    ['is not UTF-8', deflated(Buffer.concat([Buffer.alloc(600_000, 'x'), Buffer.of(0xff, 0x41)])), FAULT.INVALID_UTF8],
  ])('has a fault if it %s', (_, payload, fault) => {
    const message = longMessage(payload, {}, 1_000_000);
    expect(finish(message)).toBeNull();
    expect(message.fault).toBe(fault);
    // What comes after is not disturbed.
    expect(finish(longMessage(deflated('fine')))).toBe('fine');
  });

  test('skips the validation of UTF-8 if asked to', () => {
    const bytes = Buffer.concat([Buffer.alloc(600_000, 'x'), Buffer.of(0xff)]);
    expect(finish(longMessage(deflated(bytes), { skipUtf8: true }))?.length).toBe(600_001);
  });

  test('is over when it is discarded', () => {
    const message = longMessage(deflated('x'.repeat(2_000_000)));
    message.step();
    message.discard();
    expect(message.hasEnded).toBe(true);
    expect(finish(longMessage(deflated('fine')))).toBe('fine');
  });
});
