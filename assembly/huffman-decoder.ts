import { INFLATE_STATE } from './memory';

/*
 * A table that decodes a Huffman code (RFC 1951 §3.2.2) by the next bits of the input. The root has an entry for each
 * value of the first bits; longer codes have tables of their own, to which an entry of the root leads. An entry, in bits:
 *
 *     0 to 5    how many bits to take: those of the code, and the extra bits that follow it
 *     8 to 11   how many of these are the code's; of a lead to another table: how many bits index that
 *     13        END_OF_BLOCK
 *     14        LEAD: the entry leads to another table
 *     15        SPECIAL: neither a literal nor a length or distance. Without one of the two above it is no code
 *     16 to 30  the literal; the smallest length or distance; the index of the first entry of the other table
 *     31        LITERAL
 */
export const END_OF_BLOCK: u32 = 1 << 13;
export const LEAD: u32 = 1 << 14;
export const SPECIAL: u32 = 1 << 15;
export const LITERAL: u32 = 1 << 31;

/** What a code's symbols stand for. */
export const CODE_LENGTHS: u32 = 0;
export const LITERALS: u32 = 1;
export const DISTANCES: u32 = 2;

/** Symbols of each alphabet (§3.2.5): with those that never occur, and those that may be declared (§3.2.7). */
export const LITERAL_SYMBOLS: u32 = 288;
export const DECLARED_LITERALS: u32 = 286;
export const DISTANCE_SYMBOLS: u32 = 32;
export const DECLARED_DISTANCES: u32 = 30;
export const CODE_LENGTH_SYMBOLS: u32 = 19;
export const END_SYMBOL: u32 = 256;

/** The longest code of each, and the bits that index the roots of the tables. */
const MAX_LENGTH: u32 = 15;
const LITERAL_BITS: u32 = 10;
const DISTANCE_BITS: u32 = 8;
const CODE_LENGTH_BITS: u32 = 7;

/** Lengths of the codes, one byte for each symbol: literals and lengths, then distances. */
export const LENGTHS: usize = INFLATE_STATE + 256;
export const LENGTHS_SIZE: usize = 336;

const COUNTS: usize = INFLATE_STATE + 640;
const OFFSETS: usize = INFLATE_STATE + 704;
const SORTED: usize = INFLATE_STATE + 768;
const USED: usize = INFLATE_STATE + 12_544;

/** Tables at their largest: 1334 entries for literals, 402 for distances, 128 for lengths of codes. */
export const LITERAL_TABLE: usize = INFLATE_STATE + 2048;
export const DISTANCE_TABLE: usize = INFLATE_STATE + 7424;
export const CODE_LENGTH_TABLE: usize = INFLATE_STATE + 9088;
export const FIXED_LITERAL_TABLE: usize = INFLATE_STATE + 9600;
export const FIXED_DISTANCE_TABLE: usize = INFLATE_STATE + 11_648;

// @ts-ignore: decorator
@inline
function rootBits(alphabet: u32): u32 {
  return alphabet == LITERALS ? LITERAL_BITS : alphabet == DISTANCES ? DISTANCE_BITS : CODE_LENGTH_BITS;
}

/** RFC 1951 §3.2.5: the entry of a symbol, without its code. */
// @ts-ignore: decorator
@inline
function entryOf(alphabet: u32, symbol: u32): u32 {
  if (alphabet == CODE_LENGTHS) return symbol << 16;
  if (alphabet == DISTANCES) return distanceEntry(symbol);
  if (symbol < END_SYMBOL) return LITERAL | (symbol << 16);
  return symbol == END_SYMBOL ? SPECIAL | END_OF_BLOCK : lengthEntry(symbol - END_SYMBOL - 1);
}

// @ts-ignore: decorator
@inline
function lengthEntry(index: u32): u32 {
  if (index < 8) return (3 + index) << 16;
  if (index > 27) return index == 28 ? 258 << 16 : SPECIAL;
  const extra = (index >> 2) - 1;
  return ((((4 + (index & 3)) << extra) + 3) << 16) | extra;
}

