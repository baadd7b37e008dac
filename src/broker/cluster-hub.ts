import cluster, { type Worker } from 'node:cluster';
import { setImmediate } from 'node:timers';
import { BATCH, type ToPrimary, type ToWorker, toPrimary } from './cluster-messages.js';

/** Characters of payloads that wait for one worker, at most. Then the oldest are dropped, and the worker is told. */
const MOST_WAITING = 16_777_216;

/** A broker that has joined topics. */
export interface Member {
  /**
   * Sends it a message. Never throws.
   *
   * @param topic the topic, with the prefix
   * @param payload the bytes in base64
   */
  deliver(topic: string, payload: string): void;
}

/** What one broker of a worker has still to get. Messages of a turn go together, and wait for those before them. */
class RemoteMember implements Member {
  readonly #worker: Worker;
  readonly #number: number;
  #messages: string[] = [];
  #head = 0;
  #waiting = 0;
  #isSending = false;
  #hasGap = false;

  constructor(worker: Worker, number: number) {
    this.#worker = worker;
    this.#number = number;
  }

  deliver(topic: string, payload: string): void {
    this.#messages.push(topic, payload);
    this.#waiting += payload.length;
    while (this.#waiting > MOST_WAITING) {
      this.#shift();
      this.#hasGap = true;
    }
    if (this.#isSending) return;
    this.#isSending = true;
    setImmediate(() => this.#flush());
  }

  /** Takes the oldest. What has been taken is not held, and its place not for long. */
  #shift(): [topic: string, payload: string] {
    const topic = this.#messages[this.#head];
    const payload = this.#messages[this.#head + 1];
    this.#messages[this.#head + 1] = '';
    this.#head += 2;
    this.#waiting -= payload.length;
    if (this.#head >= 1024 && this.#head * 2 >= this.#messages.length) this.#compact();
    return [topic, payload];
  }

  #compact(): void {
    this.#messages = this.#messages.slice(this.#head);
    this.#head = 0;
  }

  #flush(): void {
    const messages: string[] = [];
    for (let size = 0; this.#head < this.#messages.length && size < BATCH; ) {
      const [topic, payload] = this.#shift();
      messages.push(topic, payload);
      size += payload.length;
    }
    if (this.#head === this.#messages.length) this.#compact();
    this.#isSending = messages.length > 0;
    if (!this.#isSending) return;
    const hasGap = this.#hasGap;
    this.#hasGap = false;
    // The callback comes when the channel has taken it: whoever goes on without it queues without end.
    send(this.#worker, { wasock: 'messages', member: this.#number, hasGap, messages }, () => this.#flush());
  }
}

/** Sends to a worker, if it is there. */
function send(worker: Worker, message: ToWorker, done: () => void = () => {}): void {
  if (!worker.isConnected()) return;
  try {
    worker.send(message, undefined, undefined, (error) => {
      if (error === null) done();
    });
  } catch {
    // Its channel has closed in this turn; 'disconnect' follows.
  }
}

/** In the primary process: who listens to which topic. A message goes once to each member that does. */
class Hub {
  readonly #listeners = new Map<string, Set<Member>>();
  readonly #topics = new Map<Member, Set<string>>();
  /** By worker, then by the number of its broker. */
  readonly #remote = new Map<Worker, Map<number, Member>>();

  join(member: Member, topic: string): void {
    const topics = this.#topics.get(member) ?? new Set();
    this.#topics.set(member, topics.add(topic));
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(member));
  }

  leave(member: Member, topic: string): void {
    this.#topics.get(member)?.delete(topic);
    const listeners = this.#listeners.get(topic);
    if (!listeners?.delete(member)) return;
    if (listeners.size === 0) this.#listeners.delete(topic);
  }

  leaveAll(member: Member): void {
    for (const topic of this.#topics.get(member) ?? []) this.leave(member, topic);
    this.#topics.delete(member);
  }

  publish(from: Member, topic: string, payload: string): void {
    for (const member of this.#listeners.get(topic) ?? []) if (member !== from) member.deliver(topic, payload);
  }

  /** Listens to all workers. */
  serve(): void {
    cluster.on('message', (worker, message: unknown) => {
      const told = toPrimary(message);
      if (told !== null) this.#onMessage(worker, told);
    });
    cluster.on('disconnect', (worker) => this.#onGone(worker));
    cluster.on('exit', (worker) => this.#onGone(worker));
  }

  #onMessage(worker: Worker, message: ToPrimary): void {
    const members = this.#remote.get(worker) ?? new Map<number, Member>();
    const member = members.get(message.member) ?? new RemoteMember(worker, message.member);
    if (message.wasock === 'hello') {
      this.#remote.set(worker, members.set(message.member, member));
      return send(worker, { wasock: 'welcome', member: message.member });
    }
    if (!members.has(message.member)) return;
    if (message.wasock === 'bye') {
      members.delete(message.member);
      return this.leaveAll(member);
    }
    if (message.wasock === 'publish') {
      const { messages } = message;
      for (let at = 0; at < messages.length; at += 2) this.publish(member, messages[at], messages[at + 1]);
    } else {
      for (const topic of message.unsubscribe) this.leave(member, topic);
      for (const topic of message.subscribe) this.join(member, topic);
    }
    send(worker, { wasock: 'ack', member: message.member, request: message.request });
  }

  #onGone(worker: Worker): void {
    for (const member of this.#remote.get(worker)?.values() ?? []) this.leaveAll(member);
    this.#remote.delete(worker);
  }
}

/** The hub of this process; `null` in a worker. */
export const hub: Hub | null = cluster.isPrimary ? new Hub() : null;
hub?.serve();
