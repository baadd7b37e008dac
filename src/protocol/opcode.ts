/** The opcodes of frames: how to interpret a payload (RFC 6455 §5.2). @enum */
export const Opcode = {
  /** A continuation frame: a fragment of a message, but not the first (§5.4). */
  Cont: 0x0,
  /** A message in UTF-8, or its first fragment (§5.6). */
  Text: 0x1,
  /** A message of arbitrary bytes, or its first fragment (§5.6). */
  Binary: 0x2,
  /** Begins or answers the closing handshake (§5.5.1). */
  Close: 0x8,
  /** Asks for a Pong (§5.5.2). */
  Ping: 0x9,
  /** Answers a Ping, or comes unsolicited (§5.5.3). */
  Pong: 0xa,
} as const;

/** One of the values of `Opcode`. */
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** The bits of the first byte of a frame (RFC 6455 §5.2). This one marks the last fragment of a message. */
export const FIN = 0x80;
/** Reserved bits: 0 unless an extension defines them. */
export const RSV1 = 0x40;
export const RSV2 = 0x20;
export const RSV3 = 0x10;
/** The bits of the opcode. */
export const OPCODE_MASK = 0x0f;

/** §5.5: "Control frames are identified by opcodes where the most significant bit of the opcode is 1." */
export const CONTROL_BIT = 0x08;

/** §5.5: "All control frames MUST have a payload length of 125 bytes or less". */
export const MAX_CONTROL_PAYLOAD = 125;
