export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** Of the first byte: the message is compressed (RFC 7692, section 6). */
export const RSV1 = 0x40;

/** Bytes of a frame's header (RFC 6455, section 5.2). */
function headerLength(length, isMasked) {
  return (length < 126 ? 2 : length < 65_536 ? 4 : 10) + (isMasked ? 4 : 0);
}

/**
 * One frame.
 *
 * @param {number | null} key masks it, as a client must
 * @returns {Buffer}
 */
export function encodeFrame(opcode, payload, { fin = true, rsv = 0, key = null } = {}) {
  const header = headerLength(payload.length, key !== null);
  // So that the payload begins at a word.
  const start = -header & 3;
  const frame = Buffer.from(new ArrayBuffer(start + header + payload.length), start);
  frame[0] = (fin ? 0x80 : 0) | rsv | opcode;
  const maskBit = key === null ? 0 : 0x80;
  if (payload.length < 126) frame[1] = maskBit | payload.length;
  else if (payload.length < 65_536) {
    frame[1] = maskBit | 126;
    frame.writeUInt16BE(payload.length, 2);
  } else {
    frame[1] = maskBit | 127;
    frame.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  frame.set(payload, header);
  if (key !== null) {
    frame.writeUInt32BE(key, header - 4);
    mask(frame.subarray(header), frame.subarray(header - 4, header));
  }
  return frame;
}

/** Masks or unmasks in place. @param payload begins at a word of its memory */
function mask(payload, key) {
  const words = new Int32Array(payload.buffer, payload.byteOffset, payload.length >> 2);
  const word = key.readInt32LE();
  for (let i = 0; i < words.length; i++) words[i] ^= word;
  for (let i = words.length * 4; i < payload.length; i++) payload[i] ^= key[i & 3];
}

/** Frames out of bytes that come in pieces. */
export class FrameReader {
  #onFrame;
  #pieces = [];
  #length = 0;
  #wanted = 2;

  /** @param {(frame: { fin: boolean, rsv: number, opcode: number, isMasked: boolean, payload: Buffer }) => void} onFrame */
  constructor(onFrame) {
    this.#onFrame = onFrame;
  }

  /** Bytes of a frame that is not whole. */
  get rest() {
    return this.#length;
  }

  push(bytes) {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    if (this.#length < this.#wanted) return;
    let waiting = this.#pieces.length === 1 ? bytes : Buffer.concat(this.#pieces);
    for (;;) {
      this.#wanted = frameLength(waiting);
      if (waiting.length < this.#wanted) break;
      this.#onFrame(parseFrame(waiting.subarray(0, this.#wanted)));
      waiting = waiting.subarray(this.#wanted);
    }
    this.#pieces = [waiting];
    this.#length = waiting.length;
  }
}

/** How many bytes must be there before the frame that begins here is whole, or before more is known. */
function frameLength(bytes) {
  if (bytes.length < 2) return 2;
  const length7 = bytes[1] & 0x7f;
  const header = (length7 < 126 ? 2 : length7 === 126 ? 4 : 10) + (bytes[1] < 0x80 ? 0 : 4);
  if (bytes.length < header) return header;
  if (length7 < 126) return header + length7;
  return header + (length7 === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2)));
}

function parseFrame(bytes) {
  const isMasked = bytes[1] >= 0x80;
  const length7 = bytes[1] & 0x7f;
  const header = (length7 < 126 ? 2 : length7 === 126 ? 4 : 10) + (isMasked ? 4 : 0);
  const payload = Buffer.from(new Uint8Array(bytes.subarray(header)).buffer);
  if (isMasked) mask(payload, bytes.subarray(header - 4, header));
  return { fin: bytes[0] >= 0x80, rsv: bytes[0] & 0x70, opcode: bytes[0] & 0x0f, isMasked, payload };
}
