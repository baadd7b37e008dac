/** The frame that was asked about last: one frame goes to many outboxes, and `buffer` is slow to ask for. */
let frame: Uint8Array | null = null;
let frameMemory: ArrayBufferLike | null = null;

function look(next: Uint8Array): void {
  if (frame === next) return;
  frame = next;
  frameMemory = next.buffer;
}

/** The view that was made last: the outboxes of a topic mostly have the same frames to write. */
let view: Buffer | null = null;
let viewMemory: ArrayBufferLike | null = null;
let viewStart = 0;

/**
 * Encoded frames that stand one behind the other in memory that many outboxes read and nobody writes to: what was published
 * in one turn leaves an outbox as one part, without a copy.
 */
export class SharedRun {
  readonly #memory: ArrayBufferLike;
  readonly #start: number;
  #end: number;

  constructor(first: Uint8Array) {
    look(first);
    this.#memory = frameMemory!;
    this.#start = first.byteOffset;
    this.#end = this.#start + first.length;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** Adds a frame, if it stands right behind. @returns whether it does */
  extend(next: Uint8Array): boolean {
    look(next);
    if (frameMemory !== this.#memory || next.byteOffset !== this.#end) return false;
    this.#end += next.length;
    return true;
  }

  /** The frames as one part. */
  get octets(): Buffer {
    const { length } = this;
    if (view === null || viewMemory !== this.#memory || viewStart !== this.#start || view.length !== length) {
      view = Buffer.from(this.#memory as ArrayBuffer, this.#start, length);
      viewMemory = this.#memory;
      viewStart = this.#start;
    }
    return view;
  }

  /** Forgets what was remembered for the next outbox, which would keep its memory alive. */
  static forget(): void {
    frame = null;
    frameMemory = null;
    view = null;
    viewMemory = null;
  }
}
