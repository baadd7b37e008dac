import { Buffer } from 'node:buffer';
import zlib, { type ZlibOptions } from 'node:zlib';
import { PerMessageDeflate } from '../permessage-deflate.js';
import { type Compressed, type Compressor, type Part, payloadOf } from './compressor.js';
import { limited } from './limiter.js';

/** Bytes of a message that are deflated at once: what takes about a quarter of a millisecond. */
const AT_ONCE = 16_384;

/** RFC 7692 §7.2.1: the end of a flushed block, which the sender leaves out. */
const FLUSHED_SIZE = 4;

/** Compresses by zlib, as options ask for what the codec does not do. It keeps nothing between two messages. */
export class ZlibCompressor implements Compressor {
  readonly threshold: number;
  readonly #options: ZlibOptions;
  readonly #limit: number;

  /**
   * @param limit asynchronous calls of zlib at the same time, at most
   * @throws RangeError, TypeError if zlib does not take the options
   */
  constructor(threshold: number, options: ZlibOptions, limit: number) {
    this.threshold = threshold;
    this.#options = { ...options, flush: undefined, finishFlush: zlib.constants.Z_SYNC_FLUSH, info: false };
    this.#limit = limit;
    checkOptions(this.#options);
  }

  compress(payload: string | Buffer, part: Part): Compressed | Promise<Compressed> {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    if (bytes.length > AT_ONCE) return this.#compressLater(bytes, part);
    return payloadOf(bytes.length === 0 ? null : this.#deflate(bytes), bytes, part);
  }

  #deflate(bytes: Buffer): Compressed {
    try {
      return shorter(zlib.deflateRawSync(bytes, this.#options), bytes);
    } catch {
      // There is no memory for it. The message can be sent as it is.
      return null;
    }
  }

  #compressLater(bytes: Buffer, part: Part): Promise<Compressed> {
    return new Promise((resolve) => {
      limited(this.#limit, (done) => {
        zlib.deflateRaw(bytes, this.#options, (error, deflated) => {
          done();
          resolve(payloadOf(error === null ? shorter(deflated, bytes) : null, bytes, part));
        });
      });
    });
  }

  close(): void {}
}

function shorter(deflated: Buffer, bytes: Buffer): Compressed {
  const length = deflated.length - FLUSHED_SIZE;
  return length < bytes.length ? deflated.subarray(0, length) : null;
}

/** Compresses by one stream of zlib for the whole connection, so that messages may refer to earlier ones. */
export class ZlibStreamCompressor implements Compressor {
  readonly threshold = 0;
  readonly #stream: PerMessageDeflate;

  /**
   * @param limit calls of zlib at the same time, at most
   * @throws RangeError, TypeError if zlib does not take the options
   */
  constructor(options: ZlibOptions, limit: number) {
    checkOptions(options);
    this.#stream = new PerMessageDeflate({ zlibDeflateOptions: options, concurrencyLimit: limit });
    this.#stream.params = { client_max_window_bits: options.windowBits };
  }

  compress(payload: string | Buffer, part: Part): Promise<Compressed> {
    return new Promise((resolve) => {
      this.#stream.compress(payload, part !== 'fragment', (error, bytes) => {
        // The next message gets a new stream, which refers to nothing.
        resolve(error === null ? bytes! : payloadOf(null, payload, part));
      });
    });
  }

  close(): void {
    this.#stream.cleanup();
  }
}

function checkOptions(options: ZlibOptions): void {
  zlib.createDeflateRaw(options).close();
}
