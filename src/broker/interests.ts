import { randomInt } from 'node:crypto';
import { clearTimeout, setTimeout } from 'node:timers';
import type { Broker } from './broker.js';

/** How long a topic that nobody listens to stays subscribed, in milliseconds: at least this, at most twice as long. */
const LINGER = 1000;

/** The first wait after the broker has refused an operation, and the longest, in milliseconds. */
const FIRST_RETRY = 500;
const LONGEST_RETRY = 30_000;

/** What this process wants of one topic, and what the broker has said. */
interface Interest {
  isWanted: boolean;
  isSubscribed: boolean;
  /** An operation of this topic is under way. There is never another one then. */
  isBusy: boolean;
  /** The step in which the last listener left. */
  leftIn: number;
}

/**
 * Keeps the subscriptions on the broker equal to the topics that sockets of this server listen to: one for each topic,
 * however many sockets there are. The operations of a topic never overlap.
 */
export class Interests {
  readonly #broker: Broker;
  readonly #report: (error: Error) => void;
  readonly #onLeft: (topic: string) => void;
  readonly #all = new Map<string, Interest>();
  readonly #left = new Set<string>();
  readonly #refused = new Set<string>();
  #step = 0;
  #lingering: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  #wait = FIRST_RETRY;
  /** Counts the connections to the broker: what an earlier one has said does not hold. */
  #epoch = 0;
  #isClosed = false;

  /** @param report gets the errors of refused operations @param onLeft is told of a topic that is not subscribed any more */
  constructor(broker: Broker, report: (error: Error) => void, onLeft: (topic: string) => void) {
    this.#broker = broker;
    this.#report = report;
    this.#onLeft = onLeft;
  }

  /** The first socket listens to the topic. */
  join(topic: string): void {
    let interest = this.#all.get(topic);
    if (interest === undefined) {
      interest = { isWanted: true, isSubscribed: false, isBusy: false, leftIn: 0 };
      this.#all.set(topic, interest);
    }
    interest.isWanted = true;
    this.#left.delete(topic);
    this.#run(topic, interest);
  }

  /** The last socket has stopped listening. */
  leave(topic: string): void {
    const interest = this.#all.get(topic);
    if (interest === undefined) return;
    interest.isWanted = false;
    interest.leftIn = this.#step;
    this.#left.add(topic);
    this.#linger();
  }

  /** The broker is away, and may have forgotten all subscriptions. */
  onDown(): void {
    this.#epoch++;
    for (const interest of this.#all.values()) interest.isSubscribed = false;
  }

  /** The broker is up: subscribes to all topics that are wanted. */
  onUp(): void {
    this.#wait = FIRST_RETRY;
    this.#runAll();
  }

  #runAll(): void {
    for (const [topic, interest] of this.#all) this.#run(topic, interest);
  }

  /** Does what the topic lacks. */
  #run(topic: string, interest: Interest): void {
    if (interest.isBusy || this.#isClosed) return;
    const subscribes = interest.isWanted;
    if (subscribes === interest.isSubscribed) return this.#forgetIfDone(topic, interest);
    if (this.#broker.status !== 'up' || (!subscribes && this.#left.has(topic))) return;
    interest.isBusy = true;
    const epoch = this.#epoch;
    Promise.resolve()
      .then(() => (subscribes ? this.#broker.subscribe(topic) : this.#broker.unsubscribe(topic)))
      .then(
        () => {
          interest.isBusy = false;
          if (epoch === this.#epoch) interest.isSubscribed = subscribes;
          this.#refused.delete(topic);
          this.#run(topic, interest);
        },
        (error) => {
          interest.isBusy = false;
          if (this.#broker.status === 'up' && epoch === this.#epoch) this.#onRefused(topic, error);
          else this.#run(topic, interest);
        },
      );
  }

  #forgetIfDone(topic: string, { isWanted, isSubscribed, isBusy }: Interest): void {
    if (isWanted || isSubscribed || isBusy || this.#left.has(topic)) return;
    this.#all.delete(topic);
    this.#refused.delete(topic);
    this.#onLeft(topic);
  }

  /** It will be tried again. Until it succeeds, the user hears of it once for each topic. */
  #onRefused(topic: string, error: Error): void {
    if (this.#isClosed) return;
    if (!this.#refused.has(topic)) {
      this.#refused.add(topic);
      this.#report(error);
    }
    if (this.#retry !== null) return;
    this.#retry = setTimeout(
      () => {
        this.#retry = null;
        this.#wait = Math.min(this.#wait * 2, LONGEST_RETRY);
        this.#runAll();
      },
      this.#wait / 2 + randomInt(this.#wait / 2),
    );
    this.#retry.unref();
  }

  #linger(): void {
    if (this.#lingering !== null || this.#left.size === 0 || this.#isClosed) return;
    this.#lingering = setTimeout(() => {
      this.#lingering = null;
      this.#step++;
      for (const topic of this.#left) {
        const interest = this.#all.get(topic)!;
        if (this.#step - interest.leftIn < 2) continue;
        this.#left.delete(topic);
        this.#run(topic, interest);
      }
      this.#linger();
    }, LINGER);
    this.#lingering.unref();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#lingering !== null) clearTimeout(this.#lingering);
    if (this.#retry !== null) clearTimeout(this.#retry);
  }
}
