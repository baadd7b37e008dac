import { Buffer } from 'node:buffer';
import { WINDOW_SIZE, WINDOW_START } from '../../codec/memory-map.js';
import { codec } from '../../codec/select.js';

/** Bytes of a chunk that are copied to the window at once, at most. */
export const MAX_PIECE = Math.min(WINDOW_SIZE, 65_536);

let claimed = false;

/**
 * Whether a connection is walking the receive window, which all connections of the thread share. Meanwhile a stream in
 * memory may bring bytes for another connection. They have to wait, or they would overwrite the window.
 */
export function windowIsClaimed(): boolean {
  return claimed;
}

/** Call it before walking the window. */
export function claimWindow(): void {
  claimed = true;
}

/** Call it after walking the window, even if that threw. */
export function releaseWindow(): void {
  claimed = false;
}

/** Copies the first bytes, up to `MAX_PIECE`, to the start of the window. @returns how many */
export function copyToWindow(bytes: Buffer): number {
  return bytes.copy(codec.bytes, WINDOW_START, 0, Math.min(bytes.length, MAX_PIECE));
}

/** Copies `[start, end)` of the codec's memory. The copy is the caller's. */
export function copyFromWindow(start: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(end - start);
  codec.bytes.copy(bytes, 0, start, end);
  return bytes;
}
