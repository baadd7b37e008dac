import { Buffer } from 'node:buffer';
import { MAX_FRAME_HEADER } from '../../codec/memory-map.js';
import { viewOf } from '../../protocol/bytes.js';
import { frameHeaderLength, writeFrameHeader, writeMaskingKey } from '../../protocol/frame-header.js';
import { copyMasked } from './masked-copy.js';
import { CHUNK_SIZES, KEPT_CHUNKS, LARGEST_CHUNK } from './sizes.js';

/** Bytes of UTF-8 that a UTF-16 code unit takes at most. */
const UTF8_MOST = 3;

/** Bytes that `appendText` may need room for. */
export function textRoom(text: string): number {
  return MAX_FRAME_HEADER + text.length * UTF8_MOST;
}

/** Memory in which frames are put one behind the other, for one write. Who appends has seen to it that there is room. */
export class Chunk {
  readonly #bytes: Buffer;
  /** `#bytes.buffer`, which is slow to ask for. */
  readonly #memory: ArrayBuffer;
  /** Bytes of frames, from the start on. */
  used = 0;

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafeSlow(size);
    this.#memory = this.#bytes.buffer as ArrayBuffer;
  }

  /** How many bytes it can hold. */
  get size(): number {
    return this.#bytes.length;
  }

  /** The frames, in place. */
  get frames(): Buffer {
    return viewOf(this.#memory, 0, this.used);
  }

  /** Appends a frame that is not masked. */
  append(firstOctet: number, payload: Uint8Array): void {
    const at = this.appendHeader(firstOctet, payload.length);
    this.#bytes.set(payload, at);
    this.used = at + payload.length;
  }

  /** Appends a frame with its masking key. @param key as `writeMaskingKey` takes it */
  appendMasked(firstOctet: number, payload: Uint8Array, key: number): void {
    const behindLength = writeFrameHeader(this.#bytes, this.used, firstOctet, 0x80, payload.length);
    const at = writeMaskingKey(this.#bytes, behindLength, key);
    copyMasked(this.#bytes, at, payload, key);
    this.used = at + payload.length;
  }

  /** Appends a frame, not masked, of the UTF-8 of `text`. */
  appendText(firstOctet: number, text: string): void {
    const bytes = this.#bytes;
    // The header is as long as for ASCII, which most texts are; others may need a longer one, and are moved.
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
  }

  /** Appends the header of a frame that is not masked, whose payload follows elsewhere. @returns the index behind it */
  appendHeader(firstOctet: number, payloadLength: number): number {
    this.used = writeFrameHeader(this.#bytes, this.used, firstOctet, 0, payloadLength);
    return this.used;
  }

  /** Appends frames that are encoded already. */
  appendEncoded(frames: Uint8Array): void {
    this.#bytes.set(frames, this.used);
    this.used += frames.length;
  }
}

/*
 * The pool: an idle connection holds no chunk, and a busy one gets the same bytes again and again, which stay in the
 * processor's cache.
 */

const free: Chunk[][] = CHUNK_SIZES.map(() => []);

function sizeIndex(size: number): number {
  return size <= 1024 ? 0 : size <= 4096 ? 1 : size <= 16_384 ? 2 : size <= 65_536 ? 3 : 4;
}

/** A chunk of at least `size`; its content is undefined. Above `LARGEST_CHUNK` it is of just that size and is not pooled. */
export function takeChunk(size: number): Chunk {
  if (size > LARGEST_CHUNK) return new Chunk(size);
  const index = sizeIndex(size);
  return free[index].pop() ?? new Chunk(CHUNK_SIZES[index]);
}

/** A chunk of at least `size` with what is in `chunk`, which goes back. */
export function enlargeChunk(chunk: Chunk, size: number): Chunk {
  const larger = takeChunk(size);
  larger.appendEncoded(chunk.frames);
  giveChunkBack(chunk);
  return larger;
}

/** Gives a chunk back, once and only when nobody reads it any more, the kernel included. */
export function giveChunkBack(chunk: Chunk): void {
  const { size } = chunk;
  const index = sizeIndex(size);
  if (CHUNK_SIZES[index] !== size || free[index].length * size >= KEPT_CHUNKS) return;
  chunk.used = 0;
  free[index].push(chunk);
}
