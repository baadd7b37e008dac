import { codec } from '../../codec/select.js';
import type { Transport } from '../transport/transport.js';

/** At or above this many octets a payload leaves uncopied. Chosen by the bench; see bench/README.md. */
export const UNCOPIED_FROM = 32_768;

/** Whether a payload that is not masked is to be read where it is until it has left. */
export function leavesUncopied(payload: Uint8Array, transport: Transport): boolean {
  // The window is overwritten by the next read, so a view of it never goes to the kernel.
  return payload.length >= UNCOPIED_FROM && transport.releasesMemory && payload.buffer !== codec.memory;
}
