import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { clearTimeout, setTimeout } from 'node:timers';
import { toError } from '../protocol/errors.js';
import { quoted } from '../protocol/quoted.js';
import { type Broker, type BrokerStatus, DEFAULT_MAX_BUFFERED, DEFAULT_MAX_MESSAGE, DEFAULT_PREFIX } from './broker.js';
import { checkKeys, Envelopes, MAX_TOPIC, ORIGIN_LENGTH, type Rejection } from './envelope.js';
import { Interests } from './interests.js';
import { Outgoing } from './outgoing.js';
import { Numbers, Progress } from './sequences.js';

/** What a `gap` event is about: messages of other processes that did not arrive, or may not have. */
export interface BrokerGap {
  /** The topic; `null` if any topic may be affected. */
  readonly topic: string | null;
  /**
   * The server or publisher whose messages are missing, as 32 hexadecimal digits that it draws when it starts; `null` if
   * that is not known.
   */
  readonly origin: string | null;
}

/** What a `dropped` event is about: a message of this process that other processes will not get. */
export interface BrokerDrop {
  /** The topic of the message. */
  readonly topic: string;
  /** The size of the payload that was dropped; of a message longer than `maxMessage`, that of its frame. In bytes. */
  readonly bytes: number;
}

/** The events of a `ServerBroker`, with their listeners. */
interface BrokerEvents {
  /** The broker is connected: for the first time, or again. */
  up: () => void;
  /**
   * The connection to the broker is lost, or another attempt to connect has failed. The listener gets the reason if it is
   * known.
   */
  down: (error?: Error) => void;
  /** Messages of other processes did not arrive, or may not have. */
  gap: (gap: BrokerGap) => void;
  /**
   * A message of this process will not reach the others: it is longer than `maxMessage`, the broker was away or slow for too
   * long, or the broker refuses it.
   */
  dropped: (drop: BrokerDrop) => void;
}

/** What a session does with messages of other processes, and with errors. */
interface SessionHandlers {
  /** Gets a message of another process. Must not throw. @param frame a view; copy what you keep */
  readonly deliver: (topic: string, frame: Uint8Array, compresses: boolean) => void;
  /**
   * Gets errors of the broker that concern the application, such as a refused subscription, or why it could not connect at
   * first.
   */
  readonly report: (error: Error) => void;
}

/** The brokers that have a session. */
const used = new WeakSet<Broker>();

/** What a timer can wait, in milliseconds: some 24 days. */
const LONGEST_TIMER = 0x7fff_ffff;

/** What a broker asks for, or the defaults. */
interface BrokerSettings {
  readonly prefix: string;
  /** In bytes. */
  readonly maxBuffered: number;
  /** In bytes. */
  readonly maxMessage: number;
  /** The first signs. */
  readonly keys: readonly Buffer[];
}

const METHODS = ['publish', 'subscribe', 'unsubscribe', 'close'] as const;

/**
 * The link between the topics of one server and those of other processes: `server.broker`.
 *
 * - `up`: the broker is connected, for the first time or again.
 * - `down` (error?): the connection is lost, or another attempt to connect has failed.
 * - `gap` ({ topic, origin }): messages of other processes did not arrive, or may not have.
 * - `dropped` ({ topic, bytes }): a message of this process will not reach the others.
 *
 * What a listener throws goes to the server's `error` handler.
 *
 * @example
 * ```js
 * import { createClient } from 'redis';
 * import { serve } from 'wasock';
 * import { redis } from 'wasock/redis';
 *
 * const server = await serve({
 *   port: 9001,
 *   broker: redis(createClient({ url: process.env.REDIS_URL })),
 *   open: (ws) => void ws.subscribe('chat'),
 *   message: (ws, data) => void server.publish('chat', data),
 * });
 * server.broker.on('down', (error) => console.error('Redis is away', error));
 * server.broker.on('gap', ({ topic }) => console.error('Messages were lost on', topic ?? 'any topic'));
 * ```
 */
export class ServerBroker extends EventEmitter {
  readonly #broker: Broker;
  readonly #handlers: SessionHandlers;
  readonly #maxMessage: number;
  readonly #envelopes: Envelopes;
  readonly #numbers = new Numbers();
  readonly #outgoing: Outgoing;
  readonly #interests: Interests;
  /** By topic that is subscribed to: whoever comes back at once gets nothing twice. */
  readonly #progress = new Map<string, Progress>();
  #wasUp = false;
  #ended: Promise<void> | null = null;
  /** A broker that has never been up may be set up wrongly: the first error is reported. */
  #isUntried = true;

