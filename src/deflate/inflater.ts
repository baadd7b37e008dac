import { Buffer } from 'node:buffer';
import { INFLATE_OUT } from '../codec/memory-map.js';
import { codec } from '../codec/select.js';

/** The first memory of a history, in bytes. It doubles as the history grows. */
const FIRST_CAPACITY = 1024;

const NO_HISTORY = Buffer.alloc(0);

/** Inflates messages of which each stands for itself (RFC 7692 §7.1.1): it keeps nothing, so all connections may share it. */
export class Inflater {
  protected readonly windowSize: number;

  /** @param windowBits 8 to 15: the window of the peer's compressor */
  constructor(windowBits: number) {
    this.windowSize = 2 ** windowBits;
  }

  /** See `MessageInflater`. */
  inflate(start: number, end: number, most: number, goesOn: boolean): number {
    return codec.inflate(start, end, 0, this.windowSize, most, goesOn);
  }

  finish(_length: number, _total: number): void {}
}

/**
 * Inflates the messages of one connection whose peer keeps its compressor between messages. The history, which is the end
 * of what was inflated so far, grows with that, up to the window.
 */
export class KeepingInflater extends Inflater {
  #history: Buffer = NO_HISTORY;
  #length = 0;

  override inflate(start: number, end: number, most: number, goesOn: boolean): number {
    this.#history.copy(codec.bytes, INFLATE_OUT - this.#length, 0, this.#length);
    return codec.inflate(start, end, this.#length, this.windowSize, most, goesOn);
  }

  /** Of a message that is longer than the output area, the bytes before that are where the history was. */
  override finish(length: number, total: number): void {
    const kept = Math.min(this.windowSize, this.#length + total);
    if (this.#history.length < kept) {
      const capacity = Math.min(this.windowSize, Math.max(FIRST_CAPACITY, 2 ** Math.ceil(Math.log2(kept))));
      this.#history = Buffer.allocUnsafeSlow(capacity);
    }
    codec.bytes.copy(this.#history, 0, INFLATE_OUT + length - kept, INFLATE_OUT + length);
    this.#length = kept;
  }
}