// @ts-ignore: decorator
@inline
function distanceEntry(symbol: u32): u32 {
  if (symbol < 4) return (1 + symbol) << 16;
  if (symbol >= DECLARED_DISTANCES) return SPECIAL;
  const extra = (symbol >> 1) - 1;
  return ((((2 + (symbol & 1)) << extra) + 1) << 16) | extra;
}

/**
 * Builds the table of a code from the lengths of its symbols' codes.
 *
 * A code must be complete. Only that of distances, or of literals, may consist of one code of one bit, and that of
 * distances of none at all: then what has no code is no code.
 *
 * @returns how many bits index the root; 0 if these lengths make no code
 */
export function buildTable(table: usize, alphabet: u32, lengths: usize, symbols: u32): u32 {
  const used = countLengths(lengths, symbols);
  let longest = MAX_LENGTH;
  while (longest > 0 && load<u32>(COUNTS + (<usize>longest << 2)) == 0) longest--;
  if (longest == 0) return alphabet == DISTANCES ? fillWithNoCode(table) : 0;

  let free: i32 = 1;
  let offset: u32 = 0;
  for (let length: u32 = 1; length <= longest; length++) {
    const count = load<u32>(COUNTS + (<usize>length << 2));
    store<u32>(OFFSETS + (<usize>length << 2), offset);
    offset += count;
    free = (free << 1) - <i32>count;
    if (free < 0) return 0;
  }
  if (free > 0) {
    if (longest != 1 || alphabet == CODE_LENGTHS) return 0;
    fillWithNoCode(table);
    store<u32>(table, entryOf(alphabet, <u32>load<u16>(USED)) + 1 + (1 << 8));
    return 1;
  }
  for (let from = USED; from < used; from += 4) {
    const place = OFFSETS + (<usize>load<u16>(from, 2) << 2);
    const index = load<u32>(place);
    store<u32>(place, index + 1);
    store<u16>(SORTED + (<usize>index << 1), load<u16>(from));
  }
  const bits = min(longest, rootBits(alphabet));
  fillTable(table, alphabet, bits);
  return bits;
}

/**
 * Counts how many codes there are of each length, and lists the symbols that have one, with its length. Most have none.
 *
 * @returns the end of the list
 */
function countLengths(lengths: usize, symbols: u32): usize {
  for (let at = COUNTS; at < COUNTS + 64; at += 8) store<u64>(at, 0);
  let used = USED;
  let symbol: u32 = 0;
  while (symbol < symbols) {
    if (load<u64>(lengths + symbol) == 0) {
      symbol += 8;
      continue;
    }
    const end = min(symbol + 8, symbols);
    for (; symbol < end; symbol++) {
      const length = <u32>load<u8>(lengths + symbol);
      if (length == 0) continue;
      const count = COUNTS + (<usize>length << 2);
      store<u32>(count, load<u32>(count) + 1);
      store<u32>(used, symbol | (length << 16));
      used += 4;
    }
  }
  return used;
}

/** A table in which nothing is a code. @returns how many bits index it */
function fillWithNoCode(table: usize): u32 {
  store<u32>(table, SPECIAL | 1);
  store<u32>(table, SPECIAL | 1, 4);
  return 1;
}

/**
 * Fills the table of a complete code. Codes are taken in their order; as their bits come the most significant first, the
 * index is the code reversed. With each more bit the table so far is doubled, as nothing of it depends on that bit.
 */
