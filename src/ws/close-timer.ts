import { MIN_RATE, readingTime } from '../net/keepalive.js';

/** What goes to the peer. */
interface Output {
  /** Bytes that have not left. */
  readonly bufferedAmount: number;
  /** All bytes that the kernel has taken. */
  readonly progress: number;
}

/**
 * Ends a connection whose closing handshake takes longer than `closeTimeout`. As long as what was sent before the Close leaves at a
 * pace worth waiting for, the time begins anew, and what has left has still to be read: npm `ws` would cut it off.
 */
export class CloseTimer {
  readonly #output: Output;
  readonly #timeout: number;
  readonly #end: () => void;
  readonly #progressAtClose: number;
  #progress = 0;
  /** Whether the peer was given time to read what was on its way to it. */
  #isLast = false;
  #timer: NodeJS.Timeout | null = null;

  /** @param timeout in milliseconds */
  constructor(output: Output, timeout: number, end: () => void) {
    this.#output = output;
    this.#timeout = timeout;
    this.#end = end;
    this.#progressAtClose = output.progress;
    this.#start(timeout);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #start(milliseconds: number): void {
    this.#progress = this.#output.progress;
    // Judged after a turn of reading: the process may have been busy while the peer's Close lay in the kernel.
    this.#timer = setTimeout(() => setImmediate(() => this.#judge()), milliseconds);
  }

  #judge(): void {
    if (this.#timer === null) return;
    const { bufferedAmount, progress } = this.#output;
    if (bufferedAmount > 0 && (progress - this.#progress) * 1000 >= MIN_RATE * this.#timeout)
      this.#start(this.#timeout);
    else if (bufferedAmount > 0 || this.#isLast) this.#end();
    else {
      this.#isLast = true;
      this.#start(readingTime(progress - this.#progressAtClose));
    }
  }
}
