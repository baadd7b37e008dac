import { Buffer } from 'node:buffer';
import { MAX_FRAME_HEADER } from '../../codec/memory-map.js';
import { viewOf } from '../../protocol/bytes.js';
import { frameHeaderLength, writeFrameHeader, writeMaskingKey } from '../../protocol/frame-header.js';
import { copyMasked } from './masked-copy.js';
import { CHUNK_SIZES, KEPT_CHUNKS, LARGEST_CHUNK } from './sizes.js';

/** The most bytes of UTF-8 per UTF-16 code unit. */
const UTF8_MOST = 3;

/** How much room `appendText` may need, in bytes. */
export function textRoom(text: string): number {
  return MAX_FRAME_HEADER + text.length * UTF8_MOST;
}

/**
 * Memory in which frames are written one after the other, for one write. The caller of each method makes sure that
 * there is room.
 */
export class Chunk {
  readonly #bytes: Buffer;
  /** Kept because reading `#bytes.buffer` is slow. */
  readonly #memory: ArrayBuffer;
  /** How many bytes of frames there are, from the start on. */
  used = 0;

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafeSlow(size);
    this.#memory = this.#bytes.buffer as ArrayBuffer;
  }

  /** How many bytes fit. */
  get size(): number {
    return this.#bytes.length;
  }

  /** A view of the frames. */
  get frames(): Buffer {
    return viewOf(this.#memory, 0, this.used);
  }

  /** Appends an unmasked frame. The payload is copied. */
  append(firstOctet: number, payload: Uint8Array): void {
    const at = this.appendHeader(firstOctet, payload.length);
    this.#bytes.set(payload, at);
    this.used = at + payload.length;
  }

  /** Appends a masked frame. The payload is copied. @param key as for `writeMaskingKey` */
  appendMasked(firstOctet: number, payload: Uint8Array, key: number): void {
    const keyAt = writeFrameHeader(this.#bytes, this.used, firstOctet, 0x80, payload.length);
    const at = writeMaskingKey(this.#bytes, keyAt, key);
    copyMasked(this.#bytes, at, payload, key);
    this.used = at + payload.length;
  }

  /** Appends an unmasked frame with `text` as UTF-8. @returns how many bytes that is */
  appendText(firstOctet: number, text: string): number {
    const bytes = this.#bytes;
    // Most texts are ASCII. If another one needs a longer header, its bytes are moved.
    let headerLength = frameHeaderLength(text.length, false);
    const start = this.used;
    const length = bytes.write(text, start + headerLength);
    if (length !== text.length) {
      const needed = frameHeaderLength(length, false);
      if (needed !== headerLength) {
        bytes.copyWithin(start + needed, start + headerLength, start + headerLength + length);
        headerLength = needed;
      }
    }
    writeFrameHeader(bytes, start, firstOctet, 0, length);
    this.used = start + headerLength + length;
    return length;
  }

  /** Appends the header of an unmasked frame whose payload is elsewhere. @returns the index after it */
  appendHeader(firstOctet: number, payloadLength: number): number {
    this.used = writeFrameHeader(this.#bytes, this.used, firstOctet, 0, payloadLength);
    return this.used;
  }

  /** Appends a copy of encoded frames. */
  appendEncoded(frames: Uint8Array): void {
    this.#bytes.set(frames, this.used);
    this.used += frames.length;
  }
}

/*
 * The pool: an idle connection holds no chunk. A busy one gets the same memory again and again, which stays in the
 * processor's cache.
 */

const free: Chunk[][] = CHUNK_SIZES.map(() => []);

function sizeIndex(size: number): number {
  return size <= 1024 ? 0 : size <= 4096 ? 1 : size <= 16_384 ? 2 : size <= 65_536 ? 3 : 4;
}

/**
 * Gets a chunk of at least `size` bytes, of undefined content. Above `LARGEST_CHUNK` it has exactly that size and is
 * not pooled.
 */
export function takeChunk(size: number): Chunk {
  if (size > LARGEST_CHUNK) return new Chunk(size);
  const index = sizeIndex(size);
  return free[index].pop() ?? new Chunk(CHUNK_SIZES[index]);
}

/** Moves the frames of `chunk` to a chunk of at least `size` bytes, and gives `chunk` back. */
export function enlargeChunk(chunk: Chunk, size: number): Chunk {
  const larger = takeChunk(size);
  larger.appendEncoded(chunk.frames);
  giveChunkBack(chunk);
  return larger;
}

/** Returns a chunk to the pool. Call it once, when nothing reads the chunk any more, not even the kernel. */
export function giveChunkBack(chunk: Chunk): void {
  const { size } = chunk;
  const index = sizeIndex(size);
  if (CHUNK_SIZES[index] !== size || free[index].length * size >= KEPT_CHUNKS) return;
  chunk.used = 0;
  free[index].push(chunk);
}
