import { SCRATCH_START } from './memory';

/** The high bit of each of eight octets. */
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/**
 * Writes the text `[start, end)`, which is valid UTF-8 (RFC 3629 §3), as UTF-16 (RFC 2781 §2.1) in little-endian order to
 * the scratch memory. That takes at most two octets for each of the text.
 *
 * @returns how many octets it wrote
 */
export function toUtf16(start: usize, end: usize): usize {
  let to: usize = SCRATCH_START;
  let at = start;
  while (at < end) {
    const lead = <u32>load<u8>(at);
    if (lead < 0x80) {
      if (ASC_FEATURE_SIMD) {
        if (at + 8 <= end && (load<u64>(at) & HIGH_BITS) == 0) {
          v128.store(to, v128.load_ext<u8>(at));
          at += 8;
          to += 16;
          continue;
        }
      }
      store<u16>(to, lead);
      at += 1;
      to += 2;
    } else if (lead < 0xe0) {
      store<u16>(to, ((lead & 0x1f) << 6) | continuation(at, 1));
      at += 2;
      to += 2;
    } else if (lead < 0xf0) {
      store<u16>(to, ((lead & 0x0f) << 12) | (continuation(at, 1) << 6) | continuation(at, 2));
      at += 3;
      to += 2;
    } else {
      storeSurrogates(to, ((lead & 7) << 18) | (continuation(at, 1) << 12) | (continuation(at, 2) << 6) | continuation(at, 3));
      at += 4;
      to += 4;
    }
  }
  return to - SCRATCH_START;
}

/** The six bits of a continuation octet. */
// @ts-ignore: decorator
@inline
function continuation(lead: usize, index: usize): u32 {
  return <u32>load<u8>(lead + index) & 0x3f;
}

/** RFC 2781 §2.1: a code point above U+FFFF takes two code units, with ten bits of it each. */
// @ts-ignore: decorator
@inline
function storeSurrogates(to: usize, codePoint: u32): void {
  const rest = codePoint - 0x1_0000;
  store<u16>(to, 0xd800 | (rest >> 10));
  store<u16>(to, 0xdc00 | (rest & 0x3ff), 2);
}
