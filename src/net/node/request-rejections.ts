import { EventEmitter } from 'node:events';
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { mayUse } from './private-parts.js';

type OnRejection = (error: unknown, request: IncomingMessage, response: ServerResponse) => void;

/** Node's documented hook for rejections of async listeners. */
const REJECTION = Symbol.for('nodejs.rejection');

/** Where an emitter keeps its documented option `captureRejections`, which only its maker could set otherwise. */
function findCaptureSlot(): symbol | undefined {
  const capturing = () => new EventEmitter({ captureRejections: true }) as unknown as Record<symbol, unknown>;
  return Object.getOwnPropertySymbols(capturing()).find((slot) => capturing()[slot] === true);
}

/**
 * Watches the promises of async `'request'` listeners: without that, a handler that does not catch what
 * `newWebSocket(req)` says about a plain request would end the process, and any client could make it.
 *
 * @returns a function that leaves the server as it was
 */
export function watchRequestListeners(server: HttpServer, onRejection: OnRejection): () => void {
  const slot = mayUse('request-rejections') ? findCaptureSlot() : undefined;
  return slot === undefined ? watchByEmit(server, onRejection) : watchByCapture(server, slot, onRejection);
}

function watchByCapture(server: HttpServer, slot: symbol, onRejection: OnRejection): () => void {
  const emitter = server as unknown as Record<symbol, unknown>;
  const before = emitter[REJECTION] as undefined | ((error: unknown, event: string, ...args: unknown[]) => void);
  // Whoever captures rejections already has decided what becomes of them.
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

/** The documented way: the listeners are called here, as `emit` does not tell what they return. */
function watchByEmit(server: HttpServer, onRejection: OnRejection): () => void {
  const emit = server.emit.bind(server) as (event: string | symbol, ...args: unknown[]) => boolean;
  const watching = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event !== 'request') return emit(event, ...args);
    const [request, response] = args as [IncomingMessage, ServerResponse];
    const listeners = server.rawListeners('request');
    for (const listener of listeners) {
      const returned: unknown = listener.call(server, request, response);
      const then = (returned as Partial<PromiseLike<unknown>> | undefined)?.then;
      if (typeof then === 'function') then.call(returned, undefined, (error) => onRejection(error, request, response));
    }
    return listeners.length > 0;
  };
  Object.assign(server, { emit: watching });
  return () => {
    if ((server.emit as unknown) === watching) delete (server as Partial<HttpServer>).emit;
  };
}
