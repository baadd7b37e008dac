import type { Buffer } from 'node:buffer';
import { randomInt } from 'node:crypto';
import { checkNames } from '../protocol/option-names.js';
import { quoted } from '../protocol/quoted.js';
import type { Broker, BrokerKey, BrokerOptions, BrokerStatus } from './broker.js';

/** The first wait before another attempt to connect, and the longest, in milliseconds. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 10_000;

/**
 * Draws the wait before the next attempt to connect. It is random, so that processes that lost their broker together do not
 * all come back at once.
 *
 * @param attempt how many attempts have failed since the last connection
 * @returns milliseconds
 */
export function reconnectDelay(attempt: number): number {
  return randomInt(FIRST_DELAY, Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** Math.min(attempt + 1, 10)) + 1);
}

/** The base of the brokers of this package: options, status, and reports of its changes. */
export abstract class ChannelBroker implements Broker {
  readonly prefix: string;
  readonly maxBuffered: number | undefined;
  readonly maxMessage: number | undefined;
  readonly key: BrokerKey | undefined;
  onMessage: Broker['onMessage'] = null;
  onStatus: Broker['onStatus'] = null;
  onGap: Broker['onGap'] = null;
  #status: BrokerStatus = 'connecting';

  constructor(options: BrokerOptions, prefix: string) {
    const { maxBuffered, maxMessage, key } = options;
    this.prefix = options.prefix ?? prefix;
    this.maxBuffered = maxBuffered;
    this.maxMessage = maxMessage;
    this.key = key;
  }

  get status(): BrokerStatus {
    return this.#status;
  }

  /**
   * Changes the status and reports it, unless the broker is closed.
   *
   * @param error the reason. It is reported even if the status stays the same
   */
  protected setStatus(status: BrokerStatus, error?: Error): void {
    if (this.#status === 'closed') return;
    const hasChanged = this.#status !== status;
    this.#status = status;
    if (hasChanged || error !== undefined) this.onStatus?.(error);
  }

  abstract open(): unknown;
  abstract publish(topic: string, payload: Buffer): unknown;
  abstract subscribe(topic: string): unknown;
  abstract unsubscribe(topic: string): unknown;
  abstract close(): unknown;
}

const NAMES = ['prefix', 'maxBuffered', 'maxMessage', 'key'];

/**
 * Checks the names of a broker's options. Their values are checked when a server takes the broker.
 *
 * @param others names of options that only this broker has
 * @throws TypeError with the value, if `options` is not an object or has an unknown option
 */
export function checkBrokerOptions(options: unknown, others: readonly string[] = []): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`options must be an object, not ${quoted(options)}`);
  checkNames('A broker', options, [...NAMES, ...others]);
}
