import type { Buffer } from 'node:buffer';
import type { ConnectionHandler } from '../net/connection-handler.js';
import { type CloseResult, toError, WebSocketClosedError } from '../protocol/errors.js';
import type { Opcode } from '../protocol/opcode.js';
import { errorChannel, messageChannel } from './diagnostics.js';
import { connectionOf } from './sending-socket.js';
import { internals, type WebSocket } from './websocket.js';

/** The event handlers of `serve`. Each may be async: calls start in order and are not awaited. */
export interface SocketHandlers<UserData> {
  /** The socket is open. Called before its first message. */
  open?(ws: WebSocket<UserData>): unknown;
  /**
   * A whole message: Text is a string unless `textAs: 'bytes'`, Binary is a Buffer. With `zeroCopy` a Buffer is valid
   * only until this returns.
   */
  message?(ws: WebSocket<UserData>, data: string | Buffer, opcode: Opcode): unknown;
  /** A Ping. Its Pong is sent automatically. */
  ping?(ws: WebSocket<UserData>, data: Buffer): unknown;
  /** A Pong, solicited or not. */
  pong?(ws: WebSocket<UserData>, data: Buffer): unknown;
  /** The peer had fallen behind by more than `highWaterMark` and has caught up. */
  drain?(ws: WebSocket<UserData>): unknown;
  /** The connection is closed; code, reason and cause are those of `CloseResult`. The last call for this socket. */
  close?(ws: WebSocket<UserData>, closeCode: number, reason: string, cause?: Error): unknown;
  /**
   * A handler threw or rejected, or the peer broke the protocol, was too slow, or was silent for too long. The socket
   * is about to close. Without a socket, the error is of an upgrade, a request or the listening socket. Default:
   * `console.error` for these and for what handlers throw, nothing for what peers do.
   */
  error?(error: Error, ws?: WebSocket<UserData>): unknown;
}

/** Is told that a socket is closed. */
interface SocketOwner<UserData> {
  delete(ws: WebSocket<UserData>): void;
}

/** Handler style: each event is a direct call. If a handler throws, its socket closes with 1011. */
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

  onMessage(opcode: number, data: string | Buffer, length: number): void {
    if (messageChannel.hasSubscribers) this.#tell(opcode, data, length);
    // The hot path: no closure, and no further work if the handler returns nothing.
    try {
      const returned = this.#handlers.message?.(this.#ws, data, opcode as Opcode);
      if (returned !== undefined) this.#watch(returned);
    } catch (error) {
      this.#fail(error);
    }
  }

  onFrame(_fin: boolean, opcode: number, payload: Buffer): void {
    this.onMessage(opcode, payload, payload.length);
  }

  #tell(opcode: number, data: string | Buffer, length: number): void {
    messageChannel.publish({ socket: this.#ws as WebSocket, opcode: opcode as Opcode, data, length });
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

  onError(error: Error): void {
    reportError(this.#handlers, error, this.#ws, true);
  }

  onClose(result: CloseResult, isOrderly: boolean): void {
    const { closeCode, reason, cause } = result;
    internals.closed(this.#ws as WebSocket, result, isOrderly);
    this.#connections.delete(this.#ws);
    this.#call(() => this.#handlers.close?.(this.#ws, closeCode, reason, cause));
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
    failSocket(this.#ws, error, this.#handlers);
  }
}

/**
 * A handler failed after the upgrade: Close 1011. It has not failed if it waited for something that the end of its own
 * connection made impossible: that is the peer's doing, of which a clean end is none to report.
 */
export function failSocket<UserData>(
  ws: WebSocket<UserData>,
  reason: unknown,
  handlers: Pick<SocketHandlers<UserData>, 'error'>,
): void {
  const connection = connectionOf(ws);
  const error = toError(reason);
  const isTheirs = error instanceof WebSocketClosedError && connection.state !== 'open';
  if (isTheirs && error.wasClean) return;
  connection.failByHandler(error);
  reportError(handlers, error, ws, isTheirs);
}

/**
 * Hands an error to the user's `error` handler, whose own failure must not end the process.
 *
 * @param isTheirs whether a peer has caused it: without a handler it is not printed, because peers must not fill a log
 */
export function reportError<UserData>(
  handlers: Pick<SocketHandlers<UserData>, 'error'>,
  error: Error,
  ws?: WebSocket<UserData>,
  isTheirs = false,
): void {
  if (errorChannel.hasSubscribers) errorChannel.publish({ socket: ws as WebSocket | undefined, error });
  if (handlers.error === undefined) {
    if (!isTheirs) print(error);
    return;
  }
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
    // An object may throw when it is inspected. Then nothing is printed.
  }
}

/** Whether `value` is a promise, or can be awaited like one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function';
}
