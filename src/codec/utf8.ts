import { UTF8_INVALID } from './codec.js';

/** The high bit of each of four bytes. */
const HIGH_BITS = 0x8080_8080 | 0;

/**
 * Skips whole code points (RFC 3629 §3).
 *
 * @param words the same memory as `bytes`
 * @returns the first position with fewer than four bytes left before `end`; -1 if what comes before is not UTF-8
 */
export function skipCodePoints(bytes: Uint8Array, words: Int32Array, at: number, end: number): number {
  while (at + 4 <= end) {
    const lead = bytes[at];
    if (lead < 0x80) {
      at++;
      if ((at & 3) === 0) at = skipAsciiWords(words, at, end);
      continue;
    }
    // Every branch advances by a constant, so that a predicted branch need not wait until the bytes are loaded.
    if ((bytes[at + 1] & 0xc0) !== 0x80) return -1;
    if (lead < 0xe0) {
      if (lead < 0xc2) return -1;
      at += 2;
    } else if (lead < 0xf0) {
      if (!isThreeBytes(lead, bytes[at + 1], bytes[at + 2])) return -1;
      at += 3;
    } else {
      if (!isFourBytes(lead, bytes[at + 1], bytes[at + 2], bytes[at + 3])) return -1;
      at += 4;
    }
  }
  return at;
}

function skipAsciiWords(words: Int32Array, at: number, end: number): number {
  const stop = end >> 2;
  let word = at >> 2;
  while (word < stop && (words[word] & HIGH_BITS) === 0) word++;
  return word << 2;
}

/** Neither overlong nor a surrogate (RFC 3629 §4). `second` must be a continuation byte. */
function isThreeBytes(lead: number, second: number, third: number): boolean {
  if ((third & 0xc0) !== 0x80) return false;
  if (lead === 0xe0) return second >= 0xa0;
  return lead !== 0xed || second <= 0x9f;
}

/** Neither overlong nor beyond U+10FFFF (RFC 3629 §4). `second` must be a continuation byte. */
function isFourBytes(lead: number, second: number, third: number, fourth: number): boolean {
  if ((third & 0xc0) !== 0x80 || (fourth & 0xc0) !== 0x80 || lead > 0xf4) return false;
  if (lead === 0xf0) return second >= 0x90;
  return lead !== 0xf4 || second <= 0x8f;
}

/** The state of `Codec.validateUtf8` after one more byte. `state` must not be `UTF8_INVALID`. */
export function nextUtf8State(state: number, byte: number): number {
  if (state === 0) return stateAfterLead(byte);
  const lowest = (state >> 8) & 0xff;
  const highest = (state >> 16) & 0xff;
  if (byte < lowest || byte > highest) return UTF8_INVALID;
  const needed = (state & 3) - 1;
  return needed === 0 ? 0 : unfinished(needed, 0x80, 0xbf);
}

/** RFC 3629 §4: which bytes may follow a lead byte. */
function stateAfterLead(byte: number): number {
  if (byte < 0x80) return 0;
  if (byte < 0xc2) return UTF8_INVALID;
  if (byte < 0xe0) return unfinished(1, 0x80, 0xbf);
  if (byte < 0xf0) return unfinished(2, byte === 0xe0 ? 0xa0 : 0x80, byte === 0xed ? 0x9f : 0xbf);
  if (byte < 0xf5) return unfinished(3, byte === 0xf0 ? 0x90 : 0x80, byte === 0xf4 ? 0x8f : 0xbf);
  return UTF8_INVALID;
}

function unfinished(needed: number, lowest: number, highest: number): number {
  return needed | (lowest << 8) | (highest << 16);
}
