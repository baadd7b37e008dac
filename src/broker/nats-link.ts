import type { Buffer } from 'node:buffer';
import { setImmediate } from 'node:timers';

/** What is used of a subscription. */
interface NatsSubscription {
  unsubscribe(): void;
}

/** An event of a connection, as far as the broker uses it. */
export interface NatsEvent {
  /** The name of the event, such as `'disconnect'`. */
  readonly type: string;
  /** The error of an `'error'` event. */
  readonly error?: Error;
}

/**
 * A connection of the npm package `@nats-io/transport-node`, as far as the broker uses it. It belongs to the broker, which
 * closes it.
 */
export interface NatsConnectionLike {
  /** Sends a payload to all that have subscribed to `subject`. */
  publish(subject: string, payload: Uint8Array): void;
  /** Subscribes to a subject. `callback` gets each message, or the error with which the subscription ends. */
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: { data: Uint8Array }) => void },
  ): NatsSubscription;
  /** Resolves when the server has handled everything that was sent before. */
  flush(): Promise<void>;
  /** Resolves when the connection has ended for good, with the error if that is the cause. */
  // biome-ignore lint/suspicious/noConfusingVoidType: what the client returns
  closed(): Promise<void | Error>;
  /** Iterates over the events of the connection. */
  status(): AsyncIterable<NatsEvent>;
  /** Ends the connection for good. */
  close(): Promise<void>;
}

/** What goes to the server before one flush, which confirms it: the server answers in order. */
class Batch {
  /** Subjects on which the server does not let us publish. */
  readonly refused = new Set<string>();
  resolve!: () => void;
  reject!: (error: Error) => void;
  readonly confirmed = new Promise<void>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
  readonly #bySubject = new Map<string, Promise<void>>();

  /** For what was published on one subject. */
  confirmedFor(subject: string): Promise<void> {
    const known = this.#bySubject.get(subject);
    if (known !== undefined) return known;
    const confirmed = this.confirmed.then(() => {
      if (this.refused.has(subject)) throw new Error(`NATS does not let us publish on ${subject}`);
    });
    this.#bySubject.set(subject, confirmed);
    return confirmed;
  }
}

/** A connection from when it is up until it breaks. After that the client may restore it, for another link. */
export class NatsLink {
  readonly #connection: NatsConnectionLike;
  readonly #subscriptions = new Map<string, NatsSubscription>();
  /** What the flush that is under way confirms. There is one at a time. */
  #flushing: Batch | null = null;
  /** What was given to the connection since. */
  #next: Batch | null = null;
  #broken: Error | null = null;

  constructor(connection: NatsConnectionLike) {
    this.#connection = connection;
  }

  /** Publishes a payload. @returns resolves when the server has it @throws Error if the link is broken */
  publish(subject: string, payload: Buffer): Promise<void> {
    this.#connection.publish(subject, payload);
    return this.#batch().confirmedFor(subject);
  }

  /**
   * Subscribes to a subject.
   *
   * @param listener gets each payload. It must not throw, or the client would stop reading
   * @param revoked is called if the server ends a subscription that it had granted
   * @returns resolves when the server has granted the subscription, and rejects if it does not
   */
  async subscribe(subject: string, listener: (payload: Uint8Array) => void, revoked: () => void): Promise<void> {
    if (!this.#subscriptions.has(subject)) {
      const callback = (error: Error | null, message: { data: Uint8Array }) => {
        if (error === null) return listener(message.data);
        this.#subscriptions.delete(subject);
        if (hasBeenGranted) revoked();
      };
      let hasBeenGranted = false;
      this.#subscriptions.set(subject, this.#connection.subscribe(subject, { callback }));
      await this.#batch().confirmed;
      hasBeenGranted = true;
    } else await this.#batch().confirmed;
    if (!this.#subscriptions.has(subject)) throw new Error(`NATS does not let us subscribe to ${subject}`);
  }

  /** Unsubscribes from a subject. */
  unsubscribe(subject: string): void {
    this.#subscriptions.get(subject)?.unsubscribe();
    this.#subscriptions.delete(subject);
  }

  /**
   * The server does not let us publish on a subject. Which of the unconfirmed messages that was about is not known, so it
   * fails all of them.
   */
  refuse(subject: string): void {
    this.#flushing?.refused.add(subject);
    this.#next?.refused.add(subject);
  }

  /**
   * Ends the link. What is not confirmed may be lost: the client drops what it has not written, and a later flush says
   * nothing about it. The subscriptions are removed, so that the client restores none that are no longer wanted.
   */
  break(error: Error): void {
    this.#broken = error;
    for (const batch of [this.#flushing, this.#next]) batch?.reject(error);
    for (const subject of [...this.#subscriptions.keys()]) this.unsubscribe(subject);
  }

  #batch(): Batch {
    if (this.#broken !== null) throw this.#broken;
    if (this.#next !== null) return this.#next;
    this.#next = new Batch();
    // Whoever waits hears of it, and nobody has to wait.
    this.#next.confirmed.catch(() => {});
    if (this.#flushing === null) setImmediate(() => this.#flush());
    return this.#next;
  }

  #flush(): void {
    if (this.#broken !== null) return;
    const batch = this.#next;
    this.#next = null;
    this.#flushing = batch;
    if (batch === null) return;
    this.#connection.flush().then(
      // What the server has refused before its answer is told in the same turn, by promises of its own.
      () => setImmediate(() => this.#onFlushed(batch)),
      (error) => {
        batch.reject(error);
        this.#flush();
      },
    );
  }

  #onFlushed(batch: Batch): void {
    batch.resolve();
    this.#flush();
  }
}
