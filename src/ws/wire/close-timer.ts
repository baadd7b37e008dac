import { afterReading } from '../../net/timing/after-reading.js';
import { MIN_RATE, readingTime } from '../../net/timing/pace.js';
import type { Outbox } from '../../net/writing/outbox.js';

/**
 * Ends a connection whose closing handshake takes longer than `closeTimeout`. While what was sent before the Close
 * leaves at `MIN_RATE`, the time-out starts again. After that the peer gets `readingTime` to read it. npm `ws` has
 * neither.
 */
export class CloseTimer {
  readonly #outbox: Pick<Outbox, 'bufferedAmount' | 'bytesTaken'>;
  readonly #timeout: number;
  readonly #end: () => void;
  readonly #takenAtClose: number;
  #taken = 0;
  /** Whether the peer has had its time to read what was on its way. */
  #isLast = false;
  #cancel: () => void = () => {};

  /** @param timeout milliseconds @param end ends the connection */
  constructor(outbox: Pick<Outbox, 'bufferedAmount' | 'bytesTaken'>, timeout: number, end: () => void) {
    this.#outbox = outbox;
    this.#timeout = timeout;
    this.#end = end;
    this.#takenAtClose = outbox.bytesTaken;
    this.#start(timeout);
  }

  stop(): void {
    this.#cancel();
  }

  #start(milliseconds: number): void {
    this.#taken = this.#outbox.bytesTaken;
    this.#cancel = afterReading(milliseconds, () => this.#judge());
  }

  #judge(): void {
    const { bufferedAmount, bytesTaken } = this.#outbox;
    const lately = bytesTaken - this.#taken;
    const isLeaving = bufferedAmount > 0 && lately > 0 && lately * 1000 >= MIN_RATE * this.#timeout;
    if (isLeaving) this.#start(this.#timeout);
    else if (bufferedAmount > 0 || this.#isLast) this.#end();
    else {
      this.#isLast = true;
      this.#start(readingTime(bytesTaken - this.#takenAtClose));
    }
  }
}
