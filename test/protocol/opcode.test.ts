import { describe, expect, it } from 'vitest';
import {
  CONTROL_BIT,
  FIN,
  MAX_CONTROL_PAYLOAD,
  OPCODE_MASK,
  Opcode,
  RSV1,
  RSV2,
  RSV3,
} from '../../src/protocol/opcode.js';

describe('the first octet of a frame (RFC 6455 §5.2)', () => {
  it('has the opcodes of the RFC', () => {
    expect(Opcode).toEqual({ Cont: 0x0, Text: 0x1, Binary: 0x2, Close: 0x8, Ping: 0x9, Pong: 0xa });
  });

  it('is FIN, three reserved bits and the opcode, with no bit twice', () => {
    expect([FIN, RSV1, RSV2, RSV3, OPCODE_MASK]).toEqual([0x80, 0x40, 0x20, 0x10, 0x0f]);
    expect(FIN + RSV1 + RSV2 + RSV3 + OPCODE_MASK).toBe(0xff);
  });

  it('§5.5: the highest bit of the opcode marks a control frame', () => {
    const control = Object.entries(Opcode).filter(([, opcode]) => (opcode & CONTROL_BIT) !== 0);
    expect(control.map(([name]) => name)).toEqual(['Close', 'Ping', 'Pong']);
    expect(MAX_CONTROL_PAYLOAD).toBe(125);
  });
});
