import {
  CODE_LENGTH_ORDER,
  DISTANCE_BASE,
  DISTANCE_EXTRA,
  FIXED_DISTANCE_LENGTHS,
  FIXED_LITERAL_LENGTHS,
  LENGTH_BASE,
  LENGTH_EXTRA,
} from './bit-writer.js';

/**
 * What is no DEFLATE, where RFC 1951 leaves room: as zlib has it (1.2.13 to 1.3.2, and what Node.js 20 to 26 have of it),
 * found out by experiment. `test/codec/inflate.test.ts` has a case for each row.
 *
 * | in a dynamic block                                              | zlib                                  |
 * | --------------------------------------------------------------- | ------------------------------------- |
 * | HLIT says 286 literal/length codes; 287, 288                    | takes them; no                        |
 * | HDIST says 30 distance codes; 31, 32                            | takes them; no                        |
 * | any code over-subscribed                                        | no                                    |
 * | code-length code incomplete; a single code of one bit; no codes | no; no; no (all lengths read as 0)    |
 * | repeat code 16 without a length before it                       | no                                    |
 * | a repeat from the literals into the distances                   | takes it                              |
 * | a repeat beyond the last distance                               | no                                    |
 * | literal/length code incomplete                                  | no, even if the codes are not used    |
 * | literal/length code with one code of one bit, that of 256       | takes it; the other bit is no code    |
 * | no code for 256                                                 | no, whatever else there is            |
 * | codes for 286 and 287 in a dynamic block                        | 286 codes are 0 to 285, so none       |
 * | distance code incomplete                                        | no, even if the codes are not used    |
 * | distance code with one code of one bit, whatever its symbol     | takes it; the other bit is no code    |
 * | distance code with one code of more bits                        | no                                    |
 * | no distance codes                                               | takes it; a match is invalid          |
 * | codes of 15 bits, code-length codes of 7                        | takes them                            |
 *
 * | elsewhere                                                       |                                       |
 * | --------------------------------------------------------------- | ------------------------------------- |
 * | symbols 286, 287 and distances 30, 31 of the fixed codes        | no, where they are used               |
 * | length 258 as symbol 284 with 31                                | takes it                              |
 * | block type 3; NLEN that is not the complement of LEN            | no                                    |
 * | bits before LEN, and after a final block, that are not 0        | takes them                            |
 * | a distance beyond the first byte of history                     | no                                    |
 */
export type Reason =
  /** The bytes end within a block, or within the header of one that is not stored. */
  | 'cut'
  /** They are no DEFLATE. */
  | 'data'
  /** A distance is longer than the window, or than what there is. */
  | 'window'
  | 'history';

export interface NaiveInflated {
  readonly verdict: 'whole' | 'too long' | 'invalid';
  /** Why it is invalid. */
  readonly reason?: Reason;
  /** The message; if it is invalid or too long, what of it came before. */
  readonly message: Buffer;
  /** The longest distance. */
  readonly farthest: number;
  /** How many bytes of payload and of message there had been at the end of the first final block. */
  readonly final?: { readonly payload: number; readonly message: number };
}

export interface NaiveOptions {
  readonly history?: Uint8Array;
  readonly windowSize?: number;
  readonly most?: number;
}

/**
 * The oracle: `DeflateCodec.inflate` bit by bit, by the letter of RFC 1951 and of the contract. A distance is judged before
 * the first byte that it stands for is counted.
 */
export function naiveInflate(payload: Uint8Array, options: NaiveOptions = {}): NaiveInflated {
  const inflater = new NaiveInflater(payload, options);
  let stop: unknown;
  try {
    inflater.readBlocks();
  } catch (thrown) {
    if (!(thrown instanceof Stop)) throw thrown;
    stop = thrown;
  }
  const { message, farthest, final } = inflater;
  if (stop === undefined) return { verdict: 'whole', message, farthest, final };
  if (stop === TOO_LONG) return { verdict: 'too long', message, farthest, final };
  return { verdict: 'invalid', reason: (stop as Stop).reason, message, farthest, final };
}

