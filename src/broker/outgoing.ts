import { Buffer } from 'node:buffer';
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import { ERROR_CODE, WebSocketError } from '../protocol/errors.js';
import type { Broker } from './broker.js';

/** Bytes that a broker has been given and has not confirmed, at most. */
const IN_FLIGHT = 1_048_576;

/** Bytes that wait at most while the broker is up, as no burst may take all memory. More only if `maxBuffered` is more. */
const MOST_WAITING = 67_108_864;

/** While messages wait, time is counted in steps of so many milliseconds. */
const STEP = 1000;

/** A payload that is to be published. */
interface Entry {
  readonly id: number;
  readonly topic: string;
  readonly payload: Buffer;
  /** The step in which it came. */
  readonly step: number;
}

/** In the place of one that is no longer in the queue. */
const GONE: Entry = { id: 0, topic: '', payload: Buffer.alloc(0), step: 0 };

/** Somebody who waits until the broker has all that was published up to an entry. */
interface Waiter {
  readonly upTo: number;
  lost: number;
  readonly settle: (lost: number) => void;
}

/** Hears of what was dropped. */
type OnDropped = (topic: string, bytes: number) => void;

/**
 * Holds what one server publishes, in order, until the broker has it.
 *
 * While the broker is up, a burst of up to 64 MiB may wait. While it is away, or takes less than is published for more than
 * a second, `maxBuffered` bytes are kept, and the oldest are dropped first.
 */
export class Outgoing {
  readonly #broker: Broker;
  readonly #maxBuffered: number;
  readonly #onDropped: OnDropped;
  /** What was not given to the broker, from `#head` on. */
  #queue: Entry[] = [];
  #head = 0;
  #queued = 0;
  /** What the broker has not confirmed, in the order of the calls. */
  readonly #inFlight = new Map<number, Entry>();
  #inFlightBytes = 0;
  /** What the broker did not take: whether it was away then shows in the next turn. */
  #returned: Entry[] = [];
  #lastId = 0;
  #step = 0;
  #timer: NodeJS.Timeout | null = null;
  #waiters: Waiter[] = [];
  #published: Promise<void> | null = null;
  /** How many were dropped that no `published` has told of. */
  #untold = 0;
  #isClosed = false;

  constructor(broker: Broker, maxBuffered: number, onDropped: OnDropped) {
    this.#broker = broker;
    this.#maxBuffered = maxBuffered;
    this.#onDropped = onDropped;
  }

  /** How many bytes the broker does not have yet. */
  get bytes(): number {
    return this.#queued + this.#inFlightBytes;
  }

