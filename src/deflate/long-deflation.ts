import { Buffer } from 'node:buffer';
import { setImmediate } from 'node:timers';
import { LEVEL_SMALL } from '../codec/codec.js';
import { DEFLATE_MOST, DEFLATE_OUT, SCRATCH_START } from '../codec/memory-map.js';
import { codec } from '../codec/select.js';
import type { Deflater } from './deflater.js';
import { inSteps } from './in-steps.js';

/** Bytes that are deflated at once, and bytes before them to which they may refer: together what the codec takes. */
const PIECE = 32_768;
const SMALL_PIECE = 8192;
const BEFORE = DEFLATE_MOST - PIECE;

/** What blocks that store a piece have besides its bytes, at most. */
const STORED_HEADERS = 64;

/** RFC 7692 §7.2.1: the end of a flushed block. The sender leaves out only that of the last. */
const FLUSHED = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/**
 * Deflates a message that is too long for one turn, in pieces of which each may refer to those before. It begins by
 * itself. What it makes refers to no other message.
 */
export class LongDeflation {
  readonly #deflater: Deflater;
  readonly #payload: Uint8Array;
  /** The output. It has to be shorter than the message to be of use. */
  #out: Buffer;
  #taken = 0;
  #length = 0;
  #hasEnded = false;
  /** `null` after they were called. */
  #callbacks: (() => void)[] | null = [];

  /** @param payload must not be changed before the end; text is encoded */
  constructor(deflater: Deflater, payload: string | Uint8Array) {
    this.#deflater = deflater;
    this.#payload = typeof payload === 'string' ? Buffer.from(payload) : payload;
    this.#out = Buffer.allocUnsafeSlow(this.#payload.length);
    inSteps(() => this.#step());
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The message as it was. */
  get payload(): Uint8Array {
    return this.#payload;
  }

  /** The compressed payload; `null` if it would not be shorter than the message. Call it after the end. */
  get compressed(): Buffer | null {
    return this.#length === 0 ? null : this.#out.subarray(0, this.#length);
  }

  /** Calls back at the end, in a turn of its own. Must not throw. */
  onEnd(callback: () => void): void {
    if (this.#callbacks === null) setImmediate(callback);
    else this.#callbacks.push(callback);
  }

  #step(): boolean {
    this.#deflatePiece();
    if (!this.#hasEnded) return false;
    const callbacks = this.#callbacks!;
    this.#callbacks = null;
    for (const callback of callbacks) callback();
    return true;
  }

  #deflatePiece(): void {
    const { level, windowSize } = this.#deflater;
    const from = this.#taken;
    const to = Math.min(this.#payload.length, from + (level === LEVEL_SMALL ? SMALL_PIECE : PIECE));
    const before = Math.min(from, BEFORE, windowSize);
    codec.bytes.set(this.#payload.subarray(from - before, to), SCRATCH_START);
    const start = SCRATCH_START + before;
    const end = start + to - from;
    const length = codec.deflate(start, end, before, false, 0, windowSize, level, to - from + STORED_HEADERS);
    const isLast = to === this.#payload.length;
    const needed = length + (isLast ? 0 : FLUSHED.length);
    this.#taken = to;
    if (length === 0 || this.#length + needed >= this.#payload.length) {
      this.#length = 0;
      this.#hasEnded = true;
      return;
    }
    codec.bytes.copy(this.#out, this.#length, DEFLATE_OUT, DEFLATE_OUT + length);
    if (!isLast) FLUSHED.copy(this.#out, this.#length + length);
    this.#length += needed;
    this.#hasEnded = isLast;
  }
}
