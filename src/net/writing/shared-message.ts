import { Buffer } from 'node:buffer';
import type { Deflater } from '../../deflate/deflater.js';
import { LongDeflation } from '../../deflate/long-deflation.js';
import { OPCODE_MASK, RSV1 } from '../../protocol/opcode.js';
import { copyFrame, encodeFrame, encodeKeptFrame } from './shared-frames.js';

/** A message as it goes to connections that have agreed on certain parameters. */
interface Deflated {
  readonly by: Deflater;
  /** The frame; `null` if the message does not get shorter. */
  readonly frame: Uint8Array | LongDeflation | null;
}

/**
 * A message for many connections of a server. It is encoded when the first of them needs it: once for all that have no
 * compression, and once for all that have agreed on the same.
 */
export class SharedMessage {
  readonly opcode: number;
  readonly payload: string | Uint8Array;
  /** Whether it may be compressed. */
  readonly compresses: boolean;
  readonly #encode: typeof encodeFrame;
  #plain: Uint8Array | null = null;
  /** -1 until it is asked for. */
  #length = -1;
  /** Nearly always one. */
  #deflated: Deflated[] | null = null;

  /**
   * @param payload must not be changed before the last call of `plain` and `deflatedBy`
   * @param isKept whether users keep the message, so that its frames must not keep the memory of others alive
   */
  constructor(opcode: number, payload: string | Uint8Array, compresses: boolean, isKept = false) {
    this.opcode = opcode;
    this.payload = payload;
    this.compresses = compresses;
    this.#encode = isKept ? encodeKeptFrame : encodeFrame;
  }

  /**
   * A message that another process has encoded.
   *
   * @param frame whole and unmasked; is copied to where other shared frames are
   */
  static ofFrame(frame: Uint8Array, compresses: boolean): SharedMessage {
    const { plain, payload } = copyFrame(frame);
    const message = new SharedMessage(plain[0] & OPCODE_MASK, payload, compresses);
    message.#plain = plain;
    return message;
  }

  /** Bytes of the payload. */
  get byteLength(): number {
    if (this.#length < 0) this.#length = Buffer.byteLength(this.payload);
    return this.#length;
  }

  /** The message as one frame, which must not be changed. */
  get plain(): Uint8Array {
    this.#plain ??= this.#encode(this.opcode, this.payload);
    return this.#plain;
  }

  /**
   * The message as a deflater's shared one makes it.
   *
   * @returns a frame, which must not be changed; a deflation, if the message is too long for one turn; `null` if it
   *   goes uncompressed
   */
  deflatedBy({ shared }: Deflater): Uint8Array | LongDeflation | null {
    if (!this.compresses || !shared.isDue(this.payload)) return null;
    this.#deflated ??= [];
    const known = this.#deflated.find(({ by }) => by === shared);
    if (known !== undefined) return known.frame;
    const frame = this.#deflate(shared);
    this.#deflated.push({ by: shared, frame });
    return frame;
  }

  #deflate(deflater: Deflater): Uint8Array | LongDeflation | null {
    if (deflater.isLong(this.payload)) {
      // The caller of `publish` may reuse the memory of its bytes at once.
      const payload = typeof this.payload === 'string' ? this.payload : Buffer.from(this.payload);
      return new LongDeflation(deflater, payload);
    }
    const compressed = deflater.deflate(this.payload);
    return compressed === null ? null : this.#encode(RSV1 | this.opcode, compressed);
  }
}
