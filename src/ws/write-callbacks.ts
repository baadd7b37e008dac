import { nextTick } from 'node:process';

/** Called once: without an error when the frame has left, and else with the reason why it has not. */
export type WriteCallback = (error?: Error | null) => void;

/** Who wants to know that a frame has left, in the order of the frames. */
export class WriteCallbacks {
  #waiting: { readonly callback: WriteCallback; readonly end: number }[] = [];

  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /** @param end how many octets will have left when the frame has */
  push(callback: WriteCallback, end: number): void {
    this.#waiting.push({ callback, end });
  }

  /** Calls those whose frames are among the first `departed` octets, each in a turn of its own, as a stream does. */
  settle(departed: number): void {
    const first = this.#waiting.findIndex(({ end }) => end > departed);
    const left = first === -1 ? this.#waiting : this.#waiting.slice(0, first);
    this.#waiting = first === -1 ? [] : this.#waiting.slice(first);
    for (const { callback } of left) nextTick(callback, null);
  }

  /** Nothing more will leave. */
  reject(error: Error): void {
    const lost = this.#waiting;
    this.#waiting = [];
    for (const { callback } of lost) nextTick(callback, error);
  }
}
