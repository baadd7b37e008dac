/** Masking keys in memory order, read as little-endian words of either sign. */
export const MASKING_KEYS = [
  0x3d_21_fa_37,
  0x9c_37_a1_5e | 0,
  0xff_00_80_01,
  0,
  -1,
  0x80_00_00_00,
  0x01_02_03_04,
] as const;

/** Sizes around every step of the XOR loops, and around the length forms of RFC 6455 §5.2. */
export const MASK_SIZES: readonly number[] = [
  ...Array(41).keys(),
  63,
  64,
  65,
  79,
  80,
  81,
  125,
  126,
  127,
  65_535,
  65_536,
];

/** Addresses modulo the longest step. */
export const ALIGNMENTS: readonly number[] = [...Array(16).keys()];
