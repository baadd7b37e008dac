import { CloseCode } from './close-code.js';

/** A way in which a peer can break RFC 6455: the rule, and the code of our Close frame. */
export interface Fault {
  /** The error code that the user sees. */
  readonly code: string;
  /** The close code that we send (§7.4.1). */
  readonly closeCode: number;
  /** The section of RFC 6455 whose rule was broken. */
  readonly section: string;
  readonly message: string;
  /** The option whose value is part of the message, last. */
  readonly limit: FaultLimit | null;
}

/** An option that a peer can exceed. */
type FaultLimit = 'maxPayload' | 'maxFragments' | 'messageTimeout';

function fault(code: string, closeCode: number, section: string, message: string): Fault {
  const limit = LIMITS.find((name) => message.endsWith(name)) ?? null;
  return Object.freeze({ code: `WASOCK_${code}`, closeCode, section, message, limit });
}

const LIMITS: readonly FaultLimit[] = ['maxPayload', 'maxFragments', 'messageTimeout'];

/** The text of a fault for our Close frame and our error: its message, and the limit that was exceeded. */
export function faultText({ message, limit }: Fault, limits: Readonly<Record<FaultLimit, number>>): string {
  return limit === null ? message : `${message} ${limits[limit]}`;
}

/** Every fault of a peer that fails the connection (§7.1.7). docs/errors.md prints this table. */
export const FAULT = {
  RESERVED_BITS: fault(
    'RESERVED_BITS',
    CloseCode.ProtocolError,
    '5.2',
    'A reserved bit is set that no extension defines',
  ),
  RESERVED_OPCODE: fault('RESERVED_OPCODE', CloseCode.ProtocolError, '5.2', 'The opcode is reserved'),
  EXPECTED_MASK: fault('EXPECTED_MASK', CloseCode.ProtocolError, '5.1', 'A frame from a client is not masked'),
  UNEXPECTED_MASK: fault('UNEXPECTED_MASK', CloseCode.ProtocolError, '5.1', 'A frame from a server is masked'),
  FRAGMENTED_CONTROL: fault('FRAGMENTED_CONTROL', CloseCode.ProtocolError, '5.5', 'A control frame is fragmented'),
  CONTROL_TOO_LONG: fault(
    'CONTROL_TOO_LONG',
    CloseCode.ProtocolError,
    '5.5',
    'The payload of a control frame is longer than 125 bytes',
  ),
  UNEXPECTED_CONTINUATION: fault(
    'UNEXPECTED_CONTINUATION',
    CloseCode.ProtocolError,
    '5.4',
    'A continuation frame has no message to continue',
  ),
  EXPECTED_CONTINUATION: fault(
    'EXPECTED_CONTINUATION',
    CloseCode.ProtocolError,
    '5.4',
    'A new message begins before the last fragment of the previous one',
  ),
  LENGTH_NOT_MINIMAL: fault(
    'LENGTH_NOT_MINIMAL',
    CloseCode.ProtocolError,
    '5.2',
    'The payload length is not encoded in the minimal number of bytes',
  ),
  LENGTH_SIGN_BIT: fault(
    'LENGTH_SIGN_BIT',
    CloseCode.ProtocolError,
    '5.2',
    'The most significant bit of a 64-bit payload length is set',
  ),
  BAD_CLOSE_LENGTH: fault(
    'BAD_CLOSE_LENGTH',
    CloseCode.ProtocolError,
    '5.5.1',
    'The payload of a Close frame is one byte long',
  ),
  BAD_CLOSE_CODE: fault('BAD_CLOSE_CODE', CloseCode.ProtocolError, '7.4', 'The close code may not be sent'),
  BAD_CLOSE_REASON: fault('BAD_CLOSE_REASON', CloseCode.InvalidPayload, '5.5.1', 'The close reason is not UTF-8'),
  INVALID_UTF8: fault('INVALID_UTF8', CloseCode.InvalidPayload, '8.1', 'A text message is not UTF-8'),
  INVALID_DEFLATE: fault(
    'INVALID_DEFLATE',
    CloseCode.InvalidPayload,
    '7.4.1',
    'A compressed message is incomplete, or not valid DEFLATE',
  ),
  MESSAGE_TOO_BIG: fault('MESSAGE_TOO_BIG', CloseCode.MessageTooBig, '7.4.1', 'A message is larger than maxPayload'),
  TOO_MANY_FRAGMENTS: fault(
    'TOO_MANY_FRAGMENTS',
    CloseCode.PolicyViolation,
    '7.4.1',
    'A message has more fragments than maxFragments',
  ),
  TOO_MANY_PIECES: fault(
    'TOO_MANY_PIECES',
    CloseCode.PolicyViolation,
    '7.4.1',
    'A frame came in more reads than maxBufferedChunks',
  ),
  MESSAGE_TIMEOUT: fault(
    'MESSAGE_TIMEOUT',
    CloseCode.PolicyViolation,
    '7.4.1',
    'A message took longer to arrive than messageTimeout',
  ),
  RATE_LIMIT: fault('RATE_LIMIT', CloseCode.PolicyViolation, '7.4.1', 'The peer sent more than rateLimit allows'),
} as const;
