import type { Buffer } from 'node:buffer';
import type { Codec } from '../codec/codec.js';
import { viewOf } from './bytes.js';
import { Opcode } from './opcode.js';
import { ownedPayload } from './owned-payload.js';
import type { ReceiverOptions, ReceiverSink } from './receiver-options.js';

/**
 * Reports a whole message that lies in `[start, end)` of the codec's memory.
 *
 * @param isAscii whether none of its bytes is above 0x7f; only Text needs to know
 * @param stop end of the bytes that may be copied together with it
 * @param isInflated whether it was compressed
 * @returns false if it is Text and not UTF-8 (RFC 6455 §8.1); then nothing is reported
 */
export function deliverFrom(
  codec: Codec,
  sink: ReceiverSink,
  options: ReceiverOptions,
  opcode: number,
  isAscii: boolean,
  start: number,
  end: number,
  stop: number,
  isInflated = false,
): boolean {
  if (opcode === Opcode.Text) {
    const isChecked = isAscii || options.skipUtf8;
    if (!isChecked && codec.validateUtf8(start, end, 0) !== 0) return false;
    if (options.textAs === 'string' && !options.raw) {
      // Latin-1 is the fastest way to a string, and the same for ASCII.
      const text = isChecked ? codec.bytes.toString('latin1', start, end) : codec.utf8String(start, end);
      sink.onMessage(opcode, text, end - start, isInflated);
      return true;
    }
  }
  const payload =
    options.zeroCopy && !options.raw
      ? viewOf(codec.memory, start, end - start)
      : ownedPayload(codec.bytes, start, end, stop, options.awaited);
  if (options.raw) sink.onFrame(true, opcode, payload);
  else sink.onMessage(opcode, payload, end - start, isInflated);
  return true;
}

/** Whether nobody keeps the bytes of a message that `reportMessage` reports. */
export function lendsBytes({ raw, zeroCopy, textAs }: ReceiverOptions, opcode: number): boolean {
  return !raw && (zeroCopy || (opcode === Opcode.Text && textAs === 'string'));
}

/** Reports a whole message. Unless `lendsBytes`, the sink may keep its bytes. */
export function reportMessage(
  sink: ReceiverSink,
  options: ReceiverOptions,
  opcode: number,
  payload: Buffer,
  isInflated = false,
): void {
  if (options.raw) sink.onFrame(true, opcode, payload);
  else {
    const isString = opcode === Opcode.Text && options.textAs === 'string';
    sink.onMessage(opcode, isString ? payload.toString('utf8') : payload, payload.length, isInflated);
  }
}
