import { FLAG_MASKED, FLAG_NON_ASCII } from '../../src/codec/memory-map.js';

/** One frame, and what it says. */
export interface FrameVector {
  readonly name: string;
  readonly octets: Buffer;
  /** Octets of the header. */
  readonly headerSize: number;
  /** First octet of the frame. */
  readonly first: number;
  /** FLAG_MASKED and FLAG_NON_ASCII, or 0. */
  readonly flags: number;
  readonly length7: number;
  readonly length: bigint;
  /** The masking key as a little-endian word. */
  readonly key: number;
  /** Those present, unmasked. */
  readonly payload: Buffer;
}

const HELLO = Buffer.from('Hello');
const KEY = 0x3d_21_fa_37;

function example(name: string, hex: string, headerSize: number, key: number, payload: Buffer): FrameVector {
  const octets = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const flags = key === 0 ? 0 : FLAG_MASKED;
  const length = payload.length;
  return { name, octets, headerSize, first: octets[0], flags, length7: length, length: BigInt(length), key, payload };
}

function binary(size: number): FrameVector {
  const payload = Buffer.alloc(size, 0xc3);
  const frameHeader =
    size === 256 ? Buffer.of(0x82, 0x7e, 0x01, 0x00) : Buffer.of(0x82, 0x7f, 0, 0, 0, 0, 0x00, 0x01, 0, 0);
  return {
    name: `${size} octets of binary in one unmasked frame`,
    octets: Buffer.concat([frameHeader, payload]),
    headerSize: frameHeader.length,
    first: 0x82,
    flags: FLAG_NON_ASCII,
    length7: frameHeader[1],
    length: BigInt(size),
    key: 0,
    payload,
  };
}

/** The examples of RFC 6455 §5.7. */
export const RFC_6455_EXAMPLES: readonly FrameVector[] = [
  example('a single-frame unmasked text message', '81 05 48 65 6c 6c 6f', 2, 0, HELLO),
  example('a single-frame masked text message', '81 85 37 fa 21 3d 7f 9f 4d 51 58', 6, KEY, HELLO),
  example('the first fragment of an unmasked text message', '01 03 48 65 6c', 2, 0, HELLO.subarray(0, 3)),
  example('the last fragment of an unmasked text message', '80 02 6c 6f', 2, 0, HELLO.subarray(3)),
  example('an unmasked Ping', '89 05 48 65 6c 6c 6f', 2, 0, HELLO),
  example('a masked Pong', '8a 85 37 fa 21 3d 7f 9f 4d 51 58', 6, KEY, HELLO),
  binary(256),
  binary(65_536),
];

/** Builds a frame as it travels. `form` is the length form: 0 for 7 bits, 2 or 8 for 16 or 64 bits, minimal or not. */
export function encodeFrame(
  first: number,
  form: 0 | 2 | 8,
  length: bigint,
  key: number | null,
  payload: Buffer,
): Buffer {
  const extended = Buffer.alloc(form);
  if (form === 2) extended.writeUInt16BE(Number(length));
  if (form === 8) extended.writeBigUInt64BE(length);
  const length7 = form === 0 ? Number(length) : form === 2 ? 126 : 127;
  const keyOctets = Buffer.alloc(key === null ? 0 : 4);
  if (key !== null) keyOctets.writeUInt32LE(key);
  const masked = payload.map((octet, i) => octet ^ (key === null ? 0 : keyOctets[i & 3]));
  return Buffer.concat([Buffer.of(first, length7 | (key === null ? 0 : 0x80)), extended, keyOctets, masked]);
}

/** Every form of header: three lengths, masked or not, with lengths that are minimal, too long for their form, and absurd. */
export const HEADER_FORMS: readonly { readonly name: string; readonly octets: Buffer }[] = [
  { first: 0x81, form: 0, length: 0n },
  { first: 0x81, form: 0, length: 5n },
  { first: 0xff, form: 0, length: 125n },
  { first: 0x02, form: 2, length: 0n },
  { first: 0x82, form: 2, length: 126n },
  { first: 0x82, form: 2, length: 65_535n },
  { first: 0x82, form: 8, length: 7n },
  { first: 0x82, form: 8, length: 65_536n },
  { first: 0x82, form: 8, length: 0xffff_ffffn },
  { first: 0x82, form: 8, length: 0x1_0000_0000n },
  { first: 0x00, form: 8, length: 0x7fff_ffff_ffff_ffffn },
  { first: 0x82, form: 8, length: 0x8000_0000_0000_0003n },
  { first: 0x82, form: 8, length: 0xffff_ffff_ffff_ffffn },
].flatMap(({ first, form, length }) =>
  [null, 0xa5_c3_01_7f, 0].map((key) => ({
    name: `${form * 8 || 7}-bit length ${length}, ${key === null ? 'unmasked' : `key ${key.toString(16)}`}`,
    octets: encodeFrame(first, form as 0 | 2 | 8, length, key, Buffer.alloc(Math.min(Number(length), 300), 'é~')),
  })),
);
