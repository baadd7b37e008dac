import { PENDING, PENDING_COUNT, put, TO } from './bit-writer';
import { codeLengthSymbol } from './block-codes';
import { CODED_BITS, makeCode } from './huffman-encoder';
import { DEFLATE_TABLES } from './memory';
import { DISTANCE_COUNTS, LITERAL_COUNTS } from './symbols';
import { clear } from './zeros';

/*
 * A block's own codes, and how they are written (RFC 1951 §3.2.7): the lengths of both codes are one sequence, in which runs
 * are shortened, and which has a code itself.
 */
const WORK: usize = DEFLATE_TABLES + 196_608;
const LENGTH_CODE_COUNTS: usize = WORK + 1280;
export const LITERAL_CODES: usize = WORK + 1408;
export const DISTANCE_CODES: usize = WORK + 2560;
const LENGTH_CODES: usize = WORK + 2688;

/** Symbols that occur, two bytes each, in their order. */
const USED_LITERALS: usize = WORK + 8192;
const USED_DISTANCES: usize = WORK + 8768;
const USED_LENGTHS: usize = WORK + 8832;
/** The lengths of the codes as they are written: a symbol and, in the upper byte, the value of its extra bits. */
const RUNS: usize = WORK + 8960;
const RUNS_END: usize = WORK + 4420;
/** How many lengths of codes are written, "HLIT" and "HDIST". */
const LITERALS_WRITTEN: usize = WORK + 4424;
const DISTANCES_WRITTEN: usize = WORK + 4428;

export const LITERAL_SYMBOLS: u32 = 286;
export const DISTANCE_SYMBOLS: u32 = 30;
const LENGTH_SYMBOLS: u32 = 19;

/** RFC 1951 allows 15. With one less, four literals fit into the buffer after what is pending. */
const LONGEST_CODE: u32 = 14;
const LONGEST_LENGTH_CODE: u32 = 7;

/** Makes codes for the symbols of this block. @returns what they and the symbols cost, without extra bits */
export function makeCodes(): u32 {
  store<u32>(CODED_BITS, 0);
  const literals = makeCode(LITERAL_COUNTS, LITERAL_SYMBOLS, LONGEST_CODE, LITERAL_CODES, USED_LITERALS);
  const distances = makeCode(DISTANCE_COUNTS, DISTANCE_SYMBOLS, LONGEST_CODE, DISTANCE_CODES, USED_DISTANCES);
  clear(LENGTH_CODE_COUNTS, LENGTH_CODE_COUNTS + 80);
  clear(LENGTH_CODES, LENGTH_CODES + 80);
  findRuns(literals, distances);
  makeCode(LENGTH_CODE_COUNTS, LENGTH_SYMBOLS, LONGEST_LENGTH_CODE, LENGTH_CODES, USED_LENGTHS);
  const bits = load<u32>(CODED_BITS) + 2 * count(16) + 3 * count(17) + 7 * count(18);
  return bits + 14 + 3 * writtenLengths();
}

// @ts-ignore: decorator
@inline
function count(symbol: usize): u32 {
  return load<u32>(LENGTH_CODE_COUNTS + (symbol << 2));
}

/** How many of a list of used symbols are declared: all up to the last that is used. */
// @ts-ignore: decorator
@inline
function declared(used: usize, size: u32): u32 {
  return size == 0 ? 0 : <u32>load<u16>(used + (<usize>(size - 1) << 1)) + 1;
}

