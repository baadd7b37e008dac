/** Octets of free memory that are kept. */
const KEPT = 4_194_304;
/** Below this size new memory costs little. */
const MIN = 16_384;

const free: Buffer[] = [];
let freeOctets = 0;

/** The memory of the message that a handler is looking at. */
let lent: Buffer | null = null;

/**
 * Memory for a message that is put together from pieces and then only looked at: memory that was used before needs no new
 * pages from the system, which cost as much as copying a large message.
 *
 * @returns at least `octets`, or `null` if none of that size is free
 */
export function takeLentMemory(octets: number): Buffer | null {
  const index = octets < MIN ? -1 : free.findIndex(({ length }) => length >= octets);
  if (index < 0) return null;
  const [memory] = free.splice(index, 1);
  freeOctets -= memory.length;
  return memory;
}

/** Gives memory back that nobody looks at any more. */
export function giveLentMemoryBack(memory: Buffer): void {
  if (memory.length < MIN || freeOctets + memory.length > KEPT) return;
  free.push(memory);
  freeOctets += memory.length;
}

/** Lends the memory of a message to `handle`, and has it used again afterwards, unless `keepLentMemory` was called. */
export function lendMemory(memory: Buffer, handle: () => void): void {
  lent = memory;
  try {
    handle();
  } finally {
    if (lent !== null) giveLentMemoryBack(lent);
    lent = null;
  }
}

/** Whether bytes lie in memory that is only lent, so that they have to be written or copied before the handler returns. */
export function isLentMemory(memory: ArrayBufferLike): boolean {
  return lent !== null && lent.buffer === memory;
}

/** The system goes on reading what is lent: it is not used again. */
export function keepLentMemory(): void {
  lent = null;
}
