import type { Buffer } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';

/*
 * Memory of large messages that no user has: messages have outgrown it, or it was only lent to a handler. The next large
 * message grows in it: fresh memory costs page faults, and the garbage collector what is said in `owned-memory`. So a
 * thread keeps up to 8 MiB, the memory that was used last.
 */

const SPARE_FROM = 65_536;
const SPARE_UP_TO = 2_097_152;
const MOST_BYTES = 8_388_608;

const spares: Buffer[] = [];

/** @returns memory of `least` to `most` bytes, with what was in it before; `null` if there is none */
export function takeSpare(least: number, most: number): Buffer | null {
  for (let at = spares.length - 1; at >= 0; at--) {
    const { length } = spares[at];
    if (length < least || length > most) continue;
    return spares.splice(at, 1)[0];
  }
  return null;
}

/** Call it when nobody reads `bytes` any more. */
export function keepSpare(bytes: Buffer): void {
  if (bytes.length < SPARE_FROM || bytes.length > SPARE_UP_TO) return;
  spares.push(bytes);
  let total = spares.reduce((sum, { length }) => sum + length, 0);
  while (total > MOST_BYTES) total -= spares.shift()!.length;
}

/** Memory that becomes spare when its last reader has released it. */
export class Lease {
  readonly #bytes: Buffer;
  readonly memory: ArrayBufferLike;
  #readers = 1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.memory = bytes.buffer;
  }

  /** There is one more reader. */
  keep(): this {
    this.#readers++;
    return this;
  }

  /** Call it once for each reader. A reader that never does leaves the memory to the garbage collector. */
  release(): void {
    if (--this.#readers === 0) keepSpare(this.#bytes);
  }
}

/** The message that a handler is being lent; `null` nearly always. */
let lent: Lease | null = null;

/** Lends a view of the first `length` of `bytes` to `use`. Whoever reads it after that has returned needs a `leaseOf`. */
export function lend(bytes: Buffer, length: number, use: (bytes: Buffer) => void): void {
  const before = lent;
  const lease = new Lease(bytes);
  // Whoever keeps the view by mistake must not detach later messages.
  markAsUntransferable(lease.memory);
  lent = lease;
  try {
    use(bytes.subarray(0, length));
  } finally {
    lent = before;
    lease.release();
  }
}

/** Whether `bytes` are in the message that a handler is being lent. */
export function isLent(bytes: Uint8Array): boolean {
  return lent !== null && bytes.buffer === lent.memory;
}

/** Keeps `bytes` as they are until `release`. @returns `null` if they are not lent */
export function leaseOf(bytes: Uint8Array): Lease | null {
  return isLent(bytes) ? lent!.keep() : null;
}
