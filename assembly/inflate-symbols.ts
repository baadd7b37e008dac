import { AT, BITS, COUNT, END, goesOn, isPastEnd, lastLoad, LOAD_SIZE, tailOf } from './bit-reader';
import { DISTANCE_MASK, DISTANCES_AT, LITERAL_MASK, LITERALS_AT } from './block-codes';
import { copyMatch, copyMatchExactly, OVERSHOOT } from './copy-match';
import { END_OF_BLOCK, LEAD, LITERAL, SPECIAL } from './huffman-decoder';
import { INFLATE_OUT, INFLATE_OUT_SIZE, INFLATE_STATE } from './memory';

/** What `inflate` returns besides a length; see `src/codec/codec.ts`. */
export const FULL: i32 = -1;
export const TOO_LONG: i32 = -2;
export const INVALID: i32 = -3;
export const NEEDS_INPUT: i32 = -4;

/** A block, or a match, has come to its end. */
export const ENDED: i32 = 0;

/** Bytes of the stored block, or of the match, that are not copied yet. */
export const TO_COPY: usize = INFLATE_STATE + 28;
const MATCH_DISTANCE: usize = INFLATE_STATE + 32;
/** Where the next byte goes. */
export const OUT: usize = INFLATE_STATE + 52;
/** Bytes that the message may still have, from `OUT` on. */
export const ROOM: usize = INFLATE_STATE + 56;
/** How many bytes right before the output area the message may refer to. */
export const HISTORY: usize = INFLATE_STATE + 60;
export const WINDOW: usize = INFLATE_STATE + 64;
export const OUT_END: usize = INFLATE_OUT + INFLATE_OUT_SIZE;

const LONGEST_MATCH: usize = 258;
/** While there is more room than this, four literals and a match are taken without another look, in whole words. */
const FAST_ROOM: usize = 4 + LONGEST_MATCH + OVERSHOOT;
/** Bits of a match: the codes of its length and its distance, each with the extra bits. */
const LONGEST_MATCH_CODES: u32 = 15 + 5 + 15 + 13;
/** Bytes that are loaded for a symbol, at most. */
const LONGEST_SYMBOL: usize = LOAD_SIZE + LOAD_SIZE;
/** The bits of an entry that say how many bits to take. */
const TAKES: u32 = 63;

/**
 * Inflates symbols up to the end of the block (RFC 1951 §3.2.3). Far from the end of the output it takes up to five literals for each
 * look at the bounds, as many as 56 bits hold of those that the root of the table decodes; near it each symbol is judged by
 * itself. A loop in place of the five steps takes an eighth more time.
 *
 * @returns `ENDED`, `FULL`, `TOO_LONG` or `INVALID`
 */
