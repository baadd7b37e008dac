import { Buffer } from 'node:buffer';
import process from 'node:process';
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import { type Broker, type BrokerOptions, DEFAULT_PREFIX } from './broker.js';
import { ChannelBroker, checkBrokerOptions } from './channel-broker.js';
import { hub, type Member } from './cluster-hub.js';
import { BATCH, type ToPrimary, toWorker } from './cluster-messages.js';

/** Milliseconds within which the primary process has to answer. */
const PATIENCE = 2000;

/**
 * Makes a broker that carries topics between the workers of one node:cluster, through their primary process.
 *
 * The primary process must import wasock/cluster, and may make brokers as well. A worker whose primary process does not
 * answer within 2 s reports it: the server's `error` handler gets the reason, and `server.broker` emits `down`. This does
 * not work in PM2's cluster mode, whose primary process is PM2's own.
 *
 * @param options options of the broker
 * @returns a broker for one server or publisher
 * @throws TypeError if there is an unknown option
 *
 * @example
 * ```js
 * import cluster from 'node:cluster';
 * import { availableParallelism } from 'node:os';
 * import { serve } from 'wasock';
 * import { cluster as clusterBroker } from 'wasock/cluster';
 *
 * if (cluster.isPrimary) {
 *   for (let i = 0; i < availableParallelism(); i++) cluster.fork();
 * } else {
 *   const server = await serve({
 *     port: 9001,
 *     broker: clusterBroker(),
 *     open: (ws) => void ws.subscribe('chat'),
 *     message: (ws, data) => void server.publish('chat', data),
 *   });
 * }
 * ```
 */
export function cluster(options: BrokerOptions = {}): Broker {
  checkBrokerOptions(options);
  return hub === null ? new WorkerBroker(options) : new PrimaryBroker(options);
}

/** A broker in the primary process. */
class PrimaryBroker extends ChannelBroker implements Member {
  #messages: [topic: string, payload: string][] = [];

  constructor(options: BrokerOptions) {
    super(options, DEFAULT_PREFIX);
  }

  override open(): void {
    this.setStatus('up');
  }

  /** In a turn of its own, as from any other process. */
  deliver(channel: string, payload: string): void {
    if (this.#messages.push([channel, payload]) > 1) return;
    setImmediate(() => {
      const messages = this.#messages;
      this.#messages = [];
      for (const [from, text] of messages)
        this.onMessage?.(from.slice(this.prefix.length), Buffer.from(text, 'base64'));
    });
  }

  override publish(topic: string, payload: Buffer): void {
    hub!.publish(this, this.prefix + topic, payload.toString('base64'));
  }

  override subscribe(topic: string): void {
    hub!.join(this, this.prefix + topic);
  }

  override unsubscribe(topic: string): void {
    hub!.leave(this, this.prefix + topic);
  }

  override close(): void {
    this.setStatus('closed');
    hub!.leaveAll(this);
  }
}

/** How many brokers this worker has made. */
let count = 0;

/** What was asked of the primary process and is not confirmed. */
interface Request {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Topics to subscribe to and to unsubscribe from: none is in both, as the operations of a topic do not overlap. */
interface Changes {
  readonly subscribe: string[];
  readonly unsubscribe: string[];
  readonly done: Promise<void>;
}

/** A broker in a worker. */
class WorkerBroker extends ChannelBroker {
  readonly #number = ++count;
  readonly #requests = new Map<number, Request>();
  #lastRequest = 0;
  /** What is to be published: topic, payload, topic, payload … */
  #messages: string[] = [];
  #waiting: Request[] = [];
  #isSending = false;
  #changes: Changes | null = null;
  #timer: NodeJS.Timeout | null = null;
  #hasWarned = false;

  constructor(options: BrokerOptions) {
    super(options, DEFAULT_PREFIX);
  }

  override open(): void {
    process.on('message', this.#onMessage);
    process.on('disconnect', this.#onDisconnect);
    this.#greet();
  }

  #greet(): void {
    this.#tell({ wasock: 'hello', member: this.#number });
    this.#timer = setTimeout(() => {
      if (!this.#hasWarned) this.setStatus('connecting', unansweredError());
      this.#hasWarned = true;
      this.#greet();
    }, PATIENCE);
    this.#timer.unref();
  }

