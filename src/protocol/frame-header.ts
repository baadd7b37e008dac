/*
 * Frame headers as we send them (RFC 6455 §5.2). The outbox decides which memory frames go to, and masks their
 * payloads.
 */

/** How many bytes the header of a frame has, with its masking key. Lengths are always encoded minimally. */
export function frameHeaderLength(payloadLength: number, masked: boolean): number {
  const length = payloadLength < 126 ? 2 : payloadLength < 65_536 ? 4 : 10;
  return masked ? length + 4 : length;
}

/**
 * Writes a frame header, without its masking key, to `target` at `at`.
 *
 * @param firstOctet FIN, RSV bits and opcode
 * @param maskBit 0x80 if a masking key follows, otherwise 0
 * @returns the index after it
 */
export function writeFrameHeader(
  target: Uint8Array,
  at: number,
  firstOctet: number,
  maskBit: number,
  payloadLength: number,
): number {
  target[at] = firstOctet;
  if (payloadLength < 126) {
    target[at + 1] = maskBit | payloadLength;
    return at + 2;
  }
  if (payloadLength < 65_536) {
    target[at + 1] = maskBit | 126;
    target[at + 2] = payloadLength >>> 8;
    target[at + 3] = payloadLength;
    return at + 4;
  }
  target[at + 1] = maskBit | 127;
  writeUint32(target, at + 2, Math.floor(payloadLength / 0x1_0000_0000));
  writeUint32(target, at + 6, payloadLength);
  return at + 10;
}

/** Writes a masking key in memory order: its low byte first, as the codec reads it. @returns the index after it */
export function writeMaskingKey(target: Uint8Array, at: number, key: number): number {
  target[at] = key;
  target[at + 1] = key >>> 8;
  target[at + 2] = key >>> 16;
  target[at + 3] = key >>> 24;
  return at + 4;
}

/** Writes in network byte order. */
function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}
