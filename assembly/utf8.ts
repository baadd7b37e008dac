/** What `validateUtf8` returns for a text that is not UTF-8. */
const UTF8_INVALID: i32 = -1;

/** No address: what the functions that skip return for it. */
const INVALID: usize = usize.MAX_VALUE;

/** One step of vectors. */
const VECTORS_FROM: usize = 64;

/** The high bit of each of eight octets. */
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/**
 * Validates `[start, end)` as UTF-8 (RFC 3629 §4) and can go on where an earlier call ended.
 *
 * @param state 0 at the start of a text; later what the call before returned
 * @returns 0 if the text may end here, `UTF8_INVALID`, or the state of an unfinished code point: octets still needed in
 *   bits 0 to 1, the lowest and the highest value of the next one in bits 8 to 15 and 16 to 23
 */
export function validateUtf8(start: usize, end: usize, state: i32): i32 {
  let at = start;
  while (state > 0 && at < end) state = nextState(state, load<u8>(at++));
  if (state != 0) return state;

  if (ASC_FEATURE_SIMD) {
    if (end - at >= VECTORS_FROM) {
      at = skipVectors(at, end);
      if (at == INVALID) return UTF8_INVALID;
    }
  }
  at = skipCodePoints(at, end);
  if (at == INVALID) return UTF8_INVALID;
  while (state >= 0 && at < end) state = nextState(state, load<u8>(at++));
  return state;
}

/**
 * Steps over whole code points (RFC 3629 §3). Every branch moves on by a constant of its own, so that a branch that is
 * predicted well need not wait for the octets to arrive. Each mask picks the bits that tell octets apart.
 *
 * @returns where fewer than four octets, which a word reads, are left before `end`; `INVALID` at a bad sequence
 */
function skipCodePoints(at: usize, end: usize): usize {
  while (at + 4 <= end) {
    const word = load<u32>(at);
    if ((word & 0x80) == 0) {
      at = skipAscii(at + 1, end);
    } else if ((word & 0xc0_c0_f0) == 0x80_80_e0) {
      // The top five of 16 bits: 0 could have been written in two octets, 11011 is a surrogate.
      const top = word & 0x20_0f;
      if (top == 0 || top == 0x20_0d) return INVALID;
      at += 3;
    } else if ((word & 0xc0_e0) == 0x80_c0) {
      // C0 and C1 could have been written in one octet.
      if ((word & 0x1e) == 0) return INVALID;
      at += 2;
    } else {
      // Plane 0 could have been written in three octets, and there is none behind 16.
      const plane = ((word & 7) << 2) | ((word >> 12) & 3);
      if ((word & 0xc0_c0_c0_f8) != 0x80_80_80_f0 || plane - 1 >= 16) return INVALID;
      at += 4;
    }
  }
  return at;
}

/** The first octet of `[at, end)` that is or may be ≥ 0x80; it stops less than a step before `end`. */
// @ts-ignore: decorator
@inline
function skipAscii(at: usize, end: usize): usize {
  if (ASC_FEATURE_SIMD) {
    for (; at + 16 <= end; at += 16) {
      const high = i8x16.bitmask(v128.load(at));
      if (high != 0) return at + ctz<i32>(high);
    }
  } else {
    for (; at + 8 <= end; at += 8) {
      const high = load<u64>(at) & HIGH_BITS;
      if (high != 0) return at + <usize>(ctz<u64>(high) >> 3);
    }
  }
  return at;
}

/*
 * The algorithm of Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte" (2021). Each pair of
 * neighbouring octets is looked up by three nibbles; a bit that all three tables have for it is an error of this kind:
 *
 *     01 too short: a lead octet without continuation      10 surrogate
 *     02 too long: a continuation behind ASCII             20 overlong, two octets
 *     04 overlong, three octets                            40 overlong, four octets, or F5 and more
 *     08 beyond U+10FFFF                                   80 two continuations in a row
 *
 * The tables are two little-endian words: what stands for nibble 0 is the lowest octet of the first.
 */

/**
 * Steps over 64 octets at a time, since V8 builds the tables anew in each step, and goes back to the lead octet of a code
 * point that the last step may have cut.
 *
 * @returns where it stopped, at the start of a code point; `INVALID` at a bad sequence
 */
