import { DEFLATE_TABLES, INDEX_SIZE, INDEX_START } from './memory';
import { addLiteral, addMatch, LONGEST_MATCH, MOST_SYMBOLS, SYMBOLS, SYMBOLS_END } from './symbols';
import { clear } from './zeros';

/*
 * Finds where bytes have occurred before. The index keeps, for each hash of a few bytes, the latest position of bytes with
 * that hash; positions fit into 16 bits. The fast level counts them from the first byte of the history: an empty slot leads
 * there, which is a place like any other. The small level counts from one byte before, so that 0 can end its chains, which
 * lead from each position to the one before it with the same hash.
 */
const CHAINS: usize = DEFLATE_TABLES;

/** Slots of the index, as powers of two: of a stream that keeps it, and of messages of their own, by their length. */
const KEPT_BITS: u32 = 11;
const FEWEST_BITS: u32 = 7;
const MOST_BITS: u32 = 13;

const PRIME: u32 = 0x9e37_79b1;

/** The fast level looks for four bytes at once. */
const WORD: usize = 4;
/** After this many bytes without a match some are passed over, and more and more. */
const PATIENCE_SHIFT: usize = 6;

/** The small level: how many positions of a chain are looked at, and lengths with which it is content. */
const DEPTH: u32 = 32;
const GOOD: usize = 8;
const LAZY: usize = 16;
const NICE: usize = 128;
/** A match of three bytes from farther than this costs more than the bytes. */
const TOO_FAR: usize = 4096;

/** Makes an index of as many slots as pay off, all empty. @returns how many bits number them */
export function emptyIndex(length: usize, isKept: bool): u32 {
  const bits = isKept ? KEPT_BITS : min(max(32 - <u32>clz(<u32>length | 1), FEWEST_BITS), MOST_BITS);
  clear(INDEX_START, INDEX_START + (<usize>2 << bits));
  return bits;
}

/** The bits of an index that a stream has kept. */
export function keptIndex(): u32 {
  return KEPT_BITS;
}

// @ts-ignore: decorator
@inline
function slotOf(word: u32, bits: u32): usize {
  return INDEX_START + (<usize>((word * PRIME) >> (32 - bits)) << 1);
}

/** Enters `[from, to)`, which has to be followed by a whole word, into the index of the fast level. */
export function indexWords(from: usize, to: usize, origin: usize, bits: u32): void {
  for (let at = from; at < to; at++) enter(at, origin, bits);
}

/**
 * Enters three places of a match whose first is entered: its second, and its last two. All of them would make 16 KiB of JSON
 * shorter by a two-hundredth, and take a fifth more time. A stream needs all, as the bytes that they repeat leave its history.
 */
// @ts-ignore: decorator
@inline
function enterMatch(at: usize, next: usize, origin: usize, bits: u32): void {
  enter(at + 1, origin, bits);
  enter(next - 2, origin, bits);
  enter(next - 1, origin, bits);
}

// @ts-ignore: decorator
@inline
function enter(at: usize, origin: usize, bits: u32): void {
  store<u16>(slotOf(load<u32>(at), bits), <u16>(at - origin));
}

/** Subtracts `shift` from all positions of an index that a stream keeps; what comes before the new history is empty. */
export function shiftIndex(shift: u32): void {
  if (ASC_FEATURE_SIMD) {
    const shifts = i16x8.splat(<i16>shift);
    for (let at: usize = INDEX_START; at < INDEX_START + INDEX_SIZE; at += 16) {
      v128.store(at, i16x8.sub_sat_u(v128.load(at), shifts));
    }
    return;
  }
  for (let at: usize = INDEX_START; at < INDEX_START + INDEX_SIZE; at += 2) {
    const position = <u32>load<u16>(at);
    store<u16>(at, <u16>(position > shift ? position - shift : 0));
  }
}

/** How many bytes from `at` on are those from `before` on, up to `end` and to the longest match. */
// @ts-ignore: decorator
@inline
function commonLength(at: usize, before: usize, end: usize): usize {
  const most = min(LONGEST_MATCH, end - at);
  let length: usize = 0;
  while (length + 8 <= most) {
    const difference = load<u64>(at + length) ^ load<u64>(before + length);
    if (difference) return length + (<usize>ctz(difference) >> 3);
    length += 8;
  }
  while (length < most && load<u8>(at + length) == load<u8>(before + length)) length++;
  return length;
}

/**
 * The fast level: takes the latest occurrence of the next four bytes.
 *
 * @param origin the first byte of the history, or of the message if there is none
 * @param isKept whether a stream keeps the index
 * @returns where it stopped: at `end`, or because the block has as many symbols as it may have
 */
