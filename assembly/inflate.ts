import {
  alignToByte,
  AT,
  beginReading,
  BITS,
  bitsLeft,
  COUNT,
  END,
  giveBack,
  goesOn,
  hasOverrun,
  isPastEnd,
  lastLoad,
  LOAD_SIZE,
  readOn,
  refill,
  tailOf,
  take,
} from './bit-reader';
import { DISTANCE_MASK, DISTANCES_AT, LITERAL_MASK, LITERALS_AT, readCodes, useFixedCodes } from './block-codes';
import { copyMatch, copyMatchExactly, OVERSHOOT } from './copy-match';
import { END_OF_BLOCK, LEAD, LITERAL, LITERAL_TABLE, SPECIAL } from './huffman-decoder';
import { HISTORY_SIZE, INFLATE_OUT, INFLATE_OUT_SIZE, INFLATE_STATE, INFLATE_TAKEN } from './memory';

/** What `inflate` returns besides a length; see `src/codec/codec.ts`. */
const FULL: i32 = -1;
const TOO_LONG: i32 = -2;
const INVALID: i32 = -3;
const NEEDS_INPUT: i32 = -4;
const PAUSED: i32 = -5;

/**
 * What is inflated at once, if it is blocks that hold little: in units of a block that has no codes of its own. A block that
 * has some costs as much as 64 of these.
 */
const MOST_BLOCKS: i32 = 8192;
const DYNAMIC_COST: i32 = 64;
/** A block, or a match, has come to its end. */
const ENDED: i32 = 0;

/** What comes next, one word: a block's header, the rest of a stored block, symbols of a compressed block. */
const NEXT: usize = INFLATE_STATE + 20;
const HEADER: u32 = 0;
const STORED: u32 = 1;
const SYMBOLS: u32 = 2;

const IS_FINAL: usize = INFLATE_STATE + 24;
/** Bytes of the stored block, or of the match, that are not copied yet. */
const TO_COPY: usize = INFLATE_STATE + 28;
const MATCH_DISTANCE: usize = INFLATE_STATE + 32;
/** Where the next byte goes. */
const OUT: usize = INFLATE_STATE + 52;
/** Bytes that the message may still have, from `OUT` on. */
const ROOM: usize = INFLATE_STATE + 56;
/** How many bytes right before the output area the message may refer to. */
const HISTORY: usize = INFLATE_STATE + 60;
const WINDOW: usize = INFLATE_STATE + 64;

const OUT_END: usize = INFLATE_OUT + INFLATE_OUT_SIZE;
const LONGEST_MATCH: usize = 258;
/** While there is more room than this, four literals and a match are taken without another look, in whole words. */
const FAST_ROOM: usize = 4 + LONGEST_MATCH + OVERSHOOT;
/** Bits of a match: the codes of its length and its distance, each with the extra bits. */
const LONGEST_MATCH_CODES: u32 = 15 + 5 + 15 + 13;
/** Bytes that are loaded for a symbol, at most. */
const LONGEST_SYMBOL: usize = LOAD_SIZE + LOAD_SIZE;
/** No header has more bits: 17, codes of code lengths, then lengths of 7 bits with up to 7 extra bits. */
const LONGEST_HEADER: u32 = 17 + 19 * 3 + 316 * 14 + 64;
/** The bits of an entry that say how many bits to take. */
const TAKES: u32 = 63;

/** See `DeflateCodec.inflate`. */
export function inflate(start: usize, end: usize, history: u32, windowSize: u32, most: u32, more: bool): i32 {
  beginReading(start, end, more);
  store<u32>(NEXT, HEADER);
  store<u32>(IS_FINAL, 0);
  store<u32>(TO_COPY, 0);
  store<u32>(OUT, INFLATE_OUT);
  store<u32>(ROOM, most);
  store<u32>(HISTORY, history);
  store<u32>(WINDOW, windowSize);
  return inflateBlocks();
}

/** See `DeflateCodec.inflateMore`: when the output area is full, its end becomes the history of what follows. */
export function inflateMore(start: usize, end: usize, more: bool): i32 {
  if (load<u32>(OUT) == OUT_END) {
    memory.copy(INFLATE_OUT - HISTORY_SIZE, OUT_END - HISTORY_SIZE, HISTORY_SIZE);
    store<u32>(HISTORY, HISTORY_SIZE);
    store<u32>(OUT, INFLATE_OUT);
  }
  readOn(start, end, more);
  return inflateBlocks();
}

