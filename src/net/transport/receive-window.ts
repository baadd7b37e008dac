import { Buffer } from 'node:buffer';
import { WINDOW_SIZE, WINDOW_START } from '../../codec/memory-map.js';
import { codec } from '../../codec/select.js';

/** Bytes of a chunk that are copied to the window at once. */
export const MAX_PIECE = Math.min(WINDOW_SIZE, 65_536);

let claimed = false;

/**
 * Whether a connection is walking the receive window, which all connections of the thread share. A stream in memory may
 * bring another connection bytes while it does; they have to wait, or they would overwrite what is being walked.
 */
export function windowIsClaimed(): boolean {
  return claimed;
}

export function claimWindow(): void {
  claimed = true;
}

export function releaseWindow(): void {
  claimed = false;
}

/** Copies the beginning of `bytes` to the start of the window. @returns how many bytes */
export function copyToWindow(bytes: Buffer): number {
  return bytes.copy(codec.bytes, WINDOW_START, 0, Math.min(bytes.length, MAX_PIECE));
}

/** A copy of `[start, end)` of the codec's memory. */
export function copyFromWindow(start: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(end - start);
  codec.bytes.copy(bytes, 0, start, end);
  return bytes;
}
