/** RFC 6455 §7.4.1 and the IANA registry: why a connection is closed. */
export const CloseCode = {
  Normal: 1000,
  GoingAway: 1001,
  ProtocolError: 1002,
  UnsupportedData: 1003,
  /** Never on the wire: a Close frame without a code. */
  NoStatus: 1005,
  /** Never on the wire: the connection ended without a Close frame. */
  Abnormal: 1006,
  InvalidPayload: 1007,
  PolicyViolation: 1008,
  MessageTooBig: 1009,
  MandatoryExtension: 1010,
  InternalError: 1011,
  ServiceRestart: 1012,
  TryAgainLater: 1013,
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

/** Bytes of a reason, at most. §5.5.1: the payload of a Close frame is at most 125 bytes, two of which are the code. */
export const MAX_CLOSE_REASON = 123;
