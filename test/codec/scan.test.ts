import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Codec } from '../../src/codec/codec.js';
import {
  FLAG_MASKED,
  FLAG_NON_ASCII,
  FLAG_PARTIAL,
  FRAME_ROWS,
  HEADER_OCTETS_SHIFT,
  LENGTH7_SHIFT,
  MEMORY_SIZE,
  ROW_FLAGS,
  ROW_KEY,
  ROW_LENGTH_HI,
  ROW_LENGTH_LO,
  ROW_PRESENT,
  ROW_START,
  WINDOW_START,
} from '../../src/codec/memory-map.js';
import { CODEC_TITLE, CODECS, type Scanned, SEED, scan } from '../support/codecs.js';
import { NaiveCodec } from '../support/naive-codec.js';
import { encodeFrame, HEADER_FORMS, RFC_6455_EXAMPLES } from '../vectors/frames.js';

const GUARD = 64;
const START = WINDOW_START + GUARD;
const KEY = 0xd4_c3_b2_a1;

/** A seeded stream of frames: each form of length, masked or not, payloads of a few sizes. */
const anyFrame = fc
  .record({
    first: fc.nat(255),
    form: fc.constantFrom(0 as const, 2 as const, 8 as const),
    key: fc.option(fc.nat(0xffff_ffff)),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 125 }),
      fc.string({ maxLength: 40 }).map((text) => Buffer.from(text)),
    ),
  })
  .map(({ first, form, key, payload }) => ({
    payload: Buffer.from(payload),
    octets: encodeFrame(first, form, BigInt(payload.length), key, Buffer.from(payload)),
  }));

