import { CloseCode } from '../protocol/close-code.js';
import { formatClosePayload } from '../protocol/close-payload.js';
import type { WebSocket } from './websocket.js';

/** How a server closes. */
export interface CloseOptions {
  /** Sent to each client. Default 1001, going away. */
  code?: number;
  /** Sent to each client. */
  reason?: string;
  /** Milliseconds after which what is still open is ended without further ado. Default `closeTimeout`. */
  timeout?: number;
}

/** The open sockets of a server. */
export interface Connections<UserData> extends Iterable<WebSocket<UserData>> {
  readonly size: number;
}

/** The sockets of a server, and their common end. */
export class ConnectionSet<UserData> implements Connections<UserData> {
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

  /** Closes all. Resolves when none is left. @param timeout milliseconds until those that are left are ended */
  closeAll(code: number, reason: string, timeout: number): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        for (const ws of this.#sockets) ws.hangup();
      }, timeout);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
      for (const ws of this.#sockets) ws.close(code, reason);
    });
  }
}

/** @throws TypeError, RangeError for a code, reason or time-out that cannot be used */
export function checkCloseOptions(options: CloseOptions, closeTimeout: number): Required<CloseOptions> {
  const { code = CloseCode.GoingAway, reason = '', timeout = closeTimeout } = options;
  formatClosePayload(code, reason);
  if (typeof timeout !== 'number') throw new TypeError(`timeout must be a number, not ${String(timeout)}`);
  if (!Number.isInteger(timeout) || timeout < 0)
    throw new RangeError(`timeout must be 0 or more milliseconds, not ${timeout}`);
  return { code, reason, timeout };
}
