/** Those who wait for one batch. */
interface Waiter {
  readonly batch: number;
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
}

/** Those who wait until what they sent has left and the peer is not behind: one promise a batch. */
export class Waiters {
  #waiters: Waiter[] = [];

  /** The promise of a batch, numbered upwards. May be ignored: it never becomes an `unhandledRejection`. */
  for(batch: number): Promise<void> {
    const last = this.#waiters.at(-1);
    if (last?.batch === batch) return last.promise;
    const waiter = newWaiter(batch);
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  /** Resolves for all batches below `completed`. */
  settle(completed: number): void {
    const waiters = this.#waiters;
    this.#waiters = waiters.filter(({ batch }) => batch >= completed);
    for (const waiter of waiters) if (waiter.batch < completed) waiter.resolve();
  }

  /** The connection has ended. */
  reject(connection: { closedError(): Error }): void {
    if (this.#waiters.length === 0) return;
    const error = connection.closedError();
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters = [];
  }
}

function newWaiter(batch: number): Waiter {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((onFree, onClosed) => {
    resolve = onFree;
    reject = onClosed;
  });
  promise.catch(() => {});
  return { batch, promise, resolve, reject };
}
