import { constants } from 'node:zlib';
import { FLAG_FIRST_OCTET, LENGTH7_SHIFT } from '../../codec/memory-map.js';
import { FAULT, type Fault } from '../../protocol/faults.js';
import { CONTROL_BIT, FIN, OPCODE_MASK, Opcode, RSV2, RSV3 } from '../../protocol/opcode.js';

/** The error for a fault of a peer, with a `code` that npm `ws` documents, or one of zlib. */
interface ReceiverError extends Error {
  readonly code: string;
}

/** An error and the close code to send. */
export interface Verdict {
  readonly error: ReceiverError;
  readonly closeCode: number;
}

/** Details of a fault. */
export interface FaultDetail {
  /** `ROW_FLAGS` of the frame, if its header broke the rule. */
  readonly flags?: number;
  /** The payload length that this header declared. */
  readonly length?: number;
  /** The code of a Close frame. */
  readonly closeCode?: number;
  /** Whether compression was agreed. */
  readonly inflates?: boolean;
}

/** Makes the error that npm `ws` reports for a fault, with its documented code and message. */
export function verdictOf(fault: Fault, detail: FaultDetail): Verdict {
  if (fault === FAULT.INVALID_DEFLATE) return { error: dataError(), closeCode: fault.closeCode };
  const [code, message, ErrorClass = RangeError] = describeLimit(fault, detail) ?? describeFrame(fault, detail);
  const error = Object.assign(new ErrorClass(message), { code: `WS_ERR_${code}` }) as ReceiverError;
  return { error, closeCode: code === 'UNSUPPORTED_DATA_PAYLOAD_LENGTH' ? 1009 : fault.closeCode };
}

/** As node:zlib reports what is not DEFLATE. Its messages name what is wrong; the code is the same for all. */
function dataError(): ReceiverError {
  return Object.assign(new Error('invalid compressed data'), {
    errno: constants.Z_DATA_ERROR,
    code: 'Z_DATA_ERROR',
  });
}

/** The code after `WS_ERR_`, the message, and the class if it is not RangeError. */
type Description = readonly [code: string, message: string, ErrorClass?: new (message: string) => Error];

function describeLimit(fault: Fault, { length = 0 }: FaultDetail): Description | undefined {
  if (fault === FAULT.LENGTH_SIGN_BIT || length > Number.MAX_SAFE_INTEGER) {
    return ['UNSUPPORTED_DATA_PAYLOAD_LENGTH', 'Unsupported WebSocket frame: payload length > 2^53 - 1'];
  }
  if (fault === FAULT.MESSAGE_TOO_BIG) return ['UNSUPPORTED_MESSAGE_LENGTH', 'Max payload size exceeded'];
  if (fault === FAULT.TOO_MANY_FRAGMENTS) return ['TOO_MANY_BUFFERED_PARTS', 'Too many message fragments'];
  if (fault === FAULT.TOO_MANY_PIECES) return ['TOO_MANY_BUFFERED_PARTS', 'Too many buffered chunks'];
  return undefined;
}

function describeFrame(fault: Fault, { flags = 0, closeCode = 0, inflates = false }: FaultDetail): Description {
  switch (fault) {
    case FAULT.RESERVED_BITS:
      return describeReserved(flags, inflates);
    case FAULT.FRAGMENTED_CONTROL:
      return EXPECTED_FIN;
    case FAULT.CONTROL_TOO_LONG:
      return ['INVALID_CONTROL_PAYLOAD_LENGTH', invalid(`invalid payload length ${(flags >>> LENGTH7_SHIFT) & 0x7f}`)];
    case FAULT.BAD_CLOSE_LENGTH:
      return ['INVALID_CONTROL_PAYLOAD_LENGTH', invalid('invalid payload length 1')];
    case FAULT.EXPECTED_MASK:
      return ['EXPECTED_MASK', invalid('MASK must be set')];
    case FAULT.UNEXPECTED_MASK:
      return ['UNEXPECTED_MASK', invalid('MASK must be clear')];
    case FAULT.BAD_CLOSE_CODE:
      return ['INVALID_CLOSE_CODE', invalid(`invalid status code ${closeCode}`)];
    case FAULT.BAD_CLOSE_REASON:
    case FAULT.INVALID_UTF8:
      return ['INVALID_UTF8', invalid('invalid UTF-8 sequence'), Error];
    default:
      // A reserved opcode, a continuation without a message, or a message within another.
      return invalidOpcode(flags);
  }
}

const EXPECTED_FIN: Description = ['EXPECTED_FIN', invalid('FIN must be set')];

function invalidOpcode(flags: number): Description {
  return ['INVALID_OPCODE', invalid(`invalid opcode ${flags & FLAG_FIRST_OCTET & OPCODE_MASK}`)];
}

/** Where RSV1 may be set, npm `ws` looks at opcode and FIN first. */
function describeReserved(flags: number, inflates: boolean): Description {
  if ((flags & (RSV2 | RSV3)) !== 0) return ['UNEXPECTED_RSV_2_3', invalid('RSV2 and RSV3 must be clear')];
  const opcode = flags & OPCODE_MASK;
  const isControl = (opcode & CONTROL_BIT) !== 0;
  if (inflates && opcode > (isControl ? Opcode.Pong : Opcode.Binary)) return invalidOpcode(flags);
  if (inflates && isControl && (flags & FIN) === 0) return EXPECTED_FIN;
  return ['UNEXPECTED_RSV_1', invalid('RSV1 must be clear')];
}

function invalid(what: string): string {
  return `Invalid WebSocket frame: ${what}`;
}
