import { type Lease, leaseOf } from '../../protocol/spare-memory.js';
import type { Transport } from '../transport/transport.js';
import { type Chunk, giveChunkBack } from './chunk.js';
import { EARLY_FLUSH_BYTES, LONGEST_WRITE, WRITE_BYTES, WRITE_SLACK } from './sizes.js';

/** Bytes that leave together: in one write, or in several if they are many. */
export class Batch {
  readonly parts: Uint8Array[] = [];
  /** The pooled chunks that parts are views of. */
  readonly chunks: Chunk[] = [];
  /** Of parts in memory that was only lent; `null` nearly always. */
  #leases: Lease[] | null = null;
  /** Bytes that have not left. */
  length = 0;
  /** Bytes of the current write. */
  sliceLength = 0;
  /** The part that the next write starts with, and the offset in it. */
  #part = 0;
  #offset = 0;

  add(part: Uint8Array): void {
    const lease = leaseOf(part);
    if (lease !== null) this.#hold(lease);
    this.parts.push(part);
    this.length += part.length;
  }

  #hold(lease: Lease): void {
    this.#leases ??= [];
    this.#leases.push(lease);
  }

  /** Adds the frames in a chunk. */
  addChunk(chunk: Chunk): void {
    this.add(chunk.frames);
    this.chunks.push(chunk);
  }

  /** The parts to write next. */
  nextSlice(): readonly Uint8Array[] {
    if (this.#part === 0 && this.#offset === 0 && this.length <= LONGEST_WRITE) {
      this.sliceLength = this.length;
      return this.parts;
    }
    const slice: Uint8Array[] = [];
    this.sliceLength = 0;
    while (this.#part < this.parts.length && this.sliceLength < WRITE_BYTES) slice.push(this.#nextPiece());
    return slice;
  }

  #nextPiece(): Uint8Array {
    const room = WRITE_BYTES - this.sliceLength;
    const rest = this.parts[this.#part].subarray(this.#offset);
    const piece = rest.length > room + WRITE_SLACK ? rest.subarray(0, room) : rest;
    this.sliceLength += piece.length;
    if (piece === rest) {
      this.#part++;
      this.#offset = 0;
    } else this.#offset += room;
    return piece;
  }

  /** Call it once, when nothing reads the parts any more. */
  releaseMemory(): void {
    for (const chunk of this.chunks) giveChunkBack(chunk);
    for (const lease of this.#leases ?? []) lease.release();
  }

  /** The current write has ended. @returns how many bytes it had */
  endSlice(): number {
    const left = this.sliceLength;
    this.length -= left;
    this.sliceLength = 0;
    return left;
  }
}

/** What a backlog needs of its outbox. */
interface Output {
  writeParts(parts: readonly Uint8Array[], bytes: number): boolean;
  /** @param endsBatch whether these were the last bytes of a batch */
  addDeparted(length: number, endsBatch: boolean): void;
}

/**
 * The part of an outbox that the kernel has not taken at once: the current write, the bytes that wait for its end, and
 * the promises of senders that wait. A peer that keeps up needs no backlog.
 */
export class Backlog {
  /** The batch that the kernel still reads. */
  inFlight: Batch | null = null;
  /** Parts that leave before the outbox's chunk: full chunks, and payloads that are not copied. */
  waiting: Batch | null = null;
  /** The latest Pong, which waits until the peer has caught up. */
  pong: Uint8Array | null = null;
  /** Whether the peer was found to be slow, so that `onDrain` has to follow. */
  behind = false;

  /** How many batches were started, and how many of them have left. */
  #begun: number;
  #completed = 0;
  /** The batch of the frame that was appended last. */
  #lastFrame = 0;
  #waiters: Waiters | null = null;
  readonly #output: Output;
  readonly #releasesMemory: boolean;

  /** @param begun 1 if the transport is just being given a batch, otherwise 0 */
  constructor(output: Output, { releasesMemory }: Pick<Transport, 'releasesMemory'>, begun: 0 | 1) {
    this.#output = output;
    this.#releasesMemory = releasesMemory;
    this.#begun = begun;
  }

  /** Bytes that have not left. */
  get length(): number {
    return (this.inFlight?.length ?? 0) + (this.waiting?.length ?? 0);
  }

  /** Whether the backlog is no longer needed. */
  get isDone(): boolean {
    return this.inFlight === null && this.waiting === null && this.pong === null && !this.behind;
  }

  /** Whether to write now what waits: a turn that sends endlessly must not make us hold more and more. */
  get isFull(): boolean {
    return this.waiting !== null && this.waiting.length >= EARLY_FLUSH_BYTES;
  }

  /** The batch that leaves before the chunk, to which more may be added. */
  get open(): Batch {
    this.waiting ??= new Batch();
    return this.waiting;
  }

  /** A frame was appended. It leaves with the next batch. @returns the number of that batch */
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

  /**
   * Takes over a write that started before there was a backlog.
   *
   * @param chunk the pooled chunk that the part is a view of, if any
   */
  onWriteBegun(part: Uint8Array, chunk: Chunk | null): void {
    const batch = new Batch();
    batch.add(part);
    if (chunk !== null) batch.chunks.push(chunk);
    batch.nextSlice();
    this.inFlight = batch;
  }

  /** Writes what waits. @returns whether the kernel took it whole */
  writeWaiting(): boolean {
    const batch = this.waiting!;
    this.waiting = null;
    this.#begun++;
    return this.#write(batch);
  }

  /** The current write has ended. Writes the rest of its batch. @returns whether the whole batch has left */
  written(): boolean {
    const batch = this.inFlight!;
    return this.#onWritten(batch) || this.#write(batch);
  }

  #write(batch: Batch): boolean {
    for (;;) {
      this.inFlight = null;
      const slice = batch.nextSlice();
      if (!this.#output.writeParts(slice, batch.sliceLength)) {
        this.inFlight = batch;
        return false;
      }
      if (this.#onWritten(batch)) return true;
    }
  }

  /** One write of a batch has ended. @returns whether it was the last */
  #onWritten(batch: Batch): boolean {
    const left = batch.endSlice();
    const isLast = batch.length === 0;
    // Until the next write takes it, the rest counts as not left.
    this.inFlight = isLast ? null : batch;
    if (isLast) {
      this.#completed++;
      if (this.#releasesMemory) batch.releaseMemory();
    }
    this.#output.addDeparted(left, isLast);
    return isLast;
  }

  /** A promise, one per batch, that resolves when the frame appended last has left and `settle` is called. */
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

/** The promise for one batch. */
interface Waiter {
  readonly batch: number;
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
}

/** The promises for senders that wait until their frames have left and the peer has caught up: one per batch. */
class Waiters {
  #waiters: Waiter[] = [];

  /**
   * The promise for a batch; batch numbers never decrease. If it is ignored, it does not become an
   * `unhandledRejection`.
   */
  for(batch: number): Promise<void> {
    const last = this.#waiters.at(-1);
    if (last?.batch === batch) return last.promise;
    const waiter = newWaiter(batch);
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  /** Resolves for all batches below `completed`. */
  settle(completed: number): void {
    const waiters = this.#waiters;
    this.#waiters = waiters.filter(({ batch }) => batch >= completed);
    for (const waiter of waiters) if (waiter.batch < completed) waiter.resolve();
  }

  /** The connection has ended. */
  reject(connection: { closedError(): Error }): void {
    if (this.#waiters.length === 0) return;
    const error = connection.closedError();
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters = [];
  }
}

function newWaiter(batch: number): Waiter {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((onFree, onClosed) => {
    resolve = onFree;
    reject = onClosed;
  });
  promise.catch(() => {});
  return { batch, promise, resolve, reject };
}
