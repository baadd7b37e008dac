import { randomFillSync } from 'node:crypto';

/** How many keys to draw at once. Drawing them one by one would cost each frame a call into OpenSSL. */
const POOL_SIZE = 2048;

const pool = new Uint32Array(POOL_SIZE);
let next = POOL_SIZE;

/**
 * Draws a masking key, a 32-bit word. RFC 6455 §5.3: "The masking key needs to be unpredictable". Keys therefore come
 * from a CSPRNG, are used once, and are wiped from the pool when they are handed out.
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
