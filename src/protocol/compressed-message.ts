import { Buffer } from 'node:buffer';
import { type Codec, INFLATE_FULL, INFLATE_PAUSED } from '../codec/codec.js';
import { INFLATE_OUT, INFLATE_TAKEN, SCRATCH_SIZE, SCRATCH_START } from '../codec/memory-map.js';
import { FAULT, type Fault } from './faults.js';
import { inflationFault, LongMessage } from './long-message.js';
import { Opcode } from './opcode.js';
import { beginOwnedPayloads } from './owned-payload.js';
import type { ReceiverOptions, ReceiverSink } from './receiver-options.js';
import { deliverFrom } from './whole-message.js';

/** `null` if the message was reported; a fault of the peer; or a message that takes more than one turn. */
export type InflationOutcome = Fault | LongMessage | null;

/** Inflates the payload in `[start, end)` of the codec's memory (RFC 7692 §7.2.2), and reports the message. */
export function inflateFrom(
  codec: Codec,
  sink: ReceiverSink,
  options: ReceiverOptions,
  opcode: number,
  start: number,
  end: number,
  most: number,
): InflationOutcome {
  const length = LongMessage.begin(options.inflater!, start, end, most);
  if (length >= 0) return reportInflated(codec, sink, options, opcode, length);
  if (length !== INFLATE_FULL && length !== INFLATE_PAUSED) return inflationFault(length);
  const rest = Buffer.from(codec.bytes.subarray(start + codec.words[INFLATE_TAKEN], end));
  return inflateOn(sink, new LongMessage(codec, opcode, rest, most, options, true, length === INFLATE_FULL));
}

/** Does what `inflateFrom` does, for a payload that came in pieces. */
export function inflateGathered(
  codec: Codec,
  sink: ReceiverSink,
  options: ReceiverOptions,
  opcode: number,
  payload: Buffer,
  most: number,
): InflationOutcome {
  if (payload.length > SCRATCH_SIZE) {
    return inflateOn(sink, new LongMessage(codec, opcode, payload, most, options, false));
  }
  payload.copy(codec.bytes, SCRATCH_START);
  return inflateFrom(codec, sink, options, opcode, SCRATCH_START, SCRATCH_START + payload.length, most);
}

/** Messages that are not very long end within the first step. */
function inflateOn(sink: ReceiverSink, message: LongMessage): InflationOutcome {
  message.step();
  if (!message.hasEnded) return message;
  if (message.fault === null) message.report(sink);
  return message.fault;
}

function reportInflated(
  codec: Codec,
  sink: ReceiverSink,
  options: ReceiverOptions,
  opcode: number,
  length: number,
): Fault | null {
  const end = INFLATE_OUT + length;
  options.inflater!.finish(length, length);
  // The window and the output now hold other bytes than those that were copied.
  beginOwnedPayloads();
  const isAscii = opcode === Opcode.Binary || codec.isAscii(INFLATE_OUT, end);
  const isValid = deliverFrom(codec, sink, options, opcode, isAscii, INFLATE_OUT, end, end, true);
  beginOwnedPayloads();
  return isValid ? null : FAULT.INVALID_UTF8;
}
