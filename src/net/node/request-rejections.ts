import { EventEmitter } from 'node:events';
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';

type OnRejection = (error: unknown, request: IncomingMessage, response: ServerResponse) => void;

/** Node's documented hook for rejections of async listeners. */
const REJECTION = Symbol.for('nodejs.rejection');

/** Where an emitter keeps its documented option `captureRejections`, which only its maker could set otherwise. */
const captureSlot = Object.getOwnPropertySymbols(new EventEmitter({ captureRejections: true })).find(
  (slot) => (new EventEmitter({ captureRejections: true }) as unknown as Record<symbol, unknown>)[slot] === true,
);

/**
 * Watches the promises of async `'request'` listeners: without that, a handler that does not catch what
 * `newWebSocket(req)` says about a plain request would end the process, and any client could make it.
 *
 * @returns a function that leaves the server as it was
 */
export function watchRequestListeners(server: HttpServer, onRejection: OnRejection): () => void {
  const slot = captureSlot;
  if (slot === undefined) return () => {};
  const emitter = server as unknown as Record<symbol, unknown>;
  const before = emitter[REJECTION] as undefined | ((error: unknown, event: string, ...args: unknown[]) => void);
  // Who captures rejections already has decided what becomes of them.
  if (emitter[slot] === true) return () => {};
  emitter[slot] = true;
  emitter[REJECTION] = (error: unknown, event: string, ...args: unknown[]) => {
    if (event === 'request') onRejection(error, args[0] as IncomingMessage, args[1] as ServerResponse);
    else before?.call(server, error, event, ...args);
  };
  return () => {
    emitter[slot] = false;
    delete emitter[REJECTION];
  };
}
