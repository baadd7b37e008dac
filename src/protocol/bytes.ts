import { Buffer } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';

/**
 * The class whose instances `Buffer.from(memory, start, length)` returns. Its constructor takes the same arguments and
 * does not check them, which saves a third of the time that making a view takes.
 */
const View = (Buffer as unknown as { readonly [Symbol.species]: ViewClass })[Symbol.species];

type ViewClass = new (memory: ArrayBufferLike, start: number, length: number) => Buffer;

/** A view of `length` bytes of `memory`, from `start` on. It shares the memory. */
export function viewOf(memory: ArrayBufferLike, start: number, length: number): Buffer {
  return new View(memory, start, length);
}

/** The empty Buffer. All code shares it. So it cannot be transferred to a worker, which would detach it everywhere. */
export const NO_BYTES: Buffer = Buffer.alloc(0);
markAsUntransferable(NO_BYTES.buffer);
