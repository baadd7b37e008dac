import { Buffer } from 'node:buffer';
import { type Codec, type DeflateCodec, UTF8_INVALID } from './codec.js';
import {
  FLAG_MASKED,
  FLAG_NON_ASCII,
  FLAG_PARTIAL,
  FRAME_ROWS,
  FRAME_TABLE,
  FRAME_WORDS,
  HEADER_OCTETS_SHIFT,
  LENGTH7_SHIFT,
  MEMORY_SIZE,
  ROW_FLAGS,
  ROW_KEY,
  ROW_LENGTH_HI,
  ROW_LENGTH_LO,
  ROW_PRESENT,
  ROW_START,
  SCAN_END,
} from './memory-map.js';
import { nextUtf8State, skipCodePoints } from './utf8.js';
import { ZlibDeflate } from './zlib-deflate.js';

/** The high bit of each of four bytes. */
const HIGH_BITS = 0x8080_8080 | 0;

/** Below this many bytes, reaching a word boundary costs more than working in whole words saves. */
const WORDS_FROM = 16;

/**
 * Creates the codec for runtimes without WebAssembly: TypeScript, over an ArrayBuffer of its own, and node:zlib. It works
 * in words of the machine's byte order, as typed arrays do.
 */
export function createTsCodec(): Codec & DeflateCodec {
  return new TsCodec();
}

class TsCodec implements Codec, DeflateCodec {
  readonly kind = 'ts';
  readonly bytes: Buffer;
  readonly memory: ArrayBuffer;
  readonly words: Uint32Array;
  readonly #uint8: Uint8Array;
  readonly #int32: Int32Array;
  readonly #deflate: ZlibDeflate;

  constructor() {
    const memory = new ArrayBuffer(MEMORY_SIZE);
    this.memory = memory;
    this.bytes = Buffer.from(memory);
    this.words = new Uint32Array(memory);
    this.#uint8 = new Uint8Array(memory);
    this.#int32 = new Int32Array(memory);
    this.#deflate = new ZlibDeflate(this.bytes, this.words);
  }

  scan(start: number, end: number): number {
    let at = start;
    let rows = 0;
    while (at < end && rows < FRAME_ROWS) {
      const next = this.#scanFrame(FRAME_TABLE + rows * FRAME_WORDS, at, end);
      rows++;
      if (next === at) break;
      at = next;
    }
    this.words[SCAN_END] = at;
    return rows;
  }

  mask(start: number, end: number, key: number, phase: number): void {
    this.#xor(start, end, rotateRight(key, (phase & 3) << 3));
  }

  isAscii(start: number, end: number): boolean {
    return (this.#findNonAscii(start, end) & HIGH_BITS) === 0;
  }

  utf8String(start: number, end: number): string {
    return this.bytes.toString('utf8', start, end);
  }

  validateUtf8(start: number, end: number, state: number): number {
    const bytes = this.#uint8;
    let at = start;
    while (state > 0 && at < end) state = nextUtf8State(state, bytes[at++]);
    if (state !== 0) return state;
    at = skipCodePoints(bytes, this.#int32, at, end);
    if (at < 0) return UTF8_INVALID;
    while (state >= 0 && at < end) state = nextUtf8State(state, bytes[at++]);
    return state;
  }

  inflate(...parameters: Parameters<DeflateCodec['inflate']>): number {
    return this.#deflate.inflate(...parameters);
  }

  inflateMore(...parameters: Parameters<DeflateCodec['inflateMore']>): number {
    return this.#deflate.inflateMore(...parameters);
  }

  deflate(...parameters: Parameters<DeflateCodec['deflate']>): number {
    return this.#deflate.deflate(...parameters);
  }

  /**
   * Writes the row of the frame that starts at `at`, and unmasks its payload.
   *
   * @returns where the part of the payload that is present ends; `at` if the header is incomplete
   */
  #scanFrame(row: number, at: number, end: number): number {
    if (end - at < 2) return this.#writePartialRow(row, at, end - at);
    const bytes = this.#uint8;
    const words = this.words;
    const second = bytes[at + 1];
    const length7 = second & 0x7f;
    const payload = at + 2 + lengthBytes(length7) + ((second >> 5) & 4);
    if (payload > end) return this.#writePartialRow(row, at, end - at);

    this.#writeLength(row, at, length7);
    const present =
      words[row + ROW_LENGTH_HI] !== 0 ? end - payload : Math.min(words[row + ROW_LENGTH_LO], end - payload);
    const stop = payload + present;
    let flags = bytes[at] | (length7 << LENGTH7_SHIFT) | ((payload - at) << HEADER_OCTETS_SHIFT);
    let key = 0;
    let seen: number;
    if ((second & 0x80) !== 0) {
      flags |= FLAG_MASKED;
      key = littleEndian(bytes, payload - 4);
      seen = this.#xor(payload, stop, key);
    } else {
      seen = this.#findNonAscii(payload, stop);
    }
    if ((seen & HIGH_BITS) !== 0) flags |= FLAG_NON_ASCII;
    words[row + ROW_FLAGS] = flags;
    words[row + ROW_START] = payload;
    words[row + ROW_PRESENT] = present;
    words[row + ROW_KEY] = key;
    return stop;
  }

  /** Writes the row of an incomplete header, of which 1 to 13 bytes are present; see `FLAG_PARTIAL`. @returns `at` */
  #writePartialRow(row: number, at: number, available: number): number {
    const words = this.words;
    let flags = this.#uint8[at] | FLAG_PARTIAL | (available << HEADER_OCTETS_SHIFT);
    words.fill(0, row, row + FRAME_WORDS);
    if (available >= 2) {
      const second = this.#uint8[at + 1];
      const length7 = second & 0x7f;
      flags |= (length7 << LENGTH7_SHIFT) | ((second & 0x80) === 0 ? 0 : FLAG_MASKED);
      if (available >= 2 + lengthBytes(length7)) this.#writeLength(row, at, length7);
    }
    words[row + ROW_FLAGS] = flags;
    words[row + ROW_START] = at;
    return at;
  }

