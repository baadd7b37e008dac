import { AsyncResource } from 'node:async_hooks';
import { nextTick } from 'node:process';

/** Called once: without an error after the frame has left, otherwise with the reason why it has not. */
export type WriteCallback = (error?: Error | null) => void;

/** One callback and its state. */
interface Entry {
  callback: WriteCallback;
  /** How many bytes will have left when the frame has. */
  readonly end: number;
  /** `undefined` until it is known. */
  result: Error | null | undefined;
  /** Whether the entry's own tick is over. Then `callback` is bound to its async context. */
  isBound: boolean;
  next: Entry | null;
}

/**
 * The callbacks of sends, in the order of their frames. Each runs in its own tick, in the async context of its send.
 * The `nextTick` of the send carries this context. The callback is bound to it only if the frame has not left by then.
 */
export class WriteCallbacks {
  #first: Entry | null = null;
  #last: Entry | null = null;
  /** The first whose result is not known. */
  #unsettled: Entry | null = null;
  #isCalling = false;

  /**
   * @param end how many bytes will have left when the frame has
   * @param error why there is no frame; the callback gets it in its turn
   */
  push(callback: WriteCallback, end: number, error?: Error): void {
    const entry: Entry = { callback, end, result: error, isBound: false, next: null };
    if (this.#last === null) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.#unsettled ??= entry;
    nextTick(this.#onTick, entry);
  }

  /** The frames among the first `departed` bytes have left. */
  settle(departed: number): void {
    let entry = this.#unsettled;
    for (; entry !== null && entry.end <= departed; entry = entry.next) {
      if (entry.result === undefined) entry.result = null;
    }
    this.#unsettled = entry;
    this.#callNext();
  }

  /** Nothing more will leave. */
  reject(error: Error): void {
    for (let entry = this.#unsettled; entry !== null; entry = entry.next) {
      if (entry.result === undefined) entry.result = error;
    }
    this.#unsettled = null;
    this.#callNext();
  }

  readonly #onTick = (entry: Entry): void => {
    if (entry === this.#first && entry.result !== undefined) return this.#call(entry);
    entry.callback = AsyncResource.bind(entry.callback);
    entry.isBound = true;
  };

  readonly #call = (entry: Entry): void => {
    this.#first = entry.next;
    if (entry.next === null) this.#last = null;
    // An entry with an error of its own may be called while earlier frames have not left.
    if (this.#unsettled === entry) this.#unsettled = entry.next;
    this.#isCalling = false;
    // This comes before the callback, which may throw.
    this.#callNext();
    entry.callback(entry.result);
  };

  /** Schedules the call of the first entry, if its own tick is over. */
  #callNext(): void {
    const first = this.#first;
    if (first === null || this.#isCalling || !first.isBound || first.result === undefined) return;
    this.#isCalling = true;
    nextTick(this.#call, first);
  }
}
