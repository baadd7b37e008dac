import { INFLATE_STATE } from './memory';

/*
 * Compressed bytes are read as bits, the least significant first (RFC 1951 §3.1.1): eight bytes at a time into a 64-bit
 * buffer. Loops that are hot keep the reader in locals and write it back when they are done.
 *
 * Eight bytes are never read across the end of the input: the last bytes are copied to a place of their own, with zeros
 * after them. So a reader may come to stand after the end, and asks `isPastEnd` before it believes what it has read.
 */

/** Where the next byte to load is, and where the input ends: in the tail, if it was copied. */
export const AT: usize = INFLATE_STATE;
export const END: usize = INFLATE_STATE + 4;
/** Bits that were loaded and not taken, and how many there are. Above them are bits of the next bytes, or zeros. */
export const BITS: usize = INFLATE_STATE + 8;
export const COUNT: usize = INFLATE_STATE + 16;

/** Bytes that may be loaded after the place of the next byte. */
export const LOAD_SIZE: usize = 8;

/** Whether more input follows: then reading stops before the end, and there is no tail. */
const GOES_ON: usize = INFLATE_STATE + 72;
/** Where the input began and ended, when its tail was copied. */
const START: usize = INFLATE_STATE + 76;
const REAL_END: usize = INFLATE_STATE + 80;

const TAIL: usize = INFLATE_STATE + 12_288;
const TAIL_SIZE: usize = 64;

/** Begins to read `[start, end)` at the first bit of a byte. */
export function beginReading(start: usize, end: usize, goesOn: bool): void {
  store<u64>(BITS, 0);
  store<u32>(COUNT, 0);
  readOn(start, end, goesOn);
}

/** Reads `[start, end)` after the bits that are loaded. */
export function readOn(start: usize, end: usize, goesOn: bool): void {
  store<u32>(AT, <u32>start);
  store<u32>(END, <u32>end);
  store<u32>(START, <u32>start);
  store<u32>(REAL_END, <u32>end);
  store<u32>(GOES_ON, goesOn);
}

/** Whether more input follows. */
// @ts-ignore: decorator
@inline
export function goesOn(): bool {
  return load<u32>(GOES_ON) != 0;
}

/** Gives back the whole bytes that were loaded and not taken. @returns how many bytes of the input are taken */
export function giveBack(): u32 {
  const count = load<u32>(COUNT);
  const at = load<u32>(AT) - (count >> 3);
  store<u32>(COUNT, count & 7);
  store<u64>(BITS, load<u64>(BITS) & ((1 << (count & 7)) - 1));
  return load<u32>(REAL_END) - (load<u32>(END) - at) - load<u32>(START);
}

/** Where eight bytes may be loaded instead of at `at`, when fewer than that are left. `count` bits are loaded and not taken. */
export function tailOf(at: usize, count: u32): usize {
  const end = <usize>load<u32>(END);
  if (isTail(end)) return at;
  // With the bytes that `alignToByte` may give back.
  const from = at - (count >> 3);
  memory.fill(TAIL, 0, TAIL_SIZE);
  memory.copy(TAIL, from, end - from);
  store<u32>(END, <u32>(TAIL + (end - from)));
  return TAIL + (at - from);
}

// @ts-ignore: decorator
@inline
function isTail(end: usize): bool {
  return end - TAIL < TAIL_SIZE;
}

/** The last place at which eight bytes may be loaded, or anywhere in the tail, where zeros follow. */
// @ts-ignore: decorator
@inline
export function lastLoad(end: usize): usize {
  return isTail(end) ? TAIL + TAIL_SIZE - LOAD_SIZE : end - LOAD_SIZE;
}

/** Whether bits were taken that are not in the input. */
// @ts-ignore: decorator
@inline
export function isPastEnd(at: usize, end: usize, count: u32): bool {
  return at > end && (<u32>(at - end) << 3) > count;
}

/** Loads until there are at least 56 bits, with zeros after the end of the input. */
export function refill(): void {
  let at = <usize>load<u32>(AT);
  const count = load<u32>(COUNT);
  if (at > lastLoad(<usize>load<u32>(END))) at = tailOf(at, count);
  store<u64>(BITS, load<u64>(BITS) | (load<u64>(at) << count));
  store<u32>(AT, <u32>(at + ((63 - count) >> 3)));
  store<u32>(COUNT, count | 56);
}

/** Takes up to 16 bits. There must be as many. */
export function take(size: u32): u32 {
  const bits = load<u64>(BITS);
  store<u64>(BITS, bits >> size);
  store<u32>(COUNT, load<u32>(COUNT) - size);
  return <u32>bits & ((1 << size) - 1);
}

/** Whether bits were taken that are not in the input. */
export function hasOverrun(): bool {
  return isPastEnd(<usize>load<u32>(AT), <usize>load<u32>(END), load<u32>(COUNT));
}

/** How many bits of the input are left. Call it after `refill`. */
export function bitsLeft(): u32 {
  const at = load<u32>(AT);
  const end = load<u32>(END);
  const count = load<u32>(COUNT);
  return at > end ? count - ((at - end) << 3) : count + ((end - at) << 3);
}

/** Drops the rest of the current byte, and gives back the whole bytes that were loaded. @returns where the next byte is */
export function alignToByte(): usize {
  const count = load<u32>(COUNT);
  const at = <usize>load<u32>(AT) - (count >> 3);
  store<u32>(AT, <u32>at);
  store<u64>(BITS, 0);
  store<u32>(COUNT, 0);
  return at;
}