/** What ends it. Not an Error, as there are many, and none needs a stack. */
class Stop {
  constructor(readonly reason?: Reason) {}
}

const TOO_LONG = new Stop();
const CUT = new Stop('cut');
const NO_DATA = new Stop('data');

const END_OF_BLOCK = 256;
/** How often the symbols 16, 17 and 18 of the code-length code repeat, at least, and how many bits add to it. */
const REPEATS = [
  [3, 2],
  [3, 3],
  [11, 7],
];
/** In a tree of codes: nothing is there. */
const NOBODY = 0x7fff_ffff;
const FIXED_LITERALS = codeTree(FIXED_LITERAL_LENGTHS);
const FIXED_DISTANCES = codeTree(FIXED_DISTANCE_LENGTHS);

class NaiveInflater {
  readonly #payload: Uint8Array;
  readonly #windowSize: number;
  readonly #most: number;
  readonly #historySize: number;
  /** The next bit. */
  #at = 0;
  /** History and message. */
  #window: Buffer;
  #length: number;
  farthest = 0;
  final: { payload: number; message: number } | undefined;

  constructor(payload: Uint8Array, { history = Buffer.alloc(0), windowSize = 32_768, most = 2 ** 31 }: NaiveOptions) {
    this.#payload = payload;
    this.#windowSize = windowSize;
    this.#most = most;
    this.#historySize = history.length;
    this.#length = history.length;
    this.#window = Buffer.alloc(history.length + payload.length * 4 + 64);
    this.#window.set(history);
  }

  get message(): Buffer {
    return this.#window.subarray(this.#historySize, this.#length);
  }

  readBlocks(): void {
    while (this.#at !== this.#payload.length * 8) {
      const isFinal = this.#bit() === 1;
      const type = this.#bits(2);
      if (type === 0) {
        this.#skipToByte();
        // RFC 7692 §7.2.1: the sender leaves out LEN and NLEN of the last block.
        if (this.#at === this.#payload.length * 8) return;
        this.#readStored();
      } else if (type === 1) this.#readSymbols(FIXED_LITERALS, FIXED_DISTANCES);
      else if (type === 2) this.#readDynamic();
      else throw NO_DATA;
      if (!isFinal) continue;
      this.#skipToByte();
      this.final ??= { payload: this.#at / 8, message: this.#length - this.#historySize };
    }
  }

  #readStored(): void {
    const length = this.#bits(16);
    if (length + this.#bits(16) !== 0xffff) throw NO_DATA;
    for (let i = 0; i < length; i++) this.#write(this.#bits(8));
  }

  #readDynamic(): void {
    const literals = this.#bits(5) + 257;
    const distances = this.#bits(5) + 1;
    const codeLengths = this.#bits(4) + 4;
    if (literals > 286 || distances > 30) throw NO_DATA;
    const lengthsOfLengths = Array<number>(19).fill(0);
    for (const symbol of CODE_LENGTH_ORDER.slice(0, codeLengths)) lengthsOfLengths[symbol] = this.#bits(3);
    const isEmpty = lengthsOfLengths.every((length) => length === 0);
    const tree = codeTree(lengthsOfLengths);
    if (!isEmpty && !tree.isComplete) throw NO_DATA;

    const lengths: number[] = [];
    while (lengths.length < literals + distances) {
      if (isEmpty) lengths.push(this.#bits(1) * 0);
      else this.#readLengths(this.#symbol(tree), lengths);
      if (lengths.length > literals + distances) throw NO_DATA;
    }
    if (lengths[END_OF_BLOCK] === 0) throw NO_DATA;
    const trees = [codeTree(lengths.slice(0, literals)), codeTree(lengths.slice(literals))];
    if (trees.some((code) => !code.isComplete && !code.isOneBit)) throw NO_DATA;
    this.#readSymbols(trees[0], trees[1]);
  }

  /** Reads the lengths that one symbol of the code-length code stands for. */
  #readLengths(symbol: number, lengths: number[]): void {
    if (symbol < 16) {
      lengths.push(symbol);
      return;
    }
    const [least, extraBits] = REPEATS[symbol - 16];
    const count = least + this.#bits(extraBits);
    const repeated = symbol === 16 ? lengths.at(-1) : 0;
    if (repeated === undefined) throw NO_DATA;
    for (let i = 0; i < count; i++) lengths.push(repeated);
  }

  #readSymbols(literals: Tree, distances: Tree): void {
    for (;;) {
      const symbol = this.#symbol(literals);
      if (symbol === END_OF_BLOCK) return;
      if (symbol < END_OF_BLOCK) this.#write(symbol);
      else this.#readMatch(symbol - 257, distances);
    }
  }

