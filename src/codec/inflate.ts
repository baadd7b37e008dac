import { INFLATE_FULL, INFLATE_INVALID, INFLATE_TOO_LONG } from './codec.js';
import { HuffmanCode } from './huffman.js';
import { HISTORY_SIZE, INFLATE_OUT, INFLATE_OUT_SIZE } from './memory-map.js';

/** RFC 1951 §3.2.5: the first length and the first distance of each symbol, and how many extra bits follow it. */
const LENGTHS = Uint16Array.of(
  ...[
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
  ],
);
const LENGTH_EXTRA = Uint8Array.of(
  ...[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0],
);
const DISTANCES = Uint16Array.of(
  ...[1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097],
  ...[6145, 8193, 12_289, 16_385, 24_577],
);
const DISTANCE_EXTRA = Uint8Array.of(
  ...[0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13],
);

/** §3.2.6: fixed codes. */
const FIXED_LITERALS = new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280);
const FIXED_DISTANCES = new Uint8Array(32).fill(5);

/** §3.2.7: the order in which the lengths of the code-length code are given. */
const CODE_LENGTH_ORDER = Uint8Array.of(16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15);
/** How many symbols the codes of a dynamic block may have. */
const MOST_LITERALS = 286;
const MOST_DISTANCES = 30;

const END_OF_BLOCK = 256;

/** What comes next in the payload. */
const BLOCK = 0;
const STORED = 1;
const SYMBOL = 2;
const MATCH = 3;

/** What a step says: to go on, or that the message is whole. Anything below 0 is a verdict of the contract. */
const GO_ON = 0;
const WHOLE = 1;

/**
 * Inflates as the contract says, byte for byte, in TypeScript. It looks at nothing after the first byte that is too many,
 * and keeps no more than the areas of the memory hold.
 */
export class Inflater {
  readonly #bytes: Uint8Array;
  /** Where the payload is. */
  #source: Uint8Array;
  readonly #fixed = [new HuffmanCode(), new HuffmanCode()];
  readonly #dynamic = [new HuffmanCode(), new HuffmanCode()];
  /** Those of the block. */
  #literals = this.#fixed[0];
  #distances = this.#fixed[1];
  readonly #lengths = new Uint8Array(MOST_LITERALS + MOST_DISTANCES);

  /** The next byte of the payload, and where it ends. */
  #at = 0;
  #end = 0;
  /** Bits that are read and not used: the next is the lowest. */
  #hold = 0;
  #bits = 0;

  #next = BLOCK;
  /** The BFINAL bit of the block. */
  #isFinal = false;
  /** Bytes of a stored block, or of a match, that are still to be copied. */
  #left = 0;
  #distance = 0;

