import zlib from 'node:zlib';
import {
  type Codec,
  type DeflateCodec,
  INFLATE_FULL,
  INFLATE_INVALID,
  INFLATE_PAUSED,
  INFLATE_TOO_LONG,
} from '../../src/codec/codec.js';
import {
  HISTORY_SIZE,
  INFLATE_OUT,
  INFLATE_OUT_SIZE,
  INFLATE_STATE,
  INFLATE_TAKEN,
  SCRATCH_START,
  WINDOW_START,
} from '../../src/codec/memory-map.js';
import type { InflateCase } from './inflate-cases.js';
import { type NaiveInflated, naiveInflate } from './naive-inflate.js';

const OUT_END = INFLATE_OUT + INFLATE_OUT_SIZE;

const NOTHING = Buffer.alloc(0);

export interface Inflated {
  readonly verdict: NaiveInflated['verdict'];
  /** What was handed out. */
  readonly message: Buffer;
}

/** Inflates with one codec, and compares it with the oracle and with zlib. Whatever is not as promised throws. */
export class InflateHarness {
  readonly codec: Codec & DeflateCodec;
  /** How many payloads it has inflated. */
  count = 0;
  /** What the memory outside the areas of inflate must be. */
  readonly #expected: Buffer;

  constructor(codec: Codec & DeflateCodec) {
    this.codec = codec;
    const { bytes } = codec;
    for (const [from, to] of [
      [0, INFLATE_STATE],
      [OUT_END, bytes.length],
    ]) {
      for (let at = from; at < to; at++) bytes[at] = at * 7 + (at >> 8);
    }
    this.#expected = Buffer.from(bytes);
  }