  /** @param failed is called if the channel does not take it */
  #tell(message: ToPrimary, failed: () => void = () => {}): void {
    if (!process.connected) return failed();
    try {
      process.send!(message, undefined, undefined, (error) => {
        if (error !== null) failed();
      });
    } catch {
      failed();
    }
  }

  readonly #onMessage = (message: unknown) => {
    const told = toWorker(message);
    if (told === null || told.member !== this.#number) return;
    if (told.wasock === 'welcome') {
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.setStatus('up');
    } else if (told.wasock === 'ack') {
      const request = this.#requests.get(told.request);
      this.#requests.delete(told.request);
      request?.resolve();
    } else {
      if (told.hasGap) this.onGap?.();
      this.#deliver(told.messages);
    }
  };

  #deliver(messages: readonly string[]): void {
    for (let at = 0; at < messages.length; at += 2) {
      this.onMessage?.(messages[at].slice(this.prefix.length), Buffer.from(messages[at + 1], 'base64'));
    }
  }

  readonly #onDisconnect = () => {
    this.setStatus('down', new Error('The channel to the primary process is closed'));
    for (const { reject } of this.#requests.values()) reject(new Error('The primary process is gone'));
    this.#requests.clear();
  };

  /** @param message makes the request of its number */
  #ask(message: (request: number) => ToPrimary): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = ++this.#lastRequest;
      this.#requests.set(request, { resolve, reject });
      this.#tell(message(request), () => {
        this.#requests.delete(request);
        reject(new Error('The channel to the primary process is closed'));
      });
    });
  }

  /** What is published in one turn, or while the messages before are under way, goes together. */
  override publish(topic: string, payload: Buffer): Promise<void> {
    this.#messages.push(this.prefix + topic, payload.toString('base64'));
    if (!this.#isSending) {
      this.#isSending = true;
      setImmediate(() => this.#flush());
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #flush(): void {
    let end = 0;
    for (let size = 0; end < this.#messages.length && size < BATCH; end += 2) size += this.#messages[end + 1].length;
    this.#isSending = end > 0;
    if (!this.#isSending) return;
    const messages = this.#messages.splice(0, end);
    const waiting = this.#waiting.splice(0, end / 2);
    this.#ask((request) => ({ wasock: 'publish', member: this.#number, request, messages }))
      .then(
        () => {
          for (const { resolve } of waiting) resolve();
        },
        (error) => {
          for (const { reject } of waiting) reject(error);
        },
      )
      .then(() => this.#flush());
  }

  override subscribe(topic: string): Promise<void> {
    const { subscribe, done } = this.#change();
    subscribe.push(this.prefix + topic);
    return done;
  }

  override unsubscribe(topic: string): Promise<void> {
    const { unsubscribe, done } = this.#change();
    unsubscribe.push(this.prefix + topic);
    return done;
  }

  /** The changes of this turn, which go together. */
  #change(): Changes {
    if (this.#changes !== null) return this.#changes;
    const done = new Promise<void>((resolve, reject) => {
      setImmediate(() => {
        const { subscribe, unsubscribe } = this.#changes!;
        this.#changes = null;
        this.#ask((request) => ({ wasock: 'topics', member: this.#number, request, subscribe, unsubscribe })).then(
          resolve,
          reject,
        );
      });
    });
    this.#changes = { subscribe: [], unsubscribe: [], done };
    return this.#changes;
  }

  override close(): void {
    this.setStatus('closed');
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#tell({ wasock: 'bye', member: this.#number });
    process.off('message', this.#onMessage);
    process.off('disconnect', this.#onDisconnect);
  }
}

function unansweredError(): Error {
  return new Error(
    `The primary process of node:cluster has not answered within ${PATIENCE / 1000} s: it must import wasock/cluster. That of ` +
      'PM2 in cluster mode cannot: use its fork mode, with Redis or NATS',
  );
}