/** Finds the runs in the lengths of both codes, which are one sequence (§3.2.7). Between used symbols are zeros. */
function findRuns(literals: u32, distances: u32): void {
  const literalLengths = declared(USED_LITERALS, literals);
  store<u32>(LITERALS_WRITTEN, literalLengths);
  // §3.2.7: one length at least is written, if it is 0.
  store<u32>(DISTANCES_WRITTEN, max(declared(USED_DISTANCES, distances), 1));
  let to = RUNS;
  let next: u32 = 0;
  let length: u32 = 0;
  let times: u32 = 0;
  for (let index: u32 = 0; index < literals + distances; index++) {
    const isDistance = index >= literals;
    const symbol = <u32>load<u16>(isDistance ? USED_DISTANCES + (<usize>(index - literals) << 1) : USED_LITERALS + (<usize>index << 1));
    const place = isDistance ? literalLengths + symbol : symbol;
    const code = load<u32>((isDistance ? DISTANCE_CODES : LITERAL_CODES) + (<usize>symbol << 2)) >> 16;
    if (place != next || code != length) {
      to = addRun(to, length, times);
      times = 0;
      to = addZeros(to, place - next);
    }
    length = code;
    times++;
    next = place + 1;
  }
  to = addRun(to, length, times);
  // §3.2.7: "One distance code of zero bits means that there are no distance codes used at all".
  if (distances == 0) to = addZeros(to, 1);
  store<u32>(RUNS_END, <u32>to);
}

function addZeros(to: usize, times: u32): usize {
  while (times >= 11) {
    const size = min(times, 138);
    to = addLength(to, 18, size - 11);
    times -= size;
  }
  if (times >= 3) return addLength(to, 17, times - 3);
  for (; times > 0; times--) to = addLength(to, 0, 0);
  return to;
}

function addRun(to: usize, length: u32, times: u32): usize {
  if (times == 0) return to;
  to = addLength(to, length, 0);
  for (times--; times >= 3; ) {
    const size = min(times, 6);
    to = addLength(to, 16, size - 3);
    times -= size;
  }
  for (; times > 0; times--) to = addLength(to, length, 0);
  return to;
}

// @ts-ignore: decorator
@inline
function addLength(to: usize, symbol: u32, extra: u32): usize {
  store<u16>(to, <u16>(symbol | (extra << 8)));
  const place = LENGTH_CODE_COUNTS + (<usize>symbol << 2);
  store<u32>(place, load<u32>(place) + 1);
  return to + 2;
}

/** How many lengths of codes of lengths are written: all up to the last that is used, four at least. */
function writtenLengths(): u32 {
  let size = LENGTH_SYMBOLS;
  while (size > 4 && load<u32>(LENGTH_CODES + (codeLengthSymbol(size - 1) << 2)) == 0) size--;
  return size;
}

/** §3.2.7: "HLIT", "HDIST", "HCLEN", and the lengths. */
export function writeCodes(): void {
  const lengths = writtenLengths();
  put(load<u32>(LITERALS_WRITTEN) - 257, 5);
  put(load<u32>(DISTANCES_WRITTEN) - 1, 5);
  put(lengths - 4, 4);
  let to = <usize>load<u32>(TO);
  let bits = load<u64>(PENDING);
  let count = load<u32>(PENDING_COUNT);
  for (let index: u32 = 0; index < lengths; index++) {
    bits |= <u64>(load<u32>(LENGTH_CODES + (codeLengthSymbol(index) << 2)) >> 16) << count;
    count += 3;
    if (index == 12) {
      store<u64>(to, bits);
      to += count >> 3;
      bits >>= count & 56;
      count &= 7;
    }
  }
  const end = <usize>load<u32>(RUNS_END);
  for (let at = RUNS; at < end; at += 2) {
    store<u64>(to, bits);
    to += count >> 3;
    bits >>= count & 56;
    count &= 7;
    const symbol = <u32>load<u8>(at);
    const code = load<u32>(LENGTH_CODES + (<usize>symbol << 2));
    bits |= <u64>(code & 0xffff) << count;
    count += code >> 16;
    // Lengths have no extra bits, and 0 in their place.
    bits |= <u64>load<u8>(at, 1) << count;
    count += symbol < 16 ? 0 : symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
  }
  store<u64>(to, bits);
  store<u32>(TO, <u32>(to + (count >> 3)));
  store<u64>(PENDING, bits >> (count & 56));
  store<u32>(PENDING_COUNT, count & 7);
}