  /** How many messages of this process other processes will not get: one for each `dropped` event. */
  dropped = 0;
  /** How many gaps there were in the messages of other processes: one for each `gap` event. */
  gaps = 0;
  /**
   * How many payloads were rejected, because somebody else has written them or the options differ. By reason: `format`, no
   * payload of this library; `version`, one of another version; `signature`, signed with none of the keys; `topic`,
   * published on another topic; `frame`, no whole Text or Binary message, or longer than `maxMessage`.
   */
  readonly rejected: Readonly<Record<Rejection, number>> = { format: 0, version: 0, signature: 0, topic: 0, frame: 0 };

  /**
   * @internal
   * @throws TypeError if `broker` is not a broker, or serves another server already
   * @throws TypeError, RangeError if one of its options is invalid
   */
  constructor(broker: Broker, handlers: SessionHandlers) {
    super();
    const { maxBuffered, maxMessage, prefix, keys } = checkBroker(broker);
    used.add(broker);
    this.#broker = broker;
    this.#handlers = handlers;
    this.#maxMessage = maxMessage;
    this.#envelopes = new Envelopes(randomBytes(ORIGIN_LENGTH), prefix, keys);
    this.#outgoing = new Outgoing(broker, maxBuffered, (topic, bytes) => this.#onDropped(topic, bytes));
    this.#interests = new Interests(broker, handlers.report, (topic) => this.#progress.delete(topic));
    broker.onMessage = (topic, payload) => this.#onMessage(topic, payload);
    broker.onStatus = (error) => this.#onStatus(error);
    broker.onGap = (topic) => this.#onGap(topic ?? null, null);
    this.#wasUp = broker.status === 'up';
    this.#isUntried = !this.#wasUp;
    Promise.resolve()
      .then(() => (this.#ended === null ? broker.open?.() : undefined))
      .catch((error) => handlers.report(toError(error)));
  }

  /** The state of the broker. `up` and `down` report its changes. */
  get status(): BrokerStatus {
    return this.#broker.status;
  }

  /** How many bytes of published payloads the broker does not have yet. */
  get buffered(): number {
    return this.#outgoing.bytes;
  }

  /**
   * Resolves when the broker has everything that this server has published so far. It rejects with a `WebSocketError` with
   * the code `WASOCK_BROKER_DROPPED` if any message was dropped that was published since this property was last read. You
   * may ignore it: that raises no `unhandledRejection`.
   */
  get published(): Promise<void> {
    return this.#outgoing.published;
  }

  /** Adds a listener. See the class for the events and their arguments. */
  declare on: <Name extends keyof BrokerEvents>(name: Name, listener: BrokerEvents[Name]) => this;
  /** Adds a listener for the next event only. */
  declare once: <Name extends keyof BrokerEvents>(name: Name, listener: BrokerEvents[Name]) => this;
  /** Removes a listener. */
  declare off: <Name extends keyof BrokerEvents>(name: Name, listener: BrokerEvents[Name]) => this;

  /**
   * Checks that a topic can be shared.
   *
   * @internal
   * @throws TypeError if it is not well-formed Unicode, as two such topics could become one
   * @throws RangeError if it is too long
   */
  check(topic: string): void {
    // A surrogate of a pair is part of another code point.
    if (/\p{Surrogate}/u.test(topic)) {
      throw new TypeError(
        `With a broker, topics must be well-formed Unicode, but ${quoted(topic)} has half of a surrogate pair`,
      );
    }
    if (topic.length * 3 <= MAX_TOPIC) return;
    const length = Buffer.byteLength(topic);
    if (length > MAX_TOPIC)
      throw new RangeError(`With a broker, topics have at most ${MAX_TOPIC} bytes, not ${length}`);
  }

  /** Publishes a message to other processes, unless it is too long. @internal */
  publish(topic: string, frame: Uint8Array, compresses: boolean): void {
    const { sequence, isStart } = this.#numbers.next(topic);
    if (frame.length > this.#maxMessage) return this.#outgoing.skip(topic, frame.length);
    this.#outgoing.push(topic, this.#envelopes.seal(topic, sequence, isStart, compresses, frame));
  }

  /** The first socket listens to `topic`. @internal */
  join(topic: string): void {
    if (!this.#progress.has(topic)) this.#progress.set(topic, new Progress());
    this.#interests.join(topic);
  }

  /** The last socket has stopped listening to `topic`. @internal */
  leave(topic: string): void {
    this.#interests.leave(topic);
  }

  /**
   * Waits until the broker has what was published, and disconnects. A second call returns the same promise.
   *
   * @internal
   * @param timeout milliseconds for both
   */
  end(timeout: number): Promise<void> {
    this.#ended ??= this.#end(timeout);
    return this.#ended;
  }

  async #end(timeout: number): Promise<void> {
    this.#interests.close();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      if (timeout <= LONGEST_TIMER) timer = setTimeout(resolve, Math.max(0, timeout));
    });
    // A broker that is not there yet may come, and one that is away may come back.
    if (this.#broker.status !== 'closed') await Promise.race([this.#outgoing.published.catch(() => {}), late]);
    this.#outgoing.close();
    this.#broker.onMessage = null;
    this.#broker.onStatus = null;
    this.#broker.onGap = null;
    await Promise.race([this.#closeBroker(), late]);
    clearTimeout(timer);
  }

  async #closeBroker(): Promise<void> {
    try {
      await this.#broker.close();
    } catch (error) {
      this.#handlers.report(toError(error));
    }
  }

  /** Whatever arrives, nothing is thrown into the broker. */
  #onMessage(topic: string, given: Uint8Array): void {
    try {
      this.#receive(topic, Buffer.from(given.buffer, given.byteOffset, given.byteLength));
    } catch (error) {
      this.#handlers.report(toError(error));
    }
  }

  #receive(topic: string, payload: Buffer): void {
    const progress = this.#progress.get(topic);
    if (progress === undefined || this.#envelopes.isOwn(payload)) return;
    const envelope = this.#envelopes.open(topic, payload, this.#maxMessage);
    if (typeof envelope === 'string') {
      (this.rejected as Record<Rejection, number>)[envelope]++;
      return;
    }
    const place = progress.place(envelope.origin, envelope);
    if (place === 'repeated') return;
    if (place === 'after a gap') this.#onGap(topic, Buffer.from(envelope.origin, 'latin1').toString('hex'));
    this.#handlers.deliver(topic, envelope.frame, envelope.compresses);
  }

  #onStatus(error: Error | undefined): void {
    const isUp = this.#broker.status === 'up';
    if (this.#isUntried && (isUp || error !== undefined)) {
      this.#isUntried = false;
      if (error !== undefined && !isUp) this.#handlers.report(error);
    }
    if (isUp === this.#wasUp) {
      // The first connection may take long, too.
      if (!isUp && error !== undefined) this.#tell('down', error);
      return;
    }
    this.#wasUp = isUp;
    if (!isUp) {
      this.#interests.onDown();
      return this.#tell('down', error);
    }
    this.#interests.onUp();
    this.#outgoing.pump();
    this.#tell('up');
  }

  #onGap(topic: string | null, origin: string | null): void {
    this.gaps++;
    this.#tell('gap', { topic, origin });
  }

