import { Buffer } from 'node:buffer';

/**
 * The class of what `Buffer.from(memory, start, length)` returns, which takes the same arguments. Its constructor asks
 * nothing about them: that saves a third of the time that a view takes.
 */
const View = (Buffer as unknown as { readonly [Symbol.species]: ViewClass })[Symbol.species];

type ViewClass = new (memory: ArrayBufferLike, start: number, length: number) => Buffer;

/** A view of `length` octets of `memory`, from `start` on. */
export function viewOf(memory: ArrayBufferLike, start: number, length: number): Buffer {
  return new View(memory, start, length);
}
