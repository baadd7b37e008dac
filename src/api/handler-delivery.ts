import type { Buffer } from 'node:buffer';
import type { ConnectionHandler } from '../net/connection-handler.js';
import { type CloseResult, WebSocketClosedError } from '../protocol/errors.js';
import type { Opcode } from '../protocol/opcode.js';
import { internals, type WebSocket } from './websocket.js';

/** What happens on a socket of `serve`. Each may be async: calls start in order and are not awaited. */
export interface SocketHandlers<UserData> {
  /** The socket is open. Comes before its first message. */
  open?(ws: WebSocket<UserData>): unknown;
  /** A whole message: Text is a string unless `textAs: 'bytes'`, Binary a Buffer. With `zeroCopy` it is valid only until this returns. */
  message?(ws: WebSocket<UserData>, data: string | Buffer, opcode: Opcode): unknown;
  /** A Ping; its Pong is on the way. */
  ping?(ws: WebSocket<UserData>, data: Buffer): unknown;
  /** A Pong, whether or not a Ping asked for it. */
  pong?(ws: WebSocket<UserData>, data: Buffer): unknown;
  /** The peer had fallen behind by more than `highWaterMark` and has caught up. */
  drain?(ws: WebSocket<UserData>): unknown;
  /** The connection is closed: codes and reason as in `ws.closed`. The last call for this socket. */
  close?(ws: WebSocket<UserData>, closeCode: number, reason: string): unknown;
  /**
   * A handler threw or rejected; or the peer broke the protocol, was too slow or silent for too long. The socket is on its
   * way to be closed. Without a socket: an upgrade failed. Default `console.error` for what handlers throw, nothing for
   * what peers do.
   */
  error?(error: Error, ws?: WebSocket<UserData>): unknown;
}

/** Who wants to know that a socket is closed. */
interface SocketOwner<UserData> {
  delete(ws: WebSocket<UserData>): void;
}

/** Handler style: each event is a call, with nothing in between. What a handler throws closes its socket with 1011. */
export class HandlerDelivery<UserData> implements ConnectionHandler {
  readonly #ws: WebSocket<UserData>;
  readonly #handlers: SocketHandlers<UserData>;
  readonly #connections: SocketOwner<UserData>;

  constructor(ws: WebSocket<UserData>, handlers: SocketHandlers<UserData>, connections: SocketOwner<UserData>) {
    this.#ws = ws;
    this.#handlers = handlers;
    this.#connections = connections;
  }

  onOpen(): void {
    const { open } = this.#handlers;
    if (open !== undefined) this.#call(() => open.call(this.#handlers, this.#ws));
  }

  onMessage(opcode: number, data: string | Buffer): void {
    // The hot path: no closure, and nothing to do for a handler that returns nothing.
    try {
      const returned = this.#handlers.message?.(this.#ws, data, opcode as Opcode);
      if (returned !== undefined) this.#watch(returned);
    } catch (error) {
      this.#fail(error);
    }
  }

  onFrame(_fin: boolean, opcode: number, payload: Buffer): void {
    this.onMessage(opcode, payload);
  }

  onPing(payload: Buffer): void {
    this.#call(() => this.#handlers.ping?.(this.#ws, payload));
  }

  onPong(payload: Buffer): void {
    this.#call(() => this.#handlers.pong?.(this.#ws, payload));
  }

  onDrain(): void {
    this.#call(() => this.#handlers.drain?.(this.#ws));
  }

  /** What a peer does wrong goes to who asks for it; by default it fills no log. */
  onError(error: Error): void {
    if (this.#handlers.error !== undefined) reportError(this.#handlers, error, this.#ws);
  }

  onClose(result: CloseResult, cause: Error | undefined): void {
    internals.closed(this.#ws as WebSocket<never>, result, cause);
    this.#connections.delete(this.#ws);
    this.#call(() => this.#handlers.close?.(this.#ws, result.closeCode, result.reason));
  }

  #call(handler: () => unknown): void {
    try {
      const returned = handler();
      if (returned !== undefined) this.#watch(returned);
    } catch (error) {
      this.#fail(error);
    }
  }

  #watch(returned: unknown): void {
    if (isThenable(returned)) returned.then(undefined, (error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    const cause = internals.connection(this.#ws as WebSocket<never>).failByHandler(error);
    // A handler that returns what `send` returned rejects when its peer goes away: that is what peers do.
    if (cause instanceof WebSocketClosedError) this.onError(cause);
    else reportError(this.#handlers, cause, this.#ws);
  }
}

/** Hands an error to the user's `error` handler, whose own failure must not take the process along. */
export function reportError<UserData>(
  handlers: Pick<SocketHandlers<UserData>, 'error'>,
  error: Error,
  ws?: WebSocket<UserData>,
): void {
  if (handlers.error === undefined) return print(error);
  try {
    const returned = handlers.error(error, ws);
    if (isThenable(returned)) returned.then(undefined, print);
  } catch (failure) {
    print(failure);
  }
}

function print(error: unknown): void {
  try {
    console.error(error);
  } catch {
    // An object may throw when it is inspected; then there is nothing to print.
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function';
}
