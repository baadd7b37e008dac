import { Buffer } from 'node:buffer';

const SLOTS = 16_384;

/** The slot of a Redis Cluster that a channel belongs to: CRC-16 (XMODEM) of what is between the first braces, or of all. */
export function slotOf(channel: string): number {
  const start = channel.indexOf('{');
  const end = start < 0 ? -1 : channel.indexOf('}', start);
  const hashed = end > start + 1 ? channel.slice(start + 1, end) : channel;
  let crc = 0;
  for (const byte of Buffer.from(hashed)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  }
  return (crc & 0xffff) % SLOTS;
}
