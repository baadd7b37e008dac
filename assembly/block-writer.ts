import { padToByte, PENDING, PENDING_COUNT, put, TO } from './bit-writer';
import { makeCode, reverse } from './huffman-encoder';
import { DEFLATE_TABLES } from './memory';
import {
  DISTANCE_COUNTS,
  distanceExtra,
  distanceSymbol,
  EXTRA_BITS,
  LITERAL_COUNTS,
  lengthExtra,
  lengthIndex,
  MATCHES,
  SYMBOLS,
  SYMBOLS_END,
} from './symbols';
import { clear } from './zeros';

/*
 * Writes the symbols of a block (RFC 1951 §3.2.3) in the shortest of three ways: stored, with the fixed codes, or with
 * codes of its own. What each costs is known before a bit of it is written.
 */
const WORK: usize = DEFLATE_TABLES + 196_608;
const LENGTH_CODE_COUNTS: usize = WORK + 1280;
const LITERAL_CODES: usize = WORK + 1408;
const DISTANCE_CODES: usize = WORK + 2560;
const LENGTH_CODES: usize = WORK + 2688;
const FIXED_LITERAL_CODES: usize = WORK + 2816;
const FIXED_DISTANCE_CODES: usize = WORK + 3968;
const HAS_FIXED_CODES: usize = WORK + 4416;

/** Symbols that occur, two bytes each, in their order. */
const USED_LITERALS: usize = WORK + 8192;
const USED_DISTANCES: usize = WORK + 8768;
const USED_LENGTHS: usize = WORK + 8832;
/** The lengths of the codes as they are written (§3.2.7): a symbol and, in the upper byte, the value of its extra bits. */
const RUNS: usize = WORK + 8960;
const RUNS_END: usize = WORK + 4420;
/** How many lengths of codes are written, "HLIT" and "HDIST" (§3.2.7). */
const LITERALS_WRITTEN: usize = WORK + 4424;
const DISTANCES_WRITTEN: usize = WORK + 4428;

const LITERAL_SYMBOLS: u32 = 286;
const DISTANCE_SYMBOLS: u32 = 30;
const LENGTH_SYMBOLS: u32 = 19;
const END_OF_BLOCK: u32 = 256;

/** RFC 1951 allows 15. With one less, four literals fit into the buffer after what is pending. */
const LONGEST_CODE: u32 = 14;
const LONGEST_LENGTH_CODE: u32 = 7;

/** Four symbols are literals if none of these bits is set in two pairs of them. */
const NOT_LITERALS: u64 = 0xffff_ff00_ffff_ff00;

/** "BTYPE" */
const STORED: u32 = 0;
const FIXED: u32 = 1;
const DYNAMIC: u32 = 2;
/** Bits of "BFINAL", which is never set, and "BTYPE". */
const HEADER_BITS: u32 = 3;

/** Fewer symbols than this never pay for codes of their own. */
const DYNAMIC_FROM: u32 = 72;

/**
 * Writes a block of the symbols that the matcher has found in `[from, to)`.
 *
 * @param end where the output must end
 * @returns whether there was room for it, and for the bits that end a message
 */
export function writeBlock(from: usize, to: usize, end: usize): bool {
  const symbols = (load<u32>(SYMBOLS_END) - <u32>SYMBOLS) >> 2;
  const room = ((<u32>end - load<u32>(TO)) << 3) - load<u32>(PENDING_COUNT);
  const padding = (<u32>-HEADER_BITS - load<u32>(PENDING_COUNT)) & 7;
  const stored = HEADER_BITS + padding + 32 + (<u32>(to - from) << 3);
  if (symbols >= DYNAMIC_FROM) {
    const dynamic = HEADER_BITS + load<u32>(EXTRA_BITS) + makeCodes();
    if (dynamic < stored && (dynamic < leastFixed(symbols) || dynamic < fixedCost())) {
      if (dynamic + HEADER_BITS > room) return false;
      put(DYNAMIC << 1, HEADER_BITS);
      writeCodes();
      writeSymbols(LITERAL_CODES, DISTANCE_CODES);
      return true;
    }
  }
  const fixed = fixedCost();
  if (min(stored, fixed) + HEADER_BITS > room) return false;
  if (fixed <= stored) {
    if (!load<u32>(HAS_FIXED_CODES)) fillFixedCodes();
    put(FIXED << 1, HEADER_BITS);
    writeSymbols(FIXED_LITERAL_CODES, FIXED_DISTANCE_CODES);
  } else {
    writeStored(from, to);
  }
  return true;
}

