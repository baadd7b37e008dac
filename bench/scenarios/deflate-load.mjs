import { meanSizes, poolPath, readPool } from '../messages/pool.mjs';

/** What a client says that keeps no window, and wants none kept; and what browsers say (RFC 7692, section 7.1). */
export const OFFERS = {
  'no-takeover': 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  takeover: 'permessage-deflate; client_max_window_bits',
  default: 'permessage-deflate; client_max_window_bits',
};

/** What the load, as a server, answers a client under test. */
export const ANSWERS = { 'no-takeover': OFFERS['no-takeover'], takeover: 'permessage-deflate' };

/** Figures about the size of replies. zlib: what node:zlib makes of the same messages. */
export const SIZE_FIGURES = [
  { name: 'bytesPerReply', title: 'payload/reply', unit: 'B', better: 'lower' },
  { name: 'zlib1', title: 'zlib level 1', unit: 'B' },
  { name: 'zlib6', title: 'zlib level 6', unit: 'B' },
];

/** The options of the load that say which messages it sends: those of about `size` bytes, at most `first`. */
export function poolOptions({ size, first }) {
  return { messages: poolPath(size), first, text: 'ascii' };
}

/** `64 different messages of 555 B`. */
export function poolTitle({ size, first }) {
  const { length } = readPool(size, first);
  const bytes = size < 1024 ? `${size} B` : `${size / 1024} KiB`;
  return length === 1 ? `one message of ${bytes} repeated` : `${length} different messages of ${bytes}`;
}

/** Throws if a result of the load is not about compression of the kind that its row is about. */
export function checkCompression({ agreed, compressed, verified }, { plain, zlib6 }, compress) {
  if (verified === 0) throw new Error('no reply was verified');
  if (agreed.includes('server_no_context_takeover') !== (compress === 'no-takeover')) {
    throw new Error(`agreed to ${agreed}, which is not what this row is about`);
  }
  if (compressed === 0 && zlib6 < plain) throw new Error('no reply was compressed');
}

/** The sizes of a result of the load, for `SIZE_FIGURES`. */
export function sizesOf({ bytesPerReply }, { zlib1, zlib6 }) {
  return { bytesPerReply, zlib1, zlib6 };
}

const known = new Map();

/** What zlib makes of the messages that the load sends: a promise. */
export function zlibSizes({ size, first }, compress) {
  const key = `${compress} ${size} ${first}`;
  if (!known.has(key)) known.set(key, meanSizes(readPool(size, first), compress === 'takeover'));
  return known.get(key);
}
