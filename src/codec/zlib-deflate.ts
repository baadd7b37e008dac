import { Buffer } from 'node:buffer';
import { randomFillSync } from 'node:crypto';
import { constants, deflateRawSync, inflateRawSync, type Zlib } from 'node:zlib';
import { type DeflateCodec, INFLATE_FULL, INFLATE_NEEDS_INPUT, LEVEL_FAST } from './codec.js';
import { Inflater } from './inflate.js';
import { DEFLATE_OUT, HISTORY_SIZE, INFLATE_OUT, INFLATE_OUT_SIZE, INFLATE_TAKEN } from './memory-map.js';

/** A byte of DEFLATE stands for this many at most: four matches of 258 bytes, two bits each. */
const MOST_EXPANSION = 1032;

/** Room for a message at first; for one that needs more; after that, it is all that the message may have. */
const FIRST_ROOM = 16_384;
const LARGER_ROOM = 1_048_576;

/**
 * What follows a payload to show whether it is whole: LEN and NLEN of a stored block (RFC 1951 §3.2.4), random bytes as its
 * data, and a final empty block.
 */
const MARKER_SIZE = 32;
const MARKER_LENGTH = Buffer.of(MARKER_SIZE, 0, MARKER_SIZE ^ 0xff, 0xff);
const FINAL_BLOCK = Buffer.of(0x03, 0x00);

/** RFC 7692 §7.2.1: the end of what was flushed, which the sender leaves out. */
const FLUSHED_SIZE = 4;

const NOTHING = Buffer.alloc(0);

/**
 * DEFLATE by documented calls of node:zlib, for a codec without WebAssembly.
 *
 * zlib inflates what peers usually send. It cannot say whether a message is whole, stops at a final block, and judges no
 * distance by the window. So it only ever says yes, with a proof; `Inflater` does everything else, and says no.
 */
export class ZlibDeflate implements DeflateCodec {
  readonly #bytes: Buffer;
  readonly #inflater: Inflater;
  /** No peer knows it. */
  readonly #marker = randomFillSync(Buffer.alloc(MARKER_SIZE));
  readonly #tail = Buffer.concat([MARKER_LENGTH, this.#marker, FINAL_BLOCK]);
  readonly #words: Uint32Array;
  /** Pieces of a payload of which more is to come, and how it is to be inflated then. */
  #pieces: Buffer[] = [];
  #begun = { history: 0, windowSize: 0, most: 0 };
  /** Output that waits for its turn in the output area; `null` if `#inflater` is at work. */
  #waiting: Buffer | null = NOTHING;

  /** @param bytes the memory of the codec */
  constructor(bytes: Buffer, words: Uint32Array) {
    this.#bytes = bytes;
    this.#words = words;
    this.#inflater = new Inflater(bytes);
  }

  inflate(start: number, end: number, history: number, windowSize: number, most: number, goesOn: boolean): number {
    this.#pieces = [];
    this.#begun = { history, windowSize, most };
    return this.#takePiece(start, end, goesOn);
  }

  inflateMore(start: number, end: number, goesOn: boolean): number {
    if (this.#pieces.length > 0) return this.#takePiece(start, end, goesOn);
    this.#words[INFLATE_TAKEN] = 0;
    // What follows has the bytes before it where a history is, as with the other codecs.
    const outEnd = INFLATE_OUT + INFLATE_OUT_SIZE;
    this.#bytes.copyWithin(INFLATE_OUT - HISTORY_SIZE, outEnd - HISTORY_SIZE, outEnd);
    return this.#handOut();
  }

  /** zlib has no documented call that goes on later, so a payload is inflated when all of it is there. */
  #takePiece(start: number, end: number, goesOn: boolean): number {
    const piece = this.#bytes.subarray(start, end);
    this.#words[INFLATE_TAKEN] = end - start;
    if (goesOn) {
      this.#pieces.push(Buffer.from(piece));
      return INFLATE_NEEDS_INPUT;
    }
    const payload = this.#pieces.length === 0 ? piece : Buffer.concat([...this.#pieces, piece]);
    this.#pieces = [];
    return this.#inflatePayload(payload);
  }

