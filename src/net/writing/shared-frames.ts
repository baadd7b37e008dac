import { Buffer } from 'node:buffer';
import { frameHeaderLength, writeFrameHeader } from '../../protocol/frame-header.js';
import { FIN } from '../../protocol/opcode.js';

/** Octets of a chunk that frames share. */
const CHUNK = 16_384;
/** Above this a frame gets memory of its own, so that the rest of a chunk that is given up is small. */
const LARGEST_SHARED = CHUNK / 4;

let chunk: Buffer = Buffer.alloc(0);
let used = 0;

/**
 * Encodes a whole message as one unmasked frame (RFC 6455 §5.2), as a server sends it to any number of clients.
 *
 * Small frames that follow each other stand one behind the other in memory, in chunks that are never filled again: an
 * outbox may read a frame for as long as it likes, and those of one turn as one range.
 *
 * @param payload is copied; lone surrogates of a string become U+FFFD
 * @returns memory that nobody writes to again
 */
export function encodeFrame(opcode: number, payload: string | Uint8Array): Buffer {
  return encode(opcode, payload, take);
}

/** As `encodeFrame`, for a frame that is kept: in memory of its own, so that it does not keep a chunk alive. */
export function encodeKeptFrame(opcode: number, payload: string | Uint8Array): Buffer {
  return encode(opcode, payload, Buffer.allocUnsafeSlow);
}

function encode(opcode: number, payload: string | Uint8Array, allocate: (octets: number) => Buffer): Buffer {
  const isText = typeof payload === 'string';
  const length = isText ? Buffer.byteLength(payload, 'utf8') : payload.length;
  const frame = allocate(frameHeaderLength(length, false) + length);
  const at = writeFrameHeader(frame, 0, FIN | opcode, 0, length);
  if (isText) frame.write(payload, at, 'utf8');
  else frame.set(payload, at);
  return frame;
}

function take(octets: number): Buffer {
  if (octets > LARGEST_SHARED) return Buffer.allocUnsafeSlow(octets);
  if (used + octets > chunk.length) {
    chunk = Buffer.allocUnsafeSlow(CHUNK);
    used = 0;
  }
  used += octets;
  return chunk.subarray(used - octets, used);
}
