/**
 * The map of linear memory, in octets from 0. The same numbers stand in `src/codec/memory-map.ts`, which explains them;
 * a test compares the two. Nothing else is in this memory: no heap, no stack, no static data.
 */
export const MEMORY_SIZE: u32 = 1_310_720;

/** Word in which `scan` leaves where it stopped. */
export const SCAN_END: u32 = 0;
/** Word in which `inflate` leaves how much of its input it has taken. */
export const INFLATE_TAKEN: u32 = 1;

/** The frame table, in 32-bit words: where it starts, words of one row, rows. */
export const FRAME_TABLE: u32 = 8;
export const FRAME_WORDS: u32 = 6;
export const FRAME_ROWS: u32 = 128;

/** The window that sockets read into, and the scratch memory behind it. */
export const WINDOW_START: u32 = 8192;
export const WINDOW_SIZE: u32 = 524_288;
export const SCRATCH_START: u32 = WINDOW_START + WINDOW_SIZE;
export const SCRATCH_SIZE: u32 = 122_880;

/** Inflate: state and tables, the history that ends where the output begins, the output. */
export const INFLATE_STATE: u32 = SCRATCH_START + SCRATCH_SIZE;
export const HISTORY_SIZE: u32 = 32_768;
export const INFLATE_OUT: u32 = INFLATE_STATE + 16_384 + HISTORY_SIZE;
export const INFLATE_OUT_SIZE: u32 = 262_144;

/** Deflate: the index, of which a stream keeps the first part; tables; the output. */
export const INDEX_START: u32 = INFLATE_OUT + INFLATE_OUT_SIZE;
export const INDEX_SIZE: u32 = 4096;
export const DEFLATE_TABLES: u32 = INDEX_START + 16_384;
export const DEFLATE_OUT: u32 = DEFLATE_TABLES + 212_992;
export const DEFLATE_MOST: u32 = 65_535;

/** Words of a row. */
export const ROW_FLAGS: u32 = 0;
export const ROW_START: u32 = 1;
export const ROW_PRESENT: u32 = 2;
export const ROW_LENGTH_HI: u32 = 3;
export const ROW_LENGTH_LO: u32 = 4;
export const ROW_KEY: u32 = 5;

/** Bits of `ROW_FLAGS`, above the first octet of the frame. */
export const FLAG_MASKED: u32 = 0x100;
export const FLAG_NON_ASCII: u32 = 0x200;
export const FLAG_PARTIAL: u32 = 0x400;
export const LENGTH7_SHIFT: u32 = 16;
export const HEADER_OCTETS_SHIFT: u32 = 24;
