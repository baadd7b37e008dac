import { encodeFrame } from '../net/writing/shared-frames.js';
import type { Opcode } from '../protocol/opcode.js';
import { type Data, messageOpcode, toPayload } from './payload.js';
import { frameOf, PreparedMessage } from './prepared-message.js';

/** Hands a frame to a subscriber, if its state and its backlog permit. Must not throw. @returns whether it was accepted */
type Offer<Subscriber> = (subscriber: Subscriber, frame: Uint8Array) => boolean;

const NOBODY: readonly never[] = [];

/** Who has subscribed to one topic. There is none without subscribers. */
class Audience<Subscriber> {
  readonly members = new Set<Subscriber>();
  /**
   * The members as they are walked, until they change: what user code subscribes and unsubscribes in the middle of a
   * publish makes another list.
   */
  list: readonly Subscriber[] | null = null;
}

/** The topics of one server, and who has subscribed to each. A topic is an exact string, and exists while it has subscribers. */
export class Topics<Subscriber> {
  readonly #audiences = new Map<string, Audience<Subscriber>>();
  /** What each has subscribed to: here, so that a socket without topics pays nothing for it. */
  readonly #names = new Map<Subscriber, Set<string>>();
  readonly #offer: Offer<Subscriber>;

  constructor(offer: Offer<Subscriber>) {
    this.#offer = offer;
  }

  /** Subscribes; without effect for one who has. */
  add(topic: string, subscriber: Subscriber): void {
    const names = this.#names.get(subscriber);
    if (names?.has(topic)) return;
    if (names === undefined) this.#names.set(subscriber, new Set([topic]));
    else names.add(topic);

    let audience = this.#audiences.get(topic);
    if (audience === undefined) {
      audience = new Audience();
      this.#audiences.set(topic, audience);
    }
    audience.members.add(subscriber);
    audience.list = null;
  }

  /** Unsubscribes. @returns whether there was anything to end */
  delete(topic: string, subscriber: Subscriber): boolean {
    const names = this.#names.get(subscriber);
    if (!names?.delete(topic)) return false;
    if (names.size === 0) this.#names.delete(subscriber);
    this.#removeFrom(topic, subscriber);
    return true;
  }

  /** Unsubscribes from all. */
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
    if (audience.members.size === 0) this.#audiences.delete(topic);
  }

  /** What one has subscribed to, in that order, as a list of its own. */
  of(subscriber: Subscriber): string[] {
    return [...(this.#names.get(subscriber) ?? [])];
  }

  /** @throws TypeError for what is no topic */
  subscriberCount(topic: string): number {
    checkTopic(topic);
    return this.#audiences.get(topic)?.members.size ?? 0;
  }

  /**
   * Sends one message to all subscribers, encoded once. Never throws for their state.
   *
   * @param except who does not get it, the one who publishes
   * @returns for how many it was accepted
   * @throws TypeError for what is no topic, no data or no message
   */
  publish(topic: string, data: Data | PreparedMessage, opcode: Opcode | undefined, except: Subscriber | null): number {
    checkTopic(topic);
    if (data instanceof PreparedMessage) {
      const frame = frameOf(data, opcode);
      return this.#offerTo(this.#subscribers(topic, except), except, frame);
    }
    const payload = toPayload(data);
    const checkedOpcode = messageOpcode(opcode, payload);
    const subscribers = this.#subscribers(topic, except);
    return subscribers.length === 0 ? 0 : this.#offerTo(subscribers, except, encodeFrame(checkedOpcode, payload));
  }

  /** The subscribers of a topic; nobody, if that is none but `except`. */
  #subscribers(topic: string, except: Subscriber | null): readonly Subscriber[] {
    const audience = this.#audiences.get(topic);
    if (audience === undefined) return NOBODY;
    audience.list ??= [...audience.members];
    return audience.list.length === 1 && audience.list[0] === except ? NOBODY : audience.list;
  }

  /** The hot loop of a fan-out: nothing is allocated for a subscriber. */
  #offerTo(subscribers: readonly Subscriber[], except: Subscriber | null, frame: Uint8Array): number {
    let accepted = 0;
    for (const subscriber of subscribers) {
      if (subscriber !== except && this.#offer(subscriber, frame)) accepted++;
    }
    return accepted;
  }
}

/** @throws TypeError for what is no topic, with the value */
export function checkTopic(topic: unknown): void {
  if (typeof topic !== 'string') throw new TypeError(`topic must be a string, not ${String(topic)}`);
}
