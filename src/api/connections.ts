import { randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers';
import type { Admission } from '../net/opening/admission.js';
import { MAX_INT32 } from '../net/timing/after-reading.js';
import { CloseCode } from '../protocol/close-code.js';
import { formatClosePayload } from '../protocol/close-payload.js';
import { checkNames } from '../protocol/option-names.js';
import { checkDuration } from './option-checks.js';
import { offer } from './sending-socket.js';
import { Topics } from './topics.js';
import type { WebSocket } from './websocket.js';

/** Options for closing a server: `server.close` and `upgrades.close` take them. */
export interface CloseOptions {
  /** The close code for each client: one that `ws.close` takes. Default 1001, going away. */
  code?: number;
  /** The close reason for each client: at most 123 bytes of UTF-8. Default none. */
  reason?: string;
  /**
   * Milliseconds after which the server ends everything that is still open. 0 and `Infinity` mean never. Default: each
   * socket has `closeTimeout` after its Close has left, so that what was sent before still arrives.
   */
  timeout?: number;
  /**
   * Milliseconds over which the server spreads the Closes evenly, in random order, so that the clients do not all come
   * back at once. Meanwhile each socket works until its turn, new clients get 503 with `Retry-After`, and the HTTP
   * server still answers requests. It may not exceed `timeout`, or be `Infinity`. Default 0: all sockets close at once.
   */
  over?: number;
}

/**
 * The sockets of a server that are open or closing: `server.connections` and `upgrades.connections`. Iterate over it.
 */
export interface Connections<UserData> extends Iterable<WebSocket<UserData>> {
  /** How many sockets there are. */
  readonly size: number;
}

/** The sockets of a server, their topics, and how to close them all. */
export class ConnectionSet<UserData> implements Connections<UserData> {
  readonly topics = new Topics<WebSocket>(offer);
  /** How many sockets were ever added. */
  total = 0;
  /** Counts the sockets by address; `null` before the server listens for upgrades. */
  admission: Pick<Admission, 'enter' | 'leave'> | null = null;
  /** The addresses of sockets; empty unless addresses are counted. */
  readonly #addresses = new Map<WebSocket<UserData>, string>();
  readonly #sockets = new Set<WebSocket<UserData>>();
  #onEmpty: (() => void) | null = null;

  get size(): number {
    return this.#sockets.size;
  }

  [Symbol.iterator](): Iterator<WebSocket<UserData>> {
    return this.#sockets.values();
  }

  /** @param address the socket counts for this one; `undefined` if addresses are not counted */
  add(ws: WebSocket<UserData>, address?: string): void {
    this.total++;
    this.#sockets.add(ws);
    if (address === undefined) return;
    this.#addresses.set(ws, address);
    this.admission?.enter(address);
  }

  delete(ws: WebSocket<UserData>): void {
    this.#sockets.delete(ws);
    if (this.#addresses.size > 0) {
      this.admission?.leave(this.#addresses.get(ws));
      this.#addresses.delete(ws);
    }
    if (this.#sockets.size === 0) this.#onEmpty?.();
  }

  /** Closes all sockets, within `over` milliseconds. Resolves when none is left. */
  async closeAll(code: number, reason: string, over = 0): Promise<void> {
    if (over > 0) await this.closeOver(code, reason, over);
    if (this.#sockets.size === 0) return;
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      for (const ws of this.#sockets) ws.close(code, reason);
    });
  }

  /**
   * Closes the sockets evenly over `over` milliseconds, in random order. Clients that come back after the same wait
   * then come as evenly. Resolves when every socket has got its Close, or none is left.
   */
  closeOver(code: number, reason: string, over: number): Promise<void> {
    const waiting = shuffled([...this.#sockets]);
    let last = performance.now();
    const end = last + over;
    let due = 0;
    let told = 0;
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const now = performance.now();
        // After a stall of our own loop, the late Closes are spread over the rest of the time, not sent in one burst.
        const elapsed = Math.min(now - last, LONGEST_STEP);
        due = end - last > elapsed ? due + ((waiting.length - due) * elapsed) / (end - last) : waiting.length;
        last = now;
        while (told < Math.min(Math.ceil(due), waiting.length)) waiting[told++].close(code, reason);
        if (told < waiting.length && this.#sockets.size > 0) return;
        clearInterval(timer);
        resolve();
      }, SPREAD_STEP);
    });
  }

  /** Ends all connections at once. */
  hangupAll(): void {
    for (const ws of this.#sockets) ws.hangup();
  }
}

/** Milliseconds between two steps of `closeOver`. */
const SPREAD_STEP = 20;

/** The most milliseconds that one step of `closeOver` makes up for. */
const LONGEST_STEP = 4 * SPREAD_STEP;

/** Shuffles a list in place (Fisher and Yates), so that the order does not depend on when each client came. */
function shuffled<T>(list: T[]): T[] {
  for (let last = list.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [list[last], list[other]] = [list[other], list[last]];
  }
  return list;
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
  readonly over: number;
}

/** Checks the options and adds defaults. @throws TypeError, RangeError if one is invalid */
export function checkCloseOptions(options: CloseOptions): CheckedCloseOptions {
  // As a listener it gets the name of a signal.
  if (typeof options === 'object') checkNames('close', options, ['code', 'reason', 'timeout', 'over']);
  const { code = CloseCode.GoingAway, reason = '' } = options;
  formatClosePayload(code, reason);
  const timeout = options.timeout === undefined ? undefined : checkDuration('timeout', options.timeout, 0);
  // `timeout: Infinity` means no time-out. With `over: Infinity` no socket would ever get its Close.
  if (options.over === Number.POSITIVE_INFINITY) throw new RangeError('over must be finite, not Infinity');
  const over = checkDuration('over', options.over, 0);
  if (timeout && over > timeout) throw new RangeError(`over (${over} ms) must not exceed timeout (${timeout} ms)`);
  return { code, reason, timeout, over };
}
