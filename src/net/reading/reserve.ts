import { Buffer } from 'node:buffer';
import { WINDOW_START } from '../../codec/memory-map.js';
import { codec } from '../../codec/select.js';
import { NO_BYTES } from '../../protocol/bytes.js';
import { MAX_PIECE } from '../transport/receive-window.js';

/** Bytes of the smallest buffer. */
const SMALLEST = 1024;

/** The waiting bytes of one connection, raw and in order, in one buffer: many small reads cost no more than one. */
export class Reserve {
  #bytes: Buffer = NO_BYTES;
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Appends a copy of `[start, end)` of `source`. */
  append(source: Buffer, start: number, end: number): void {
    this.#makeRoom(end - start);
    source.copy(this.#bytes, this.#end, start, end);
    this.#end += end - start;
  }

  /** Inserts a copy of `bytes` before everything else. */
  prepend(bytes: Buffer): void {
    const all = Buffer.concat([bytes, this.#bytes.subarray(this.#start, this.#end)]);
    this.#bytes = all;
    this.#start = 0;
    this.#end = all.length;
  }

  /** Copies the first bytes, up to `MAX_PIECE`, to the start of the receive window. @returns how many */
  copyToWindow(): number {
    return this.#bytes.copy(codec.bytes, WINDOW_START, this.#start, Math.min(this.#end, this.#start + MAX_PIECE));
  }

  /** Removes the first `length` bytes. */
  skip(length: number): void {
    this.#start += length;
  }

  #makeRoom(length: number): void {
    if (this.#end + length <= this.#bytes.length) return;
    const held = this.length;
    const needed = held + length;
    // Doubling, so that many small reads are not copied again and again. A large read gets exactly what it needs.
    const target = needed <= this.#bytes.length ? this.#bytes : Buffer.allocUnsafeSlow(this.#sizeFor(needed));
    this.#bytes.copy(target, 0, this.#start, this.#end);
    this.#bytes = target;
    this.#start = 0;
    this.#end = held;
  }

  #sizeFor(needed: number): number {
    return this.length === 0 ? Math.max(needed, SMALLEST) : Math.max(needed, 2 * this.length);
  }
}
