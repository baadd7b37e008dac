import type { Buffer } from 'node:buffer';
import { viewOf } from '../../protocol/view.js';

/** The run that was begun last: one frame goes to many outboxes. */
let latest: SharedRun | null = null;

/**
 * Encoded frames that stand one behind the other in memory that many outboxes read and nobody writes to: what was published
 * in one turn leaves an outbox as one part, without a copy. Outboxes that were given the same frames have the same run.
 */
export class SharedRun {
  readonly #memory: ArrayBuffer;
  readonly #start: number;
  readonly #last: Uint8Array;
  readonly length: number;
  #next: SharedRun | null = null;
  #octets: Buffer | null = null;

  private constructor(memory: ArrayBuffer, start: number, last: Uint8Array, length: number) {
    this.#memory = memory;
    this.#start = start;
    this.#last = last;
    this.length = length;
  }

  /** The run of a first frame. */
  static of(frame: Uint8Array): SharedRun {
    if (latest === null || latest.#last !== frame) {
      latest = new SharedRun(frame.buffer as ArrayBuffer, frame.byteOffset, frame, frame.length);
    }
    return latest;
  }

  /** Forgets what is kept for the next outbox, which would keep its memory alive. */
  static forget(): void {
    latest = null;
  }

  /** The run of these frames and one more. @returns `null` if that one does not stand right behind */
  with(frame: Uint8Array): SharedRun | null {
    if (this.#next !== null && this.#next.#last === frame) return this.#next;
    if (frame.buffer !== this.#memory || frame.byteOffset !== this.#start + this.length) return null;
    this.#next = new SharedRun(this.#memory, this.#start, frame, this.length + frame.length);
    return this.#next;
  }

  /** The frames as one part. */
  get octets(): Buffer {
    this.#octets ??= viewOf(this.#memory, this.#start, this.length);
    return this.#octets;
  }
}
