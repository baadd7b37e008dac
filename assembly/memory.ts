/**
 * The map of linear memory, in octets from 0. The same numbers stand in `src/codec/memory-map.ts`, which explains them;
 * a test compares the two. Nothing else is in this memory: no heap, no stack, no static data.
 */
export const MEMORY_SIZE: u32 = 655_360;

/** Word in which `scan` leaves where it stopped. */
export const SCAN_END: u32 = 0;

/** The frame table, in 32-bit words: where it starts, words of one row, rows. */
export const FRAME_TABLE: u32 = 8;
export const FRAME_WORDS: u32 = 6;
export const FRAME_ROWS: u32 = 128;

/** The window that sockets read into, and the scratch memory behind it. */
export const WINDOW_START: u32 = 8192;
export const WINDOW_SIZE: u32 = 524_288;
export const SCRATCH_START: u32 = WINDOW_START + WINDOW_SIZE;
export const SCRATCH_SIZE: u32 = MEMORY_SIZE - SCRATCH_START;

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
