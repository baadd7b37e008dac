import { beginWriting, padToByte, put } from './bit-writer';
import { writeBlock } from './block-writer';
import { chainAll, emptyIndex, indexWords, keptIndex, matchFast, matchSmall, shiftIndex } from './matcher';
import { DEFLATE_OUT } from './memory';
import { beginSymbols } from './symbols';

/** See `src/codec/codec.ts`. */
const LEVEL_SMALL: u32 = 1;

/** Bytes that a position needs after it to be found. */
const WORD: usize = 4;

/** See `DeflateCodec.deflate`. */
export function deflate(
  start: usize,
  end: usize,
  history: usize,
  isIndexed: bool,
  keep: usize,
  windowSize: usize,
  level: u32,
  most: usize,
): usize {
  const isSmall = level == LEVEL_SMALL;
  const origin = start - history - (isSmall ? 1 : 0);
  const isKept = !isSmall && (keep > 0 || isIndexed);
  const bits = isKept && isIndexed ? keptIndex() : emptyIndex(history + end - start, isKept);
  if (history > 0 && !(isKept && isIndexed)) {
    const from = history > windowSize ? start - windowSize : start - history;
    const to = min(start, end - from < WORD ? from : end - WORD + 1);
    if (isSmall) chainAll(from, to, origin, bits);
    else indexWords(from, to, origin, bits);
  }
  beginWriting(DEFLATE_OUT);
  let at = start;
  while (at < end) {
    beginSymbols();
    const next = isSmall ? matchSmall(at, end, origin, windowSize, bits) : matchFast(at, end, origin, windowSize, bits, isKept);
    if (!writeBlock(at, next, DEFLATE_OUT + most)) return 0;
    at = next;
  }
  // RFC 7692 §7.2.1: an empty stored block, of which the sender leaves out all but the header.
  put(0, 3);
  const length = padToByte() - DEFLATE_OUT;
  if (length > most) return 0;
  if (isKept && keep > 0) shiftIndex(<u32>(history + end - start - keep));
  return length;
}