/** §3.2.4 */
function writeStored(from: usize, to: usize): void {
  const length = <u32>(to - from);
  put(STORED << 1, HEADER_BITS);
  padToByte();
  put(length | (~length << 16), 32);
  const at = <usize>load<u32>(TO);
  memory.copy(at, from, to - from);
  store<u32>(TO, <u32>(at + (to - from)));
}

/** §3.2.6 */
function fillFixedCodes(): void {
  for (let symbol: u32 = 0; symbol < 288; symbol++) {
    const length = fixedLength(symbol);
    const code = symbol < 144 ? 0x30 + symbol : symbol < 256 ? 0x190 + symbol - 144 : symbol < 280 ? symbol - 256 : 0xc0 + symbol - 280;
    store<u32>(FIXED_LITERAL_CODES + (<usize>symbol << 2), (length << 16) | reverse(code, length));
  }
  for (let symbol: u32 = 0; symbol < DISTANCE_SYMBOLS; symbol++) {
    store<u32>(FIXED_DISTANCE_CODES + (<usize>symbol << 2), (5 << 16) | reverse(symbol, 5));
  }
  store<u32>(HAS_FIXED_CODES, 1);
}

// @ts-ignore: decorator
@inline
function fixedLength(symbol: u32): u32 {
  return symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
}

/** What a block with the fixed codes costs at least: a literal has eight bits or nine, a match seven and five. */
// @ts-ignore: decorator
@inline
function leastFixed(symbols: u32): u32 {
  return HEADER_BITS + load<u32>(EXTRA_BITS) + 8 * symbols + 4 * load<u32>(MATCHES);
}

/** What a block with the fixed codes costs. */
function fixedCost(): u32 {
  let bits = HEADER_BITS + load<u32>(EXTRA_BITS) + 5 * load<u32>(MATCHES);
  for (let symbol: u32 = 0; symbol < LITERAL_SYMBOLS; symbol += 2) {
    const counts = load<u64>(LITERAL_COUNTS + (<usize>symbol << 2));
    if (counts != 0) bits += (<u32>counts + <u32>(counts >> 32)) * fixedLength(symbol);
  }
  return bits;
}

/** Makes codes for the symbols of this block. @returns what they and the symbols cost, without extra bits */
function makeCodes(): u32 {
  const literals = makeCode(LITERAL_COUNTS, LITERAL_SYMBOLS, LONGEST_CODE, LITERAL_CODES, USED_LITERALS);
  const distances = makeCode(DISTANCE_COUNTS, DISTANCE_SYMBOLS, LONGEST_CODE, DISTANCE_CODES, USED_DISTANCES);
  let bits = costOf(USED_LITERALS, literals, LITERAL_COUNTS, LITERAL_CODES);
  bits += costOf(USED_DISTANCES, distances, DISTANCE_COUNTS, DISTANCE_CODES);
  clear(LENGTH_CODE_COUNTS, LENGTH_CODE_COUNTS + 80);
  clear(LENGTH_CODES, LENGTH_CODES + 80);
  findRuns(literals, distances);
  const lengths = makeCode(LENGTH_CODE_COUNTS, LENGTH_SYMBOLS, LONGEST_LENGTH_CODE, LENGTH_CODES, USED_LENGTHS);
  bits += costOf(USED_LENGTHS, lengths, LENGTH_CODE_COUNTS, LENGTH_CODES);
  bits += 2 * count(16) + 3 * count(17) + 7 * count(18);
  return bits + 14 + 3 * writtenLengths();
}

// @ts-ignore: decorator
@inline
function count(symbol: usize): u32 {
  return load<u32>(LENGTH_CODE_COUNTS + (symbol << 2));
}