  #onDropped(topic: string, bytes: number): void {
    this.dropped++;
    this.#tell('dropped', { topic, bytes });
  }

  /** What listeners throw must not reach the broker's client. */
  #tell(name: keyof BrokerEvents, value?: unknown): void {
    try {
      this.emit(name, value);
    } catch (error) {
      this.#handlers.report(toError(error));
    }
  }
}

/** Checks a broker and its options. @throws TypeError, RangeError with the value, unless that is a key */
export function checkBroker(broker: Broker): BrokerSettings {
  if (typeof broker !== 'object' || broker === null)
    throw new TypeError(
      `broker must be what redis, nats or cluster returns, or a broker of your own, not ${quoted(broker)}`,
    );
  const missing = METHODS.find((name) => typeof broker[name] !== 'function');
  if (missing !== undefined) throw new TypeError(`broker must have a method ${missing}: see the type Broker`);
  if (used.has(broker)) {
    throw new TypeError('This broker serves another server already: make one for each, with the same options');
  }
  const { prefix = DEFAULT_PREFIX, maxBuffered = DEFAULT_MAX_BUFFERED, maxMessage = DEFAULT_MAX_MESSAGE, key } = broker;
  if (typeof prefix !== 'string') throw new TypeError(`prefix must be a string, not ${quoted(prefix)}`);
  checkSize('maxBuffered', maxBuffered);
  checkSize('maxMessage', maxMessage);
  return { prefix, maxBuffered, maxMessage, keys: checkKeys(key) };
}

function checkSize(name: string, value: unknown): void {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number of bytes, not ${quoted(value)}`);
  if (!(value >= 1)) throw new RangeError(`${name} must be 1 or more bytes, not ${value}`);
}
