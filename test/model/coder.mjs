import zlib from 'node:zlib';

const { Z_SYNC_FLUSH, Z_FINISH } = zlib.constants;

/** RFC 7692, section 7.2.1: the end of a flushed block, which the sender leaves out. */
const FLUSHED = Buffer.of(0, 0, 0xff, 0xff);

/** No window is longer. */
const LONGEST = 32_768;

const NOTHING = Buffer.alloc(0);

/** One direction of a connection: the end of the messages so far, which later ones may refer to. */
class Direction {
  #keeps;
  #bits;
  #history = NOTHING;

  /** @param {{ keeps: boolean, bits: number }} agreed about the side that compresses */
  constructor({ keeps, bits }) {
    this.#keeps = keeps;
    this.#bits = bits;
  }

  /** @param most bytes of the history @returns options of zlib */
  optionsFor(most = LONGEST) {
    const dictionary = this.#history.subarray(-Math.min(most, 2 ** this.#bits));
    return { windowBits: this.#bits, ...(dictionary.length > 0 && { dictionary }) };
  }

  get isSmall() {
    return this.#bits < 15;
  }

  add(message) {
    if (this.#keeps) this.#history = Buffer.concat([this.#history, message]).subarray(-LONGEST);
  }
}

/** Compresses what the peer sends, and inflates what it gets (RFC 7692, section 7.2), by zlib. */
export class Coder {
  #sent;
  #received;

  /** @param agreed see `agreedIn` @param isClient whether the peer is */
  constructor(agreed, isClient) {
    this.#sent = new Direction(isClient ? agreed.client : agreed.server);
    this.#received = new Direction(isClient ? agreed.server : agreed.client);
  }

  /**
   * The payload of a message.
   *
   * @param {{ level: number, ends?: boolean }} how `ends`: its block is a final one (section 7.2.3.4)
   * @param reach bytes of earlier messages to which it may refer
   */
  deflate(message, { level, ends = false }, reach) {
    const options = { ...this.#sent.optionsFor(reach), level, finishFlush: ends ? Z_FINISH : Z_SYNC_FLUSH };
    const deflated = zlib.deflateRawSync(message, options);
    this.#sent.add(message);
    return ends ? Buffer.concat([deflated, Buffer.of(0)]) : deflated.subarray(0, -FLUSHED.length);
  }

  /** The message of a payload. @throws Error if there is none */
  inflate(payload) {
    const input = Buffer.concat([payload, FLUSHED]);
    // Within one chunk zlib does not see that a distance is longer than the window.
    const chunkSize = this.#received.isSmall ? 64 : Math.max(1024, payload.length);
    const options = { ...this.#received.optionsFor(), finishFlush: Z_SYNC_FLUSH, chunkSize, info: true };
    const { buffer: message, engine } = zlib.inflateRawSync(input, options);
    if (engine.bytesWritten !== input.length)
      throw new Error(`${engine.bytesWritten} of ${input.length} bytes are DEFLATE`);
    this.#received.add(message);
    return message;
  }
}
