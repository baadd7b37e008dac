import { Random } from './random.mjs';

/** Longer than the longest payload, so that each may begin elsewhere. */
const LENGTH = 1_200_000;
const STARTS = 997;

/** Units of four bytes each: a text that begins at any of them is UTF-8. */
const UNITS = ['wasm', 'aé-', 'ß~z', '€.', '😀', 'eof\n'].map((unit) => Buffer.from(unit));

/** How many different words there are in what is compressible. */
const WORDS = 64;

function pattern(kind) {
  const random = new Random(kind === 'text' ? 1 : 2);
  const words = Array.from({ length: WORDS }, () => random.below(0x1_0000_0000));
  const bytes = Buffer.alloc(LENGTH);
  for (let at = 0; at < LENGTH; at += 4) {
    if (kind === 'text') random.of(UNITS).copy(bytes, at);
    else bytes.writeUInt32LE(kind === 'bytes' && random.once(2) ? random.of(words) : random.below(0x1_0000_0000), at);
  }
  return bytes;
}

const PATTERNS = { text: pattern('text'), bytes: pattern('bytes'), noise: pattern('noise') };

/**
 * The payload of the message with this number: no two of one size are alike, but for those too short to differ. One in four of those
 * of bytes does not get shorter when it is compressed.
 *
 * @param {'text' | 'bytes'} kind @param {number} index @param {number} size
 * @returns {Buffer} of its own
 */
export function payloadOf(kind, index, size) {
  const start = (index % STARTS) * 4;
  const pattern = kind === 'bytes' && index % 4 === 3 ? PATTERNS.noise : PATTERNS[kind];
  const payload = Buffer.from(pattern.subarray(start, start + size));
  // What a cut leaves of the last unit.
  if (kind === 'text') payload.fill('.', size - (size % 4));
  if (size >= 8) payload.write(index.toString(36).padStart(4, '0'), 0, 'latin1');
  else if (size > 0) payload[0] = 0x41 + (index % 26);
  if (size > 1 && size < 8 && kind === 'text') payload.fill('.', 1);
  return payload;
}

/** @returns {string | null} where `data` differs from the payload that was to come, or null */
export function difference(data, kind, index, size) {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  if (bytes.length !== size) return `${bytes.length} bytes in place of ${size}`;
  const expected = payloadOf(kind, index, size);
  if (expected.equals(bytes)) return null;
  const at = expected.findIndex((byte, i) => byte !== bytes[i]);
  return `other bytes from ${at} of ${size} on`;
}

/** Writes to memory that is the caller's again: nobody may still send from it. */
export function scribble(data) {
  if (Buffer.isBuffer(data)) data.fill(0xee);
}
