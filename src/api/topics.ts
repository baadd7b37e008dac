import { SharedRun } from '../net/writing/shared-frames.js';
import { SharedMessage } from '../net/writing/shared-message.js';
import type { Opcode } from '../protocol/opcode.js';
import { quoted } from '../protocol/quoted.js';
import { sendChannel } from './diagnostics.js';
import { type Data, messageOpcode, type SendOptions, sendOptions, toPayload } from './payload.js';
import { PreparedMessage, sharedOf } from './prepared-message.js';

/**
 * Sends a message to a subscriber, if its state and its backlog allow. Must not throw.
 *
 * @returns whether it was accepted
 */
type Offer<Subscriber> = (subscriber: Subscriber, message: SharedMessage) => boolean;

const NO_SUBSCRIBERS: readonly never[] = [];

/** The other processes, whose sockets may subscribe to the same topics. */
interface Others {
  /** Whether the topic may be shared. @throws TypeError, RangeError if it may not */
  check(topic: string): void;
  /** The first socket of this process has subscribed to `topic`. */
  join(topic: string): void;
  /** The last socket of this process has unsubscribed. */
  leave(topic: string): void;
  /** Publishes a message to the other processes. @param frame must not be changed */
  publish(topic: string, frame: Uint8Array, compresses: boolean): void;
}

/** The subscribers of one topic, at least one. */
class Audience<Subscriber> {
  readonly members = new Set<Subscriber>();
  /**
   * The members in the order in which a publish walks them. A change makes a new list, so that user code may subscribe
   * and unsubscribe in the middle of a publish.
   */
  list: readonly Subscriber[] | null = null;
}

/** The topics of one server and their subscribers. A topic is an exact string, and exists while it has subscribers. */
export class Topics<Subscriber> {
  readonly #audiences = new Map<string, Audience<Subscriber>>();
  /** The topics of each subscriber. They are kept here so that a socket without topics pays nothing for them. */
  readonly #names = new Map<Subscriber, Set<string>>();
  readonly #offer: Offer<Subscriber>;
  /** `null` without a broker. */
  #others: Others | null = null;

  constructor(offer: Offer<Subscriber>) {
    this.#offer = offer;
  }

  /** Shares the topics with other processes. Call it before the first subscription. */
  shareWith(others: Others): void {
    this.#others = others;
  }

  /** @throws TypeError, RangeError with the value, if `topic` is invalid */
  check(topic: string): void {
    checkTopic(topic);
    this.#others?.check(topic);
  }

  /** Subscribes to a topic that was checked. No effect if `subscriber` has subscribed already. */
  add(topic: string, subscriber: Subscriber): void {
    const names = this.#names.get(subscriber);
    if (names?.has(topic)) return;
    if (names === undefined) this.#names.set(subscriber, new Set([topic]));
    else names.add(topic);

    let audience = this.#audiences.get(topic);
    if (audience === undefined) {
      audience = new Audience();
      this.#audiences.set(topic, audience);
      this.#others?.join(topic);
    }
    audience.members.add(subscriber);
    audience.list = null;
  }

  /** Unsubscribes. @returns whether `subscriber` had subscribed */
  delete(topic: string, subscriber: Subscriber): boolean {
    const names = this.#names.get(subscriber);
    if (!names?.delete(topic)) return false;
    if (names.size === 0) this.#names.delete(subscriber);
    this.#removeFrom(topic, subscriber);
    return true;
  }

  /** Unsubscribes from all topics. */
  deleteAll(subscriber: Subscriber): void {
    const names = this.#names.get(subscriber);
    if (names === undefined) return;
    this.#names.delete(subscriber);
    for (const topic of names) this.#removeFrom(topic, subscriber);
  }

  #removeFrom(topic: string, subscriber: Subscriber): void {
    const audience = this.#audiences.get(topic)!;
    audience.members.delete(subscriber);
    audience.list = null;
    if (audience.members.size > 0) return;
    this.#audiences.delete(topic);
    this.#others?.leave(topic);
  }

  /** The topics of a subscriber in the order of subscription. The list is the caller's. */
  of(subscriber: Subscriber): string[] {
    return [...(this.#names.get(subscriber) ?? [])];
  }

  /** How many have subscribed to `topic`. @throws TypeError if `topic` is not a string */
  subscriberCount(topic: string): number {
    checkTopic(topic);
    return this.#audiences.get(topic)?.members.size ?? 0;
  }

  /**
   * Sends one message, encoded once, to all subscribers, and to those of other processes. No subscriber can make it
   * throw.
   *
   * @param except a subscriber that does not get the message, because it publishes it; or `null`
   * @returns how many subscribers of this process accepted the message
   * @throws TypeError, RangeError as `check` does; TypeError if `data` cannot be sent, or `opcode` is neither Text nor
   *   Binary
   */
  publish(
    topic: string,
    data: Data | PreparedMessage,
    options: Opcode | SendOptions | undefined,
    except: Subscriber | null,
  ): number {
    this.check(topic);
    if (data instanceof PreparedMessage) {
      const message = sharedOf(data, options);
      this.#others?.publish(topic, message.plain, message.compresses);
      return this.#offerTo(this.#subscribers(topic, except), except, message);
    }
    const { opcode, compress = true } = sendOptions(options);
    const payload = toPayload(data);
    const checkedOpcode = messageOpcode(opcode, payload);
    const subscribers = this.#subscribers(topic, except);
    if (subscribers.length === 0 && this.#others === null) return 0;
    const message = new SharedMessage(checkedOpcode, payload, compress);
    this.#others?.publish(topic, message.plain, compress);
    return this.#offerTo(subscribers, except, message);
  }

  /** Sends a message that another process has published to all subscribers of this one. */
  deliver(topic: string, frame: Uint8Array, compresses: boolean): void {
    const subscribers = this.#subscribers(topic, null);
    if (subscribers.length > 0) this.#offerTo(subscribers, null, SharedMessage.ofFrame(frame, compresses));
  }

  /** The subscribers of a topic; an empty list if `except` is the only one. */
  #subscribers(topic: string, except: Subscriber | null): readonly Subscriber[] {
    const audience = this.#audiences.get(topic);
    if (audience === undefined) return NO_SUBSCRIBERS;
    audience.list ??= [...audience.members];
    return audience.list.length === 1 && audience.list[0] === except ? NO_SUBSCRIBERS : audience.list;
  }

  /**
   * The hot loop of a fan-out: it allocates nothing per subscriber. A further message in the same turn may go to all of
   * them without asking each again.
   */
  #offerTo(subscribers: readonly Subscriber[], except: Subscriber | null, message: SharedMessage): number {
    // A subscriber of the channel must see each message of each socket.
    const isTold = sendChannel.hasSubscribers;
    if (!isTold && SharedRun.isHeldBy(subscribers, except)) {
      const extended = SharedRun.extendLatest(message.plain, message.byteLength);
      if (extended > 0) return extended;
    }
    let asked = 0;
    let accepted = 0;
    SharedRun.beginPublish();
    for (const subscriber of subscribers) {
      if (subscriber === except) continue;
      asked++;
      if (this.#offer(subscriber, message)) accepted++;
    }
    // A subscriber that has not accepted this message may accept the next.
    SharedRun.endPublish(subscribers, except, !isTold && accepted === asked ? accepted : -1);
    return accepted;
  }
}

/** @throws TypeError with the value, if `topic` is not a string */
export function checkTopic(topic: unknown): void {
  if (typeof topic !== 'string') throw new TypeError(`topic must be a string, not ${quoted(topic)}`);
}
