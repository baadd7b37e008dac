/** Random numbers that a seed determines (xorshift32 after a multiplicative hash). */
export class Random {
  #state;

  /** @param {number} seed @param {number} stream programs of one seed are told apart by it */
  constructor(seed, stream = 0) {
    let state = Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) ^ Math.imul(stream + 1, 0xc2b2_ae35);
    state = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d);
    this.#state = state ^ (state >>> 13) || 1;
  }

  /** @returns {number} an integer from 0 to `below - 1` */
  below(below) {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) % below;
  }

  /** @returns {number} from `low` to `high`, both included */
  between(low, high) {
    return low + this.below(high - low + 1);
  }

  /** @returns {boolean} true once in `times` */
  once(times) {
    return this.below(times) === 0;
  }

  of(values) {
    return values[this.below(values.length)];
  }

  /** @param {readonly (readonly [weight: number, value: unknown])[]} choices */
  weighted(choices) {
    let at = this.below(choices.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, value] of choices) {
      at -= weight;
      if (at < 0) return value;
    }
    throw new Error('unreachable');
  }
}