export function inflateSymbols(): i32 {
  const pending = copyPending();
  if (pending < 0) return pending;
  const literals = <usize>load<u32>(LITERALS_AT);
  const literalMask = <u64>load<u32>(LITERAL_MASK);
  const distances = <usize>load<u32>(DISTANCES_AT);
  const distanceMask = <u64>load<u32>(DISTANCE_MASK);
  const windowSize = <usize>load<u32>(WINDOW);
  const oldest = INFLATE_OUT - <usize>load<u32>(HISTORY);
  const begin = <usize>load<u32>(OUT);
  const space = min(load<u32>(ROOM), <u32>(OUT_END - begin));
  const outEnd = begin + space;
  const outFast = space > FAST_ROOM ? outEnd - FAST_ROOM : begin;

  let at = <usize>load<u32>(AT);
  let end = <usize>load<u32>(END);
  let bits = load<u64>(BITS);
  let count = load<u32>(COUNT);
  const isPart = goesOn();
  // If more follows, the bytes of a whole symbol are there, so that nothing has to be taken back.
  let last = isPart ? end - LONGEST_SYMBOL : lastLoad(end);
  let out = begin;
  let outcome = INVALID;
  for (;;) {
    if (at > last) {
      if (isPart) {
        outcome = NEEDS_INPUT;
        break;
      }
      at = tailOf(at, count);
      end = <usize>load<u32>(END);
      last = lastLoad(end);
      if (isPastEnd(at, end, count)) break;
    }
    bits |= load<u64>(at) << count;
    at += (63 - count) >> 3;
    count |= 56;

    let entry = load<u32>(literals + (<usize>(bits & literalMask) << 2));
    if (out < outFast && entry & LITERAL) {
      bits >>= entry;
      count -= entry & TAKES;
      store<u8>(out++, <u8>(entry >> 16));
      entry = load<u32>(literals + (<usize>(bits & literalMask) << 2));
      if (entry & LITERAL) {
        bits >>= entry;
        count -= entry & TAKES;
        store<u8>(out++, <u8>(entry >> 16));
        entry = load<u32>(literals + (<usize>(bits & literalMask) << 2));
        if (entry & LITERAL) {
          bits >>= entry;
          count -= entry & TAKES;
          store<u8>(out++, <u8>(entry >> 16));
          entry = load<u32>(literals + (<usize>(bits & literalMask) << 2));
          if (entry & LITERAL) {
            bits >>= entry;
            count -= entry & TAKES;
            store<u8>(out++, <u8>(entry >> 16));
            entry = load<u32>(literals + (<usize>(bits & literalMask) << 2));
            if (entry & LITERAL) {
              bits >>= entry;
              count -= entry & TAKES;
              store<u8>(out++, <u8>(entry >> 16));
              continue;
            }
          }
        }
      }
    }
    if (count < LONGEST_MATCH_CODES) {
      if (at > last && !isPart) {
        at = tailOf(at, count);
        end = <usize>load<u32>(END);
        last = lastLoad(end);
      }
      bits |= load<u64>(at) << count;
      at += (63 - count) >> 3;
      count |= 56;
    }

    const bitsBefore = bits;
    const countBefore = count;
    if (entry & LEAD) {
      bits >>= entry;
      count -= entry & TAKES;
      entry = load<u32>(literals + (<usize>otherIndex(entry, bits) << 2));
    }
    const extra = extraBits(entry, bits);
    bits >>= entry;
    count -= entry & TAKES;
    if (entry & LITERAL) {
      if (isPastEnd(at, end, count)) break;
      if (out == outEnd) {
        // It is taken when there is room.
        bits = bitsBefore;
        count = countBefore;
        outcome = FULL;
        break;
      }
      store<u8>(out++, <u8>(entry >> 16));
      continue;
    }
    if (entry & SPECIAL) {
      if (entry & END_OF_BLOCK && !isPastEnd(at, end, count)) outcome = ENDED;
      break;
    }
    const length = <usize>((entry >> 16) + extra);

    entry = load<u32>(distances + (<usize>(bits & distanceMask) << 2));
    if (entry & LEAD) {
      bits >>= entry;
      count -= entry & TAKES;
      entry = load<u32>(distances + (<usize>otherIndex(entry, bits) << 2));
    }
    const distance = <usize>((entry >> 16) + extraBits(entry, bits));
    bits >>= entry;
    count -= entry & TAKES;
    if (entry & SPECIAL || isPastEnd(at, end, count)) break;
    if (distance > windowSize || out - distance < oldest) break;

    if (out < outFast) {
      copyMatch(out, distance, length);
      out += length;
      continue;
    }
    const size = min(length, outEnd - out);
    copyMatchExactly(out, distance, size);
    out += size;
    if (size < length) {
      store<u32>(TO_COPY, <u32>(length - size));
      store<u32>(MATCH_DISTANCE, <u32>distance);
      outcome = FULL;
      break;
    }
  }
  store<u32>(AT, <u32>at);
  store<u64>(BITS, bits);
  store<u32>(COUNT, count);
  return advance(out, outcome);
}

/** The index in the other table to which `entry` leads. */
// @ts-ignore: decorator
@inline
function otherIndex(entry: u32, bits: u64): u32 {
  return ((entry >> 16) & 0x7fff) + (<u32>bits & ((1 << ((entry >> 8) & 15)) - 1));
}

/** The value of the extra bits that follow the code of `entry` (§3.2.5). */
// @ts-ignore: decorator
@inline
function extraBits(entry: u32, bits: u64): u32 {
  return <u32>((bits & (((<u64>1) << entry) - 1)) >> ((entry >> 8) & 15));
}

/** Copies what is left of a match for which the output area had no room. */
function copyPending(): i32 {
  const length = load<u32>(TO_COPY);
  if (length == 0) return ENDED;
  if (length > load<u32>(ROOM)) return TOO_LONG;
  const out = <usize>load<u32>(OUT);
  copyMatchExactly(out, <usize>load<u32>(MATCH_DISTANCE), length);
  store<u32>(TO_COPY, 0);
  return advance(out + length, ENDED);
}

/** Notes how far the output has come. @returns the outcome: whoever is at the end of the room is not full, but too long */
export function advance(out: usize, outcome: i32): i32 {
  const room = load<u32>(ROOM) - <u32>(out - <usize>load<u32>(OUT));
  store<u32>(ROOM, room);
  store<u32>(OUT, <u32>out);
  return outcome == FULL && room == 0 ? TOO_LONG : outcome;
}