function skipVectors(at: usize, end: usize): usize {
  let before = i8x16.splat(0);
  let errors = i8x16.splat(0);
  while (at + 64 <= end) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    if (i8x16.bitmask(v128.or(v128.or(a, b), v128.or(c, d))) != 0) {
      const early = v128.or(errorsIn(before, a), errorsIn(a, b));
      const late = v128.or(errorsIn(b, c), errorsIn(c, d));
      errors = v128.or(errors, v128.or(early, late));
    } else {
      errors = v128.or(errors, unfinishedIn(before));
    }
    before = d;
    at += 64;
  }
  if (v128.any_true(errors)) return INVALID;
  for (let back: usize = 1; back <= 3; back++) {
    if (load<u8>(at - back) >= 0xc0) return at - back;
  }
  return at;
}

/** Not 0 if a code point at the end of `octets` goes on behind it. */
// @ts-ignore: decorator
@inline
function unfinishedIn(octets: v128): v128 {
  return i8x16.sub_sat_u(octets, i64x2(-1, <i64>0xbf_df_ef_ff_ff_ff_ff_ff));
}

/** Not 0 if `octets`, behind `before`, are not UTF-8 as far as they go. */
// @ts-ignore: decorator
@inline
function errorsIn(before: v128, octets: v128): v128 {
  const second = i8x16.shuffle(before, octets, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
  const third = i8x16.shuffle(before, octets, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28);
  // Two octets behind E0 and more, and three behind F0 and more, two continuations in a row must be, and nowhere else:
  // subtracted from such a lead octet, 60 and 70 leave the high bit.
  const expected = v128.or(
    i8x16.sub_sat_u(second, i8x16.splat(0x60)),
    i8x16.sub_sat_u(third, i8x16.splat(0x70)),
  );
  return v128.xor(v128.and(expected, i8x16.splat(-0x80)), errorsOfPairs(before, octets));
}

// @ts-ignore: decorator
@inline
function errorsOfPairs(before: v128, octets: v128): v128 {
  const first = i8x16.shuffle(before, octets, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
  const byFirstHigh = i8x16.swizzle(
    i64x2(0x02_02_02_02_02_02_02_02, 0x49_15_01_21_80_80_80_80),
    v128.and(i16x8.shr_u(first, 4), i8x16.splat(15)),
  );
  const byFirstLow = i8x16.swizzle(
    i64x2(<i64>0xcb_cb_cb_8b_83_83_a3_e7, <i64>0xcb_cb_db_cb_cb_cb_cb_cb),
    v128.and(first, i8x16.splat(15)),
  );
  const bySecondHigh = i8x16.swizzle(
    i64x2(0x01_01_01_01_01_01_01_01, 0x01_01_01_01_ba_ba_ae_e6),
    v128.and(i16x8.shr_u(octets, 4), i8x16.splat(15)),
  );
  return v128.and(v128.and(byFirstHigh, byFirstLow), bySecondHigh);
}

/** The state behind one more octet. */
function nextState(state: i32, octet: u32): i32 {
  if (state == 0) return stateAfterLead(octet);
  const lowest = <u32>(state >> 8) & 0xff;
  const highest = <u32>(state >> 16) & 0xff;
  if (octet < lowest || octet > highest) return UTF8_INVALID;
  const needed = (state & 3) - 1;
  return needed == 0 ? 0 : unfinished(needed, 0x80, 0xbf);
}

/** RFC 3629 §4: which octets may follow a lead octet. */
function stateAfterLead(octet: u32): i32 {
  if (octet < 0x80) return 0;
  if (octet < 0xc2) return UTF8_INVALID;
  if (octet < 0xe0) return unfinished(1, 0x80, 0xbf);
  if (octet < 0xf0) return unfinished(2, octet == 0xe0 ? 0xa0 : 0x80, octet == 0xed ? 0x9f : 0xbf);
  if (octet < 0xf5) return unfinished(3, octet == 0xf0 ? 0x90 : 0x80, octet == 0xf4 ? 0x8f : 0xbf);
  return UTF8_INVALID;
}

// @ts-ignore: decorator
@inline
function unfinished(needed: i32, lowest: i32, highest: i32): i32 {
  return needed | (lowest << 8) | (highest << 16);
}
