import type { LongDeflation } from '../../deflate/long-deflation.js';
import type { Outbox } from './outbox.js';

/**
 * Sends something, now that its turn has come.
 *
 * @returns whether its memory is free and the peer is not slow, as `append` of the outbox does
 */
type Send = () => boolean;

/** A message that is being deflated, or a frame that was sent after one. */
interface Entry {
  readonly bytes: number;
  readonly deflation: LongDeflation | null;
  send: Send;
  next: Entry | null;
}

/**
 * What was sent after a long message that is still being deflated. All of it leaves in the order of the calls, control
 * frames and the end of the connection, too.
 */
export class SendQueue {
  readonly #outbox: Outbox;
  /** Called when nothing waits any more. */
  readonly #onEmpty: () => void;
  #first: Entry | null = null;
  #last: Entry | null = null;
  #pong: Entry | null = null;
  #closed = false;
  /** Resolves when the memory of the frames that left is free; `null` if all of it was free at once. */
  #lastFree: Promise<void> | null = null;
  #free: Promise<void> | null = null;
  #resolve: (() => void) | null = null;
  #reject: ((error: Error) => void) | null = null;
  /** Bytes of payloads that wait. */
  bytes = 0;

  constructor(outbox: Outbox, onEmpty: () => void) {
    this.#outbox = outbox;
    this.#onEmpty = onEmpty;
  }

  /** Sends something when its turn has come. */
  add(bytes: number, send: Send): void {
    this.#push({ bytes, deflation: null, send, next: null });
  }

  /**
   * Sends a message when its deflation has ended and its turn has come. If it cannot wait that long, it is sent as it
   * is.
   */
  addLong(deflation: LongDeflation, send: Send): void {
    this.#push({ bytes: deflation.payload.length, deflation, send, next: null });
    deflation.onEnd(() => this.#proceed());
  }

  /** RFC 6455 §5.5.3: a Pong may answer only the latest Ping, so one of them waits. */
  setPong(append: () => void): void {
    const send = () => {
      append();
      return true;
    };
    if (this.#pong !== null) {
      this.#pong.send = send;
      return;
    }
    this.#pong = { bytes: 0, deflation: null, send, next: null };
    this.#push(this.#pong);
  }

  #push(entry: Entry): void {
    this.bytes += entry.bytes;
    if (this.#last === null) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
  }

  /** A promise that resolves when everything added until now has left and the peer has caught up. It may be ignored. */
  whenFree(): Promise<void> {
    if (this.#free === null) {
      this.#free = new Promise((resolve, reject) => {
        this.#resolve = resolve;
        this.#reject = reject;
      });
      this.#free.catch(() => {});
    }
    return this.#free;
  }

  /** Drops everything, because the connection is closed. */
  close(error: Error): void {
    this.#closed = true;
    this.#first = null;
    this.#last = null;
    this.bytes = 0;
    this.#reject?.(error);
  }

  /** Sends everything that waits, without waiting for deflations. */
  flush(): void {
    this.#proceed(true);
  }

  /** Sends what may leave. */
  #proceed(isForced = false): void {
    while (!this.#closed && this.#first !== null) {
      const entry = this.#first;
      if (!isForced && entry.deflation !== null && !entry.deflation.hasEnded) return;
      this.#first = entry.next;
      // If something still holds this entry, it must not hold all later ones.
      entry.next = null;
      if (this.#first === null) this.#last = null;
      this.bytes -= entry.bytes;
      if (entry === this.#pong) this.#pong = null;
      if (!entry.send()) this.#lastFree = this.#outbox.whenFree();
    }
    if (this.#closed) return;
    this.#closed = true;
    this.#onEmpty();
    if (this.#resolve === null) return;
    if (this.#lastFree === null) this.#resolve();
    else this.#lastFree.then(this.#resolve, this.#reject);
  }
}
