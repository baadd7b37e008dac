import { AsyncResource } from 'node:async_hooks';
import { nextTick } from 'node:process';

/** Called once: without an error when the frame has left, and else with the reason why it has not. */
export type WriteCallback = (error?: Error | null) => void;

/** One callback and its state. */
interface Entry {
  callback: WriteCallback;
  /** How many bytes will have left when the frame has. */
  readonly end: number;
  /** `undefined` while it is not known. */
  result: Error | null | undefined;
  /** Whether the tick that was asked for with the send is over: then `callback` is bound to its context. */
  isBound: boolean;
  next: Entry | null;
}

/**
 * Callbacks of sends, in frame order. Each runs in its own tick, in the context it was given in. Its `nextTick` carries that
 * context; only if the frame has not left by then is the callback bound.
 */
export class WriteCallbacks {
  #first: Entry | null = null;
  #last: Entry | null = null;
  /** The first whose result is not known. */
  #unsettled: Entry | null = null;
  #isCalling = false;

  /**
   * @param end how many bytes will have left when the frame has
   * @param error why there is no frame: it is told in its turn
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
    // One that had its own reason may be called while frames before it have still to leave.
    if (this.#unsettled === entry) this.#unsettled = entry.next;
    this.#isCalling = false;
    // Before the callback, which may throw.
    this.#callNext();
    entry.callback(entry.result);
  };

  /** Has the first called if its own tick has not done so. */
  #callNext(): void {
    const first = this.#first;
    if (first === null || this.#isCalling || !first.isBound || first.result === undefined) return;
    this.#isCalling = true;
    nextTick(this.#call, first);
  }
}
