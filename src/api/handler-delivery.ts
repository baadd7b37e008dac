import type { Buffer } from 'node:buffer';
import type { ConnectionHandler } from '../net/connection-handler.js';
import { type CloseResult, toError, WebSocketClosedError } from '../protocol/errors.js';
import type { Opcode } from '../protocol/opcode.js';
import { errorChannel, messageChannel } from './diagnostics.js';
import { connectionOf } from './sending-socket.js';
import { internals, type WebSocket } from './websocket.js';

/**
 * The event handlers of `serve`. You may leave out any of them. Each may be async: calls start in order, and nothing
 * waits for them. If a handler throws or rejects, its socket closes with 1011, and `error` gets the error.
 */
export interface SocketHandlers<UserData> {
  /** Called when a socket is open, before its first message. */
  open?(ws: WebSocket<UserData>): unknown;
  /**
   * Called for each whole message. `data` is a string for Text (unless `textAs` is `'bytes'`), and a Buffer for Binary.
   * The Buffer is yours to keep and to change. With `zeroCopy` it is valid only until the handler returns.
   */
  message?(ws: WebSocket<UserData>, data: string | Buffer, opcode: Opcode): unknown;
  /**
   * Called for each Ping (RFC 6455 §5.5.2). Its Pong is sent automatically. `data` has up to 125 bytes, and is yours.
   */
  ping?(ws: WebSocket<UserData>, data: Buffer): unknown;
  /** Called for each Pong, solicited or not (RFC 6455 §5.5.3). `data` has up to 125 bytes, and is yours. */
  pong?(ws: WebSocket<UserData>, data: Buffer): unknown;
  /** Called when a peer has caught up, after more than `highWaterMark` bytes had waited to be written. */
  drain?(ws: WebSocket<UserData>): unknown;
  /**
   * Called when the connection is closed. Code, reason and cause are those of `CloseResult`. It is the last call for
   * this socket.
   */
  close?(ws: WebSocket<UserData>, closeCode: number, reason: string, cause?: Error): unknown;
  /**
   * Called if a handler threw or rejected, or if the peer broke the protocol, was too slow, or was silent for too long.
   * The socket is about to close. Without a socket, the error is of an upgrade (`WASOCK_UNANSWERED` if nothing answered
   * it in time), a request, the listening socket or the broker. Default: `console.error` for all of these but what
   * peers do. See docs/errors.md.
   */
  error?(error: Error, ws?: WebSocket<UserData>): unknown;
}

/** Forgets sockets that are closed. */
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
 * Closes a socket with 1011, because its handler failed after the upgrade. A `WebSocketClosedError` of a connection
 * that has ended is not the handler's failure: it is not reported if the end was clean, and otherwise as caused by the
 * peer.
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
 * Passes an error to the user's `error` handler. If that fails, too, the process must not end.
 *
 * @param isTheirs whether a peer has caused the error. Without a handler it is then not printed, because peers must not
 *   fill a log
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
