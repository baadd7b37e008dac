import { Buffer } from 'node:buffer';
import { viewOf } from '../protocol/bytes.js';

/**
 * Converts what may be sent to bytes: a view if `data` is memory, otherwise a copy.
 *
 * @throws TypeError (`ERR_INVALID_ARG_TYPE`) if Buffer.from does not accept `data`
 */
export function toBuffer(data: unknown): Buffer {
  if (Buffer.isBuffer(data)) return data;
  if (data instanceof ArrayBuffer) return viewOf(data, 0, data.byteLength);
  if (ArrayBuffer.isView(data)) return viewOf(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.from(data as string);
}

/** Whether `value` is a `Blob` or a `File`, including those of other realms and of polyfills. */
export function isBlob(value: unknown): value is Blob {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return false;
  const { arrayBuffer, stream, type } = value as Partial<Blob>;
  if (typeof arrayBuffer !== 'function' || typeof stream !== 'function' || typeof type !== 'string') return false;
  const tag = (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  return tag === 'Blob' || tag === 'File';
}

/** How a Binary message is handed over. */
export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob';

/** All values of `BinaryType`. */
export const BINARY_TYPES: readonly string[] = ['nodebuffer', 'arraybuffer', 'fragments', 'blob'];

/** The bytes of a message, or of each of its non-empty fragments. The listener may keep them. */
export type MessageBytes = Buffer | Buffer[];

/** Converts a Binary message as `binaryType` says. */
export function shapeOf(bytes: MessageBytes, binaryType: BinaryType): Buffer | ArrayBuffer | Buffer[] | Blob {
  switch (binaryType) {
    case 'arraybuffer':
      return toArrayBuffer(joined(bytes));
    case 'blob':
      return new Blob([joined(bytes) as Buffer<ArrayBuffer>]);
    case 'fragments':
      if (Array.isArray(bytes)) return bytes;
      return bytes.length === 0 ? [] : [bytes];
    default:
      return joined(bytes);
  }
}

/** One Buffer of all bytes. */
export function joined(bytes: MessageBytes): Buffer {
  if (!Array.isArray(bytes)) return bytes;
  return bytes.length === 1 ? bytes[0] : Buffer.concat(bytes);
}

/** Copies, unless the message has an ArrayBuffer of its own. */
function toArrayBuffer({ buffer, byteOffset, byteLength }: Buffer): ArrayBuffer {
  if (byteLength === buffer.byteLength) return buffer as ArrayBuffer;
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
