import { DEFLATE_TABLES } from './memory';
import { clear } from './zeros';

/*
 * Codes (RFC 1951 §3.2.2), of at most so many bits, from how often each symbol occurs. A code is one word: its bits
 * reversed, as they are written, and its length in the upper half.
 *
 * A symbol that occurs in one of n cases gets log2(n) bits, rounded up or down: down where the least is lost, until the
 * code is complete. That takes a third of the time of Huffman's algorithm, which has to sort and to merge, and makes
 * messages longer by less than a hundredth.
 */
const WORK: usize = DEFLATE_TABLES + 196_608 + 4608;

/** The symbols that occur, one word each: how often, then the length of the code, with the fraction that was rounded. */
const FOUND: usize = WORK;
/** For each fraction of a bit: what rounding down all symbols with it takes of the space of codes. */
const TAKEN: usize = WORK + 1152;
const FRACTIONS: u32 = 16;
const LENGTH_COUNTS: usize = WORK + 1216;
const NEXT_CODES: usize = WORK + 1280;
/** What the symbols cost of all codes that were made since it was 0. */
export const CODED_BITS: usize = WORK + 1344;

/**
 * Makes the code of the symbols of which `counts` says how often each occurs, and writes it to `codes`. `used` gets the list
 * of the symbols that occur, two bytes each, in their order; the codes of others are undefined. What the symbols cost is added to
 * `CODED_BITS`.
 *
 * @returns how many symbols occur
 */
export function makeCode(counts: usize, symbols: u32, longest: u32, codes: usize, used: usize): u32 {
  let found: u32 = 0;
  let total: u32 = 0;
  for (let symbol: u32 = 0; symbol < symbols; symbol += 2) {
    // Most do not occur. The counts of four are one vector; after the last there are others.
    if (ASC_FEATURE_SIMD) {
      if ((symbol & 2) == 0 && !v128.any_true(v128.load(counts + (<usize>symbol << 2)))) {
        symbol += 2;
        continue;
      }
    }
    const pair = load<u64>(counts + (<usize>symbol << 2));
    if (pair == 0) continue;
    if (<u32>pair) found = addFound(found, symbol, <u32>pair, used);
    if (pair >> 32) found = addFound(found, symbol + 1, <u32>(pair >> 32), used);
    total += <u32>pair + <u32>(pair >> 32);
  }
  if (found == 0) return 0;
  if (found == 1) {
    // §3.2.7: "If only one distance code is used, it is encoded using one bit, not zero bits".
    store<u32>(codes + (<usize>load<u16>(used) << 2), 1 << 16);
    store<u32>(CODED_BITS, load<u32>(CODED_BITS) + total);
    return 1;
  }
  const free = round(found, findLengths(found, total, longest), longest);
  complete(found, free, longest);
  assignCodes(found, longest, counts, codes, used);
  return found;
}

// @ts-ignore: decorator
@inline
function addFound(found: u32, symbol: u32, count: u32, used: usize): u32 {
  store<u32>(FOUND + (<usize>found << 2), count);
  store<u16>(used + (<usize>found << 1), <u16>symbol);
  return found + 1;
}

/** What a code of this length takes of the space, in units of the longest. */
// @ts-ignore: decorator
@inline
function space(length: u32, longest: u32): i32 {
  return 1 << (longest - length);
}

/**
 * Finds the lengths, rounded up, and the fractions that rounding down would lose.
 *
 * @returns how much of the space is free; less than none if codes had to be cut to the longest
 */
