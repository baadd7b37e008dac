import { Buffer, isUtf8 } from 'node:buffer';
import { types } from 'node:util';
import { MAX_CONTROL_PAYLOAD, Opcode } from '../protocol/opcode.js';
import { checkNames } from '../protocol/option-names.js';
import { quoted } from '../protocol/quoted.js';

/** The data of a message: text as a string, or bytes in any JavaScript form. The bytes stay the caller's. */
export type Data = string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/** How to send a message: the last argument of `send`, `publish` and `prepare`. */
export interface SendOptions {
  /**
   * The opcode: Text or Binary; for `ws.send` also Ping or Pong. Bytes that are sent as Text must be UTF-8. Default:
   * Text for a string, Binary for bytes.
   */
  opcode?: Opcode;
  /** Whether the message may be compressed, on connections that have agreed on compression (RFC 7692). Default true. */
  compress?: boolean;
}

const NAMES: readonly string[] = ['opcode', 'compress'];
const NO_OPTIONS: SendOptions = {};

/**
 * Up to this many bytes are always copied before `send` returns, so it does not matter if another thread changes them.
 */
const COPIED = 4096;

/**
 * Gets the bytes of `data`, in the caller's memory if possible. A string is returned as it is.
 *
 * @throws TypeError with the value's type, if `data` is neither a string nor bytes, or is detached
 */
export function toPayload(data: unknown): string | Uint8Array {
  if (typeof data === 'string') return data;
  if (data instanceof Uint8Array && data.length > 0 && (data.length <= COPIED || isSteady(data.buffer))) return data;
  if (ArrayBuffer.isView(data)) return bytesOf(data.buffer, data.byteOffset, data.byteLength);
  if (types.isAnyArrayBuffer(data)) return bytesOf(data, 0, data.byteLength);
  const given = data === null ? 'null' : typeof data === 'object' ? (data?.constructor?.name ?? 'object') : typeof data;
  throw new TypeError(`Only a string, an ArrayBuffer, a SharedArrayBuffer or a view of one can be sent, not ${given}`);
}

/**
 * Reads the last argument of `send`, `publish` and `prepare`. The opcode is not checked.
 *
 * @throws TypeError with the value, if there is another option, or `compress` is not a boolean
 */
export function sendOptions(given: Opcode | SendOptions | undefined): SendOptions {
  if (given === undefined) return NO_OPTIONS;
  if (typeof given !== 'object' || given === null) return { opcode: given };
  checkNames('A message', given, NAMES);
  const { compress } = given;
  if (compress !== undefined && typeof compress !== 'boolean') {
    throw new TypeError(`compress must be a boolean, not ${quoted(compress)}`);
  }
  return given;
}

/**
 * Checks the user's opcode, and whether RFC 6455 allows the payload with it.
 *
 * @throws TypeError if the opcode may not be sent, or if bytes to send as Text are not UTF-8 (§5.6)
 * @throws RangeError if a Ping or Pong has more than 125 bytes (§5.5)
 */
export function checkOpcode(opcode: unknown, payload: string | Uint8Array): void {
  if (opcode === Opcode.Binary) return;
  if (opcode === Opcode.Text) {
    if (typeof payload !== 'string' && !isUtf8(payload))
      throw new TypeError('Bytes sent as Text must be UTF-8: send other bytes as Binary');
    return;
  }
  if (opcode !== Opcode.Ping && opcode !== Opcode.Pong) {
    throw new TypeError(
      `The second argument must be Opcode.Text, Binary, Ping or Pong, or options, not ${quoted(opcode)}`,
    );
  }
  const length = Buffer.byteLength(payload);
  if (length > MAX_CONTROL_PAYLOAD) {
    throw new RangeError(`A Ping or Pong holds at most ${MAX_CONTROL_PAYLOAD} bytes, not ${length}`);
  }
}

/**
 * Gets the opcode of a message for many sockets: Text for a string and Binary for bytes, unless the user chose one.
 *
 * @throws TypeError if the opcode is neither, or if bytes to send as Text are not UTF-8
 */
export function messageOpcode(opcode: unknown, payload: string | Uint8Array): Opcode {
  if (opcode === undefined) return typeof payload === 'string' ? Opcode.Text : Opcode.Binary;
  if (opcode !== Opcode.Text && opcode !== Opcode.Binary) {
    throw new TypeError(`Opcode ${quoted(opcode)} is not that of a message: use Opcode.Text or Opcode.Binary`);
  }
  checkOpcode(opcode, payload);
  return opcode;
}

/** Whether the memory cannot be changed by another thread, nor resized, while it is being written. */
function isSteady(memory: ArrayBufferLike): boolean {
  return memory instanceof ArrayBuffer && (memory as { resizable?: boolean }).resizable !== true;
}

function bytesOf(memory: ArrayBufferLike, start: number, length: number): Uint8Array {
  // Throws a TypeError if the memory is detached, instead of sending nothing.
  const bytes = new Uint8Array(memory, start, length);
  return isSteady(memory) ? bytes : Uint8Array.from(bytes);
}
