import type { Buffer } from 'node:buffer';
/**
 * How a broker stands: it connects for the first time, takes what is published, is away and comes back, or has ended for
 * good.
 */
export type BrokerStatus = 'connecting' | 'up' | 'down' | 'closed';

/** Secrets for the HMAC of payloads: the first signs, all are accepted, so that a key can be replaced by the next. */
export type BrokerKey = string | Uint8Array | readonly (string | Uint8Array)[];

/** Options that all brokers have. Sizes are in bytes. */
export interface BrokerOptions {
  /** Begins the names of all channels, so that applications can share one broker. Default `'wasock:'`. */
  readonly prefix?: string;
  /** What is kept while the broker is away; then the oldest is dropped. Default 1 MiB. */
  readonly maxBuffered?: number;
  /** A longer message is delivered in this process, and not sent over the broker. Default 512 KiB. */
  readonly maxMessage?: number;
  /**
   * Signs what this process publishes, and drops what nobody with the key has signed. At least 16 bytes. A broker that
   * others can write to needs it. Default none.
   */
  readonly key?: BrokerKey;
}

/**
 * Carries payloads between processes. An implementation moves bytes; order, copies, holes, signatures and what waits are
 * the library's concern. One broker serves one server.
 *
 * Methods may return promises. The library calls none of them before `open`, and none after `close`.
 */
export interface Broker extends BrokerOptions {
  /** How it stands. A broker that is always there says `'up'`. */
  readonly status: BrokerStatus;
  /** Set by the library. Call it with each payload on a topic that is subscribed to, in their order. Never throws. */
  onMessage: ((topic: string, payload: Uint8Array) => void) | null;
  /**
   * Set by the library. Call it when `status` has changed, with the reason if there is one. After `'up'` the library
   * subscribes to all its topics again.
   */
  onStatus: ((error?: Error) => void) | null;
  /** Set by the library. Call it when payloads may have been lost: on one topic, or without one on all. */
  onGap: ((topic?: string) => void) | null;
  /** Connects, if there is something to connect. Reports by `onStatus` when it is up. */
  open?(): unknown;
  /**
   * Sends a payload to all processes that have subscribed to `topic`; this one may get it back. Called only while it is
   * up. Calls arrive in their order.
   *
   * @param payload must not be changed
   * @returns resolves when the broker has it, and rejects if it does not take it, or the connection broke before it said so
   */
  publish(topic: string, payload: Buffer): unknown;
  /** Subscribes to a topic. Without effect if it has. @returns resolves when it has */
  subscribe(topic: string): unknown;
  /** Unsubscribes from a topic. @returns resolves when it has */
  unsubscribe(topic: string): unknown;
  /** Disconnects. */
  close(): unknown;
}

export const DEFAULT_PREFIX = 'wasock:';
export const DEFAULT_MAX_BUFFERED = 1_048_576;
export const DEFAULT_MAX_MESSAGE = 524_288;
