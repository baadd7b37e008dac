import type { Buffer } from 'node:buffer';
/**
 * The state of a broker: `'connecting'` until it is connected for the first time; `'up'` while it carries messages; `'down'`
 * while the connection is lost; `'closed'` for good.
 */
export type BrokerStatus = 'connecting' | 'up' | 'down' | 'closed';

/**
 * One secret or several, of at least 16 bytes each, for the HMAC of payloads. A string stands for its UTF-8. The first
 * secret signs; payloads signed with any of them are accepted, so that a key can be replaced without a loss. The library
 * copies the bytes.
 */
export type BrokerKey = string | Uint8Array | readonly (string | Uint8Array)[];

/**
 * Options that all brokers have. Sizes are in bytes. `prefix`, `maxMessage` and `key` should be the same in all processes.
 *
 * The server that takes the broker checks the values, and throws a TypeError or a RangeError.
 */
export interface BrokerOptions {
  /**
   * How the names of all channels begin, so that several applications can share one broker. Numbers of Redis databases do
   * not separate channels.
   *
   * @defaultValue `'wasock:'`; for NATS `'wasock.'`
   */
  readonly prefix?: string;
  /**
   * How many bytes of published payloads are kept while the broker is away, or takes less than is published for more than
   * a second. Above that the oldest are dropped, and `dropped` is emitted. A burst may be larger: up to 64 MiB wait while
   * the broker is up.
   *
   * @defaultValue `1048576`, 1 MiB
   */
  readonly maxBuffered?: number;
  /**
   * The longest message that goes over the broker, in bytes of its frame: the message itself and 2, 4 or 10 bytes more. A
   * longer one reaches only the sockets of this process, and `dropped` is emitted. A longer one from another process is
   * rejected.
   *
   * @defaultValue `524288`, 512 KiB
   */
  readonly maxMessage?: number;
  /**
   * Signs what this process publishes (HMAC-SHA-256), and rejects what nobody with the key has signed. Use it if others
   * can write to the broker. It encrypts nothing. Default: none.
   */
  readonly key?: BrokerKey;
}

/**
 * Carries payloads between processes. `redis`, `nats` and `cluster` make one; implement this interface for anything else
 * that carries bytes by topic.
 *
 * A broker only moves bytes. The library takes care of order, copies, gaps, signatures, and of what waits while the broker
 * is away. One broker serves one server, which closes it. The options are properties of the broker.
 *
 * Methods may return promises. The library calls none of them before `open`, and none after `close`. docs/scaling.md has a
 * complete broker as an example.
 */
export interface Broker extends BrokerOptions {
  /** The current state. Change it before you call `onStatus`. A broker that needs no connection is always `'up'`. */
  readonly status: BrokerStatus;
  /**
   * Set by the library; `null` until a server has taken the broker, and after it is closed. Call it with each payload that
   * arrives on a topic, in the order of publication. It never throws, ignores topics that are not subscribed, and keeps
   * none of the bytes after it returns.
   */
  onMessage: ((topic: string, payload: Uint8Array) => void) | null;
  /**
   * Set by the library. Call it after each change of `status`, with the reason if there is one, and again with the reason
   * after each failed attempt to connect. After `'up'` the library subscribes to all its topics again.
   */
  onStatus: ((error?: Error) => void) | null;
  /**
   * Set by the library. Call it if messages of other processes may have been lost: with the topic, or without one if any
   * topic may be affected.
   */
  onGap: ((topic?: string) => void) | null;
  /**
   * Connects. The library calls it once, before every other method, and learns from `onStatus` when the broker is up. If
   * the call throws or rejects, the server's `error` handler gets the error.
   */
  open?(): unknown;
  /**
   * Sends a payload to all processes that have subscribed to `topic`. It may come back to this process, which ignores it.
   * Payloads of one topic must arrive in the order of the calls. It is called only while `status` is `'up'`, with about
   * 1 MiB at a time that is not confirmed.
   *
   * @param topic the topic, any well-formed string of up to 65,535 bytes
   * @param payload the bytes. You may keep them, but must not write to them
   * @returns a promise that resolves when the broker has the payload, and rejects if it refuses it or if the connection
   *   breaks. If `status` is not `'up'` in the turn after a rejection, the payload is published again later; otherwise it
   *   is dropped. Without a promise the broker has it at once
   */
  publish(topic: string, payload: Buffer): unknown;
  /**
   * Subscribes to a topic. It has no effect if that is done already. It is called only while `status` is `'up'`.
   *
   * @param topic the topic, exactly: there are no patterns
   * @returns a promise that resolves when payloads arrive, and rejects if the broker refuses. Then the server's `error`
   *   handler gets the error, once for each topic, and the library tries again later
   */
  subscribe(topic: string): unknown;
  /**
   * Unsubscribes from a topic, one to two seconds after its last socket has left. It is called only while `status` is
   * `'up'`.
   *
   * @param topic the topic, exactly
   * @returns a promise that resolves when it is done
   */
  unsubscribe(topic: string): unknown;
  /** Disconnects for good. The library calls nothing after it. */
  close(): unknown;
}

/** The default of `prefix`; NATS has another. */
export const DEFAULT_PREFIX = 'wasock:';
/** The default of `maxBuffered`: 1 MiB. */
export const DEFAULT_MAX_BUFFERED = 1_048_576;
/** The default of `maxMessage`: 512 KiB. */
export const DEFAULT_MAX_MESSAGE = 524_288;
