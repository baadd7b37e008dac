import { clearTimeout, setTimeout } from 'node:timers';
import { MAX_INT32 } from '../net/timing/after-reading.js';
import { CloseCode } from '../protocol/close-code.js';
import { formatClosePayload } from '../protocol/close-payload.js';
import { checkDuration } from './limits.js';
import { Topics } from './topics.js';
import { internals, type WebSocket } from './websocket.js';

/** Options for closing a server. */
export interface CloseOptions {
  /** The close code for each client. Default 1001, going away. */
  code?: number;
  /** The close reason for each client: at most 123 bytes of UTF-8. Default none. */
  reason?: string;
  /**
   * Milliseconds after which everything still open is ended; 0 and `Infinity` are never. Default: each socket has
   * `closeTimeout` after its Close has left, so that what was sent before still arrives.
   */
  timeout?: number;
}

/** The open sockets of a server. */
export interface Connections<UserData> extends Iterable<WebSocket<UserData>> {
  /** How many there are. */
  readonly size: number;
}

/** The sockets of a server, their topics, and how to close them all. */
export class ConnectionSet<UserData> implements Connections<UserData> {
  readonly topics = new Topics<WebSocket>(internals.offer);
  readonly #sockets = new Set<WebSocket<UserData>>();
  #onEmpty: (() => void) | null = null;

  get size(): number {
    return this.#sockets.size;
  }

  [Symbol.iterator](): Iterator<WebSocket<UserData>> {
    return this.#sockets.values();
  }

  add(ws: WebSocket<UserData>): void {
    this.#sockets.add(ws);
  }

  delete(ws: WebSocket<UserData>): void {
    this.#sockets.delete(ws);
    if (this.#sockets.size === 0) this.#onEmpty?.();
  }

  /** Closes all sockets. Resolves when none is left. */
  closeAll(code: number, reason: string): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      for (const ws of this.#sockets) ws.close(code, reason);
    });
  }

  /** Ends all connections at once. */
  hangupAll(): void {
    for (const ws of this.#sockets) ws.hangup();
  }
}

/** Waits for `work`. After `timeout` milliseconds it calls `forceClose`, which must make `work` end; 0 is never. */
export async function within(timeout: number, work: Promise<unknown>, forceClose: () => void): Promise<void> {
  const timer = timeout === 0 ? undefined : setTimeout(forceClose, Math.min(timeout, MAX_INT32));
  await work;
  clearTimeout(timer);
}

/** Checked `CloseOptions`, with defaults. */
export interface CheckedCloseOptions {
  readonly code: number;
  readonly reason: string;
  /** `undefined` if not given. */
  readonly timeout: number | undefined;
}

/** Checks the options and adds defaults. @throws TypeError, RangeError if the code, reason or time-out is invalid */
export function checkCloseOptions(options: CloseOptions): CheckedCloseOptions {
  const { code = CloseCode.GoingAway, reason = '', timeout } = options;
  formatClosePayload(code, reason);
  return { code, reason, timeout: timeout === undefined ? undefined : checkDuration('timeout', timeout, 0) };
}
