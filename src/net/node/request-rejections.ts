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

/** Watches the listeners of one server, for one caller or several. */
interface Watch {
  readonly watchers: Set<OnRejection>;
  /** Restores the server. */
  stop(): void;
}

const watches = new WeakMap<HttpServer, Watch>();

/**
 * Watches the promises of async `'request'` listeners. Otherwise any client could end the process with a plain request,
 * if a handler does not catch the rejection of `newWebSocket(req)`.
 *
 * @param onRejection is called, unless an earlier call watches this server, because a request is answered once
 * @returns a function that ends this, and restores the server if no other call watches it
 */
export function watchRequestListeners(server: HttpServer, onRejection: OnRejection): () => void {
  const watch = watches.get(server) ?? beginWatch(server);
  watches.set(server, watch);
  watch.watchers.add(onRejection);
  return () => {
    if (!watch.watchers.delete(onRejection) || watch.watchers.size > 0) return;
    watches.delete(server);
    watch.stop();
  };
}

function beginWatch(server: HttpServer): Watch {
  const slot = mayUse('request-rejections') ? findCaptureSlot() : undefined;
  const watchers = new Set<OnRejection>();
  const tell: OnRejection = (error, request, response) => {
    const [first] = watchers;
    first?.(error, request, response);
  };
  return { watchers, stop: slot === undefined ? watchByEmit(server, tell) : watchByCapture(server, slot, tell) };
}

/** @returns a function that restores the server */
function watchByCapture(server: HttpServer, slot: symbol, onRejection: OnRejection): () => void {
  const emitter = server as unknown as Record<symbol, unknown>;
  // The user already captures rejections, and handles them.
  if (emitter[slot] === true) return () => {};
  const own = Object.getOwnPropertyDescriptor(server, REJECTION);
  const before = emitter[REJECTION] as undefined | ((error: unknown, event: string, ...args: unknown[]) => void);
  const watching = (error: unknown, event: string, ...args: unknown[]) => {
    if (event === 'request') onRejection(error, args[0] as IncomingMessage, args[1] as ServerResponse);
    else before?.call(server, error, event, ...args);
  };
  emitter[slot] = true;
  emitter[REJECTION] = watching;
  return () => {
    emitter[slot] = false;
    if (emitter[REJECTION] !== watching) return;
    delete emitter[REJECTION];
    if (own !== undefined) Object.defineProperty(server, REJECTION, own);
  };
}

/** The documented way: calls the listeners here, because `emit` does not return what they return. */
function watchByEmit(server: HttpServer, onRejection: OnRejection): () => void {
  const own = Object.getOwnPropertyDescriptor(server, 'emit');
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
    if ((server.emit as unknown) !== watching) return;
    delete (server as Partial<HttpServer>).emit;
    if (own !== undefined) Object.defineProperty(server, 'emit', own);
  };
}
