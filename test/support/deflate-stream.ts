import { constants, deflateRawSync, inflateRawSync, type ZlibOptions } from 'node:zlib';

/** RFC 7692 §7.2.1: what the sender leaves out. */
const TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff);

/** The payload of a message, as zlib compresses it (RFC 7692 §7.2.1). */
export function deflated(message: string | Uint8Array, options: ZlibOptions = {}): Buffer {
  return deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH, ...options }).subarray(0, -TAIL.length);
}

/** The message of a payload, as zlib inflates it (§7.2.2). */
export function inflated(payload: Uint8Array, options: ZlibOptions = {}): Buffer {
  return inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH, ...options });
}

/** The peer of a compressor that keeps what it has sent. */
export class StreamInflater {
  #history = Buffer.alloc(0);

  inflate(payload: Uint8Array): Buffer {
    const message = inflated(payload, this.#history.length === 0 ? {} : { dictionary: this.#history });
    this.#history = Buffer.concat([this.#history, message]).subarray(-32_768);
    return message;
  }
}

/** A compressor that keeps what it has sent. */
export class StreamDeflater {
  #history = Buffer.alloc(0);
  readonly #options: ZlibOptions;

  constructor(options: ZlibOptions = {}) {
    this.#options = options;
  }

  deflate(message: Uint8Array): Buffer {
    const dictionary = this.#history.length === 0 ? {} : { dictionary: this.#history };
    const payload = deflated(message, { ...this.#options, ...dictionary });
    this.#history = Buffer.concat([this.#history, message]).subarray(-(2 ** (this.#options.windowBits ?? 15)));
    return payload;
  }
}
