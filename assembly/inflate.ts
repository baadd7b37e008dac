import {
  alignToByte,
  AT,
  beginReading,
  bitsLeft,
  END,
  giveBack,
  goesOn,
  hasOverrun,
  readOn,
  refill,
  take,
} from './bit-reader';
import { LITERALS_AT, readCodes, useFixedCodes } from './block-codes';
import { LITERAL_TABLE } from './huffman-decoder';
import {
  advance,
  ENDED,
  FULL,
  HISTORY,
  inflateSymbols,
  INVALID,
  NEEDS_INPUT,
  OUT,
  OUT_END,
  ROOM,
  TO_COPY,
  TOO_LONG,
  WINDOW,
} from './inflate-symbols';
import { HISTORY_SIZE, INFLATE_OUT, INFLATE_STATE, INFLATE_TAKEN } from './memory';

/** The last thing that `inflate` may return besides a length; the others stand in inflate-symbols. */
const PAUSED: i32 = -5;

/**
 * What is inflated at once, if it is blocks that hold little: in units of a block that has no codes of its own. A block that
 * has some costs as much as 64 of these.
 */
const MOST_BLOCKS: i32 = 8192;
const DYNAMIC_COST: i32 = 64;

/** What comes next, one word: a block's header, the rest of a stored block, symbols of a compressed block. */
const NEXT: usize = INFLATE_STATE + 20;
const HEADER: u32 = 0;
const STORED: u32 = 1;
const SYMBOLS: u32 = 2;

const IS_FINAL: usize = INFLATE_STATE + 24;

/** No header has more bits: 17, codes of code lengths, then lengths of 7 bits with up to 7 extra bits. */
const LONGEST_HEADER: u32 = 17 + 19 * 3 + 316 * 14 + 64;

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