  /**
   * Inflates a payload that is put at `start`.
   *
   * @param isThorough whether to compare all of the memory that must not change, rather than what is around the areas
   */
  inflate(
    given: Partial<InflateCase> & Pick<InflateCase, 'payload'>,
    start = WINDOW_START,
    isThorough = true,
  ): Inflated {
    const { payload, history = NOTHING, windowSize = 32_768, most = 2 ** 30 } = given;
    const { bytes } = this.codec;
    if (start + payload.length > INFLATE_STATE) throw new RangeError('The payload has no place');
    for (const memory of [bytes, this.#expected]) payload.copy(memory, start);
    // What is before the history, and what was in the output area, is nothing to refer to.
    bytes.fill(0xdb, INFLATE_OUT - HISTORY_SIZE, INFLATE_OUT - history.length);
    bytes.fill(0xbd, INFLATE_OUT, INFLATE_OUT + 1024);
    history.copy(bytes, INFLATE_OUT - history.length);

    this.count++;
    const portions: Buffer[] = [];
    let said = this.codec.inflate(start, start + payload.length, history.length, windowSize, most, false);
    let taken = start;
    for (
      ;
      said === INFLATE_FULL || said === INFLATE_PAUSED;
      said = this.codec.inflateMore(taken, start + payload.length, false)
    ) {
      taken += this.codec.words[INFLATE_TAKEN];
      if (said === INFLATE_PAUSED) continue;
      portions.push(Buffer.from(bytes.subarray(INFLATE_OUT, OUT_END)));
      if (portions.length * INFLATE_OUT_SIZE >= most) throw new Error('More than the message may have');
    }
    this.#expectUnchanged(isThorough, start, start + payload.length);
    const verdict = said >= 0 ? 'whole' : VERDICTS[said];
    if (verdict === undefined || said > INFLATE_OUT_SIZE) throw new Error(`The codec said ${said}`);
    if (said === 0 && portions.length > 0) throw new Error('FULL, and nothing followed');
    portions.push(bytes.subarray(INFLATE_OUT, INFLATE_OUT + Math.max(0, said)));
    return { verdict, message: Buffer.concat(portions) };
  }

  #expectUnchanged(isThorough: boolean, start: number, end: number): void {
    // The word that says how much of the input was taken.
    this.codec.bytes.copy(this.#expected, INFLATE_TAKEN * 4, INFLATE_TAKEN * 4, INFLATE_TAKEN * 4 + 4);
    const ranges = isThorough
      ? [
          [0, INFLATE_STATE],
          [OUT_END, this.#expected.length],
        ]
      : [
          [Math.max(0, start - 64), Math.min(end + 64, INFLATE_STATE)],
          [INFLATE_STATE - 64, INFLATE_STATE],
          [OUT_END, OUT_END + 64],
        ];
    for (const [from, to] of ranges) {
      if (this.#expected.compare(this.codec.bytes, from, to, from, to) === 0) continue;
      const at = this.#expected.subarray(from, to).findIndex((byte, i) => byte !== this.codec.bytes[from + i]);
      throw new Error(`inflate changed byte ${from + at}, for [${start}, ${end})`);
    }
  }

  /** Inflates, and compares with the oracle. @returns what both say */
  compare(
    given: Partial<InflateCase> & Pick<InflateCase, 'payload'>,
    start?: number,
    isThorough?: boolean,
    expected = naiveInflate(given.payload, given),
  ): NaiveInflated {
    const { verdict, message } = this.inflate(given, start, isThorough);
    const isSame = verdict === expected.verdict && message.equals(expected.message.subarray(0, message.length));
    if (isSame && (verdict !== 'whole' || message.length === expected.message.length)) return expected;
    const theirs = `${expected.verdict} ${expected.reason ?? ''} of ${expected.message.length}`;
    throw new Error(`${verdict} of ${message.length} bytes, but the oracle says: ${theirs}\n${describeCase(given)}`);
  }
}

const VERDICTS: Readonly<Record<number, Inflated['verdict']>> = {
  [INFLATE_TOO_LONG]: 'too long',
  [INFLATE_INVALID]: 'invalid',
};

/** What repeats a case, if it is short. */
export function describeCase({ payload, history, windowSize, most }: Partial<InflateCase>): string {
  const hex = (bytes: Buffer = NOTHING) => `${bytes.length} bytes ${bytes.toString('hex', 0, 400)}`;
  return `windowSize ${windowSize}, most ${most}, payload of ${hex(payload)}, history of ${hex(history)}`;
}

/**
 * Compares the oracle itself with zlib, which knows no `most` and no window, and ends at a final block.
 *
 * @param inflated what the oracle says without `most` and with the longest window
 */
export function compareWithZlib(
  { payload, history = NOTHING }: Partial<InflateCase> & Pick<InflateCase, 'payload'>,
  inflated = naiveInflate(payload, { history }),
): void {
  const { verdict, reason, message, final } = inflated;
  const isDecodable = verdict === 'whole' || reason === 'cut' || final !== undefined;
  const expected = isDecodable ? message.subarray(0, final?.message) : undefined;
  const zlibs = inflateByZlib(payload, history);
  const isSame = expected === undefined ? zlibs === undefined : zlibs?.message.equals(expected);
  if (!isSame || (final !== undefined && final.payload !== zlibs?.consumed)) {
    const said = zlibs === undefined ? 'invalid' : `${zlibs.message.length} bytes, ${zlibs.consumed} consumed`;
    throw new Error(`zlib says: ${said}, the oracle: ${verdict} ${reason}\n${describeCase({ payload, history })}`);
  }
}

/** What zlib gets out of a payload, and how much of it it used; nothing if it is no DEFLATE. */
function inflateByZlib(payload: Buffer, history: Buffer): { message: Buffer; consumed: number } | undefined {
  try {
    const finishFlush = zlib.constants.Z_SYNC_FLUSH;
    const options = { finishFlush, info: true, ...(history.length > 0 && { dictionary: history }) };
    const { buffer, engine } = zlib.inflateRawSync(payload, options) as unknown as {
      buffer: Buffer;
      engine: zlib.Zlib;
    };
    return { message: buffer, consumed: engine.bytesWritten };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'Z_DATA_ERROR') return undefined;
    throw error;
  }
}

/** Where a payload may lie: at the edges of window and scratch memory, and where no word begins. */
export function placesOf(size: number): number[] {
  return [WINDOW_START, WINDOW_START + 3, SCRATCH_START - size, SCRATCH_START, INFLATE_STATE - size].filter(
    (start) => start >= WINDOW_START && start + size <= INFLATE_STATE,
  );
}
