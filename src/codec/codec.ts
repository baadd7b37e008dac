import type { Buffer } from 'node:buffer';

/**
 * An implementation of the codec: WebAssembly with SIMD (`'wasm-simd'`), WebAssembly without it (`'wasm'`), or
 * TypeScript (`'ts'`).
 */
export type CodecKind = 'wasm-simd' | 'wasm' | 'ts';

/**
 * The hot path: frame headers, masking and UTF-8 validation. A codec owns one block of memory, which never grows, so
 * that no view of it is ever detached. `memory-map.ts` describes its layout.
 *
 * All three implementations are equal: they write the same rows and bytes, return the same values, and touch no byte
 * outside the range given. Only what `deflate` makes may differ. The codec decodes; it never judges a frame (that is
 * `protocol/frame-rules.ts`).
 */
export interface Codec extends DeflateCodec {
  readonly kind: CodecKind;
  /** The whole block, `MEMORY_SIZE` bytes. */
  readonly bytes: Buffer;
  /** The block itself. Kept because reading `bytes.buffer` is slow. */
  readonly memory: ArrayBuffer;
  /** The same block as 32-bit words: the first say where the scan stopped and hold the frame table. */
  readonly words: Uint32Array;

  /**
   * Decodes the frames in `[start, end)` (RFC 6455 §5.2): unmasks in place what is present of each payload, and writes
   * one row per frame to the frame table. `start` must be the first byte of a frame header.
   *
   * Stops at `end`, at a full table, or at an incomplete header, for which it writes one more row, marked
   * `FLAG_PARTIAL`. If a payload continues after `end`, its row has fewer bytes present than its length.
   * `words[SCAN_END]` then says where it stopped: after the last payload byte consumed, or where the partial header
   * starts.
   *
   * @returns how many rows it wrote, 0 to `FRAME_ROWS`
   */
  scan(start: number, end: number): number;

  /**
   * XORs the bytes of `[start, end)` with the masking key (RFC 6455 §5.3).
   *
   * @param key the four bytes in memory order, read as a little-endian word (a 32-bit integer of either sign)
   * @param phase index into the payload of the byte at `start`; only its two low bits matter
   */
  mask(start: number, end: number, key: number, phase: number): void;

  /**
   * Validates `[start, end)` as UTF-8 (RFC 3629). It can continue where an earlier call ended, even within a code
   * point.
   *
   * @param state 0 at the start of a text; after that, what the previous call returned
   * @returns 0 if the text may end here; `UTF8_INVALID` if a byte cannot be part of valid text in its place; otherwise
   *   the state of an unfinished code point: bits 0 to 1 count the bytes still needed, bits 8 to 15 and 16 to 23 are
   *   the lowest and the highest value that the next byte may have
   */
  validateUtf8(start: number, end: number, state: number): number;

  /** Whether no byte of `[start, end)` is above 0x7f. */
  isAscii(start: number, end: number): boolean;

  /** Decodes `[start, end)`, which must be valid UTF-8. May overwrite the scratch memory. */
  utf8String(start: number, end: number): string;
}

/**
 * DEFLATE (RFC 1951), as permessage-deflate uses it: a message has no header, and ends as RFC 7692 §7.2.1 says. Nothing
 * is kept between two messages but what the caller keeps: the bytes before a message to which it may refer.
 *
 * `inflate` is equal in all implementations: same bytes, same verdict. `deflate` is not: each may choose other blocks,
 * and all inflate to the same bytes.
 */
export interface DeflateCodec {
  /**
   * Inflates `[start, end)`, the payload of one compressed message (RFC 7692 §7.2.2), to the output area. Distances are
   * valid up to `windowSize`, and not beyond the bytes of the message so far and `history`.
   *
   * Blocks that are marked as final are blocks like any other: after one, the next begins at the next byte (§7.2.1).
   * The message is whole if it ends after the header of a stored block, whose empty length is what the sender leaves
   * out, or between two blocks at a byte boundary, or after a final block.
   *
   * Where RFC 1951 leaves room, valid is what zlib takes: codes must be complete, save that a literal/length or
   * distance code may be a single one of one bit, and distance codes may be missing; 256 needs a code; no more than 286
   * and 30 codes. A distance is judged before the bytes that it stands for are counted.
   *
   * @param history how many bytes right before `INFLATE_OUT` the message may refer to, at most `HISTORY_SIZE`
   * @param windowSize 256 to 32,768: the window of the peer's compressor
   * @param most bytes that the message may have, below 2^32. Not one more is written
   * @param goesOn whether the payload has more bytes, which `inflateMore` will be given
   * @returns how many bytes the message has; or `INFLATE_FULL`, `INFLATE_NEEDS_INPUT`, `INFLATE_PAUSED`, after which
   *   `words[INFLATE_TAKEN]` says how many bytes of the input were taken; or `INFLATE_TOO_LONG`, `INFLATE_INVALID`,
   *   after which the output area holds nothing of use
   */
  inflate(start: number, end: number, history: number, windowSize: number, most: number, goesOn: boolean): number;

  /**
   * Goes on after `INFLATE_FULL`, when the caller has taken the `INFLATE_OUT_SIZE` bytes of the output area, or after
   * `INFLATE_NEEDS_INPUT` or `INFLATE_PAUSED`. In between another message may be inflated, but not with the codec
   * `ts`, if the caller saves the bytes from `INFLATE_STATE` to
   * the end of the output, and puts them back.
   *
   * @param start where the first byte of the payload is that was not taken; as for `end` and `goesOn`, see `inflate`
   * @returns as `inflate`: the length is that of the output area's bytes
   */
  inflateMore(start: number, end: number, goesOn: boolean): number;

  /**
   * Deflates `[start, end)`, one message of at most `DEFLATE_MOST` bytes with the history, to the output area, without
   * the four bytes that RFC 7692 §7.2.1 removes.
   *
   * With `keep`, the message is part of a stream that keeps its last bytes: the caller keeps `keep` bytes before `end`,
   * which are the history of the next message, and the bytes of the index, `INDEX_SIZE` from `INDEX_START` on, and puts
   * both back before the next call.
   *
   * @param history bytes right before `start` to which the message may refer
   * @param isIndexed whether the index knows the history: it is as the last call for this stream left it
   * @param keep how many bytes before `end` will be the history of the next message; 0 without a next
   * @param windowSize 256 to 32,768: no distance is longer
   * @param level `LEVEL_FAST` or `LEVEL_SMALL`
   * @param most bytes for the result
   * @returns how many bytes it wrote; 0 if it needs more than `most`, and then the stream is as if nothing had been
   *   called
   */
  deflate(
    start: number,
    end: number,
    history: number,
    isIndexed: boolean,
    keep: number,
    windowSize: number,
    level: number,
    most: number,
  ): number;
}

/** The output area is full, and the message goes on; one that just fills it is whole. */
export const INFLATE_FULL = -1;
/** All that is present of the payload is taken, but for less than what may be needed at once: at most 640 bytes. */
export const INFLATE_NEEDS_INPUT = -4;
/** So many blocks were inflated that others should have a turn before the next: they may hold nothing. */
export const INFLATE_PAUSED = -5;
/** The message has more bytes than it may have. */
export const INFLATE_TOO_LONG = -2;
/** The bytes are no message: they are not DEFLATE, end too early, or refer to what is too far back. */
export const INFLATE_INVALID = -3;

export const LEVEL_FAST = 0;
export const LEVEL_SMALL = 1;

/** What `validateUtf8` returns if the text is not UTF-8. */
export const UTF8_INVALID = -1;
