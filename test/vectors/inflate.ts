import { BitWriter, type DynamicOptions, lengthsOf, type Token } from '../support/bit-writer.js';

/** A payload of one message, and the message as latin1, or why there is none. */
export interface InflateVector {
  readonly name: string;
  readonly payload: Buffer;
  readonly history?: Buffer;
  readonly expected: string | typeof INVALID;
}

/** In place of a message: the payload is none. */
export const INVALID = null;

function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex');
}

/** RFC 7692 §7.2.3. */
const EXAMPLES: readonly InflateVector[] = [
  { name: 'one block (RFC 7692 §7.2.3.1)', payload: hex('f248cdc9c90700'), expected: 'Hello' },
  {
    name: 'the same again, with context takeover (§7.2.3.2)',
    payload: hex('f200110000'),
    history: Buffer.from('Hello'),
    expected: 'Hello',
  },
  { name: 'a block without compression (§7.2.3.3)', payload: hex('000500faff 48656c6c6f 00'), expected: 'Hello' },
  { name: 'a final block, and a header (§7.2.3.4)', payload: hex('f348cdc9c90700 00'), expected: 'Hello' },
  {
    name: 'two blocks with a flush between them (§7.2.3.5)',
    payload: hex('f24805000000ffff cac9c90700'),
    expected: 'Hello',
  },
];

/** Codes for tests: A and the end; A, the end and a length of 3; and one distance. */
const A = 0x41;
const TWO = lengthsOf(257, { [A]: 1, 256: 1 });
const THREE = lengthsOf(258, { [A]: 1, 256: 2, 257: 2 });
const ONE_DISTANCE = [1];

/** Lengths of `TWO` and `ONE_DISTANCE`, as symbols of the code-length code. */
const RUNS: DynamicOptions['lengthSymbols'] = [[18, 54], [1], [18, 127], [18, 41], [1], [1]];
/** A code-length code whose codes have up to 7 bits. */
const STEEP = lengthsOf(19, { 18: 1, 17: 2, 16: 3, 2: 4, 3: 5, 0: 6, 1: 7, 4: 7 });
/** Codes of all lengths up to 15. */
const FIFTEEN = lengthsOf(257, {
  ...Object.fromEntries(Array.from({ length: 14 }, (_, i) => [i, i + 1])),
  [A]: 15,
  256: 15,
});

interface DynamicRow {
  readonly name: string;
  readonly options: DynamicOptions;
  readonly tokens?: Token[];
  /** Bits in place of the end of the block. */
  readonly instead?: string;
  readonly expected: InflateVector['expected'];
}