function findLengths(found: u32, total: u32, longest: u32): i32 {
  for (let at = TAKEN; at < TAKEN + (FRACTIONS << 2); at += 8) store<u64>(at, 0);
  let free = space(0, longest);
  for (let index: u32 = 0; index < found; index++) {
    const place = FOUND + (<usize>index << 2);
    const ratio = (total << 16) / load<u32>(place);
    const exponent = 31 - clz(ratio);
    const length = min(exponent - 15, longest);
    const fraction = (ratio >> (exponent - 4)) & (FRACTIONS - 1);
    store<u32>(place, length | (fraction << 16));
    const size = space(length, longest);
    free -= size;
    const taken = TAKEN + (<usize>fraction << 2);
    store<u32>(taken, load<u32>(taken) + size);
  }
  return free;
}

/** Rounds the lengths with the smallest fractions down, as far as there is space. @returns how much is free then */
function round(found: u32, free: i32, longest: u32): i32 {
  let fraction: u32 = 0;
  while (fraction < FRACTIONS && <i32>load<u32>(TAKEN + (<usize>fraction << 2)) <= free) {
    free -= <i32>load<u32>(TAKEN + (<usize>fraction << 2));
    fraction++;
  }
  for (let index: u32 = 0; index < found; index++) {
    const place = FOUND + (<usize>index << 2);
    const rounded = load<u32>(place);
    const length = rounded & 0xffff;
    const size = space(length, longest);
    let isDown = rounded >> 16 < fraction;
    if (rounded >> 16 == fraction && size <= free && length > 1) {
      free -= size;
      isDown = true;
    }
    store<u32>(place, length - <u32>isDown);
  }
  return free;
}

/** Makes the code complete: what is free goes to the codes that can use it, and what lacks is taken from the longer ones. */
function complete(found: u32, free: i32, longest: u32): void {
  while (free != 0) {
    for (let index: u32 = 0; index < found && free != 0; index++) {
      const place = FOUND + (<usize>index << 2);
      const length = load<u32>(place);
      if (free > 0 && space(length, longest) <= free) {
        free -= space(length, longest);
        store<u32>(place, length - 1);
      } else if (free < 0 && length < longest) {
        free += space(length + 1, longest);
        store<u32>(place, length + 1);
      }
    }
  }
}

/** Codes of a length are in the order of their symbols (§3.2.2). Adds up what the symbols cost. */
function assignCodes(found: u32, longest: u32, counts: usize, codes: usize, used: usize): void {
  clear(LENGTH_COUNTS, LENGTH_COUNTS + 64);
  let cost: u32 = 0;
  for (let index: u32 = 0; index < found; index++) {
    const place = LENGTH_COUNTS + (<usize>load<u32>(FOUND + (<usize>index << 2)) << 2);
    store<u32>(place, load<u32>(place) + 1);
  }
  let code: u32 = 0;
  for (let length: u32 = 1; length <= longest; length++) {
    store<u32>(NEXT_CODES + (<usize>length << 2), code);
    code = (code + load<u32>(LENGTH_COUNTS + (<usize>length << 2))) << 1;
  }
  for (let index: u32 = 0; index < found; index++) {
    const length = load<u32>(FOUND + (<usize>index << 2));
    const next = NEXT_CODES + (<usize>length << 2);
    const bits = load<u32>(next);
    store<u32>(next, bits + 1);
    const symbol = <usize>load<u16>(used + (<usize>index << 1)) << 2;
    store<u32>(codes + symbol, (length << 16) | reverse(bits, length));
    cost += load<u32>(counts + symbol) * length;
  }
  store<u32>(CODED_BITS, load<u32>(CODED_BITS) + cost);
}

/** The bits of a code in the order in which they are written (§3.1.1). */
// @ts-ignore: decorator
@inline
export function reverse(code: u32, length: u32): u32 {
  let bits = ((code & 0x5555) << 1) | ((code >> 1) & 0x5555);
  bits = ((bits & 0x3333) << 2) | ((bits >> 2) & 0x3333);
  bits = ((bits & 0x0f0f) << 4) | ((bits >> 4) & 0x0f0f);
  bits = ((bits & 0x00ff) << 8) | ((bits >> 8) & 0x00ff);
  return bits >> (16 - length);
}
