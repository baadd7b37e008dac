import type { Outbox } from '../../net/writing/outbox.js';

/**
 * The Pongs with which a WebSocket answers by itself (RFC 6455 §5.5.2), as far as they have not left: a peer that has us answer
 * and does not read the answers is not served for ever. A peer that reads may send as many Pings in one turn as it likes.
 */
export class AutoPongs {
  readonly #outbox: Pick<Outbox, 'appended' | 'departed' | 'flush'>;
  readonly #most: number;
  /** For each: how many bytes will have left when it has. */
  #ends: number[] = [];

  /** @param most how many may wait; 0 is unlimited */
  constructor(outbox: Pick<Outbox, 'appended' | 'departed' | 'flush'>, most: number) {
    this.#outbox = outbox;
    this.#most = most;
  }

  /** Writes those that wait if they are as many as may. @returns whether one more may wait */
  makeRoom(): boolean {
    if (this.#most <= 0 || this.#ends.length < this.#most) return true;
    this.#outbox.flush();
    const { departed } = this.#outbox;
    this.#ends = this.#ends.filter((end) => end > departed);
    return this.#ends.length < this.#most;
  }

  /** The frame that was sent last is one. */
  add(): void {
    if (this.#most > 0) this.#ends.push(this.#outbox.appended);
  }
}
