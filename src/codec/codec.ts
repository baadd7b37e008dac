import type { Buffer } from 'node:buffer';
/** Which implementation of the codec is in use. */
export type CodecKind = 'wasm-simd' | 'wasm' | 'ts';

/**
 * The hot path: frame headers, masking and UTF-8 validation, over one fixed block of memory that it owns and that never
 * grows, so that no view of it is ever detached. `memory-map.ts` says where things are in it.
 *
 * All three implementations are equal: the same rows, the same return values, the same bytes, and not one byte
 * touched outside the range given. The codec decodes; it never judges a frame (that is `protocol/frame-rules.ts`).
 */
export interface Codec {
  readonly kind: CodecKind;
  /** The whole block, `MEMORY_SIZE` bytes. */
  readonly bytes: Buffer;
  /** The block itself: `bytes.buffer`, which is slow to ask for. */
  readonly memory: ArrayBuffer;
  /** The first words of the same block: where the scan stopped, and the frame table. */
  readonly words: Uint32Array;

  /**
   * Decodes the frames in `[start, end)` (RFC 6455 §5.2): unmasks in place what is present of each payload and writes
   * one row a frame to the frame table. `start` must be the first byte of a frame header.
   *
   * Stops at `end`, at a full table, or at a header that is not complete, for which it writes one more row, marked
   * `FLAG_PARTIAL`. A frame whose payload goes on behind `end` has a row with fewer bytes present than its length.
   * Leaves in `words[SCAN_END]` where it stopped: behind the last payload byte consumed, or where the partial header
   * starts.
   *
   * @returns how many rows it wrote, 0 to `FRAME_ROWS`.
   */
  scan(start: number, end: number): number;

  /**
   * XORs the bytes of `[start, end)` with the masking key (RFC 6455 §5.3).
   *
   * @param key four bytes in memory order, read as a little-endian word (a 32-bit integer of either sign)
   * @param phase index into the payload of the byte at `start`; only its two low bits matter
   */
  mask(start: number, end: number, key: number, phase: number): void;

  /**
   * Validates `[start, end)` as UTF-8 (RFC 3629) and can go on where an earlier call ended, in the midst of a code point.
   *
   * @param state 0 at the start of a text; later what the call before returned
   * @returns 0 if the text may end here; `UTF8_INVALID` at the first byte that no valid text can have in its place;
   *   else the state of an unfinished code point: bytes still needed, in bits 0 to 1, with the lowest and the highest value
   *   that the next one may have in bits 8 to 15 and 16 to 23
   */
  validateUtf8(start: number, end: number, state: number): number;

  /** The string of `[start, end)`, which is valid UTF-8. May overwrite the scratch memory. */
  utf8String(start: number, end: number): string;
}

/** What `validateUtf8` returns for a text that is not UTF-8. */
export const UTF8_INVALID = -1;
