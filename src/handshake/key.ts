import crypto from 'node:crypto';

/** RFC 6455 §1.3: the server appends this to the client's key before it hashes the key. */
export const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** `crypto.hash` (Node >= 20.12) does in one call what `createHash` does in three objects. */
const sha1: (text: string) => string =
  typeof crypto.hash === 'function'
    ? (text) => crypto.hash('sha1', text, 'base64')
    : (text) => crypto.createHash('sha1').update(text).digest('base64');

/**
 * The value of Sec-WebSocket-Accept that answers `key` (RFC 6455 §4.2.2, item 5.4).
 *
 * `key` is hashed as it was received, not decoded and encoded again: several spellings decode to the same 16 bytes.
 */
export function acceptKey(key: string): string {
  return sha1(key + GUID);
}

/** A fresh Sec-WebSocket-Key: 16 bytes from the CSPRNG, base64 (RFC 6455 §4.1, item 7). */
export function newKey(): string {
  return crypto.randomBytes(16).toString('base64');
}

/**
 * Whether `value` is a Sec-WebSocket-Key: base64 that decodes to 16 bytes (RFC 6455 §4.2.1, item 5).
 *
 * Decoding drops four bits of the 22nd character. They may be anything, as in every other implementation.
 */
export function isKey(value: unknown): value is string {
  return typeof value === 'string' && KEY.test(value);
}
