import { randomFillSync } from 'node:crypto';

/** Keys drawn from the system at once; drawing them one by one would cost a call into OpenSSL for each frame. */
const POOL_SIZE = 2048;

const pool = new Uint32Array(POOL_SIZE);
let next = POOL_SIZE;

/**
 * A new masking key, as a 32-bit word. RFC 6455 §5.3: "The masking key needs to be unpredictable", so it comes from
 * a CSPRNG and is never used again: a key that was handed out is wiped from the pool.
 */
export function newMaskingKey(): number {
  if (next === POOL_SIZE) {
    randomFillSync(pool);
    next = 0;
  }
  const key = pool[next];
  pool[next++] = 0;
  return key;
}
