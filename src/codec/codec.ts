import type { Buffer } from 'node:buffer';

/** Which implementation of the codec is in use. */
export type CodecKind = 'wasm-simd' | 'wasm' | 'ts';

/**
 * The hot path: frame headers, masking and UTF-8 validation. A codec owns one block of memory, which never grows, so
 * that no view of it is ever detached. `memory-map.ts` describes its layout.
 *
 * All three implementations are equal: they write the same rows and bytes, return the same values, and touch no byte
 * outside the range given. The codec decodes; it never judges a frame (that is `protocol/frame-rules.ts`).
 */
export interface Codec {
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

  /** Decodes `[start, end)`, which must be valid UTF-8. May overwrite the scratch memory. */
  utf8String(start: number, end: number): string;
}

/** What `validateUtf8` returns if the text is not UTF-8. */
export const UTF8_INVALID = -1;
