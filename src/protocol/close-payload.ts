import { Buffer, isUtf8 } from 'node:buffer';
import { NO_BYTES } from './bytes.js';
import { CloseCode, isCloseCode, MAX_CLOSE_REASON } from './close-code.js';
import { FAULT, type Fault } from './faults.js';
import { quoted } from './quoted.js';

/** The content of a Close frame (RFC 6455 §5.5.1). */
export interface CloseStatus {
  /** 1005 if the frame carried no code. */
  readonly closeCode: number;
  readonly reason: string;
}

/**
 * Reads the payload of a Close frame.
 *
 * @param skipUtf8 accept any bytes as the reason
 * @returns the content, or the rule that the payload breaks
 */
export function parseClosePayload(payload: Buffer, skipUtf8 = false): CloseStatus | Fault {
  // §7.1.5: "If this Close control frame contains no status code, _The WebSocket Connection Close Code_ is … 1005."
  if (payload.length === 0) return { closeCode: CloseCode.NoStatus, reason: '' };
  // §5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer".
  if (payload.length === 1) return FAULT.BAD_CLOSE_LENGTH;

  const closeCode = payload.readUInt16BE(0);
  // §7.4.1, §7.4.2: no endpoint may send 1004, 1005, 1006, 1015, or a code that is below 1000 or not assigned.
  if (!isCloseCode(closeCode)) return FAULT.BAD_CLOSE_CODE;

  const reason = payload.subarray(2);
  // §5.5.1: "the body MAY contain UTF-8-encoded data"; §8.1: anything else fails the connection.
  if (!skipUtf8 && !isUtf8(reason)) return FAULT.BAD_CLOSE_REASON;
  return { closeCode, reason: reason.toString('utf8') };
}

/**
 * Writes the payload of a Close frame (RFC 6455 §5.5.1). The result is the caller's own.
 *
 * @param closeCode if left out, the Close frame carries no code
 * @throws TypeError if the code may not be sent, or if there is a reason without a code
 * @throws RangeError if the reason is longer than 123 bytes of UTF-8
 */
export function formatClosePayload(closeCode?: number, reason = ''): Buffer {
  if (typeof reason !== 'string') throw new TypeError(`The close reason must be a string, not ${typeof reason}`);
  if (closeCode === undefined) {
    if (reason !== '') throw new TypeError('A close reason needs a close code: close(1000, reason)');
    return NO_BYTES;
  }
  if (typeof closeCode !== 'number') {
    throw new TypeError(`The close code must be a number, not ${quoted(closeCode)}: close(code, reason)`);
  }
  if (!Number.isInteger(closeCode) || !isCloseCode(closeCode)) {
    throw new TypeError(
      `The close code ${String(closeCode)} may not be sent: it must be 1000 to 1003, 1007 to 1014 or 3000 to 4999`,
    );
  }
  const length = Buffer.byteLength(reason);
  if (length > MAX_CLOSE_REASON) {
    throw new RangeError(
      `The close reason is ${length} bytes long: at most ${MAX_CLOSE_REASON} fit into a Close frame`,
    );
  }
  const payload = Buffer.allocUnsafe(2 + length);
  payload.writeUInt16BE(closeCode, 0);
  payload.write(reason, 2, 'utf8');
  return payload;
}
