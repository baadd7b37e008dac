/** RFC 6455 §5.2: what the payload of a frame is. */
export const Opcode = {
  /** A continuation frame. */
  Cont: 0x0,
  Text: 0x1,
  Binary: 0x2,
  Close: 0x8,
  Ping: 0x9,
  Pong: 0xa,
} as const;

export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** First byte of a frame (RFC 6455 §5.2). */
export const FIN = 0x80;
export const RSV1 = 0x40;
export const RSV2 = 0x20;
export const RSV3 = 0x10;
export const OPCODE_MASK = 0x0f;

/** §5.5: "Control frames are identified by opcodes where the most significant bit of the opcode is 1." */
export const CONTROL_BIT = 0x08;

/** §5.5: "All control frames MUST have a payload length of 125 bytes or less". */
export const MAX_CONTROL_PAYLOAD = 125;