/** The table of `naive-inflate.ts`. */
const DYNAMIC: readonly DynamicRow[] = [
  {
    name: 'a code of each kind',
    options: { literalLengths: THREE, distanceLengths: [1, 1] },
    tokens: [A, A, [3, 2]],
    expected: 'AAAAA',
  },
  {
    name: 'codes of 15 bits',
    options: { literalLengths: FIFTEEN, distanceLengths: ONE_DISTANCE },
    tokens: [A, 0, 12],
    expected: 'A\0\x0c',
  },
  {
    name: 'code-length codes of 7 bits',
    options: { literalLengths: TWO, distanceLengths: ONE_DISTANCE, codeLengthLengths: STEEP, lengthSymbols: RUNS },
    tokens: [A],
    expected: 'A',
  },
  ...[286, 287, 288].map((count) => ({
    name: `${count} literal/length codes`,
    options: { literalLengths: lengthsOf(count, { [A]: 1, 256: 1 }), distanceLengths: ONE_DISTANCE },
    tokens: [A],
    expected: count <= 286 ? 'A' : INVALID,
  })),
  ...[30, 31, 32].map((count) => ({
    name: `${count} distance codes`,
    options: { literalLengths: TWO, distanceLengths: lengthsOf(count, { 0: 1 }) },
    tokens: [A],
    expected: count <= 30 ? 'A' : INVALID,
  })),
  {
    name: 'symbol 285 and distance 29 with a code',
    options: {
      literalLengths: lengthsOf(286, { [A]: 1, 256: 2, 285: 2 }),
      distanceLengths: lengthsOf(30, { 0: 1, 29: 1 }),
    },
    tokens: [A, [258, 1]],
    expected: 'A'.repeat(259),
  },
  {
    name: 'an incomplete code-length code',
    options: {
      literalLengths: TWO,
      distanceLengths: ONE_DISTANCE,
      codeLengthLengths: lengthsOf(19, { 1: 1, 18: 2 }),
      lengthSymbols: RUNS,
    },
    expected: INVALID,
  },
  {
    name: 'an over-subscribed code-length code',
    options: {
      literalLengths: TWO,
      distanceLengths: ONE_DISTANCE,
      codeLengthLengths: lengthsOf(19, { 0: 1, 1: 1, 18: 1 }),
      lengthSymbols: RUNS,
    },
    expected: INVALID,
  },
  {
    name: 'a single code-length code of one bit',
    options: {
      literalLengths: Array<number>(257).fill(8),
      distanceLengths: [8],
      codeLengthLengths: lengthsOf(19, { 8: 1 }),
    },
    expected: INVALID,
  },
  {
    name: 'no code-length codes',
    options: { literalLengths: lengthsOf(257, {}), distanceLengths: [0], codeLengthLengths: lengthsOf(19, {}) },
    instead: '0'.repeat(400),
    expected: INVALID,
  },
  {
    name: 'a repeat of nothing',
    options: { literalLengths: TWO, distanceLengths: ONE_DISTANCE, lengthSymbols: [[16], [18, 51], ...RUNS.slice(1)] },
    expected: INVALID,
  },
  {
    name: 'a repeat of 0 by 16',
    options: {
      literalLengths: TWO,
      distanceLengths: ONE_DISTANCE,
      lengthSymbols: [[0], [16], [18, 50], ...RUNS.slice(1)],
    },
    tokens: [A],
    expected: 'A',
  },
  {
    name: 'a repeat by 16 from the literals into the distances',
    options: {
      literalLengths: lengthsOf(257, { [A]: 1, 255: 2, 256: 2 }),
      distanceLengths: [2, 2, 2, 2],
      lengthSymbols: [[18, 54], [1], [18, 127], [18, 40], [2], [2], [16], [2]],
    },
    tokens: [A],
    expected: 'A',
  },
  {
    name: 'a repeat by 18 from the literals into the distances',
    options: {
      literalLengths: lengthsOf(260, { [A]: 1, 256: 1 }),
      distanceLengths: lengthsOf(10, {}),
      lengthSymbols: [...RUNS.slice(0, 5), [18, 2]],
    },
    tokens: [A],
    expected: 'A',
  },
  ...[
    { symbol: 16, distances: 2 },
    { symbol: 17, distances: 2 },
    { symbol: 18, distances: 10 },
  ].map(({ symbol, distances }) => ({
    name: `a repeat by ${symbol} to one beyond the last distance`,
    options: {
      literalLengths: TWO,
      distanceLengths: Array<number>(distances).fill(0),
      lengthSymbols: [...RUNS.slice(0, 5), [symbol]] as DynamicOptions['lengthSymbols'],
    },
    tokens: [A],
    expected: INVALID,
  })),
  {
    name: 'an incomplete literal/length code',
    options: { literalLengths: lengthsOf(257, { [A]: 1, 256: 2 }), distanceLengths: ONE_DISTANCE },
    tokens: [A],
    expected: INVALID,
  },
  {
    name: 'an over-subscribed literal/length code',
    options: { literalLengths: lengthsOf(257, { 0: 1, [A]: 1, 256: 1 }), distanceLengths: ONE_DISTANCE },
    tokens: [A],
    expected: INVALID,
  },
  {
    name: 'an over-subscribed literal/length code of 15 bits',
    options: { literalLengths: lengthsOf(257, { ...FIFTEEN, 200: 15 }), distanceLengths: ONE_DISTANCE },
    tokens: [A],
    expected: INVALID,
  },
  {
    name: 'a single literal/length code of one bit',
    options: { literalLengths: lengthsOf(257, { 256: 1 }), distanceLengths: ONE_DISTANCE },
    expected: '',
  },
  {
    name: 'the other bit of a single literal/length code',
    options: { literalLengths: lengthsOf(257, { 256: 1 }), distanceLengths: ONE_DISTANCE },
    instead: `1${'0'.repeat(40)}`,
    expected: INVALID,
  },
  {
    name: 'a single literal/length code of two bits',
    options: { literalLengths: lengthsOf(257, { 256: 2 }), distanceLengths: ONE_DISTANCE },
    expected: INVALID,
  },
  {
    name: 'a single literal/length code that is not the end',
    options: { literalLengths: lengthsOf(257, { [A]: 1 }), distanceLengths: ONE_DISTANCE },
    tokens: [A],
    instead: '0'.repeat(40),
    expected: INVALID,
  },
  {
    name: 'no code for the end of the block',
    options: { literalLengths: lengthsOf(257, { [A]: 1, 66: 1 }), distanceLengths: ONE_DISTANCE },
    tokens: [A],
    instead: '0'.repeat(40),
    expected: INVALID,
  },
  {
    name: 'an incomplete distance code',
    options: { literalLengths: TWO, distanceLengths: [1, 2] },
    tokens: [A],
    expected: INVALID,
  },
  {
    name: 'an over-subscribed distance code',
    options: { literalLengths: TWO, distanceLengths: [1, 1, 1] },
    tokens: [A],
    expected: INVALID,
  },
  {
    name: 'a single distance code of one bit',
    options: { literalLengths: THREE, distanceLengths: ONE_DISTANCE },
    tokens: [A, [3, 1]],
    expected: 'AAAA',
  },
  {
    name: 'a single distance code of one bit, for symbol 1',
    options: { literalLengths: THREE, distanceLengths: [0, 1] },
    tokens: [A, A, [3, 2]],
    expected: 'AAAAA',
  },
  {
    name: 'the other bit of a single distance code',
    options: { literalLengths: THREE, distanceLengths: ONE_DISTANCE },
    tokens: [A, 257],
    instead: `1${'0'.repeat(40)}`,
    expected: INVALID,
  },
  {
    name: 'a single distance code of two bits',
    options: { literalLengths: TWO, distanceLengths: [2] },
    tokens: [A],
    expected: INVALID,
  },
  {
    name: 'no distance codes, and no match',
    options: { literalLengths: THREE, distanceLengths: [0] },
    tokens: [A],
    expected: 'A',
  },
  {
    name: 'no distance codes, and a match',
    options: { literalLengths: THREE, distanceLengths: [0] },
    tokens: [A, 257],
    instead: '0'.repeat(40),
    expected: INVALID,
  },
];

