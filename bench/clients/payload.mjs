/** A message as the load expects it: octet i is 32 + i % 95. */
export function payload(size) {
  return Buffer.from(Uint8Array.from({ length: size }, (_, index) => 32 + (index % 95)));
}