describe.each(CODECS)(`scan, ${CODEC_TITLE}`, ({ createCodec }) => {
  const codec = createCodec();
  const oracle = new NaiveCodec();

  /** Scans `octets` between guards of 0xff with the codec and with the oracle, and expects all to be equal. */
  function scanBoth(octets: Uint8Array, start = START): Scanned {
    const from = start - GUARD;
    const end = start + octets.length;
    const to = Math.min(end + GUARD, MEMORY_SIZE);
    const [scanned, expected] = [codec, oracle].map((one: Pick<Codec, 'bytes' | 'scan' | 'words'>) => {
      one.bytes.fill(0xff, from, to);
      one.bytes.set(octets, start);
      return scan(one, start, end);
    });
    if (JSON.stringify(scanned) !== JSON.stringify(expected)) expect(scanned).toEqual(expected);
    expect(codec.bytes.compare(oracle.bytes, from, to, from, to)).toBe(0);
    return scanned;
  }

  it.each(RFC_6455_EXAMPLES)('RFC 6455 §5.7: $name', (vector) => {
    const { rows, end } = scanBoth(vector.octets);
    expect(end).toBe(START + vector.octets.length);
    expect(rows).toHaveLength(1);
    const [row] = rows;
    const form = (vector.length7 << LENGTH7_SHIFT) | (vector.headerSize << HEADER_OCTETS_SHIFT);
    expect(row[ROW_FLAGS]).toBe(vector.first | vector.flags | form);
    expect(row[ROW_START]).toBe(START + vector.headerSize);
    expect(row[ROW_PRESENT]).toBe(vector.payload.length);
    expect((BigInt(row[ROW_LENGTH_HI]) << 32n) | BigInt(row[ROW_LENGTH_LO])).toBe(vector.length);
    expect(row[ROW_KEY]).toBe(vector.key);
    expect(codec.bytes.subarray(row[ROW_START], end).equals(vector.payload)).toBe(true);
  });

  it.each(HEADER_FORMS)('every prefix of a frame: $name', ({ octets }) => {
    for (let size = 0; size <= octets.length; size++) {
      const { rows, end } = scanBoth(octets.subarray(0, size));
      const isPartial = rows.length > 0 && (rows[0][ROW_FLAGS] & FLAG_PARTIAL) !== 0;
      expect(end).toBe(isPartial ? START : START + size);
    }
  });

  it('reports of a header what its octets present say, and 0 for the rest', () => {
    const frameHeader = encodeFrame(0x82, 8, 0x0102_0304_0506_0708n, KEY, Buffer.alloc(0));
    const partial = (size: number): readonly number[] => {
      const { rows, end } = scanBoth(frameHeader.subarray(0, size));
      expect(end).toBe(START);
      expect(rows).toHaveLength(1);
      return rows[0];
    };
    const flags = (size: number): number => 0x82 | FLAG_PARTIAL | (size << HEADER_OCTETS_SHIFT);
    const second = FLAG_MASKED | (127 << LENGTH7_SHIFT);
    expect(partial(1)).toEqual([flags(1), START, 0, 0, 0, 0]);
    for (const size of [2, 3, 9]) expect(partial(size)).toEqual([flags(size) | second, START, 0, 0, 0, 0]);
    for (const size of [10, 11, 13]) {
      expect(partial(size)).toEqual([flags(size) | second, START, 0, 0x0102_0304, 0x0506_0708, 0]);
    }
  });

  it('reports a 7-bit length from the second octet on, a 16-bit length from the fourth on', () => {
    const short = encodeFrame(0x81, 0, 9n, KEY, Buffer.alloc(0));
    const medium = encodeFrame(0x81, 2, 300n, KEY, Buffer.alloc(0));
    const lengths = (octets: Buffer): number[] =>
      [1, 2, 3, 4, 5].map((size) => scanBoth(octets.subarray(0, size)).rows[0][ROW_LENGTH_LO]);
    expect(lengths(short)).toEqual([0, 9, 9, 9, 9]);
    expect(lengths(medium)).toEqual([0, 0, 0, 300, 300]);
  });

  it('writes no row for nothing', () => {
    expect(scanBoth(Buffer.alloc(0))).toEqual({ end: START, rows: [] });
  });

  it('stops at a full table, and writes no partial row behind it', () => {
    const frames = Buffer.concat([...Array(FRAME_ROWS + 72)].map((_, i) => Buffer.of(0x89, 1, i & 0x7f)));
    const first = scanBoth(frames);
    expect(first.rows).toHaveLength(FRAME_ROWS);
    expect(first.end).toBe(START + 3 * FRAME_ROWS);
    expect(scan(codec, first.end, START + frames.length)).toMatchObject({ end: START + frames.length });
    expect(scanBoth(frames.subarray(0, 3 * FRAME_ROWS + 1))).toEqual(first);
  });

  it('finds an octet ≥ 0x80 at every place of a payload, and none in its neighbours', () => {
    for (const key of [null, KEY]) {
      for (const size of [1, 2, 3, 7, 8, 15, 16, 17, 31, 40, 64, 65, 125, 200]) {
        const payload = Buffer.alloc(size, 'z');
        const frame = (): Buffer => encodeFrame(0x81, size < 126 ? 0 : 2, BigInt(size), key, payload);
        expect(scanBoth(frame()).rows[0][ROW_FLAGS] & FLAG_NON_ASCII).toBe(0);
        for (let at = 0; at < size; at++) {
          payload[at] = 0x80;
          expect(scanBoth(frame()).rows[0][ROW_FLAGS] & FLAG_NON_ASCII).toBe(FLAG_NON_ASCII);
          payload[at] = 0x7a;
        }
      }
    }
  });

  it('goes up to the last octet of memory', () => {
    for (let size = 0; size <= 125; size++) {
      const frame = encodeFrame(0x82, 0, BigInt(size), KEY, Buffer.alloc(size, 'a'));
      expect(scanBoth(frame, MEMORY_SIZE - frame.length).rows).toHaveLength(1);
    }
  });

  it('equals the oracle on any octets', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(15), (octets, alignment) => {
      scanBoth(octets, START + alignment);
    });
    fc.assert(property, { seed: SEED, numRuns: 500 });
    expect.hasAssertions();
  });

  it('equals the oracle on any frames, the last one cut', () => {
    const property = fc.property(fc.array(anyFrame, { maxLength: 140 }), fc.nat(15), fc.nat(300), (frames, at, cut) => {
      const wire = Buffer.concat(frames.map(({ octets }) => octets));
      scanBoth(wire.subarray(0, Math.max(0, wire.length - cut)), START + at);
    });
    fc.assert(property, { seed: SEED });
    expect.hasAssertions();
  });

  it('with mask, gives the same payloads wherever the reads are cut', () => {
    const property = fc.property(
      fc.array(anyFrame, { minLength: 1, maxLength: 20 }),
      fc.array(fc.nat(3000)),
      (frames, cuts) => {
        const wire = Buffer.concat(frames.map(({ octets }) => octets));
        const payloads = frames.map(({ payload }) => payload.toString('hex'));
        expect(readInPieces(codec, wire, cuts)).toEqual(payloads);
        expect(readInPieces(codec, wire, [...wire.keys()])).toEqual(payloads);
      },
    );
    fc.assert(property, { seed: SEED });
    expect.hasAssertions();
  });
});

/** Reads `wire` cut at `cuts`, as a connection would: a partial header waits, a payload that goes on is masked on. */
function readInPieces(codec: Codec, wire: Buffer, cuts: readonly number[]): string[] {
  const payloads: string[] = [];
  let open = '';
  let missing = 0;
  let done = 0;
  let key = 0;
  let phase = 0;
  const ends = [...new Set([...cuts.map((cut) => cut % wire.length), wire.length])].sort((a, b) => a - b);
  const take = (from: number, to: number): void => {
    open += codec.bytes.toString('hex', from, to);
    missing -= to - from;
    if (missing === 0) {
      payloads.push(open);
      open = '';
    }
  };
  for (const end of ends) {
    wire.copy(codec.bytes, START + done, done, end);
    if (missing > 0) {
      const size = Math.min(missing, end - done);
      codec.mask(START + done, START + done + size, key, phase);
      phase += size;
      take(START + done, START + done + size);
      done += size;
    }
    while (done < end) {
      const scanned = scan(codec, START + done, START + end);
      done = scanned.end - START;
      for (const row of scanned.rows) {
        if ((row[ROW_FLAGS] & FLAG_PARTIAL) !== 0) break;
        missing = row[ROW_LENGTH_LO];
        key = row[ROW_KEY];
        phase = row[ROW_PRESENT];
        take(row[ROW_START], row[ROW_START] + row[ROW_PRESENT]);
      }
      if (scanned.rows.length < FRAME_ROWS) break;
    }
  }
  return payloads;
}
