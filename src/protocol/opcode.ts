/** RFC 6455 §5.2: how to interpret the payload of a frame. */
export const Opcode = {
  /** A continuation frame. */
  Cont: 0x0,
  Text: 0x1,
  Binary: 0x2,
  Close: 0x8,
  Ping: 0x9,
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
