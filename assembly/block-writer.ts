import { padToByte, PENDING, PENDING_COUNT, put, TO } from './bit-writer';
import { DISTANCE_CODES, DISTANCE_SYMBOLS, LITERAL_CODES, LITERAL_SYMBOLS, makeCodes, writeCodes } from './code-writer';
import { reverse } from './huffman-encoder';
import { DEFLATE_TABLES } from './memory';
import {
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

/*
 * Writes the symbols of a block (RFC 1951 §3.2.3) in the shortest of three ways: stored, with the fixed codes, or with
 * codes of its own. What each costs is known before a bit of it is written.
 */
const WORK: usize = DEFLATE_TABLES + 196_608;
const FIXED_LITERAL_CODES: usize = WORK + 2816;
const FIXED_DISTANCE_CODES: usize = WORK + 3968;
const HAS_FIXED_CODES: usize = WORK + 4416;

const END_OF_BLOCK: u32 = 256;

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
