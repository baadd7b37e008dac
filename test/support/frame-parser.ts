/** One frame (RFC 6455 §5.2) as it stood on the wire, its payload unmasked. */
export interface ParsedFrame {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  /** The masking key, or `null` for a frame that is not masked. */
  readonly key: Buffer | null;
  /** Octets of the extended payload length. */
  readonly form: 0 | 2 | 8;
  readonly payload: Buffer;
}

/** Takes the first whole frame of `octets`, by octets and no cleverness. @returns `null` if it is not whole */
export function parseFrame(octets: Buffer): { frame: ParsedFrame; size: number } | null {
  if (octets.length < 2) return null;
  const length7 = octets[1] & 0x7f;
  const form = length7 === 127 ? 8 : length7 === 126 ? 2 : 0;
  const keyAt = 2 + form;
  const payloadAt = keyAt + ((octets[1] & 0x80) === 0 ? 0 : 4);
  if (octets.length < payloadAt) return null;
  const length = form === 8 ? Number(octets.readBigUInt64BE(2)) : form === 2 ? octets.readUInt16BE(2) : length7;
  const size = payloadAt + length;
  if (octets.length < size) return null;
  const key = payloadAt === keyAt ? null : Buffer.from(octets.subarray(keyAt, payloadAt));
  const payload = Buffer.from(octets.subarray(payloadAt, size));
  if (key !== null) for (let i = 0; i < length; i++) payload[i] ^= key[i % 4];
  const frame = {
    fin: (octets[0] & 0x80) !== 0,
    rsv: octets[0] & 0x70,
    opcode: octets[0] & 0x0f,
    key,
    form,
    payload,
  } as const;
  return { frame, size };
}

/** Frames out of octets that come in pieces. */
export class FrameParser {
  readonly frames: ParsedFrame[] = [];
  #pieces: Buffer[] = [];
  #length = 0;
  /** Octets that must be there before another look is worth while. */
  #wanted = 2;

  push(octets: Uint8Array): void {
    this.#pieces.push(Buffer.from(octets));
    this.#length += octets.length;
    if (this.#length < this.#wanted) return;
    let waiting = Buffer.concat(this.#pieces);
    let parsed = parseFrame(waiting);
    while (parsed !== null) {
      this.frames.push(parsed.frame);
      waiting = waiting.subarray(parsed.size);
      parsed = parseFrame(waiting);
    }
    this.#pieces = [waiting];
    this.#length = waiting.length;
    this.#wanted = waiting.length < 14 ? waiting.length + 1 : this.#length * 2;
    if (waiting.length >= 10) this.#wanted = Math.min(this.#wanted, frameSize(waiting));
  }

  /** Octets of a frame that is not whole. */
  get rest(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

function frameSize(octets: Buffer): number {
  const length7 = octets[1] & 0x7f;
  const masked = (octets[1] & 0x80) === 0 ? 0 : 4;
  if (length7 === 127) return 10 + masked + Number(octets.readBigUInt64BE(2));
  if (length7 === 126) return 4 + masked + octets.readUInt16BE(2);
  return 2 + masked + length7;
}

/** All frames of `octets`, which must end with one. */
export function parseFrames(octets: Buffer): ParsedFrame[] {
  const frames: ParsedFrame[] = [];
  for (let at = 0; at < octets.length; ) {
    const parsed = parseFrame(octets.subarray(at));
    if (parsed === null) throw new Error(`The frame at octet ${at} of ${octets.length} is not whole`);
    frames.push(parsed.frame);
    at += parsed.size;
  }
  return frames;
}
