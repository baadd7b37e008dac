import type { Role } from '../../src/protocol/frame-rules.js';
import { encodeFrame } from '../vectors/frames.js';

/** The masking key of the examples of RFC 6455 §5.7. */
const EXAMPLE_KEY = 0x3d_21_fa_37;

export interface FrameForm {
  readonly fin?: boolean;
  /** RSV1 to RSV3 as they stand in the first octet. */
  readonly rsv?: number;
  /** `null` for an unmasked frame; left out, masked as the role demands. */
  readonly key?: number | null;
  /** Octets of the extended payload length; left out, as few as possible. */
  readonly form?: 0 | 2 | 8;
}

/** The octets that `hex` stands for; blanks are for the reader. */
export function octetsOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

/** One frame (RFC 6455 §5.2) as a receiver of this role is to get it; knows nothing of the code under test. */
export function frameFor(role: Role, opcode: number, payload: string | Uint8Array = '', form: FrameForm = {}): Buffer {
  const octets = Buffer.from(payload as string);
  const { fin = true, rsv = 0, key = role === 'server' ? EXAMPLE_KEY : null } = form;
  const shortest = octets.length < 126 ? 0 : octets.length < 65_536 ? 2 : 8;
  return encodeFrame((fin ? 0x80 : 0) | rsv | opcode, form.form ?? shortest, BigInt(octets.length), key, octets);
}

/** The Close frame that a client gets, in hexadecimal digits. */
export function closeHex(code: number, reason = ''): string {
  const payload = Buffer.concat([Buffer.alloc(2), Buffer.from(reason)]);
  payload.writeUInt16BE(code);
  return frameFor('client', 8, payload).toString('hex');
}

/** Only the header of a frame that declares `length` octets. */
export function frameHeaderFor(role: Role, opcode: number, length: bigint, fin = true): Buffer {
  const form = length < 126n ? 0 : length < 65_536n ? 2 : 8;
  const key = role === 'server' ? EXAMPLE_KEY : null;
  return encodeFrame((fin ? 0x80 : 0) | opcode, form, length, key, Buffer.alloc(0));
}

/** A message in fragments, one for each part. */
export function fragmentsFor(role: Role, opcode: number, parts: readonly (string | Uint8Array)[]): Buffer[] {
  return parts.map((part, i) => frameFor(role, i === 0 ? opcode : 0, part, { fin: i === parts.length - 1 }));
}
