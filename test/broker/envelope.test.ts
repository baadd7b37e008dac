import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkKeys, type Envelope, Envelopes } from '../../src/broker/envelope.js';
import { encodeKeptFrame } from '../../src/net/writing/shared-frames.js';
import { Opcode } from '../../src/protocol/opcode.js';
import { SEED } from '../support/codecs.js';

const MOST = 524_288;
const ORIGIN = randomBytes(16);
const KEYS = ['a key that is secret', 'another key, also secret'].map((key) => Buffer.from(key));

const envelopes = (prefix = 'p:', ...keys: Buffer[]) => new Envelopes(ORIGIN, prefix, keys);
const text = (data: string) => encodeKeptFrame(Opcode.Text, data);
const opened = (payload: Buffer, topic = 'chat', by = envelopes()) => by.open(topic, payload, MOST);

describe('an envelope', () => {
  test.each([[], [KEYS[0]]])('comes out as it went in, whatever is in it', (...keys) => {
    const by = envelopes('p:', ...keys);
    const binary = fc.uint8Array({ maxLength: 200 }).map((bytes) => [Opcode.Binary, bytes] as const);
    const texts = fc.string({ unit: 'binary', maxLength: 200 }).map((data) => [Opcode.Text, data] as const);
    const sequences = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    const cases = [fc.string({ unit: 'grapheme', maxLength: 60 }), sequences, fc.boolean(), fc.boolean()] as const;
    fc.assert(
      fc.property(fc.oneof(binary, texts), ...cases, ([opcode, data], topic, sequence, isStart, compresses) => {
        const frame = encodeKeptFrame(opcode, data);
        const envelope = opened(by.seal(topic, sequence, isStart, compresses, frame), topic, by) as Envelope;
        expect(envelope).toMatchObject({ origin: ORIGIN.toString('latin1'), sequence, isStart, compresses });
        expect(Buffer.compare(envelope.frame, frame)).toBe(0);
      }),
      { seed: SEED },
    );
  });

  test('broker.A-09: with a key is opened by that key alone, and by the next one while a key is replaced', () => {
    const payload = envelopes('p:', KEYS[0]).seal('chat', 1, true, true, text('x'));
    expect(opened(payload, 'chat', envelopes('p:', KEYS[0]))).toMatchObject({ sequence: 1 });
    expect(opened(payload, 'chat', envelopes('p:', KEYS[1], KEYS[0]))).toMatchObject({ sequence: 1 });
    expect(opened(payload, 'chat', envelopes('p:', KEYS[1]))).toBe('signature');
    expect(opened(payload, 'chat', envelopes('another tenant:', KEYS[0]))).toBe('signature');
    for (let at = 0; at < payload.length; at++) {
      const changed = Buffer.from(payload);
      changed[at] ^= 1;
      expect(typeof opened(changed, 'chat', envelopes('p:', KEYS[0]))).toBe('string');
    }
  });

  test('without a signature is not opened where there is a key', () => {
    const payload = envelopes().seal('chat', 1, true, true, text('x'));
    expect(opened(payload, 'chat', envelopes('p:', KEYS[0]))).toBe('signature');
  });

  test('of another topic is not opened', () => {
    expect(opened(envelopes().seal('other', 1, true, true, text('x')))).toBe('topic');
  });

  test('of a later version, or with what a later one has added, is not opened', () => {
    const payload = envelopes().seal('chat', 1, true, true, text('x'));
    const changed = (at: number, value: number) => Buffer.from(payload).fill(value, at, at + 1);
    expect(opened(changed(2, 2))).toBe('version');
    expect(opened(changed(3, 0x81))).toBe('version');
    expect(opened(changed(0, 0))).toBe('format');
  });

  test.each<[string, number[]]>([
    ['is empty', []],
    ['has one byte', [0x81]],
    ['is a fragment', [0x01, 1, 97]],
    ['is a continuation', [0x80, 1, 97]],
    ['is compressed', [0xc1, 1, 97]],
    ['is a Close', [0x88, 2, 3, 232]],
    ['is a Ping', [0x89, 0]],
    ['is masked', [0x81, 0x81, 0, 0, 0, 0, 97]],
    ['is shorter than it says', [0x81, 2, 97]],
    ['is longer than it says', [0x81, 1, 97, 97]],
    ['says a short length in two bytes', [0x82, 126, 0, 1, 97]],
    ['says a short length in eight bytes', [0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1, 97]],
    ['is text that is not UTF-8', [0x81, 1, 0xff]],
  ])('whose frame %s is not opened: every client would close', (_, frame) => {
    expect(opened(envelopes().seal('chat', 1, true, true, Buffer.from(frame)))).toBe('frame');
  });

  test('whose frame is longer than may be is not opened', () => {
    const payload = envelopes().seal('chat', 1, true, true, text('x'.repeat(100)));
    expect(envelopes().open('chat', payload, 102)).toMatchObject({ sequence: 1 });
    expect(envelopes().open('chat', payload, 101)).toBe('frame');
  });

  test('broker.A-09: of any bytes does not throw, and whatever is taken is a whole message', () => {
    const sealed = [text('hello'), encodeKeptFrame(Opcode.Binary, randomBytes(70_000)), text('x'.repeat(300))].map(
      (frame) => envelopes().seal('chat', 7, false, true, frame),
    );
    const change = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 });
    const mutated = fc.tuple(fc.constantFrom(...sealed), change, fc.nat(400)).map(([payload, changes, cut]) => {
      const copy = Buffer.from(payload);
      for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
      return cut < 100 ? copy.subarray(0, Math.max(0, copy.length - cut)) : copy;
    });
    const random = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(mutated, random), (payload) => {
        const outcome = opened(payload);
        if (typeof outcome === 'string') return;
        expect([0x81, 0x82]).toContain(outcome.frame[0]);
        expect(outcome.frame[1]).toBeLessThan(128);
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });
});

describe('the option key', () => {
  test('is one secret or several, and what it is does not show in errors', () => {
    expect(checkKeys(undefined)).toEqual([]);
    expect(checkKeys(['0123456789abcdef', new Uint8Array(16)])).toEqual([
      Buffer.from('0123456789abcdef'),
      Buffer.alloc(16),
    ]);
    expect(() => checkKeys('short')).toThrow(/16 bytes or more, not 5/);
    expect(() => checkKeys([])).toThrow(RangeError);
    expect(() => checkKeys(7 as never)).toThrow(TypeError);
  });
});
