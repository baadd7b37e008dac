/** The order in which a dynamic block gives the lengths of its code-length code (RFC 1951 §3.2.7). */
export const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** §3.2.5: the first length, or distance, of each symbol, and how many extra bits follow it. */
export const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
export const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
export const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12_289, 16_385, 24_577,
];
export const DISTANCE_EXTRA = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];

/** §3.2.6: the lengths of the fixed codes. */
export const FIXED_LITERAL_LENGTHS = [
  ...Array<number>(144).fill(8),
  ...Array<number>(112).fill(9),
  ...Array<number>(24).fill(7),
  ...Array<number>(8).fill(8),
];
export const FIXED_DISTANCE_LENGTHS = Array<number>(32).fill(5);

const END_OF_BLOCK = 256;

/** A code-length code with all 19 symbols, complete: 13 of four bits, 6 of five. */
const ALL_CODE_LENGTHS = Array.from({ length: 19 }, (_, symbol) => (symbol < 13 ? 4 : 5));

/**
 * What a compressed block has in it: a literal, or any other symbol of the literal/length code; a match; or the symbols of
 * a match that need not exist, with the values of their extra bits.
 */
export type Token =
  | number
  | readonly [length: number, distance: number]
  | {
      readonly length: number;
      readonly lengthExtra?: number;
      readonly distance: number;
      readonly distanceExtra?: number;
    };

export interface BlockOptions {
  /** The BFINAL bit. */
  readonly isFinal?: boolean;
  /** False leaves out the symbol 256. */
  readonly endOfBlock?: boolean;
}

export interface StoredOptions extends BlockOptions {
  /** What LEN says, and what NLEN says. */
  readonly length?: number;
  readonly complement?: number;
}

/** The header of a dynamic block. What is not given follows from the lengths. */
export interface DynamicOptions extends BlockOptions {
  readonly literalLengths: readonly number[];
  readonly distanceLengths: readonly number[];
  /** Lengths of the code-length code, for each of the symbols 0 to 18. */
  readonly codeLengthLengths?: readonly number[];
  /** Symbols of the code-length code with the value of their extra bits, instead of all lengths one by one. */
  readonly lengthSymbols?: readonly (readonly [symbol: number, extra?: number])[];
  /** The fields HLIT, HDIST and HCLEN. */
  readonly hlit?: number;
  readonly hdist?: number;
  readonly hclen?: number;
}

/** Writes DEFLATE (RFC 1951) bit by bit, valid or not. */
export class BitWriter {
  readonly #bytes: number[] = [];
  #bitsInLast = 8;

  /** Writes the `count` low bits of `value`, the lowest first. */
  bits(value: number, count: number): this {
    for (let i = 0; i < count; i++) {
      if (this.#bitsInLast === 8) {
        this.#bytes.push(0);
        this.#bitsInLast = 0;
      }
      if (Math.floor(value / 2 ** i) % 2 === 1) this.#bytes[this.#bytes.length - 1] |= 1 << this.#bitsInLast;
      this.#bitsInLast++;
    }
    return this;
  }

  /** Writes the code of a symbol: its highest bit first (§3.1.1). */
  code(codes: readonly Code[], symbol: number): this {
    const { code, length } = codes[symbol];
    for (let i = length - 1; i >= 0; i--) this.bits(code >> i, 1);
    return this;
  }

