/** Codes of up to this many bits are found in one step. */
const TABLE_BITS = 9;
/** The longest code (RFC 1951 §3.2.7). */
const MOST_BITS = 15;

/** A prefix code of DEFLATE (RFC 1951 §3.2.1), to decode with. */
export class HuffmanCode {
  /** What the next bits begin with: a symbol times 16 plus the length of its code; 0 if that is longer, or none. */
  readonly #table = new Uint16Array(1 << TABLE_BITS);
  /** The bits that are looked up: no more than the longest code has, as a block may be tiny and its table should be. */
  #mask = 0;
  /** How many codes have each length. */
  readonly #counts = new Uint16Array(MOST_BITS + 1);
  /** The symbols in the order of their codes. */
  readonly #symbols = new Uint16Array(288);

  /**
   * Takes the code that the lengths stand for (§3.2.2).
   *
   * Where the RFC leaves room, this follows zlib, which peers are tried against: a code must be complete, save that there
   * may be a single code, of one bit, or none at all.
   *
   * @param isComplete whether it must be complete in any case
   * @returns false if it is no code to decode with
   */
  assign(lengths: Uint8Array, isComplete: boolean): boolean {
    const counts = this.#counts.fill(0);
    let longest = 0;
    for (const length of lengths) {
      counts[length]++;
      if (length > longest) longest = length;
    }
    counts[0] = 0;
    let left = 1;
    for (let length = 1; length <= MOST_BITS; length++) {
      left = left * 2 - counts[length];
      if (left < 0) return false;
    }
    if (left > 0 && (isComplete || longest > 1)) return false;
    this.#mask = (1 << Math.min(longest, TABLE_BITS)) - 1;
    this.#fill(lengths);
    return true;
  }

  #fill(lengths: Uint8Array): void {
    const size = this.#mask + 1;
    const table = this.#table.fill(0, 0, size);
    const places = new Uint16Array(MOST_BITS + 2);
    const codes = new Uint16Array(MOST_BITS + 2);
    for (let length = 1; length <= MOST_BITS; length++) {
      places[length + 1] = places[length] + this.#counts[length];
      codes[length + 1] = (codes[length] + this.#counts[length]) << 1;
    }
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol];
      if (length === 0) continue;
      this.#symbols[places[length]++] = symbol;
      const code = codes[length]++;
      if (length > TABLE_BITS) continue;
      // Codes are packed with their highest bit first (§3.1.1).
      for (let at = reverse(code, length); at < size; at += 1 << length) table[at] = (symbol << 4) | length;
    }
  }

  /**
   * Finds the code that `bits` begin with, the first bit being the lowest. Bits that are not there may be 0: then the code
   * is longer than what is there.
   *
   * @returns the symbol times 16 plus the length of its code; 0 if no code begins so
   */
  find(bits: number): number {
    const entry = this.#table[bits & this.#mask];
    return entry !== 0 ? entry : this.#findLong(bits);
  }

  #findLong(bits: number): number {
    let code = 0;
    let first = 0;
    let place = 0;
    for (let length = 1; length <= MOST_BITS; length++) {
      code |= (bits >>> (length - 1)) & 1;
      const count = this.#counts[length];
      if (code < first + count) return (this.#symbols[place + code - first] << 4) | length;
      place += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return 0;
  }
}

function reverse(code: number, length: number): number {
  let reversed = 0;
  for (let i = 0; i < length; i++) reversed |= ((code >> i) & 1) << (length - 1 - i);
  return reversed;
}