  #readMatch(symbol: number, distances: Tree): void {
    if (symbol >= LENGTH_BASE.length) throw NO_DATA;
    const length = LENGTH_BASE[symbol] + this.#bits(LENGTH_EXTRA[symbol]);
    const distanceSymbol = this.#symbol(distances);
    if (distanceSymbol >= DISTANCE_BASE.length) throw NO_DATA;
    const distance = DISTANCE_BASE[distanceSymbol] + this.#bits(DISTANCE_EXTRA[distanceSymbol]);
    if (distance > this.#length) throw new Stop('history');
    if (distance > this.#windowSize) throw new Stop('window');
    this.farthest = Math.max(this.farthest, distance);
    for (let i = 0; i < length; i++) this.#write(this.#window[this.#length - distance]);
  }

  #write(byte: number): void {
    if (this.#length - this.#historySize === this.#most) throw TOO_LONG;
    if (this.#length === this.#window.length) {
      this.#window = Buffer.concat([this.#window, Buffer.alloc(this.#length)]);
    }
    this.#window[this.#length++] = byte;
  }

  #symbol(tree: Tree): number {
    let node = tree.root;
    while (node >= 0) {
      node = tree.children[node * 2 + this.#bit()];
      if (node === NOBODY) throw NO_DATA;
    }
    return ~node;
  }

  #bit(): number {
    const byte = this.#at >> 3;
    if (byte >= this.#payload.length) throw CUT;
    return (this.#payload[byte] >> (this.#at++ & 7)) & 1;
  }

  #bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value |= this.#bit() << i;
    return value;
  }

  #skipToByte(): void {
    this.#at = Math.ceil(this.#at / 8) * 8;
  }
}

interface Tree {
  readonly root: number;
  /** Two for each node: another node, or a symbol as its complement, or `NOBODY`. */
  readonly children: number[];
  /** No bits are left without a meaning. */
  readonly isComplete: boolean;
  /** No code is longer than one bit: if it is not complete, there is one code, or none. */
  readonly isOneBit: boolean;
}

/** The codes of §3.2.2 as a tree. Throws if two are the same, or if one begins with another. */
function codeTree(lengths: readonly number[]): Tree {
  const children = [NOBODY, NOBODY];
  let code = 0;
  for (let length = 1; length <= 15; length++) {
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] === length) plant(children, code++, length, symbol);
    }
    code *= 2;
  }
  const isComplete = !children.includes(NOBODY);
  return { root: 0, children, isComplete, isOneBit: lengths.every((length) => length <= 1) };
}

function plant(children: number[], code: number, length: number, symbol: number): void {
  if (code >= 2 ** length) throw NO_DATA;
  let node = 0;
  for (let bit = length - 1; bit >= 0; bit--) {
    const place = node * 2 + ((code >> bit) & 1);
    if (bit === 0) {
      if (children[place] !== NOBODY) throw NO_DATA;
      children[place] = ~symbol;
    } else {
      if (children[place] === NOBODY) children[place] = children.push(NOBODY, NOBODY) / 2 - 1;
      node = children[place];
      if (node < 0) throw NO_DATA;
    }
  }
}
