import { Buffer } from 'node:buffer';
import { viewOf } from '../protocol/bytes.js';

/**
 * What may be sent, as bytes: a view where the data is memory, else a copy.
 *
 * @throws TypeError (`ERR_INVALID_ARG_TYPE`) for what Buffer.from does not take
 */
export function toBuffer(data: unknown): Buffer {
  if (Buffer.isBuffer(data)) return data;
  if (data instanceof ArrayBuffer) return viewOf(data, 0, data.byteLength);
  if (ArrayBuffer.isView(data)) return viewOf(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.from(data as string);
}

/** `Blob` and `File`, also of other realms and of polyfills. */
export function isBlob(value: unknown): value is Blob {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return false;
  const { arrayBuffer, stream, type } = value as Partial<Blob>;
  if (typeof arrayBuffer !== 'function' || typeof stream !== 'function' || typeof type !== 'string') return false;
  const tag = (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  return tag === 'Blob' || tag === 'File';
}

/** What `binaryType` makes of a message. */
export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob';

export const BINARY_TYPES: readonly string[] = ['nodebuffer', 'arraybuffer', 'fragments', 'blob'];

/** The bytes of a message, which are the receiver's own; or of each of its fragments, but for empty ones. */
export type MessageBytes = Buffer | Buffer[];

/** A Binary message as `binaryType` says. */
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

export function joined(bytes: MessageBytes): Buffer {
  if (!Array.isArray(bytes)) return bytes;
  return bytes.length === 1 ? bytes[0] : Buffer.concat(bytes);
}

/** A message is often a part only of the memory that it stands in. */
function toArrayBuffer({ buffer, byteOffset, byteLength }: Buffer): ArrayBuffer {
  if (byteLength === buffer.byteLength) return buffer as ArrayBuffer;
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
