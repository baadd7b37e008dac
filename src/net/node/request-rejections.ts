import { EventEmitter } from 'node:events';
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { mayUse } from './private-parts.js';

/*
 * Private: the symbol under which an emitter keeps its option `captureRejections`. The documented way: `emit` of the
 * server is replaced.
 */

type OnRejection = (error: unknown, request: IncomingMessage, response: ServerResponse) => void;

/** Node's documented hook for rejections of async listeners. */
const REJECTION = Symbol.for('nodejs.rejection');

/**
 * The symbol under which an emitter keeps its documented option `captureRejections`, which otherwise only its
 * constructor sets.
 */
function findCaptureSlot(): symbol | undefined {
  const capturing = () => new EventEmitter({ captureRejections: true }) as unknown as Record<symbol, unknown>;
  return Object.getOwnPropertySymbols(capturing()).find((slot) => capturing()[slot] === true);
}

/**
 * Watches the promises of async `'request'` listeners. Otherwise any client could end the process with a plain request,
 * if a handler does not catch the rejection of `newWebSocket(req)`.
 *
 * @returns a function that restores the server
 */
export function watchRequestListeners(server: HttpServer, onRejection: OnRejection): () => void {
  const slot = mayUse('request-rejections') ? findCaptureSlot() : undefined;
  return slot === undefined ? watchByEmit(server, onRejection) : watchByCapture(server, slot, onRejection);
}

function watchByCapture(server: HttpServer, slot: symbol, onRejection: OnRejection): () => void {
  const emitter = server as unknown as Record<symbol, unknown>;
  const before = emitter[REJECTION] as undefined | ((error: unknown, event: string, ...args: unknown[]) => void);
  // The user captures rejections already, and has decided what becomes of them.
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

/** The documented way: calls the listeners here, because `emit` does not return what they return. */
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
