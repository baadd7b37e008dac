import {
  FLAG_FIRST_OCTET,
  FLAG_MASKED,
  HEADER_OCTETS_SHIFT,
  LENGTH7_SHIFT,
  ROW_FLAGS,
  ROW_LENGTH_HI,
  ROW_LENGTH_LO,
} from '../codec/memory-map.js';
import { FAULT, type Fault } from './faults.js';
import { CONTROL_BIT, FIN, MAX_CONTROL_PAYLOAD, OPCODE_MASK, Opcode, RSV1, RSV2, RSV3 } from './opcode.js';

/**
 * Which end of the connection we are: a server receives masked frames and sends unmasked ones, a client the reverse.
 */
export type Role = 'server' | 'client';

/** The state and the options that the rules for a frame depend on. */
export interface FrameRules {
  readonly role: Role;
  /** Whether a fragment of a message has arrived and its last fragment (FIN) has not. */
  readonly fragmented: boolean;
  /** By how many bytes the message may still grow. */
  readonly room: number;
  /** Whether compressed messages may come (RFC 7692). */
  readonly inflates: boolean;
  /** By how many bytes a compressed message may still grow, before inflating. */
  readonly compressedRoom: number;
  /** Whether the message under way is compressed. */
  readonly compressed: boolean;
  /** Accept payload lengths that are encoded in more bytes than they need, as npm ws does. */
  readonly lenientLengths: boolean;
}

/**
 * Judges one row of the frame table, complete or partial, by RFC 6455 §5. Each byte is judged as soon as it has
 * arrived.
 *
 * @param words the codec's words
 * @param row index of the row's first word
 * @param rules the state and the options of the connection
 * @returns the first rule that the frame breaks, or `null`
 */
export function judgeFrame(words: Uint32Array, row: number, rules: FrameRules): Fault | null {
  const flags = words[row + ROW_FLAGS];
  const present = flags >>> HEADER_OCTETS_SHIFT;
  const first = flags & FLAG_FIRST_OCTET;

  const fault = judgeFirstByte(first, rules);
  if (fault !== null || present < 2) return fault;
  return judgeSecondByte(flags, rules.role) ?? judgeLength(words, row, present, rules);
}

function judgeFirstByte(first: number, { fragmented, inflates }: FrameRules): Fault | null {
  // §5.2: RSV1, RSV2, RSV3 "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values."
  if ((first & (RSV2 | RSV3)) !== 0) return FAULT.RESERVED_BITS;

  const opcode = first & OPCODE_MASK;
  // RFC 7692 §6: RSV1 is the "Per-Message Compressed" bit. It is set on the first fragment of a message alone, and on no
  // control frame.
  const mayBeCompressed = inflates && (opcode === Opcode.Text || opcode === Opcode.Binary);
  if ((first & RSV1) !== 0 && !mayBeCompressed) return FAULT.RESERVED_BITS;
  // §5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_."
  if ((opcode > Opcode.Binary && opcode < Opcode.Close) || opcode > Opcode.Pong) return FAULT.RESERVED_OPCODE;

  if ((opcode & CONTROL_BIT) !== 0) {
    // §5.5: control frames "MUST NOT be fragmented."
    return (first & FIN) === 0 ? FAULT.FRAGMENTED_CONTROL : null;
  }
  // §5.4: a fragmented message is a first frame with an opcode other than 0, then frames with opcode 0.
  if (opcode === Opcode.Cont) return fragmented ? null : FAULT.UNEXPECTED_CONTINUATION;
  // §5.4: "The fragments of one message MUST NOT be interleaved between the fragments of another message".
  return fragmented ? FAULT.EXPECTED_CONTINUATION : null;
}

function judgeSecondByte(flags: number, role: Role): Fault | null {
  const masked = (flags & FLAG_MASKED) !== 0;
  // §5.1: "The server MUST close the connection upon receiving a frame that is not masked."
  if (!masked && role === 'server') return FAULT.EXPECTED_MASK;
  // §5.1: "A client MUST close a connection if it detects a masked frame."
  if (masked && role === 'client') return FAULT.UNEXPECTED_MASK;

  const control = (flags & CONTROL_BIT) !== 0;
  // §5.5: "All control frames MUST have a payload length of 125 bytes or less".
  if (control && length7(flags) > MAX_CONTROL_PAYLOAD) return FAULT.CONTROL_TOO_LONG;
  return null;
}

function judgeLength(words: Uint32Array, row: number, present: number, rules: FrameRules): Fault | null {
  const encoding = length7(words[row + ROW_FLAGS]);
  if ((encoding === 126 && present < 4) || (encoding === 127 && present < 10)) return null;

  // §5.2: for a 64-bit length "the most significant bit MUST be 0".
  if (words[row + ROW_LENGTH_HI] >= 0x8000_0000) return FAULT.LENGTH_SIGN_BIT;

  const length = payloadLength(words, row);
  // §5.2: "the minimal number of bytes MUST be used to encode the length".
  const minimum = encoding === 126 ? 126 : encoding === 127 ? 65_536 : 0;
  if (length < minimum && !rules.lenientLengths) return FAULT.LENGTH_NOT_MINIMAL;

  // Count before buffering, so that a peer cannot make us hold more than maxPayload, or more than its compressed form
  // may have.
  const flags = words[row + ROW_FLAGS];
  if ((flags & CONTROL_BIT) !== 0) return null;
  const isCompressed = rules.fragmented ? rules.compressed : (flags & RSV1) !== 0;
  return length > (isCompressed ? rules.compressedRoom : rules.room) ? FAULT.MESSAGE_TOO_BIG : null;
}

function length7(flags: number): number {
  return (flags >>> LENGTH7_SHIFT) & 0x7f;
}

/** The declared payload length of a row, in bytes. Above 2^53 it is rounded, which makes no difference to any limit. */
export function payloadLength(words: Uint32Array, row: number): number {
  return words[row + ROW_LENGTH_HI] * 0x1_0000_0000 + words[row + ROW_LENGTH_LO];
}
