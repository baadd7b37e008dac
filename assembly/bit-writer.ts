import { DEFLATE_TABLES } from './memory';

/*
 * Bits are written the least significant first (RFC 1951 §3.1.1), through a 64-bit buffer of which whole bytes are stored.
 * The loop that writes symbols keeps the writer in locals.
 */
const STATE: usize = DEFLATE_TABLES + 196_608 + 4384;

/** Where the next byte goes, and the bits, fewer than eight, that do not make a byte yet. */
export const TO: usize = STATE;
export const PENDING: usize = STATE + 8;
export const PENDING_COUNT: usize = STATE + 16;

export function beginWriting(to: usize): void {
  store<u32>(TO, <u32>to);
  store<u64>(PENDING, 0);
  store<u32>(PENDING_COUNT, 0);
}

/** Writes up to 32 bits. */
export function put(bits: u32, size: u32): void {
  const count = load<u32>(PENDING_COUNT);
  const pending = load<u64>(PENDING) | (<u64>bits << count);
  const to = <usize>load<u32>(TO);
  store<u64>(to, pending);
  const total = count + size;
  store<u32>(TO, <u32>(to + (total >> 3)));
  store<u64>(PENDING, pending >> (total & 56));
  store<u32>(PENDING_COUNT, total & 7);
}

/** Fills the current byte up with zeros. @returns where the next byte goes */
export function padToByte(): usize {
  if (load<u32>(PENDING_COUNT) > 0) put(0, 8 - load<u32>(PENDING_COUNT));
  return <usize>load<u32>(TO);
}
