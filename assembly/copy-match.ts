/*
 * A match repeats what stands `distance` bytes before it, and may overlap with that: then it repeats itself
 * (RFC 1951 §2).
 */

/** Bytes that `copyMatch` may write after the match. */
export const OVERSHOOT: usize = 16;

/** Copies a match in whole words. There must be room for `OVERSHOOT` bytes after it. */
// @ts-ignore: decorator
@inline
export function copyMatch(to: usize, distance: usize, length: usize): void {
  const end = to + length;
  let from = to - distance;
  if (ASC_FEATURE_SIMD) {
    if (distance >= 16) {
      do {
        v128.store(to, v128.load(from));
        from += 16;
        to += 16;
      } while (to < end);
      return;
    }
  }
  if (distance >= 8) {
    do {
      store<u64>(to, load<u64>(from));
      from += 8;
      to += 8;
    } while (to < end);
  } else if (distance == 1) {
    const word = <u64>load<u8>(from) * 0x0101_0101_0101_0101;
    do {
      store<u64>(to, word);
      to += 8;
    } while (to < end);
  } else {
    // Of each word as many bytes are right as the distance is long; the next word writes over the others.
    do {
      store<u64>(to, load<u64>(from));
      from += distance;
      to += distance;
    } while (to < end);
  }
}

/** Copies a match byte by byte, and nothing after it. */
export function copyMatchExactly(to: usize, distance: usize, length: usize): void {
  const end = to + length;
  while (to < end) {
    store<u8>(to, load<u8>(to - distance));
    to++;
  }
}
