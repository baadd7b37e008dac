/**
 * The layout of a codec's memory, in bytes from its start. `assembly/memory.ts` has the same numbers; a test compares
 * them.
 *
 *        0  where the last scan stopped, and inflate (two 32-bit words, then padding up to 32 bytes)
 *       32  frame table: FRAME_ROWS rows of FRAME_WORDS 32-bit words
 *     4096  headroom: the bytes of a header that an earlier read cut off are put right before the window
 *     8192  receive window
 *  532 480  scratch: payloads to mask or deflate on their way out, or to inflate
 *  655 360  state and tables of inflate
 *  671 744  history: bytes before the output area to which a compressed message may refer
 *  704 512  output of inflate
 *  966 656  index of deflate: where bytes have occurred before
 *  983 040  tables of deflate
 * 1 196 032 output of deflate
 * 1 310 720 end
 */
export const MEMORY_SIZE = 1_310_720;

/** Index into `codec.words` of the word that says where the last scan stopped. */
export const SCAN_END = 0;
/** Index of the word that says how many bytes of its input `inflate` has taken, when it returns before its end. */
export const INFLATE_TAKEN = 1;

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
export const SCRATCH_SIZE = 122_880;

/** State and tables of inflate. */
export const INFLATE_STATE = SCRATCH_START + SCRATCH_SIZE;
/** The longest history: the largest window of DEFLATE (RFC 1951 §2). It ends where the output begins. */
export const HISTORY_SIZE = 32_768;
export const INFLATE_OUT = INFLATE_STATE + 16_384 + HISTORY_SIZE;
export const INFLATE_OUT_SIZE = 262_144;

/** The index of deflate: the first bytes of it are part of a stream that keeps a history. */
export const INDEX_START = INFLATE_OUT + INFLATE_OUT_SIZE;
export const INDEX_SIZE = 4096;
/** Chains, symbols and codes of deflate. */
export const DEFLATE_TABLES = INDEX_START + 16_384;
export const DEFLATE_OUT = DEFLATE_TABLES + 212_992;
/** Bytes of a message that is deflated at once, with its history. */
export const DEFLATE_MOST = 65_535;

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
