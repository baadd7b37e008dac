/**
 * The layout of a codec's memory, in bytes from its start. `assembly/memory.ts` has the same numbers; a test compares
 * them.
 *
 *        0  where the last scan stopped (one 32-bit word, then padding up to 32 bytes)
 *       32  frame table: FRAME_ROWS rows of FRAME_WORDS 32-bit words
 *     4096  headroom: the bytes of a header that an earlier read cut off are put right before the window
 *     8192  receive window
 *  532 480  scratch: payloads that are masked on their way out
 *  655 360  end
 */
export const MEMORY_SIZE = 655_360;

/** Index into `codec.words` of the word that says where the last scan stopped. */
export const SCAN_END = 0;

/** Index of the first word of the frame table. */
export const FRAME_TABLE = 8;
/** 32-bit words per row. */
export const FRAME_WORDS = 6;
/** Rows of the table, and therefore the most frames of one connection that one turn of the event loop handles. */
export const FRAME_ROWS = 128;

/** The window that sockets read into. */
export const WINDOW_START = 8192;
export const WINDOW_SIZE = 524_288;
export const WINDOW_END = WINDOW_START + WINDOW_SIZE;

/** Scratch memory after the window. */
export const SCRATCH_START = WINDOW_END;
export const SCRATCH_SIZE = MEMORY_SIZE - SCRATCH_START;

/** The longest frame header: 2 bytes, 8 of extended payload length, 4 of masking key (RFC 6455 §5.2). */
export const MAX_FRAME_HEADER = 14;

/** Offsets of the words of a row: first its flags, whose bits are below. */
export const ROW_FLAGS = 0;
/** Where the payload starts, in bytes from the start of the memory; in a partial row, where the header starts. */
export const ROW_START = 1;
/** How many bytes of the payload are present, unmasked in place if the frame is masked; 0 in a partial row. */
export const ROW_PRESENT = 2;
/** The payload length as the frame declares it: its high and its low 32 bits, unsigned. */
export const ROW_LENGTH_HI = 3;
export const ROW_LENGTH_LO = 4;
/**
 * The four bytes of the masking key in memory order, read as a little-endian word; 0 in an unmasked frame and in a
 * partial row.
 */
export const ROW_KEY = 5;

/**
 * Bits of `ROW_FLAGS`. Bits 0 to 7 are the first byte of the frame: FIN, RSV1 to RSV3, opcode. Bits 16 to 22 are the
 * 7-bit payload length of the second byte. Bits 24 to 27 count the header bytes present: all of them (2 to 14), or in a
 * partial row 1 to 13.
 */
export const FLAG_FIRST_OCTET = 0xff;
/** The MASK bit of the second byte. */
export const FLAG_MASKED = 0x100;
/** At least one of the payload bytes present is ≥ 0x80, after unmasking. */
export const FLAG_NON_ASCII = 0x200;
/**
 * The header is incomplete. What is missing reads as 0: MASK bit and 7-bit length below 2 bytes, length below 4 or 10.
 */
export const FLAG_PARTIAL = 0x400;
export const LENGTH7_SHIFT = 16;
export const HEADER_OCTETS_SHIFT = 24;
