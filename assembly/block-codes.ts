import { AT, BITS, COUNT, END, hasOverrun, isPastEnd, lastLoad, refill, tailOf, take } from './bit-reader';
import {
  buildFixedTables,
  buildTable,
  CODE_LENGTH_SYMBOLS,
  CODE_LENGTH_TABLE,
  CODE_LENGTHS,
  DECLARED_DISTANCES,
  DECLARED_LITERALS,
  DISTANCE_TABLE,
  DISTANCES,
  END_SYMBOL,
  FIXED_DISTANCE_TABLE,
  FIXED_LITERAL_TABLE,
  LENGTHS,
  LENGTHS_SIZE,
  LITERAL_TABLE,
  LITERALS,
} from './huffman-decoder';
import { INFLATE_STATE } from './memory';
import { clear } from './zeros';

/*
 * The codes of a compressed block (RFC 1951 §3.2.3): the fixed ones, or those that its header gives.
 */

/** The tables of the block, with the bits that index their roots. */
export const LITERALS_AT: usize = INFLATE_STATE + 36;
export const LITERAL_MASK: usize = INFLATE_STATE + 40;
export const DISTANCES_AT: usize = INFLATE_STATE + 44;
export const DISTANCE_MASK: usize = INFLATE_STATE + 48;
const HAS_FIXED_TABLES: usize = INFLATE_STATE + 68;
/** The bits of an entry that say how many bits to take. */
const TAKES: u32 = 63;

/** §3.2.6 */
export function useFixedCodes(): void {
  if (!load<u32>(HAS_FIXED_TABLES)) {
    buildFixedTables();
    store<u32>(HAS_FIXED_TABLES, 1);
  }
  useTables(FIXED_LITERAL_TABLE, 9, FIXED_DISTANCE_TABLE, 5);
}

function useTables(literals: usize, literalBits: u32, distances: usize, distanceBits: u32): void {
  store<u32>(LITERALS_AT, <u32>literals);
  store<u32>(LITERAL_MASK, (1 << literalBits) - 1);
  store<u32>(DISTANCES_AT, <u32>distances);
  store<u32>(DISTANCE_MASK, (1 << distanceBits) - 1);
}

/** §3.2.7: the codes of a block. @returns whether they are codes */
export function readCodes(): bool {
  refill();
  const literals = take(5) + 257;
  const distances = take(5) + 1;
  const codeLengths = take(4) + 4;
  if (literals > DECLARED_LITERALS || distances > DECLARED_DISTANCES) return false;
  clearLengths();
  for (let index: u32 = 0; index < codeLengths; index++) {
    if (index == 12) refill();
    store<u8>(LENGTHS + codeLengthSymbol(index), <u8>take(3));
  }
  if (hasOverrun()) return false;
  refill();
  const bits = buildTable(CODE_LENGTH_TABLE, CODE_LENGTHS, LENGTHS, CODE_LENGTH_SYMBOLS);
  clearLengths();
  if (bits == 0 || !readLengths(literals + distances, (1 << bits) - 1)) return false;
  if (load<u8>(LENGTHS + END_SYMBOL) == 0) return false;
  const literalBits = buildTable(LITERAL_TABLE, LITERALS, LENGTHS, literals);
  if (literalBits == 0) return false;
  const distanceBits = buildTable(DISTANCE_TABLE, DISTANCES, LENGTHS + literals, distances);
  if (distanceBits == 0) return false;
  useTables(LITERAL_TABLE, literalBits, DISTANCE_TABLE, distanceBits);
  return true;
}

/** §3.2.7: the order in which the lengths of the codes of lengths come: five bits for each symbol. */
// @ts-ignore: decorator
@inline
export function codeLengthSymbol(index: u32): usize {
  // 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, then 12, 3, 13, 2, 14, 1, 15
  const first: u64 = 0x22c_aa32_4e80_4a30;
  const second: u64 = 0x3_c2e1_346c;
  return <usize>((index < 12 ? first >> (index * 5) : second >> ((index - 12) * 5)) & 31);
}

function clearLengths(): void {
  clear(LENGTHS, LENGTHS + LENGTHS_SIZE);
}

/** §3.2.7: "16: Copy the previous code length 3 - 6 times", 17 and 18: zeros. @returns whether they are as they must be */
function readLengths(total: u32, mask: u64): bool {
  let at = <usize>load<u32>(AT);
  let end = <usize>load<u32>(END);
  let bits = load<u64>(BITS);
  let count = load<u32>(COUNT);
  let last = lastLoad(end);
  let have: u32 = 0;
  while (have < total) {
    if (count < 14) {
      if (at > last) {
        at = tailOf(at, count);
        end = <usize>load<u32>(END);
        last = lastLoad(end);
        if (isPastEnd(at, end, count)) return false;
      }
      bits |= load<u64>(at) << count;
      at += (63 - count) >> 3;
      count |= 56;
    }
    const entry = load<u32>(CODE_LENGTH_TABLE + (<usize>(bits & mask) << 2));
    bits >>= entry;
    count -= entry & TAKES;
    const symbol = entry >> 16;
    if (symbol < 16) {
      store<u8>(LENGTHS + have++, <u8>symbol);
      continue;
    }
    const extraBits: u32 = symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
    const times = (<u32>bits & ((1 << extraBits) - 1)) + (symbol == 18 ? 11 : 3);
    bits >>= extraBits;
    count -= extraBits;
    if (have + times > total || (symbol == 16 && have == 0)) return false;
    if (symbol == 16) {
      const length = load<u8>(LENGTHS + have - 1);
      for (const stop = have + times; have < stop; have++) store<u8>(LENGTHS + have, length);
    } else have += times;
  }
  store<u32>(AT, <u32>at);
  store<u64>(BITS, bits);
  store<u32>(COUNT, count);
  return !isPastEnd(at, end, count);
}
