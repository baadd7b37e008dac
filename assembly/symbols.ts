import { DEFLATE_TABLES } from './memory';
import { clear } from './zeros';

/*
 * What the matcher leaves to the block chooser: the symbols of a block (RFC 1951 §3.2.5) in their order, one word each. A
 * literal is its byte. A match has its distance in the upper half and its length, less three, in the lower.
 */
export const SYMBOLS: usize = DEFLATE_TABLES + 131_072;
/** A block is ended at as many. There is room for one more, as the matcher looks ahead. */
export const MOST_SYMBOLS: usize = 16_383;

const WORK: usize = DEFLATE_TABLES + 196_608;

/** How often each symbol of the block occurs: literals and lengths, then distances. */
export const LITERAL_COUNTS: usize = WORK;
export const DISTANCE_COUNTS: usize = WORK + 1152;
const COUNTS_SIZE: usize = 1280;

/** For each length, less three: the index of its symbol after 256. */
const LENGTH_INDEX: usize = WORK + 4096;
const HAS_LENGTH_INDEX: usize = WORK + 4352;

/** Where the symbols of the block end; how many extra bits they have; how many matches there are. */
export const SYMBOLS_END: usize = WORK + 4356;
export const EXTRA_BITS: usize = WORK + 4360;
export const MATCHES: usize = WORK + 4364;

export const SHORTEST_MATCH: usize = 3;
export const LONGEST_MATCH: usize = 258;

/** Begins a block without symbols. */
export function beginSymbols(): void {
  clear(LITERAL_COUNTS, LITERAL_COUNTS + COUNTS_SIZE);
  // Every block has the symbol that ends it.
  store<u32>(LITERAL_COUNTS + (256 << 2), 1);
  store<u32>(SYMBOLS_END, <u32>SYMBOLS);
  store<u32>(EXTRA_BITS, 0);
  store<u32>(MATCHES, 0);
  if (!load<u32>(HAS_LENGTH_INDEX)) fillLengthIndex();
}

function fillLengthIndex(): void {
  for (let length: u32 = 0; length < 256; length++) {
    const exponent: u32 = length < 8 ? 0 : 29 - clz(length);
    const index = length == 255 ? 28 : length < 8 ? length : ((exponent + 1) << 2) + ((length >> exponent) & 3);
    store<u8>(LENGTH_INDEX + length, <u8>index);
  }
  store<u32>(HAS_LENGTH_INDEX, 1);
}

/** The index, after 256, of the symbol of a length less three. */
// @ts-ignore: decorator
@inline
export function lengthIndex(length: u32): u32 {
  return <u32>load<u8>(LENGTH_INDEX + length);
}

/** How many extra bits follow the symbol. */
// @ts-ignore: decorator
@inline
export function lengthExtra(index: u32): u32 {
  return index < 8 || index == 28 ? 0 : (index >> 2) - 1;
}

/** The symbol of a distance less one. */
// @ts-ignore: decorator
@inline
export function distanceSymbol(distance: u32): u32 {
  if (distance < 4) return distance;
  const exponent = 30 - clz(distance);
  return ((exponent + 1) << 1) + ((distance >> exponent) & 1);
}

/** How many extra bits follow the symbol. */
// @ts-ignore: decorator
@inline
export function distanceExtra(symbol: u32): u32 {
  return symbol < 4 ? 0 : (symbol >> 1) - 1;
}

/** Adds a literal at `to`. @returns where the next symbol goes */
// @ts-ignore: decorator
@inline
export function addLiteral(to: usize, byte: u32): usize {
  store<u32>(to, byte);
  increment(LITERAL_COUNTS + (<usize>byte << 2));
  return to + 4;
}

/** Adds a match. @returns where the next symbol goes */
// @ts-ignore: decorator
@inline
export function addMatch(to: usize, length: usize, distance: usize): usize {
  const short = <u32>(length - SHORTEST_MATCH);
  store<u32>(to, (<u32>distance << 16) | short);
  const index = lengthIndex(short);
  const symbol = distanceSymbol(<u32>distance - 1);
  increment(LITERAL_COUNTS + (<usize>(257 + index) << 2));
  increment(DISTANCE_COUNTS + (<usize>symbol << 2));
  store<u32>(EXTRA_BITS, load<u32>(EXTRA_BITS) + lengthExtra(index) + distanceExtra(symbol));
  increment(MATCHES);
  return to + 4;
}

// @ts-ignore: decorator
@inline
function increment(at: usize): void {
  store<u32>(at, load<u32>(at) + 1);
}
