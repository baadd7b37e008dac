import { MIN_RATE } from '../net/keepalive.js';

/** What goes to the peer. */
interface Output {
  /** Bytes that have not left. */
  readonly bufferedAmount: number;
  /** All bytes that the kernel has taken. */
  readonly progress: number;
}

/**
 * Ends a connection whose closing handshake takes longer than `closeTimeout`. As long as what was sent before the Close leaves at a
 * pace worth waiting for, the time begins anew: npm `ws` would cut it off.
 */
export class CloseTimer {
  readonly #output: Output;
  readonly #timeout: number;
  readonly #end: () => void;
  #timer: NodeJS.Timeout | null = null;
  #progress = 0;

  /** @param timeout in milliseconds */
  constructor(output: Output, timeout: number, end: () => void) {
    this.#output = output;
    this.#timeout = timeout;
    this.#end = end;
    this.#start();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #start(): void {
    this.#progress = this.#output.progress;
    // Judged after a turn of reading: the process may have been busy while the peer's Close lay in the kernel.
    this.#timer = setTimeout(() => setImmediate(() => this.#judge()), this.#timeout);
  }

  #judge(): void {
    if (this.#timer === null) return;
    const { bufferedAmount, progress } = this.#output;
    if (bufferedAmount > 0 && (progress - this.#progress) * 1000 >= MIN_RATE * this.#timeout) this.#start();
    else this.#end();
  }
}
