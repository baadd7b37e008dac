import { Buffer } from 'node:buffer';
import type { Deflater } from '../../deflate/deflater.js';
import { LongDeflation } from '../../deflate/long-deflation.js';

/** What a payload is of its message. */
export type Part = 'message' | 'fragment' | 'last fragment';

/** A compressed payload. `null`: the message is better sent as it is. */
export type Compressed = Buffer | null;

/** Compresses the messages that one connection sends (RFC 7692 §7.2.1). */
export interface Compressor {
  /** Messages whose first frame would have fewer bytes than this leave as they are. */
  readonly threshold: number;
  /**
   * Compresses the next payload. The call before must have ended.
   *
   * @returns the compressed payload, valid until something else is compressed, and never `null` for a fragment; a promise of
   *   it, if it takes longer than a turn has
   * @throws RangeError, TypeError if zlib does not take the user's options
   */
  compress(payload: string | Buffer, part: Part): Compressed | Promise<Compressed>;
  /** The connection is closed. */
  close(): void;
}

/** Compresses by the codec. */
export class CodecCompressor implements Compressor {
  readonly threshold: number;
  readonly #deflater: Deflater;

  constructor(threshold: number, deflater: Deflater) {
    this.threshold = threshold;
    this.#deflater = deflater;
  }

  compress(payload: string | Buffer, part: Part): Compressed | Promise<Compressed> {
    const isLong = this.#deflater.isLong(payload);
    if (part === 'message' && !isLong) return payload.length === 0 ? null : this.#deflater.deflate(payload);
    const { shared } = this.#deflater;
    if (!isLong) return this.#finish(shared.deflate(payload), payload, part);
    return deflateLong(shared, payload).then((compressed) => this.#finish(compressed, payload, part));
  }

  #finish(compressed: Compressed, payload: string | Buffer, part: Part): Compressed {
    const result = payloadOf(compressed, payload, part);
    if (result !== null) this.#deflater.forget();
    return result;
  }

  close(): void {}
}

function deflateLong(deflater: Deflater, payload: string | Buffer): Promise<Compressed> {
  return new Promise((resolve) => {
    const deflation = new LongDeflation(deflater, payload);
    deflation.onEnd(() => resolve(deflation.compressed));
  });
}

/** RFC 7692 §7.2.1: the end of a flushed block, which the sender of a message leaves out. */
const FLUSHED = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/** Bytes of a stored block, at most (RFC 1951 §3.2.4). */
const LONGEST_STORED = 65_535;

/**
 * Completes a payload that was compressed by itself, without the end of its last block.
 *
 * @param compressed `null` if it would not be shorter than `payload`
 */
export function payloadOf(compressed: Compressed, payload: string | Buffer, part: Part): Compressed {
  if (part === 'message') return compressed;
  const isLast = part === 'last fragment';
  // RFC 7692 §6.1: one bit says for all fragments of a message whether it is compressed.
  if (compressed === null) return stored(typeof payload === 'string' ? Buffer.from(payload) : payload, isLast);
  return isLast ? compressed : Buffer.concat([compressed, FLUSHED]);
}

/** Blocks that hold the bytes as they are. */
function stored(bytes: Buffer, isLast: boolean): Buffer {
  const parts: Buffer[] = [];
  for (let start = 0; start < bytes.length || parts.length === 0; start += LONGEST_STORED) {
    const block = bytes.subarray(start, start + LONGEST_STORED);
    const header = Buffer.alloc(5);
    header.writeUInt16LE(block.length, 1);
    header.writeUInt16LE(block.length ^ 0xffff, 3);
    parts.push(header, block);
  }
  // The beginning of an empty block, whose end the receiver adds.
  if (isLast) parts.push(Buffer.of(0));
  return Buffer.concat(parts);
}