  #inflatePayload(payload: Buffer): number {
    const { history, windowSize, most } = this.#begun;
    this.#waiting = NOTHING;
    // zlib takes every distance up to 32,768. None can be longer than a message with its history.
    const settled = windowSize < HISTORY_SIZE ? Math.min(most, windowSize - history) : most;
    this.#waiting = settled < 0 ? null : this.#inflateByZlib(payload, history, settled);
    if (this.#waiting === null) return this.#inflater.inflate(payload, history, windowSize, most);
    return this.#handOut();
  }

  #handOut(): number {
    const waiting = this.#waiting;
    if (waiting === null) return this.#inflater.inflateMore();
    const count = waiting.copy(this.#bytes, INFLATE_OUT, 0, INFLATE_OUT_SIZE);
    const goesOn = count < waiting.length;
    this.#waiting = goesOn ? waiting.subarray(count) : NOTHING;
    return goesOn ? INFLATE_FULL : count;
  }

  /** @returns the message, if zlib proves that it is one of at most `most` bytes; otherwise `null` */
  #inflateByZlib(payload: Buffer, history: number, most: number): Buffer | null {
    const size = payload.length;
    const input = Buffer.concat([payload, this.#tail], size + this.#tail.length);
    const dictionary = history > 0 ? this.#bytes.subarray(INFLATE_OUT - history, INFLATE_OUT) : undefined;
    const longest = Math.min(most, MOST_EXPANSION * (size + 1)) + MARKER_SIZE;
    let room = Math.max(FIRST_ROOM, Math.min(8 * size, LARGER_ROOM));
    for (;;) {
      const maxOutputLength = Math.min(room, longest);
      // One chunk for all of it: zlib would join several, and need twice the memory.
      const options = { dictionary, maxOutputLength, chunkSize: maxOutputLength + 64, info: true };
      try {
        const { buffer, engine } = inflateRawSync(input, options) as unknown as { buffer: Buffer; engine: Zlib };
        return this.#messageIn(buffer, engine.bytesWritten, size, most);
      } catch (error) {
        // Other errors need no look: without zlib it is slower, and no less right.
        if ((error as { code?: string }).code !== 'ERR_BUFFER_TOO_LARGE' || room >= longest) return null;
        room = room < LARGER_ROOM ? Math.min(8 * room, LARGER_ROOM) : longest;
      }
    }
  }

  /**
   * Looks for the proof that a payload is whole.
   *
   * @param consumed how many bytes of payload and tail zlib used until a final block ended
   * @param size of the payload
   * @returns the message; `null` without proof
   */
  #messageIn(output: Buffer, consumed: number, size: number, most: number): Buffer | null {
    // A final block ended with the payload.
    if (consumed === size) return output.length <= most ? output : null;
    // If the output ends with the marker, zlib took the marker for the data of a stored block: codes that happen to give
    // these very bytes would have to be guessed. Either the LEN of this block is that of the tail, and the payload ends
    // where LEN may stand. Or it is in the payload, and the LEN of the tail is data before the marker.
    const length = output.length - MARKER_SIZE;
    if (length < 0 || !output.subarray(length).equals(this.#marker)) return null;
    if (length >= 4 && output.subarray(length - 4, length).equals(MARKER_LENGTH)) return null;
    return output.subarray(0, length);
  }

  deflate(
    start: number,
    end: number,
    history: number,
    _isIndexed: boolean,
    _keep: number,
    windowSize: number,
    level: number,
    most: number,
  ): number {
    try {
      const deflated = deflateRawSync(this.#bytes.subarray(start, end), {
        level: level === LEVEL_FAST ? 1 : 6,
        windowBits: 31 - Math.clz32(windowSize),
        // zlib has no window of 256 bytes, and takes one of 512. This strategy goes back one byte, and never more.
        strategy: windowSize < 512 ? constants.Z_RLE : constants.Z_DEFAULT_STRATEGY,
        dictionary: history > 0 ? this.#bytes.subarray(start - history, start) : undefined,
        finishFlush: constants.Z_SYNC_FLUSH,
        // Room for all: if the chunk were full, the flush might be written twice.
        chunkSize: end - start + ((end - start) >> 2) + 128,
        maxOutputLength: most + FLUSHED_SIZE,
      });
      return deflated.copy(this.#bytes, DEFLATE_OUT, 0, deflated.length - FLUSHED_SIZE);
    } catch {
      // It is longer than `most`, or zlib cannot do it now: either way, the message can be sent as it is.
      return 0;
    }
  }
}