function fillTable(table: usize, alphabet: u32, bits: u32): void {
  let sorted = SORTED;
  let code: u32 = 0;
  let length: u32 = 1;
  let count = load<u32>(COUNTS + 4);
  while (count == 0) count = load<u32>(COUNTS + (<usize>++length << 2));
  let size: u32 = 1 << length;
  while (length <= bits) {
    const codeBits = length | (length << 8);
    do {
      store<u32>(table + (<usize>code << 2), entryOf(alphabet, <u32>load<u16>(sorted)) + codeBits);
      sorted += 2;
      if (code == size - 1) {
        for (; length < bits; length++) size = doubleTable(table, size);
        return;
      }
      code = nextCode(code, size);
    } while (--count);
    do {
      if (++length <= bits) size = doubleTable(table, size);
      count = load<u32>(COUNTS + (<usize>length << 2));
    } while (count == 0);
  }
  fillOtherTables(table, alphabet, bits, sorted, code, length, count);
}

/** Fills the tables of codes that are longer than what indexes the root. */
function fillOtherTables(table: usize, alphabet: u32, bits: u32, sorted: usize, first: u32, shortest: u32, left: u32): void {
  const rootMask: u32 = (1 << bits) - 1;
  let code = first;
  let length = shortest;
  let count = left;
  let size: u32 = 1 << length;
  let prefix: u32 = u32.MAX_VALUE;
  let other: u32 = 0;
  let next: u32 = 1 << bits;
  let otherBits: u32 = 0;
  for (;;) {
    if ((code & rootMask) != prefix) {
      prefix = code & rootMask;
      other = next;
      // As many bits as make the codes that begin with this prefix complete.
      otherBits = length - bits;
      let filled: u32 = count;
      while (filled < <u32>(1 << otherBits)) {
        otherBits++;
        filled = (filled << 1) + load<u32>(COUNTS + (<usize>(bits + otherBits) << 2));
      }
      next = other + (1 << otherBits);
      store<u32>(table + (<usize>prefix << 2), SPECIAL | LEAD | (other << 16) | (otherBits << 8) | bits);
    }
    const entry = entryOf(alphabet, <u32>load<u16>(sorted)) + ((length - bits) | ((length - bits) << 8));
    sorted += 2;
    const step: u32 = 1 << (length - bits);
    for (let index = other + (code >> bits); index < next; index += step) store<u32>(table + (<usize>index << 2), entry);
    if (code == size - 1) return;
    code = nextCode(code, size);
    count--;
    while (count == 0) {
      length++;
      size <<= 1;
      count = load<u32>(COUNTS + (<usize>length << 2));
    }
  }
}

/** The next code of as many bits as `size` says, both reversed. */
// @ts-ignore: decorator
@inline
function nextCode(code: u32, size: u32): u32 {
  const bit: u32 = 1 << (31 - clz(code ^ (size - 1)));
  return (code & (bit - 1)) | bit;
}

// @ts-ignore: decorator
@inline
function doubleTable(table: usize, size: u32): u32 {
  const length = <usize>size << 2;
  if (size == 1) {
    store<u32>(table, load<u32>(table), 4);
    return 2;
  }
  if (ASC_FEATURE_SIMD) {
    if (size >= 4) {
      for (let at: usize = 0; at < length; at += 16) v128.store(table + length + at, v128.load(table + at));
      return size << 1;
    }
  }
  for (let at: usize = 0; at < length; at += 8) store<u64>(table + length + at, load<u64>(table + at));
  return size << 1;
}

/** Builds the tables of the fixed codes (§3.2.6). */
export function buildFixedTables(): void {
  memory.fill(LENGTHS, 8, 144);
  memory.fill(LENGTHS + 144, 9, 112);
  memory.fill(LENGTHS + 256, 7, 24);
  memory.fill(LENGTHS + 280, 8, 8);
  buildTable(FIXED_LITERAL_TABLE, LITERALS, LENGTHS, LITERAL_SYMBOLS);
  memory.fill(LENGTHS, 5, DISTANCE_SYMBOLS);
  buildTable(FIXED_DISTANCE_TABLE, DISTANCES, LENGTHS, DISTANCE_SYMBOLS);
}
