/** What goes to the peer. */
interface Output {
  /** Bytes that have left. */
  readonly departed: number;
  /** Bytes that have not. */
  readonly bufferedAmount: number;
  /** Writes what the kernel takes. */
  flush(): void;
}

/**
 * The Pongs with which a WebSocket answers by itself (RFC 6455 §5.5.2), as far as they have not left: a peer that has us answer
 * and does not read the answers is not served for ever. A peer that reads may send as many Pings in one turn as it likes.
 */
export class AutoPongs {
  readonly #output: Output;
  readonly #most: number;
  /** For each: how many bytes will have left when it has. */
  #ends: number[] = [];

  /** @param most how many may wait; 0 is unlimited */
  constructor(output: Output, most: number) {
    this.#output = output;
    this.#most = most;
  }

  /** Whether as many wait as may. */
  get isFull(): boolean {
    if (this.#most <= 0 || this.#ends.length < this.#most) return false;
    this.#output.flush();
    const { departed } = this.#output;
    this.#ends = this.#ends.filter((end) => end > departed);
    return this.#ends.length >= this.#most;
  }

  /** The frame that was sent last is one. */
  add(): void {
    if (this.#most > 0) this.#ends.push(this.#output.departed + this.#output.bufferedAmount);
  }
}