  /** Goes to the next byte, if it is not at the beginning of one. `padding` gives the bits in between. */
  align(padding = 0): this {
    return this.bits(padding, 8 - this.#bitsInLast);
  }

  raw(bytes: Uint8Array): this {
    for (const byte of bytes) this.bits(byte, 8);
    return this;
  }

  /** The header of a block (§3.2.3). */
  header(type: number, isFinal = false): this {
    return this.bits(isFinal ? 1 : 0, 1).bits(type, 2);
  }

  /** A stored block (§3.2.4). */
  stored(data: Uint8Array, options: StoredOptions = {}): this {
    const { length = data.length, complement = ~length & 0xffff, isFinal } = options;
    return this.header(0, isFinal).align().bits(length, 16).bits(complement, 16).raw(data);
  }

  /** A block with the fixed codes (§3.2.6). */
  fixed(tokens: Iterable<Token>, { isFinal, endOfBlock }: BlockOptions = {}): this {
    const [literals, distances] = [codesOf(FIXED_LITERAL_LENGTHS), codesOf(FIXED_DISTANCE_LENGTHS)];
    return this.header(1, isFinal).tokens(tokens, literals, distances, endOfBlock);
  }

  /** A block with codes of its own (§3.2.7). */
  dynamic(tokens: Iterable<Token>, options: DynamicOptions): this {
    this.header(2, options.isFinal).codeLengths(options);
    return this.tokens(
      tokens,
      codesOf(options.literalLengths),
      codesOf(options.distanceLengths),
      options.endOfBlock ?? options.literalLengths[END_OF_BLOCK] > 0,
    );
  }

  /** What is between the header of a dynamic block and its tokens. */
  codeLengths(options: DynamicOptions): this {
    const { literalLengths, distanceLengths, codeLengthLengths = ALL_CODE_LENGTHS } = options;
    const { hlit = literalLengths.length - 257, hdist = distanceLengths.length - 1, hclen = 15 } = options;
    this.bits(hlit, 5).bits(hdist, 5).bits(hclen, 4);
    for (const symbol of CODE_LENGTH_ORDER.slice(0, hclen + 4)) this.bits(codeLengthLengths[symbol], 3);
    const codes = codesOf(codeLengthLengths);
    const symbols = options.lengthSymbols ?? [...literalLengths, ...distanceLengths].map((length) => [length] as const);
    for (const [symbol, extra = 0] of symbols)
      this.code(codes, symbol).bits(extra, EXTRA_OF_LENGTH_SYMBOL[symbol] ?? 0);
    return this;
  }

  tokens(tokens: Iterable<Token>, literals: readonly Code[], distances: readonly Code[], endOfBlock = true): this {
    for (const token of tokens) {
      if (typeof token === 'number') this.code(literals, token);
      else if (!('distance' in token)) this.#match(token[0], token[1], literals, distances);
      else {
        const { length, lengthExtra = 0, distance, distanceExtra = 0 } = token;
        this.code(literals, length).bits(lengthExtra, LENGTH_EXTRA[length - 257] ?? 0);
        this.code(distances, distance).bits(distanceExtra, DISTANCE_EXTRA[distance] ?? 0);
      }
    }
    return endOfBlock ? this.code(literals, END_OF_BLOCK) : this;
  }

  #match(length: number, distance: number, literals: readonly Code[], distances: readonly Code[]): void {
    const [symbol, distanceSymbol] = matchSymbols(length, distance);
    const place = symbol - 257;
    this.code(literals, symbol).bits(length - LENGTH_BASE[place], LENGTH_EXTRA[place]);
    const extra = distance - DISTANCE_BASE[distanceSymbol];
    this.code(distances, distanceSymbol).bits(extra, DISTANCE_EXTRA[distanceSymbol]);
  }

  /** How many bits have been written. */
  get length(): number {
    return this.#bytes.length * 8 - (8 - this.#bitsInLast);
  }

  toBuffer(): Buffer {
    return Buffer.from(this.#bytes);
  }
}

/** The symbols that stand for a match: of the literal/length code, and of the distance code. */
export function matchSymbols(length: number, distance: number): [symbol: number, distanceSymbol: number] {
  const isAtMost = (most: number) => (base: number) => base <= most;
  return [257 + LENGTH_BASE.findLastIndex(isAtMost(length)), DISTANCE_BASE.findLastIndex(isAtMost(distance))];
}

/** Extra bits of the symbols 16, 17 and 18 of the code-length code. */
const EXTRA_OF_LENGTH_SYMBOL: Readonly<Record<number, number>> = { 16: 2, 17: 3, 18: 7 };

export interface Code {
  readonly code: number;
  readonly length: number;
}

/** §3.2.2: the codes that lengths stand for, also if these are too many or too few. */
export function codesOf(lengths: readonly number[]): Code[] {
  const codes: Code[] = Array.from(lengths, () => ({ code: 0, length: 0 }));
  let code = 0;
  for (let length = 1; length <= 15; length++) {
    lengths.forEach((of, symbol) => {
      if (of === length) codes[symbol] = { code: code++, length };
    });
    code *= 2;
  }
  return codes;
}

/** Lengths for `size` symbols: those that are named, and 0 for all others. */
export function lengthsOf(size: number, named: Readonly<Record<number, number>>): number[] {
  return Array.from({ length: size }, (_, symbol) => named[symbol] ?? 0);
}
