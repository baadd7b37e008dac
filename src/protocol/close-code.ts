/**
 * The close codes: why a connection is closed (RFC 6455 §7.4.1 and the IANA registry). Codes from 3000 to 4999 are free
 * for applications to use (§7.4.2).
 *
 * @enum
 */
export const CloseCode = {
  /** The purpose of the connection is fulfilled. */
  Normal: 1000,
  /** An endpoint goes away: a server shuts down, or the user leaves a page. */
  GoingAway: 1001,
  /** The peer broke the protocol. */
  ProtocolError: 1002,
  /** The endpoint received data of a type that it cannot accept. */
  UnsupportedData: 1003,
  /** The peer's Close frame had no code. Never sent. */
  NoStatus: 1005,
  /** The connection ended without a Close frame from the peer. Never sent. */
  Abnormal: 1006,
  /** The payload of a message does not fit its type, such as Text that is not UTF-8. */
  InvalidPayload: 1007,
  /** A message violates the endpoint's policy. Used if no other code fits. */
  PolicyViolation: 1008,
  /** A message is too big to process. */
  MessageTooBig: 1009,
  /** The server did not agree to an extension that the client needs. */
  MandatoryExtension: 1010,
  /** The server met an unexpected condition. */
  InternalError: 1011,
  /** The service restarts. */
  ServiceRestart: 1012,
  /** The server is overloaded; the client should try again later. */
  TryAgainLater: 1013,
  /** A gateway received an invalid response from its upstream server. */
  BadGateway: 1014,
} as const;

/**
 * §7.4.1, §7.4.2: whether a Close frame may carry `code`. 1004 to 1006 and 1015 are reserved, 3000 to 4999 are free to
 * use.
 */
export function isCloseCode(code: number): boolean {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}

/**
 * The most bytes of a close reason. §5.5.1: the payload of a Close frame is at most 125 bytes, two of which are the
 * code.
 */
export const MAX_CLOSE_REASON = 123;