function costOf(used: usize, size: u32, counts: usize, codes: usize): u32 {
  let bits: u32 = 0;
  for (let index: u32 = 0; index < size; index++) {
    const symbol = <usize>load<u16>(used + (<usize>index << 1)) << 2;
    bits += load<u32>(counts + symbol) * (load<u32>(codes + symbol) >> 16);
  }
  return bits;
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

/** §3.2.7: the order of the lengths of the codes of lengths, five bits for each symbol. */
// @ts-ignore: decorator
@inline
function lengthSymbol(index: u32): usize {
  // 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, then 12, 3, 13, 2, 14, 1, 15
  const first: u64 = 0x22c_aa32_4e80_4a30;
  const second: u64 = 0x3_c2e1_346c;
  return <usize>((index < 12 ? first >> (index * 5) : second >> ((index - 12) * 5)) & 31);
}

/** How many lengths of codes of lengths are written: all up to the last that is used, four at least. */
function writtenLengths(): u32 {
  let size = LENGTH_SYMBOLS;
  while (size > 4 && load<u32>(LENGTH_CODES + (lengthSymbol(size - 1) << 2)) == 0) size--;
  return size;
}

/** §3.2.7: "HLIT", "HDIST", "HCLEN", and the lengths. */
function writeCodes(): void {
  const lengths = writtenLengths();
  put(load<u32>(LITERALS_WRITTEN) - 257, 5);
  put(load<u32>(DISTANCES_WRITTEN) - 1, 5);
  put(lengths - 4, 4);
  let to = <usize>load<u32>(TO);
  let bits = load<u64>(PENDING);
  let count = load<u32>(PENDING_COUNT);
  for (let index: u32 = 0; index < lengths; index++) {
    bits |= <u64>(load<u32>(LENGTH_CODES + (lengthSymbol(index) << 2)) >> 16) << count;
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

/** Writes the symbols, and the one that ends the block. */
function writeSymbols(literals: usize, distances: usize): void {
  const end = <usize>load<u32>(SYMBOLS_END);
  let to = <usize>load<u32>(TO);
  let bits = load<u64>(PENDING);
  let count = load<u32>(PENDING_COUNT);
  let at = SYMBOLS;
  while (at < end) {
    const first = load<u64>(at);
    const second = load<u64>(at, 8);
    if (((first | second) & NOT_LITERALS) == 0 && at + 16 <= end) {
      // The codes are joined before they wait for what is pending.
      const one = load<u32>(literals + ((<usize>first & 0xff) << 2));
      const two = load<u32>(literals + (<usize>(first >> 32) << 2));
      const three = load<u32>(literals + ((<usize>second & 0xff) << 2));
      const four = load<u32>(literals + (<usize>(second >> 32) << 2));
      const size = (one >> 16) + (two >> 16);
      const front = <u64>(one & 0xffff) | (<u64>(two & 0xffff) << (one >> 16));
      const back = <u64>(three & 0xffff) | (<u64>(four & 0xffff) << (three >> 16));
      bits |= (front | (back << size)) << count;
      count += size + (three >> 16) + (four >> 16);
      at += 16;
      store<u64>(to, bits);
      to += count >> 3;
      bits >>= count & 56;
      count &= 7;
      continue;
    }
    const symbol = <u32>first;
    at += 4;
    if (symbol < 256) {
      const code = load<u32>(literals + (<usize>symbol << 2));
      bits |= <u64>(code & 0xffff) << count;
      count += code >> 16;
    } else {
      const length = symbol & 0xff;
      const index = lengthIndex(length);
      let code = load<u32>(literals + (<usize>(257 + index) << 2));
      bits |= <u64>(code & 0xffff) << count;
      count += code >> 16;
      const extraLength = lengthExtra(index);
      bits |= <u64>(length & ((1 << extraLength) - 1)) << count;
      count += extraLength;
      const distance = (symbol >> 16) - 1;
      const distanceIndex = distanceSymbol(distance);
      code = load<u32>(distances + (<usize>distanceIndex << 2));
      bits |= <u64>(code & 0xffff) << count;
      count += code >> 16;
      const extraDistance = distanceExtra(distanceIndex);
      bits |= <u64>(distance & ((1 << extraDistance) - 1)) << count;
      count += extraDistance;
    }
    store<u64>(to, bits);
    to += count >> 3;
    bits >>= count & 56;
    count &= 7;
  }
  store<u32>(TO, <u32>to);
  store<u64>(PENDING, bits);
  store<u32>(PENDING_COUNT, count);
  const code = load<u32>(literals + (<usize>END_OF_BLOCK << 2));
  put(code & 0xffff, code >> 16);
}