  #windowSize = 0;
  /** Where to write, and where the area or the message must end. */
  #out = 0;
  #limit = 0;
  /** How many bytes the message may have from the beginning of the output area on. */
  #most = 0;
  /** How many bytes before the output area a match may refer to. */
  #history = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#source = bytes;
    this.#literals.assign(FIXED_LITERALS, true);
    this.#distances.assign(FIXED_DISTANCES, true);
  }

  /** As in the contract, but for the payload, which may be anywhere. */
  inflate(payload: Uint8Array, history: number, windowSize: number, most: number): number {
    this.#source = payload;
    this.#at = 0;
    this.#end = payload.length;
    this.#hold = 0;
    this.#bits = 0;
    this.#next = BLOCK;
    this.#windowSize = windowSize;
    this.#history = history;
    return this.#fillArea(most);
  }

  inflateMore(): number {
    const end = INFLATE_OUT + INFLATE_OUT_SIZE;
    this.#bytes.copyWithin(INFLATE_OUT - HISTORY_SIZE, end - HISTORY_SIZE, end);
    this.#history = HISTORY_SIZE;
    return this.#fillArea(this.#most - INFLATE_OUT_SIZE);
  }

  #fillArea(most: number): number {
    this.#most = most;
    this.#out = INFLATE_OUT;
    this.#limit = INFLATE_OUT + Math.min(most, INFLATE_OUT_SIZE);
    for (;;) {
      const said = this.#step();
      if (said === WHOLE) return this.#out - INFLATE_OUT;
      if (said !== GO_ON) return said;
    }
  }

  #step(): number {
    switch (this.#next) {
      case STORED:
        return this.#copyStored();
      case SYMBOL:
        return this.#readSymbols();
      case MATCH:
        return this.#copyMatch();
      default:
        return this.#beginBlock();
    }
  }

  /** What there is to say if there is a byte to write, and no room. */
  #noRoom(): number {
    return this.#out - INFLATE_OUT === this.#most ? INFLATE_TOO_LONG : INFLATE_FULL;
  }

  /** Reads the header of a block (§3.2.3). */
  #beginBlock(): number {
    this.#fill();
    if (this.#bits === 0) return WHOLE;
    const header = this.#take(3);
    this.#isFinal = (header & 1) === 1;
    switch (header >> 1) {
      case 0:
        return this.#beginStored();
      case 1:
        [this.#literals, this.#distances] = this.#fixed;
        break;
      case 2:
        if (this.#readCodes()) break;
        return INFLATE_INVALID;
      default:
        return INFLATE_INVALID;
    }
    this.#next = SYMBOL;
    return GO_ON;
  }

  /** After a final block, the next begins at the next byte (RFC 7692 §7.2.1); after any other, at the next bit. */
  #endBlock(): number {
    if (this.#isFinal) this.#drop(this.#bits & 7);
    this.#next = BLOCK;
    return GO_ON;
  }

  /** §3.2.4. A message may end before LEN: the sender leaves out the four bytes that would come (RFC 7692 §7.2.1). */
  #beginStored(): number {
    this.#drop(this.#bits & 7);
    this.#fill();
    if (this.#bits === 0) return WHOLE;
    const length = this.#take(16);
    if ((length ^ 0xffff) !== this.#take(16)) return INFLATE_INVALID;
    // What was read ahead are bytes of the block.
    this.#at -= this.#bits >> 3;
    this.#hold = 0;
    this.#bits = 0;
    this.#left = length;
    this.#next = STORED;
    return GO_ON;
  }

  #copyStored(): number {
    const count = Math.min(this.#left, this.#end - this.#at, this.#limit - this.#out);
    this.#bytes.set(this.#source.subarray(this.#at, this.#at + count), this.#out);
    this.#at += count;
    this.#out += count;
    this.#left -= count;
    if (this.#left === 0) return this.#endBlock();
    return this.#at === this.#end ? INFLATE_INVALID : this.#noRoom();
  }

  /** Reads symbols up to a match or the end of the block. */
  #readSymbols(): number {
    for (;;) {
      this.#fill();
      const found = this.#literals.find(this.#hold);
      const length = found & 15;
      if (found === 0 || length > this.#bits) return INFLATE_INVALID;
      const symbol = found >> 4;
      if (symbol >= END_OF_BLOCK) {
        this.#drop(length);
        return symbol === END_OF_BLOCK ? this.#endBlock() : this.#beginMatch(symbol - END_OF_BLOCK - 1);
      }
      // Without room, the symbol is read again when there is some.
      if (this.#out === this.#limit) return this.#noRoom();
      this.#drop(length);
      this.#bytes[this.#out++] = symbol;
    }
  }

  #beginMatch(symbol: number): number {
    if (symbol >= LENGTHS.length) return INFLATE_INVALID;
    const lengthExtra = this.#take(LENGTH_EXTRA[symbol]);
    if (lengthExtra < 0) return INFLATE_INVALID;
    const distanceSymbol = this.#takeSymbol(this.#distances);
    if (distanceSymbol < 0 || distanceSymbol >= DISTANCES.length) return INFLATE_INVALID;
    const distanceExtra = this.#take(DISTANCE_EXTRA[distanceSymbol]);
    if (distanceExtra < 0) return INFLATE_INVALID;
    const distance = DISTANCES[distanceSymbol] + distanceExtra;
    if (distance > this.#windowSize || distance > this.#history + this.#out - INFLATE_OUT) return INFLATE_INVALID;
    this.#left = LENGTHS[symbol] + lengthExtra;
    this.#distance = distance;
    this.#next = MATCH;
    return GO_ON;
  }

  #copyMatch(): number {
    const bytes = this.#bytes;
    const end = Math.min(this.#out + this.#left, this.#limit);
    const distance = this.#distance;
    this.#left -= end - this.#out;
    for (let at = this.#out; at < end; at++) bytes[at] = bytes[at - distance];
    this.#out = end;
    if (this.#left > 0) return this.#noRoom();
    this.#next = SYMBOL;
    return GO_ON;
  }

  /** Reads the codes of a dynamic block (§3.2.7). @returns false if they are invalid */
  #readCodes(): boolean {
    [this.#literals, this.#distances] = this.#dynamic;
    const fields = this.#take(14);
    const literals = (fields & 31) + 257;
    const distances = ((fields >> 5) & 31) + 1;
    if (fields < 0 || literals > MOST_LITERALS || distances > MOST_DISTANCES) return false;
    const lengths = this.#lengths;
    if (!this.#readCodeLengthCode((fields >> 10) + 4) || !this.#readLengths(literals + distances)) return false;
    return (
      lengths[END_OF_BLOCK] > 0 &&
      this.#literals.assign(lengths.subarray(0, literals), false) &&
      this.#distances.assign(lengths.subarray(literals, literals + distances), false)
    );
  }

  #readCodeLengthCode(count: number): boolean {
    const lengths = new Uint8Array(CODE_LENGTH_ORDER.length);
    for (let i = 0; i < count; i++) {
      const length = this.#take(3);
      if (length < 0) return false;
      lengths[CODE_LENGTH_ORDER[i]] = length;
    }
    // The place of the literals is free until their lengths are known.
    return this.#literals.assign(lengths, true);
  }

  #readLengths(count: number): boolean {
    const lengths = this.#lengths;
    for (let i = 0; i < count; ) {
      const symbol = this.#takeSymbol(this.#literals);
      if (symbol < 0) return false;
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) return false;
      const extra = this.#take(symbol === 18 ? 7 : symbol - 14);
      const repeat = extra + (symbol === 18 ? 11 : 3);
      if (extra < 0 || i + repeat > count) return false;
      lengths.fill(symbol === 16 ? lengths[i - 1] : 0, i, i + repeat);
      i += repeat;
    }
    return true;
  }

  /** Reads bytes until there are 23 bits at least, or none is left. More than 30 would be slow: small integers end there. */
  #fill(): void {
    while (this.#bits < 23 && this.#at < this.#end) {
      this.#hold |= this.#source[this.#at++] << this.#bits;
      this.#bits += 8;
    }
  }

  /** Takes up to 16 bits. @returns them, or -1 if there are not as many */
  #take(count: number): number {
    if (this.#bits < count) this.#fill();
    if (this.#bits < count) return -1;
    const taken = this.#hold & ((1 << count) - 1);
    this.#drop(count);
    return taken;
  }

  /** @returns the next symbol, or -1 if there is none */
  #takeSymbol(code: HuffmanCode): number {
    this.#fill();
    const found = code.find(this.#hold);
    if (found === 0 || (found & 15) > this.#bits) return -1;
    this.#drop(found & 15);
    return found >> 4;
  }

  #drop(count: number): void {
    this.#hold >>>= count;
    this.#bits -= count;
  }
}