function inflateBlocks(): i32 {
  let left = MOST_BLOCKS;
  for (;;) {
    let outcome = ENDED;
    if (load<u32>(NEXT) == HEADER) {
      if (isWhole()) break;
      outcome = left > 0 ? readHeader() : PAUSED;
      if (outcome > 0) break;
      left -= load<u32>(LITERALS_AT) == <u32>LITERAL_TABLE ? DYNAMIC_COST : 1;
    }
    if (outcome == ENDED) outcome = load<u32>(NEXT) == STORED ? copyStored() : inflateSymbols();
    // The caller takes what is full.
    if (outcome == NEEDS_INPUT && load<u32>(OUT) == OUT_END) outcome = FULL;
    if (outcome == PAUSED && load<u32>(OUT) == OUT_END) outcome = FULL;
    if (outcome == FULL || outcome == NEEDS_INPUT || outcome == PAUSED) store<u32>(INFLATE_TAKEN << 2, giveBack());
    if (outcome < 0) return outcome;
    store<u32>(NEXT, HEADER);
  }
  return <i32>(load<u32>(OUT) - <u32>INFLATE_OUT);
}

/** Between two blocks: whether the message ends here. After a final block, the next begins at a byte (RFC 7692 §7.2.1). */
function isWhole(): bool {
  refill();
  if (load<u32>(IS_FINAL)) {
    alignToByte();
    refill();
  }
  return bitsLeft() == 0 && !goesOn();
}

/**
 * RFC 1951 §3.2.3: "BFINAL", "BTYPE".
 *
 * @returns `ENDED` if a block follows; more than that if the message ends in place of the length of a stored block
 */
function readHeader(): i32 {
  if (goesOn() && bitsLeft() < LONGEST_HEADER) return NEEDS_INPUT;
  store<u32>(IS_FINAL, take(1));
  const type = take(2);
  if (type == 0) return readStoredLength();
  if (type == 3) return INVALID;
  store<u32>(NEXT, SYMBOLS);
  if (type == 1) {
    useFixedCodes();
    return ENDED;
  }
  return readCodes() ? ENDED : INVALID;
}

/** §3.2.4: "LEN", and "NLEN", its one's complement. RFC 7692 §7.2.1: the sender leaves those of the last block out. */
function readStoredLength(): i32 {
  if (hasOverrun()) return INVALID;
  const at = alignToByte();
  const end = <usize>load<u32>(END);
  if (at == end) return 1;
  if (end - at < 4) return INVALID;
  const length = <u32>load<u16>(at);
  if ((length ^ <u32>load<u16>(at, 2)) != 0xffff) return INVALID;
  store<u32>(AT, <u32>at + 4);
  store<u32>(TO_COPY, length);
  store<u32>(NEXT, STORED);
  return ENDED;
}

function copyStored(): i32 {
  const at = <usize>load<u32>(AT);
  const out = <usize>load<u32>(OUT);
  const room = load<u32>(ROOM);
  const length = load<u32>(TO_COPY);
  const present = min(length, load<u32>(END) - <u32>at);
  if (present > room) return TOO_LONG;
  if (present < length && !goesOn()) return INVALID;
  const size = min(present, <u32>(OUT_END - out));
  memory.copy(out, at, size);
  store<u32>(AT, <u32>(at + size));
  store<u32>(TO_COPY, length - size);
  return advance(out + size, size == length ? ENDED : size < present ? FULL : NEEDS_INPUT);
}

/**
 * Inflates symbols up to the end of the block (§3.2.3). Far from the end of the output it takes up to five literals for each
 * look at the bounds, as many as 56 bits hold of those that the root of the table decodes; near it each symbol is judged by
 * itself. A loop in place of the five steps takes an eighth more time.
 *
 * @returns `ENDED`, `FULL`, `TOO_LONG` or `INVALID`
 */
function inflateSymbols(): i32 {
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
function advance(out: usize, outcome: i32): i32 {
  const room = load<u32>(ROOM) - <u32>(out - <usize>load<u32>(OUT));
  store<u32>(ROOM, room);
  store<u32>(OUT, <u32>out);
  return outcome == FULL && room == 0 ? TOO_LONG : outcome;
}