  /** Publishes a payload after all that came before. */
  push(topic: string, payload: Buffer): void {
    this.#published = null;
    const entry = { id: ++this.#lastId, topic, payload, step: this.#step };
    if (this.#isClosed) {
      this.#drop(entry);
      return this.#settle();
    }
    if (this.#head === this.#queue.length && this.#canSend()) return this.#send(entry);
    this.#queue.push(entry);
    this.#queued += payload.length;
    this.pump();
    this.#limit();
    this.#watch();
  }

  /** Counts a message that is not sent as dropped, in its place among the others. */
  skip(topic: string, bytes: number): void {
    this.#published = null;
    this.#lastId++;
    this.#markLost(this.#lastId);
    this.#onDropped(topic, bytes);
    this.#settle();
  }

  /**
   * Resolves when the broker has everything that was pushed so far. Rejects if anything was dropped that was pushed since
   * this was last read. Ignoring it raises no `unhandledRejection`.
   */
  get published(): Promise<void> {
    if (this.#published !== null) return this.#published;
    const upTo = this.#lastId;
    const promise = new Promise<void>((resolve, reject) => {
      const settle = (lost: number) => (lost === 0 ? resolve() : reject(droppedError(lost)));
      this.#waiters.push({ upTo, lost: this.#untold, settle });
    });
    this.#untold = 0;
    promise.catch(() => {});
    this.#published = promise;
    this.#settle();
    return promise;
  }

  /** Gives the broker what it can take. */
  pump(): void {
    while (this.#head < this.#queue.length && this.#canSend()) {
      this.#send(this.#shift());
    }
    if (this.#head === this.#queue.length) this.#compact();
  }

  #canSend(): boolean {
    return this.#broker.status === 'up' && this.#inFlightBytes < IN_FLIGHT && this.#returned.length === 0;
  }

  #shift(): Entry {
    const entry = this.#queue[this.#head];
    // Its payload is not held until the next compaction.
    this.#queue[this.#head++] = GONE;
    if (this.#head >= 1024 && this.#head * 2 >= this.#queue.length) this.#compact();
    this.#queued -= entry.payload.length;
    return entry;
  }

  #compact(): void {
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  #send(entry: Entry): void {
    this.#inFlight.set(entry.id, entry);
    this.#inFlightBytes += entry.payload.length;
    let sent: unknown;
    try {
      sent = this.#broker.publish(entry.topic, entry.payload);
    } catch {
      return this.#onReturned(entry);
    }
    if (!isThenable(sent)) {
      // Whoever calls goes on with the next.
      this.#land(entry);
      return this.#settle();
    }
    sent.then(
      () => this.#onSent(entry),
      () => this.#onReturned(entry),
    );
  }

  #land(entry: Entry): boolean {
    if (!this.#inFlight.delete(entry.id)) return false;
    this.#inFlightBytes -= entry.payload.length;
    return true;
  }

  #onSent(entry: Entry): void {
    if (!this.#land(entry)) return;
    this.#settle();
    if (this.#queue.length > this.#head && this.#inFlightBytes < IN_FLIGHT / 2) this.pump();
  }

  #onReturned(entry: Entry): void {
    if (!this.#land(entry)) return;
    if (this.#returned.push(entry) === 1) setImmediate(() => this.#judgeReturned());
  }

  /**
   * If the connection broke, what was under way goes out again: those who got it know its number, and drop the copy.
   * Otherwise the broker refuses it.
   */
  #judgeReturned(): void {
    const entries = this.#returned.sort((a, b) => a.id - b.id);
    this.#returned = [];
    if (this.#broker.status === 'up' || this.#isClosed) for (const entry of entries) this.#drop(entry);
    else {
      // Before what came later, and after what was given back before.
      this.#queue = [...entries, ...this.#queue.slice(this.#head)].sort((a, b) => a.id - b.id);
      this.#head = 0;
      for (const { payload } of entries) this.#queued += payload.length;
      this.#limit();
    }
    this.#settle();
    this.pump();
  }

  /** Drops the oldest of what waits, if it may not wait any longer. */
  #limit(): void {
    while (this.#queued > this.#maxBuffered && this.#head < this.#queue.length) {
      const entry = this.#queue[this.#head];
      if (this.#broker.status === 'up' && this.#step - entry.step < 2 && this.#queued <= MOST_WAITING) break;
      this.#drop(this.#shift());
    }
    this.#settle();
  }

  /** Whoever drops settles after the last, so that the waiters hear of all. */
  #drop(entry: Entry): void {
    this.#markLost(entry.id);
    this.#onDropped(entry.topic, entry.payload.length);
  }

  #markLost(id: number): void {
    const waiter = this.#waiters.find(({ upTo }) => upTo >= id);
    if (waiter === undefined) this.#untold++;
    else waiter.lost++;
  }

  /** The first that the broker does not have; more than any if it has all. */
  #oldest(): number {
    const [returned] = this.#returned;
    if (returned !== undefined) return Math.min(...this.#returned.map(({ id }) => id), this.#firstInFlight());
    return Math.min(this.#firstInFlight(), this.#queue[this.#head]?.id ?? Number.POSITIVE_INFINITY);
  }

  #firstInFlight(): number {
    const first = this.#inFlight.keys().next();
    return first.done ? Number.POSITIVE_INFINITY : first.value;
  }

  #settle(): void {
    if (this.#waiters.length === 0) return;
    const oldest = this.#oldest();
    while (this.#waiters.length > 0 && this.#waiters[0].upTo < oldest) {
      const { settle, lost } = this.#waiters.shift()!;
      settle(lost);
    }
  }

  /** Counts time only while something waits, and a step only after the kernel was asked: a loop that is blocked counts none. */
  #watch(): void {
    if (this.#timer !== null || this.#head === this.#queue.length) return;
    this.#timer = setTimeout(() => {
      setImmediate(() => {
        this.#timer = null;
        this.#step++;
        this.#limit();
        this.#watch();
      });
    }, STEP);
    this.#timer.unref();
  }

  /** Drops everything that the broker has not confirmed. What it was given may still arrive. */
  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const entries = [...this.#inFlight.values(), ...this.#returned, ...this.#queue.slice(this.#head)];
    this.#inFlight.clear();
    this.#inFlightBytes = 0;
    this.#returned = [];
    this.#queue = [];
    this.#head = 0;
    this.#queued = 0;
    for (const entry of entries) this.#drop(entry);
    this.#settle();
  }
}

function droppedError(count: number): WebSocketError {
  return new WebSocketError(`${count} message(s) were dropped before the broker had them`, ERROR_CODE.BROKER_DROPPED);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null)?.then === 'function';
}
