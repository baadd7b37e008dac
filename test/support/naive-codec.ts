import { type Codec, type DeflateCodec, UTF8_INVALID } from '../../src/codec/codec.js';
import {
  FLAG_MASKED,
  FLAG_NON_ASCII,
  FLAG_PARTIAL,
  FRAME_ROWS,
  FRAME_TABLE,
  FRAME_WORDS,
  HEADER_OCTETS_SHIFT,
  LENGTH7_SHIFT,
  MEMORY_SIZE,
  ROW_FLAGS,
  ROW_KEY,
  ROW_LENGTH_HI,
  ROW_LENGTH_LO,
  ROW_PRESENT,
  ROW_START,
  SCAN_END,
} from '../../src/codec/memory-map.js';

/** The oracle: the contract of `Codec` octet by octet, with lengths as BigInts and nothing clever. */
export class NaiveCodec implements Omit<Codec, keyof DeflateCodec> {
  readonly kind = 'ts';
  readonly bytes = Buffer.from(new ArrayBuffer(MEMORY_SIZE));
  readonly memory = this.bytes.buffer;
  readonly words = new Uint32Array(this.memory);

  isAscii(start: number, end: number): boolean {
    return this.bytes.subarray(start, end).every((octet) => octet < 0x80);
  }

  scan(start: number, end: number): number {
    let at = start;
    let rows = 0;
    this.words[SCAN_END] = at;
    while (at < end && rows < FRAME_ROWS) {
      const frameHeader = readFrameHeader(this.bytes.subarray(at, end));
      const row = FRAME_TABLE + rows * FRAME_WORDS;
      rows++;
      this.#writeHeader(row, frameHeader);
      if (!frameHeader.complete) {
        this.words[row + ROW_START] = at;
        break;
      }
      const payload = at + frameHeader.octets;
      const present = frameHeader.length < BigInt(end - payload) ? Number(frameHeader.length) : end - payload;
      this.words[row + ROW_START] = payload;
      this.words[row + ROW_PRESENT] = present;
      this.words[row + ROW_KEY] = frameHeader.key;
      if (frameHeader.masked) this.mask(payload, payload + present, frameHeader.key, 0);
      for (let i = payload; i < payload + present; i++) {
        if (this.bytes[i] >= 0x80) this.words[row + ROW_FLAGS] |= FLAG_NON_ASCII;
      }
      at = payload + present;
      this.words[SCAN_END] = at;
    }
    return rows;
  }

  mask(start: number, end: number, key: number, phase: number): void {
    const keyOctets = [key & 0xff, (key >> 8) & 0xff, (key >> 16) & 0xff, (key >> 24) & 0xff];
    for (let i = start; i < end; i++) this.bytes[i] ^= keyOctets[(i - start + phase) & 3];
  }

  validateUtf8(start: number, end: number, state: number): number {
    for (let i = start; i < end && state !== UTF8_INVALID; i++) state = naiveUtf8State(state, this.bytes[i]);
    return state;
  }

  utf8String(start: number, end: number): string {
    let text = '';
    for (let at = start; at < end; ) {
      const lead = this.bytes[at++];
      const following = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
      let codePoint = following === 0 ? lead : lead & (0x3f >> following);
      for (let i = 0; i < following; i++) codePoint = codePoint * 64 + (this.bytes[at++] & 0x3f);
      text += String.fromCodePoint(codePoint);
    }
    return text;
  }

  #writeHeader(row: number, frameHeader: FrameHeader): void {
    this.words.fill(0, row, row + FRAME_WORDS);
    this.words[row + ROW_FLAGS] =
      frameHeader.first +
      (frameHeader.masked ? FLAG_MASKED : 0) +
      (frameHeader.complete ? 0 : FLAG_PARTIAL) +
      frameHeader.length7 * 2 ** LENGTH7_SHIFT +
      frameHeader.octets * 2 ** HEADER_OCTETS_SHIFT;
    this.words[row + ROW_LENGTH_HI] = Number(frameHeader.length >> 32n);
    this.words[row + ROW_LENGTH_LO] = Number(frameHeader.length & 0xffff_ffffn);
  }
}

interface FrameHeader {
  complete: boolean;
  /** Those present. */
  octets: number;
  first: number;
  masked: boolean;
  length7: number;
  length: bigint;
  key: number;
}

/** RFC 6455 §5.2, as far as `octets` (one at least) go. */
function readFrameHeader(octets: Buffer): FrameHeader {
  const frameHeader = { complete: false, first: octets[0], masked: false, length7: 0, length: 0n, key: 0 };
  if (octets.length < 2) return { ...frameHeader, octets: octets.length };
  frameHeader.masked = octets[1] >= 0x80;
  frameHeader.length7 = octets[1] % 0x80;

  let keyAt = 2;
  if (frameHeader.length7 === 126) keyAt = 4;
  if (frameHeader.length7 === 127) keyAt = 10;
  if (octets.length < keyAt) return { ...frameHeader, octets: octets.length };
  frameHeader.length = BigInt(frameHeader.length7);
  if (frameHeader.length7 === 126) frameHeader.length = BigInt(octets.readUInt16BE(2));
  if (frameHeader.length7 === 127) frameHeader.length = octets.readBigUInt64BE(2);

  const size = frameHeader.masked ? keyAt + 4 : keyAt;
  if (octets.length < size) return { ...frameHeader, octets: octets.length };
  if (frameHeader.masked) frameHeader.key = octets.readUInt32LE(keyAt);
  return { ...frameHeader, complete: true, octets: size };
}

/** The grammar of RFC 3629 §4: lead octets from, to; then the range of the octet behind; then how many follow the lead. */
const UTF8_GRAMMAR = [
  [0xc2, 0xdf, 0x80, 0xbf, 1],
  [0xe0, 0xe0, 0xa0, 0xbf, 2],
  [0xe1, 0xec, 0x80, 0xbf, 2],
  [0xed, 0xed, 0x80, 0x9f, 2],
  [0xee, 0xef, 0x80, 0xbf, 2],
  [0xf0, 0xf0, 0x90, 0xbf, 3],
  [0xf1, 0xf3, 0x80, 0xbf, 3],
  [0xf4, 0xf4, 0x80, 0x8f, 3],
];

function naiveUtf8State(state: number, octet: number): number {
  if (state === 0) {
    if (octet < 0x80) return 0;
    const rule = UTF8_GRAMMAR.find(([from, to]) => octet >= from && octet <= to);
    return rule === undefined ? UTF8_INVALID : rule[4] + rule[2] * 2 ** 8 + rule[3] * 2 ** 16;
  }
  const [needed, lowest, highest] = Buffer.from(Uint32Array.of(state).buffer);
  if (octet < lowest || octet > highest) return UTF8_INVALID;
  return needed === 1 ? 0 : needed - 1 + 0x80 * 2 ** 8 + 0xbf * 2 ** 16;
}