  /** Writes the payload length. All bytes of the length must be present. */
  #writeLength(row: number, at: number, length7: number): void {
    const bytes = this.#uint8;
    const words = this.words;
    let high = 0;
    let low = length7;
    if (length7 === 126) {
      low = (bytes[at + 2] << 8) | bytes[at + 3];
    } else if (length7 === 127) {
      high = bigEndian(bytes, at + 2);
      low = bigEndian(bytes, at + 6);
    }
    words[row + ROW_LENGTH_HI] = high;
    words[row + ROW_LENGTH_LO] = low;
  }

  /**
   * XORs `[start, end)` in place, beginning with the lowest byte of `key`.
   *
   * @returns a word in which one of `HIGH_BITS` is set if any resulting byte is ≥ 0x80
   */
  #xor(start: number, end: number, key: number): number {
    const bytes = this.#uint8;
    let seen = 0;
    let at = start;
    if (end - start >= WORDS_FROM) {
      const boundary = (start + 3) & ~3;
      for (; at < boundary; at++) {
        const byte = (bytes[at] ^ key) & 0xff;
        bytes[at] = byte;
        seen |= byte;
        key = rotateRight(key, 8);
      }
      const words = this.#int32;
      const stop = end >> 2;
      const wordKey = key;
      let word = at >> 2;
      for (; word < stop; word++) seen |= words[word] ^= wordKey;
      at = word << 2;
    }
    for (; at < end; at++) {
      const byte = (bytes[at] ^ key) & 0xff;
      bytes[at] = byte;
      seen |= byte;
      key = rotateRight(key, 8);
    }
    return seen;
  }

  /** Looks for a byte ≥ 0x80 in `[start, end)`. @returns as `#xor` */
  #findNonAscii(start: number, end: number): number {
    const bytes = this.#uint8;
    let seen = 0;
    let at = start;
    if (end - start >= WORDS_FROM) {
      while ((at & 3) !== 0) seen |= bytes[at++];
      const words = this.#int32;
      const stop = end >> 2;
      let word = at >> 2;
      while (word < stop && (seen & HIGH_BITS) === 0) seen |= words[word++];
      at = word << 2;
    }
    while (at < end && (seen & HIGH_BITS) === 0) seen |= bytes[at++];
    return seen;
  }
}

function rotateRight(key: number, bits: number): number {
  return (key >>> bits) | (key << (32 - bits));
}

/** How many bytes the extended payload length has. */
function lengthBytes(length7: number): number {
  if (length7 < 126) return 0;
  return length7 === 126 ? 2 : 8;
}

function littleEndian(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function bigEndian(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
