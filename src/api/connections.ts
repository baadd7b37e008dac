import { MAX_INT32 } from '../net/timing/after-reading.js';
import { CloseCode } from '../protocol/close-code.js';
import { formatClosePayload } from '../protocol/close-payload.js';
import { checkDuration } from './limits.js';
import { Topics } from './topics.js';
import { internals, type WebSocket } from './websocket.js';

/** How a server closes. */
export interface CloseOptions {
  /** Sent to each client. Default 1001, going away. */
  code?: number;
  /** Sent to each client: at most 123 bytes of UTF-8. Default none. */
  reason?: string;
  /**
   * Milliseconds after which whatever is still open is ended, come what may; 0 and `Infinity`: never. Default: each socket has
   * `closeTimeout` from the moment on at which its Close has left, so that what was sent before still arrives.
   */
  timeout?: number;
}

/** The open sockets of a server. */
export interface Connections<UserData> extends Iterable<WebSocket<UserData>> {
  /** How many there are. */
  readonly size: number;
}

/** The sockets of a server, what they have subscribed to, and their common end. */
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

  /** Closes all. Resolves when none is left. */
  closeAll(code: number, reason: string): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      for (const ws of this.#sockets) ws.close(code, reason);
    });
  }

  /** Ends all at once. */
  hangupAll(): void {
    for (const ws of this.#sockets) ws.hangup();
  }
}

/** Waits for `work`, and forces the end of what it waits for once `timeout` milliseconds have passed; 0: never. */
export async function within(timeout: number, work: Promise<unknown>, forceClose: () => void): Promise<void> {
  const timer = timeout === 0 ? undefined : setTimeout(forceClose, Math.min(timeout, MAX_INT32));
  await work;
  clearTimeout(timer);
}

/** `CloseOptions` with its defaults. */
export interface CheckedCloseOptions {
  readonly code: number;
  readonly reason: string;
  /** `undefined` if it was not given. */
  readonly timeout: number | undefined;
}

/** @throws TypeError, RangeError for a code, reason or time-out that cannot be used */
export function checkCloseOptions(options: CloseOptions): CheckedCloseOptions {
  const { code = CloseCode.GoingAway, reason = '', timeout } = options;
  formatClosePayload(code, reason);
  return { code, reason, timeout: timeout === undefined ? undefined : checkDuration('timeout', timeout, 0) };
}
