import type { Chunk } from './chunk.js';
import { giveChunkBack } from './staging.js';
import { Waiters } from './waiters.js';

/** Octets that are worth a write before the turn is over. Chosen by the bench; see bench/README.md. */
const FULL = 524_288;

/** What leaves in one write. */
export class Batch {
  readonly parts: Uint8Array[] = [];
  /** The pooled chunks that parts are views of. */
  readonly chunks: Chunk[] = [];
  length = 0;

  /** @param chunk what the part is a view of, if that is pooled */
  constructor(part?: Uint8Array, chunk?: Chunk | null) {
    if (part !== undefined) this.add(part);
    if (chunk) this.chunks.push(chunk);
  }

  add(part: Uint8Array): void {
    this.parts.push(part);
    this.length += part.length;
  }

  /** Adds the frames in a chunk. */
  addChunk(chunk: Chunk): void {
    this.add(chunk.frames);
    this.chunks.push(chunk);
  }
}

/**
 * What of an outbox the kernel has not taken at once: the write that goes on, what waits behind it, and who waits for the
 * end of that. A peer that keeps up has none.
 */
export class Backlog {
  /** What the kernel still reads. */
  inFlight: Batch | null = null;
  /** What stands in front of the outbox's chunk: full chunks, and payloads that are not copied. */
  waiting: Batch | null = null;
  /** The latest Pong that waits because the peer is behind. */
  pong: Uint8Array | null = null;
  /** The peer was found to be behind, and `onDrain` is owed. */
  behind = false;

  /** How many batches were begun, and how many of them have left. */
  #begun: number;
  #completed = 0;
  /** The batch of the frame that was appended last. */
  #lastFrame = 0;
  #waiters: Waiters | null = null;

  /** @param begun 1 if there is a batch already that the transport is just being given, else 0 */
  constructor(begun: 0 | 1) {
    this.#begun = begun;
  }

  /** Octets. */
  get length(): number {
    return (this.inFlight?.length ?? 0) + (this.waiting?.length ?? 0);
  }

  /** Whether there is no reason to keep it. */
  get isDone(): boolean {
    return this.inFlight === null && this.waiting === null && this.pong === null && !this.behind;
  }

  /** Whether what waits is to leave now: a turn that sends without end must not hold more and more. */
  get isFull(): boolean {
    return this.waiting !== null && this.waiting.length >= FULL;
  }

  /** The batch in front of the chunk, for more to be added. */
  get open(): Batch {
    this.waiting ??= new Batch();
    return this.waiting;
  }

  /** A frame was appended: it leaves with the batch that is begun next. @returns that batch's number */
  onAppend(): number {
    this.#lastFrame = this.#begun;
    return this.#begun;
  }

  hasLeft(batch: number): boolean {
    return this.#completed > batch;
  }

  takePong(): Uint8Array | null {
    const { pong } = this;
    this.pong = null;
    return pong;
  }

  begin(): void {
    this.#begun++;
  }

  /** The batch that was begun first of those under way has left. @param reusable whether nobody reads its memory now */
  complete(batch: Batch, reusable: boolean): void {
    this.#completed++;
    if (reusable) for (const chunk of batch.chunks) giveChunkBack(chunk);
  }

  /** Settles when the frame that was appended last has left and `settle` was called. One promise for all of a batch. */
  whenFree(): Promise<void> {
    this.#waiters ??= new Waiters();
    return this.#waiters.for(this.#lastFrame);
  }

  settle(): void {
    this.#waiters?.settle(this.#completed);
  }

  reject(connection: { closedError(): Error }): void {
    this.#waiters?.reject(connection);
  }
}
