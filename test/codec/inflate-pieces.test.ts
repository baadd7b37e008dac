import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Codec,
  INFLATE_FULL,
  INFLATE_INVALID,
  INFLATE_NEEDS_INPUT,
  INFLATE_TOO_LONG,
} from '../../src/codec/codec.js';
import {
  INFLATE_OUT,
  INFLATE_OUT_SIZE,
  INFLATE_STATE,
  INFLATE_TAKEN,
  SCRATCH_SIZE,
  SCRATCH_START,
} from '../../src/codec/memory-map.js';
import { CODEC_TITLE, CODECS, SEED } from '../support/codecs.js';
import { deflated } from '../support/deflate-stream.js';

const OUT_END = INFLATE_OUT + INFLATE_OUT_SIZE;

/** What may be needed at once of a payload. */
const LEAST = 640;

/** Inflates a payload that is given in pieces. @returns the message, or the verdict */
function inflateInPieces(codec: Codec, payload: Buffer, sizes: readonly number[], most: number, saves: boolean) {
  const { bytes, words } = codec;
  const portions: Buffer[] = [];
  let taken = 0;
  for (let i = 0; ; i++) {
    const size = Math.min(sizes[i % sizes.length], payload.length - taken);
    payload.copy(bytes, SCRATCH_START, taken, taken + size);
    const goesOn = taken + size < payload.length;
    const end = SCRATCH_START + size;
    const said =
      i === 0
        ? codec.inflate(SCRATCH_START, end, 0, 32_768, most, goesOn)
        : codec.inflateMore(SCRATCH_START, end, goesOn);
    if (said === INFLATE_TOO_LONG || said === INFLATE_INVALID) return said;
    portions.push(Buffer.from(bytes.subarray(INFLATE_OUT, said === INFLATE_FULL ? OUT_END : INFLATE_OUT + said)));
    if (said >= 0) return Buffer.concat(portions);
    if (said === INFLATE_NEEDS_INPUT) {
      expect(size - words[INFLATE_TAKEN]).toBeLessThanOrEqual(LEAST);
      expect(goesOn).toBe(true);
      portions.pop();
    }
    taken += words[INFLATE_TAKEN];
    if (saves) inflateAnother(codec);
  }
}

/** Another message is inflated, and leaves everything else as it was. */
function inflateAnother({ bytes, inflate }: Codec): void {
  const saved = Buffer.from(bytes.subarray(INFLATE_STATE, OUT_END));
  const other = deflated('{"id":1,"name":"another"},'.repeat(20));
  other.copy(bytes, SCRATCH_START);
  expect(inflate(SCRATCH_START, SCRATCH_START + other.length, 0, 32_768, 9999, false)).toBe(520);
  saved.copy(bytes, INFLATE_STATE);
}

function messageOf({ kind, size }: { kind: string; size: number }): Buffer {
  if (kind === 'same') return Buffer.alloc(size, 'x');
  let state = size + 1;
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state >>> 16;
  };
  if (kind === 'noise') return Buffer.from(Uint8Array.from({ length: size }, () => next() & 0xff));
  let text = '';
  while (text.length < size) text += `{"id":${next()},"name":"user ${next() % 50}","ok":${next() % 2 === 0}},`;
  return Buffer.from(text).subarray(0, size);
}

describe.each(CODECS)(`${CODEC_TITLE}: a payload in pieces`, ({ kind, createCodec }) => {
  const codec = createCodec();
  const message = fc.record({
    kind: fc.constantFrom('json', 'same', 'noise'),
    size: fc.oneof(fc.nat(3000), fc.nat(100_000), fc.integer({ min: 250_000, max: 600_000 })),
  });
  const size = fc.oneof(fc.integer({ min: LEAST, max: 3000 }), fc.integer({ min: LEAST, max: SCRATCH_SIZE }));

  it('gives the message that it gives whole, others in between', () => {
    const scenario = fc.record({
      message,
      sizes: fc.array(size, { minLength: 1, maxLength: 5 }),
      level: fc.constantFrom(0, 1, 6),
      saves: fc.boolean(),
    });
    fc.assert(
      fc.property(scenario, ({ message: wanted, sizes, level, saves }) => {
        const bytes = messageOf(wanted);
        // Without WebAssembly the state is not in the memory.
        const said = inflateInPieces(codec, deflated(bytes, { level }), sizes, 2 ** 30, saves && kind !== 'ts');
        expect(Buffer.isBuffer(said) && said.equals(bytes)).toBe(true);
      }),
      { seed: SEED, numRuns: 60 },
    );
  });

  it('has the verdict that it has whole: too long by a byte, cut short, no block in the middle', () => {
    const bytes = messageOf({ kind: 'json', size: 400_000 });
    const payload = deflated(bytes);
    for (const pieces of [LEAST, 5000, SCRATCH_SIZE]) {
      expect(inflateInPieces(codec, payload, [pieces], bytes.length - 1, false)).toBe(INFLATE_TOO_LONG);
      expect(inflateInPieces(codec, payload.subarray(0, -40), [pieces], 2 ** 30, false)).toBe(INFLATE_INVALID);
      // A block of type 3.
      const broken = Buffer.concat([payload, Buffer.from('0000ffff06', 'hex'), payload]);
      expect(inflateInPieces(codec, broken, [pieces], 2 ** 30, false)).toBe(INFLATE_INVALID);
    }
  });
});