export function matchFast(begin: usize, end: usize, origin: usize, windowSize: usize, bits: u32, isKept: bool): usize {
  const last = SYMBOLS + (MOST_SYMBOLS << 2);
  const stop = end - begin < WORD ? begin : end - WORD + 1;
  let to = <usize>load<u32>(SYMBOLS_END);
  let at = begin;
  /** Where the last match ended. */
  let anchor = begin;
  // Nothing comes before it. Slots lead there while they are empty.
  if (at == origin && at < stop) to = addLiteral(to, load<u8>(at++));
  while (at < stop && to < last) {
    const word = load<u32>(at);
    const slot = slotOf(word, bits);
    const before = origin + <usize>load<u16>(slot);
    store<u16>(slot, <u16>(at - origin));
    if (load<u32>(before) == word && at - before <= windowSize) {
      const length = commonLength(at, before, end);
      to = addMatch(to, length, at - before);
      const next = at + length;
      if (isKept) indexWords(at + 1, min(next, stop), origin, bits);
      else if (next <= stop) enterMatch(at, next, origin, bits);
      at = next;
      anchor = next;
      continue;
    }
    to = addLiteral(to, word & 0xff);
    at++;
    const skipped = (at - anchor) >> PATIENCE_SHIFT;
    if (skipped) {
      for (let skip = min(skipped, stop - at); skip > 0 && to < last; skip--) to = addLiteral(to, load<u8>(at++));
    }
  }
  if (at >= stop) while (at < end && to < last) to = addLiteral(to, load<u8>(at++));
  store<u32>(SYMBOLS_END, <u32>to);
  return at;
}

/** Enters the position of `at` into index and chains. @returns the position before it with the same hash, or 0 */
// @ts-ignore: decorator
@inline
function chain(at: usize, origin: usize, bits: u32): usize {
  const slot = slotOf(load<u32>(at) << 8, bits);
  const position = <usize>load<u16>(slot);
  store<u16>(CHAINS + ((at - origin) << 1), <u16>position);
  store<u16>(slot, <u16>(at - origin));
  return position;
}

/** Enters `[from, to)`, which has to be followed by a whole word, into index and chains. */
export function chainAll(from: usize, to: usize, origin: usize, bits: u32): void {
  for (let at = from; at < to; at++) chain(at, origin, bits);
}

/** The longest match that `longestMatch` has found: its distance in the upper, its length in the lower half. */
// @ts-ignore: decorator
@inline
function longestMatch(at: usize, end: usize, origin: usize, first: usize, windowSize: usize, atLeast: usize): u32 {
  const most = min(LONGEST_MATCH, end - at);
  let position = first;
  let longest = atLeast;
  let distance: usize = 0;
  let depth: u32 = atLeast >= GOOD ? DEPTH >> 2 : DEPTH;
  while (position > 0 && depth > 0 && longest < most) {
    const before = origin + position;
    if (at - before > windowSize) break;
    // Nothing shorter than the longest is of use, so its last byte is compared first.
    if (load<u8>(before + longest) == load<u8>(at + longest)) {
      const length = commonLength(at, before, end);
      if (length > longest) {
        longest = length;
        distance = at - before;
        if (length >= NICE) break;
      }
    }
    position = <usize>load<u16>(CHAINS + (position << 1));
    depth--;
  }
  return (<u32>distance << 16) | <u32>longest;
}

/**
 * The small level: looks at many occurrences of the next three bytes, and takes a match only if none that is longer begins
 * at the next byte.
 *
 * @returns as `matchFast`
 */
export function matchSmall(begin: usize, end: usize, origin: usize, windowSize: usize, bits: u32): usize {
  const last = SYMBOLS + (MOST_SYMBOLS << 2);
  const stop = end - begin < WORD ? begin : end - WORD + 1;
  let to = <usize>load<u32>(SYMBOLS_END);
  let at = begin;
  /** Whether the byte before `at` is not taken yet, and the match that begins there, if one does. */
  let waits = false;
  let length: usize = 0;
  let distance: usize = 0;
  while (at < stop && to < last) {
    const first = chain(at, origin, bits);
    const match = length < LAZY ? longestMatch(at, end, origin, first, windowSize, max(length, 2)) : 0;
    const isLonger = match >> 16 && (match & 0xffff) > (match >> 16 > TOO_FAR ? 3 : 2);
    if (distance > 0 && !isLonger) {
      to = addMatch(to, length, distance);
      const next = at - 1 + length;
      chainAll(at + 1, min(next, stop), origin, bits);
      at = next;
      waits = false;
      length = 0;
      distance = 0;
      continue;
    }
    if (waits) to = addLiteral(to, load<u8>(at - 1));
    waits = true;
    length = isLonger ? match & 0xffff : 0;
    distance = isLonger ? match >> 16 : 0;
    at++;
  }
  if (distance > 0) {
    to = addMatch(to, length, distance);
    const next = at - 1 + length;
    chainAll(at, min(next, stop), origin, bits);
    at = next;
  } else if (waits) to = addLiteral(to, load<u8>(at - 1));
  if (at >= stop) while (at < end && to < last) to = addLiteral(to, load<u8>(at++));
  store<u32>(SYMBOLS_END, <u32>to);
  return at;
}