const FIXED: readonly { name: string; tokens: Token[]; expected: InflateVector['expected'] }[] = [
  { name: 'the longest match', tokens: [A, [258, 1]], expected: 'A'.repeat(259) },
  {
    name: 'a match of 258 as symbol 284 with 31',
    tokens: [A, { length: 284, lengthExtra: 31, distance: 0 }],
    expected: 'A'.repeat(259),
  },
  { name: 'symbol 286', tokens: [A, 286, A], expected: INVALID },
  { name: 'symbol 287', tokens: [A, 287, A], expected: INVALID },
  { name: 'distance 30', tokens: [A, { length: 257, distance: 30 }, A], expected: INVALID },
  { name: 'distance 31', tokens: [A, { length: 257, distance: 31 }, A], expected: INVALID },
  { name: 'a match before any byte', tokens: [[3, 1]], expected: INVALID },
  { name: 'a match that goes back one byte too far', tokens: [A, A, [3, 3]], expected: INVALID },
  { name: 'a match that goes back to the first byte', tokens: [A, 66, [3, 2]], expected: 'ABABA' },
  { name: 'bytes of eight and of nine bits', tokens: [0, 143, 144, 255], expected: '\0\x8f\x90\xff' },
];

const OTHER: readonly InflateVector[] = [
  { name: 'block type 3', payload: new BitWriter().header(3).bits(0, 29).toBuffer(), expected: INVALID },
  { name: 'a stored block', payload: new BitWriter().stored(Buffer.from('AB')).header(0).toBuffer(), expected: 'AB' },
  {
    name: 'a stored block after bits that are not 0',
    payload: new BitWriter().header(0).align(31).raw(hex('0200fdff 4142 00')).toBuffer(),
    expected: 'AB',
  },
  {
    name: 'a stored block whose NLEN is wrong',
    payload: new BitWriter().stored(Buffer.from('AB'), { complement: 0xfffc }).header(0).toBuffer(),
    expected: INVALID,
  },
  {
    name: 'a stored block of 65,535 bytes',
    payload: new BitWriter().stored(Buffer.alloc(65_535, 'AB')).header(0).toBuffer(),
    expected: 'AB'.repeat(32_768).slice(0, -1),
  },
];

/** What is valid, and what is not, in the words of the table in `support/naive-inflate.ts`. */
export const INFLATE_VECTORS: readonly InflateVector[] = [
  ...EXAMPLES,
  ...OTHER,
  ...FIXED.map(({ name, tokens, expected }) => ({
    name: `fixed codes: ${name}`,
    payload: new BitWriter().fixed(tokens).header(0).toBuffer(),
    expected,
  })),
  ...DYNAMIC.map(({ name, options, tokens = [], instead, expected }) => {
    const writer = new BitWriter().dynamic(tokens, { ...options, ...(instead !== undefined && { endOfBlock: false }) });
    for (const bit of instead ?? '000') writer.bits(Number(bit), 1);
    return { name: `dynamic codes: ${name}`, payload: writer.toBuffer(), expected };
  }),
];
