/** The high bit of each of eight octets. */
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/**
 * XORs the octets of `[start, end)` with the masking key (RFC 6455 §5.3).
 *
 * @param key four octets in memory order, read as a little-endian word
 * @param phase index into the payload of the octet at `start`; only its two low bits matter
 */
export function mask(start: usize, end: usize, key: u32, phase: u32): void {
  if (start < end) xorOctets(start, end, rotr<u32>(key, phase << 3));
}

/**
 * XORs `[start, end)` in place, the octet at `start` with the lowest octet of `key`. Steps may overlap instead of going
 * on octet by octet: what two of them cover is read before either is written. Inlined, since two calls cost as much as
 * the XOR of a short payload.
 *
 * @returns whether an octet ≥ 0x80 came out
 */
// @ts-ignore: decorator
@inline
export function xorOctets(start: usize, end: usize, key: u32): bool {
  const size = end - start;
  if (ASC_FEATURE_SIMD) {
    if (size > 64) return xorManyVectors(start, end, key);
    if (size > 32) return xorFourVectors(start, end, key);
    if (size >= 16) return xorTwoVectors(start, end, key);
  } else {
    if (size >= 16) return xorWords(start, end, key);
  }
  return size >= 8 ? xorTwoWords<u64>(start, end, twice(key)) : xorFew(start, end, key);
}

/** Whether an octet ≥ 0x80 is in `[start, end)`. */
export function hasNonAscii(start: usize, end: usize): bool {
  let at = start;
  if (ASC_FEATURE_SIMD) {
    for (; at + 64 <= end; at += 64) {
      const low = v128.or(v128.load(at), v128.load(at, 16));
      const high = v128.or(v128.load(at, 32), v128.load(at, 48));
      if (i8x16.bitmask(v128.or(low, high)) != 0) return true;
    }
  }
  let seen: u64 = 0;
  for (; at + 8 <= end; at += 8) seen |= load<u64>(at);
  for (; at < end; at++) seen |= load<u8>(at);
  return (seen & HIGH_BITS) != 0;
}

/** 16 to 32 octets. */
// @ts-ignore: decorator
@inline
function xorTwoVectors(start: usize, end: usize, key: u32): bool {
  const a = v128.xor(v128.load(start), i32x4.splat(key));
  const b = v128.xor(v128.load(end - 16), i32x4.splat(turned(key, end - start)));
  v128.store(start, a);
  v128.store(end - 16, b);
  return i8x16.bitmask(v128.or(a, b)) != 0;
}

/** 32 to 64 octets. */
// @ts-ignore: decorator
@inline
function xorFourVectors(start: usize, end: usize, key: u32): bool {
  const headKeys = i32x4.splat(key);
  const tailKeys = i32x4.splat(turned(key, end - start));
  const a = v128.xor(v128.load(start), headKeys);
  const b = v128.xor(v128.load(start, 16), headKeys);
  const c = v128.xor(v128.load(end - 32), tailKeys);
  const d = v128.xor(v128.load(end - 16), tailKeys);
  v128.store(start, a);
  v128.store(start, b, 16);
  v128.store(end - 32, c);
  v128.store(end - 16, d);
  return i8x16.bitmask(v128.or(v128.or(a, b), v128.or(c, d))) != 0;
}

/** 16 octets and more. The steps between head and tail are aligned, so that none straddles two cache lines. */
// @ts-ignore: decorator
@inline
function xorManyVectors(start: usize, end: usize, key: u32): bool {
  const tailAt = end - 16;
  const head = v128.xor(v128.load(start), i32x4.splat(key));
  const tail = v128.xor(v128.load(tailAt), i32x4.splat(turned(key, end - start)));
  let at = (start + 16) & ~15;
  const keys = i32x4.splat(turned(key, at - start));
  let seen = v128.or(head, tail);
  for (; at + 64 <= end; at += 64) {
    const a = v128.xor(v128.load(at), keys);
    const b = v128.xor(v128.load(at, 16), keys);
    const c = v128.xor(v128.load(at, 32), keys);
    const d = v128.xor(v128.load(at, 48), keys);
    v128.store(at, a);
    v128.store(at, b, 16);
    v128.store(at, c, 32);
    v128.store(at, d, 48);
    seen = v128.or(seen, v128.or(v128.or(a, b), v128.or(c, d)));
  }
  for (; at < tailAt; at += 16) {
    const a = v128.xor(v128.load(at), keys);
    v128.store(at, a);
    seen = v128.or(seen, a);
  }
  v128.store(start, head);
  v128.store(tailAt, tail);
  return i8x16.bitmask(seen) != 0;
}

/** 8 octets and more, for engines without SIMD. */
function xorWords(start: usize, end: usize, key: u32): bool {
  const keys = twice(key);
  const tailAt = end - 8;
  const tail = load<u64>(tailAt) ^ twice(turned(key, tailAt - start));
  let seen = tail;
  let at = start;
  for (; at + 32 <= end; at += 32) {
    const a = load<u64>(at) ^ keys;
    const b = load<u64>(at, 8) ^ keys;
    const c = load<u64>(at, 16) ^ keys;
    const d = load<u64>(at, 24) ^ keys;
    store<u64>(at, a);
    store<u64>(at, b, 8);
    store<u64>(at, c, 16);
    store<u64>(at, d, 24);
    seen |= a | b | c | d;
  }
  for (; at < tailAt; at += 8) {
    const a = load<u64>(at) ^ keys;
    store<u64>(at, a);
    seen |= a;
  }
  store<u64>(tailAt, tail);
  return (seen & HIGH_BITS) != 0;
}

/** As many octets as a word of type T has, to twice as many. */
// @ts-ignore: decorator
@inline
function xorTwoWords<T>(start: usize, end: usize, keys: T): bool {
  const tailAt = end - sizeof<T>();
  const head: T = load<T>(start) ^ keys;
  const tail: T = load<T>(tailAt) ^ rotr<T>(keys, <T>((tailAt - start) << 3));
  store<T>(start, head);
  store<T>(tailAt, tail);
  return ((head | tail) & <T>HIGH_BITS) != 0;
}

/** 0 to 7 octets. */
function xorFew(start: usize, end: usize, key: u32): bool {
  if (end - start >= 4) return xorTwoWords<u32>(start, end, key);
  let seen: u32 = 0;
  for (let at = start; at < end; at++) {
    const octet = load<u8>(at) ^ <u8>key;
    store<u8>(at, octet);
    seen |= octet;
    key = rotr<u32>(key, 8);
  }
  return seen >= 0x80;
}

/** The key as it stands `octets` further on in the payload. */
// @ts-ignore: decorator
@inline
function turned(key: u32, octets: usize): u32 {
  return rotr<u32>(key, <u32>octets << 3);
}

// @ts-ignore: decorator
@inline
function twice(key: u32): u64 {
  return (<u64>key << 32) | <u64>key;
}
