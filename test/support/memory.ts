import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is in use when garbage is collected, in octets. */
export interface HeldMemory {
  /** JavaScript objects. In a single test run V8's own code and feedback make it waver by some 300 KiB. */
  readonly heap: number;
  /** The memory of Buffers, exactly. */
  readonly arrayBuffers: number;
}

export function heldMemory(): HeldMemory {
  // What the first collection finds to be garbage is freed, and no longer counted, when the second begins.
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, arrayBuffers };
}
