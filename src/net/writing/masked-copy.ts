import type { Buffer } from 'node:buffer';
import { SCRATCH_SIZE, SCRATCH_START } from '../../codec/memory-map.js';
import { codec } from '../../codec/select.js';
import { MASKED_BY_LOOP } from './sizes.js';

/**
 * Copies `payload` to `target` at `at` and masks the copy (RFC 6455 §5.3).
 *
 * @param key the four bytes in memory order, read as a little-endian word
 */
export function copyMasked(target: Buffer, at: number, payload: Uint8Array, key: number): void {
  if (payload.length <= MASKED_BY_LOOP) {
    for (let i = 0; i < payload.length; i++) target[at + i] = payload[i] ^ (key >>> ((i & 3) << 3));
    return;
  }
  for (let done = 0; done < payload.length; done += SCRATCH_SIZE) {
    const piece = payload.subarray(done, done + SCRATCH_SIZE);
    codec.bytes.set(piece, SCRATCH_START);
    codec.mask(SCRATCH_START, SCRATCH_START + piece.length, key, done);
    codec.bytes.copy(target, at + done, SCRATCH_START, SCRATCH_START + piece.length);
  }
}
