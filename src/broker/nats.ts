import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { clearTimeout, setTimeout } from 'node:timers';
import { toError } from '../protocol/errors.js';
import { quoted } from '../protocol/quoted.js';
import type { Broker, BrokerOptions } from './broker.js';
import { ChannelBroker, checkBrokerOptions, reconnectDelay } from './channel-broker.js';
import { type NatsConnectionLike, type NatsEvent, NatsLink } from './nats-link.js';

/**
 * Settings that a connection must have, as options for `connect` of `@nats-io/transport-node`. Your function should hand
 * them on last, so that they override its own: `connect({ servers, ...settings })`.
 *
 * They make the client reconnect forever, after delays that the broker chooses, notice a silent server, and not hear its
 * own messages.
 */
export type NatsSettings = Readonly<Record<string, unknown>>;

const DEFAULT_PREFIX = 'wasock.';

/** Characters of a subject that is not too long: with more than 4 KB of them, servers end the connection. */
const LONGEST_SUBJECT = 1024;
const LONGEST_PREFIX = 512;

/** How long a server may be silent: two Pings without an answer. */
const PING_INTERVAL = 5000;
const MOST_PINGS = 2;

/** Milliseconds that the client has to end a connection on which the server is silent. */
const STALE_TIMEOUT = 1000;

/** Milliseconds within which a server has to take a connection, before the next is tried. */
const CONNECT_TIMEOUT = 5000;

/** Milliseconds by which the client may be late with what it says next. */
const MARGIN = 1000;

/** What makes a client of NATS stay: see docs/scaling.md. */
const SETTINGS: NatsSettings = {
  maxReconnectAttempts: -1,
  ignoreAuthErrorAbort: true,
  noEcho: true,
  pingInterval: PING_INTERVAL,
  maxPingOut: MOST_PINGS,
};

/**
 * Makes a broker that carries topics over NATS, for processes on any number of machines.
 *
 * It makes its own connection when a server takes it, because some settings cannot be changed later. It reconnects by
 * itself after a random wait of 0.1 s to 10 s, and `server.broker` then emits `gap`, as messages may have been lost.
 *
 * @param connection options for `connect` of the npm package `@nats-io/transport-node`, which is loaded then; or a function
 *   that connects with the settings it gets. The function is called again if a connection has ended for good. The broker
 *   closes its connections
 * @param options options of the broker. The prefix must begin a subject, and has at most 512 characters
 * @returns a broker for one server or publisher
 * @throws TypeError if `connection` is neither, if there is an unknown option, or if the prefix cannot begin a subject
 * @throws RangeError if the prefix is too long
 *
 * @example
 * ```js
 * import { serve } from 'wasock';
 * import { nats } from 'wasock/nats';
 *
 * const server = await serve({
 *   port: 9001,
 *   broker: nats({ servers: process.env.NATS_URL }),
 *   open: (ws) => void ws.subscribe('chat'),
 *   message: (ws, data) => void server.publish('chat', data),
 *   error: (error) => console.error(error),
 * });
 * ```
 */
export function nats(
  connection: object | ((settings: NatsSettings) => Promise<NatsConnectionLike>),
  options: BrokerOptions = {},
): Broker {
  checkBrokerOptions(options);
  const isFunction = typeof connection === 'function';
  if (!isFunction && (typeof connection !== 'object' || connection === null)) {
    throw new TypeError(`nats takes options of connect, or a function that connects, not ${quoted(connection)}`);
  }
  const { prefix = DEFAULT_PREFIX } = options;
  if (typeof prefix !== 'string' || !/^([^\s*>.]+\.)*[^\s*>.]*$/.test(prefix)) {
    throw new TypeError(`prefix must begin a subject of NATS, such as 'wasock.', not ${quoted(prefix)}`);
  }
  if (prefix.length > LONGEST_PREFIX) {
    throw new RangeError(`prefix must have at most ${LONGEST_PREFIX} characters, not ${prefix.length}`);
  }
  return new NatsBroker(isFunction ? (connection as Connect) : connectWith(connection), options);
}

type Connect = (settings: NatsSettings) => Promise<NatsConnectionLike>;

/** The package is loaded only by whoever uses it. */
function connectWith(given: object): Connect {
  return async (settings) => {
    const { connect } = (await import('@nats-io/transport-node')) as unknown as { connect: Connect };
    return connect({ timeout: CONNECT_TIMEOUT, ...given, ...settings });
  };
}

class NatsBroker extends ChannelBroker {
  readonly #connect: Connect;
  #connection: NatsConnectionLike | null = null;
  /** `null` unless it is up. */
  #link: NatsLink | null = null;
  #attempt = 0;
  /** Before the next attempt. The client asks more than once for each. */
  #delay = reconnectDelay(0);
  #retry: NodeJS.Timeout | null = null;
  #stale: NodeJS.Timeout | null = null;
  #wasUp = false;

  constructor(connect: Connect, options: BrokerOptions) {
    super(options, DEFAULT_PREFIX);
    this.#connect = connect;
  }

  override async open(): Promise<void> {
    let connection: NatsConnectionLike;
    try {
      connection = await this.#connect({ ...SETTINGS, reconnectDelayHandler: () => this.#delay });
      checkConnection(connection);
    } catch (error) {
      return this.#replace(toError(error));
    }
    if (this.status === 'closed') return void connection.close().catch(() => {});
    this.#connection = connection;
    this.#follow(connection).catch((error) => this.#onClosed(connection, error));
    connection.closed().then((error) => this.#onClosed(connection, error));
    // Since it connected, it may have been lost again. Then it says so when it is back.
    connection.flush().then(
      () => this.#onUp(connection),
      () => {},
    );
  }

  #nextAttempt(): number {
    this.#delay = reconnectDelay(this.#attempt++);
    return this.#delay;
  }

  #replace(error: Error, delay = this.#nextAttempt()): void {
    if (this.status === 'closed') return;
    this.#endStale();
    this.#connection = null;
    this.#onDown(error);
    this.#retry = setTimeout(() => this.open(), delay);
  }

  async #follow(connection: NatsConnectionLike): Promise<void> {
    for await (const event of connection.status()) {
      if (this.#connection !== connection) return;
      this.#onEvent(connection, event);
    }
  }

  #onEvent(connection: NatsConnectionLike, { type, error }: NatsEvent): void {
    if (type === 'disconnect') {
      this.#replaceAfter(connection, this.#delay + MARGIN, new Error('The client of NATS does not reconnect'));
      if (this.#link !== null) this.#onDown(new Error('The connection to NATS is lost'));
    } else if (type === 'reconnecting') {
      const delay = this.#nextAttempt();
      this.#replaceAfter(
        connection,
        delay + CONNECT_TIMEOUT + MARGIN,
        new Error('The client of NATS has stopped reconnecting'),
      );
    } else if (type === 'reconnect') this.#onUp(connection);
    else if (type === 'staleConnection') this.#onStale(connection);
    // The server, or this client, has dropped messages for us.
    else if (type === 'slowConsumer') this.onGap?.();
    else if (type === 'error') {
      const { operation, subject } = error as { operation?: unknown; subject?: unknown };
      if (operation === 'publish' && typeof subject === 'string') this.#link?.refuse(subject);
    }
  }

  /** The client waits until the server has read what was sent to it, which may be never. */
  #onStale(connection: NatsConnectionLike): void {
    const error = new Error('NATS has not answered for some seconds');
    this.#onDown(error);
    this.#replaceAfter(connection, STALE_TIMEOUT, error);
  }

  /**
   * Gives a connection up, unless it shows a sign of life before: a client that is cut off while it reconnects may wait for
   * nothing. What came while the loop was blocked counts.
   */
  #replaceAfter(connection: NatsConnectionLike, milliseconds: number, error: Error): void {
    this.#endStale();
    const timer = setTimeout(() => {
      setTimeout(() => {
        if (this.#stale !== timer) return;
        connection.close().catch(() => {});
        // It has waited for longer than a delay already.
        this.#replace(error, 0);
      }, MARGIN).unref();
    }, milliseconds);
    this.#stale = timer;
  }

  #endStale(): void {
    if (this.#stale !== null) clearTimeout(this.#stale);
    this.#stale = null;
  }

  #onClosed(connection: NatsConnectionLike, error: unknown): void {
    if (this.#connection !== connection) return;
    this.#replace(error instanceof Error ? error : new Error('The connection to NATS is closed'));
  }

  #onDown(error: Error): void {
    const link = this.#link;
    this.#link = null;
    this.setStatus(this.#wasUp ? 'down' : 'connecting', error);
    // Later than the status, which says that this is no refusal.
    link?.break(error);
  }

  #onUp(connection: NatsConnectionLike): void {
    if (this.#connection !== connection || this.#link !== null) return;
    this.#endStale();
    this.#link = new NatsLink(connection);
    this.#attempt = 0;
    if (this.#wasUp) this.onGap?.();
    this.#wasUp = true;
    this.setStatus('up');
  }

  override publish(topic: string, payload: Buffer): Promise<void> {
    return this.#linked().publish(subjectOf(this.prefix, topic), payload);
  }

  override subscribe(topic: string): Promise<void> {
    return this.#linked().subscribe(
      subjectOf(this.prefix, topic),
      (payload) => this.onMessage?.(topic, payload),
      () => this.onGap?.(topic),
    );
  }

  override unsubscribe(topic: string): void {
    this.#link?.unsubscribe(subjectOf(this.prefix, topic));
  }

  #linked(): NatsLink {
    if (this.#link === null) throw new Error('There is no connection to NATS');
    return this.#link;
  }

  override async close(): Promise<void> {
    this.setStatus('closed');
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#endStale();
    const connection = this.#connection;
    this.#connection = null;
    this.#link = null;
    await connection?.close();
  }
}

/** @throws TypeError if what the user's function has returned is none */
function checkConnection(connection: NatsConnectionLike): void {
  if (typeof connection?.flush === 'function' && typeof connection.status === 'function') return;
  throw new TypeError('The function that nats was given must return a connection of @nats-io/transport-node');
}

/** One token for any topic: subjects know neither spaces nor NUL, and give a meaning to `.`, `*` and `>`. */
function subjectOf(prefix: string, topic: string): string {
  const subject = `${prefix}t${Buffer.from(topic).toString('base64url')}`;
  if (subject.length <= LONGEST_SUBJECT) return subject;
  // What is published says its topic as well.
  return `${prefix}h${createHash('sha256').update(topic).digest('base64url')}`;
}
