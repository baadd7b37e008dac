import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers';
import tls from 'node:tls';
import { mayUse } from './private-parts.js';

/*
 * Private, seen on Node 20 to 26: `_httpMessage`, the response to which node:http has lent a socket; setting
 * `pauseOnConnect` on an existing server. On Node 22.21, 24.9 and later: setting `shouldUpgradeCallback` on an existing
 * server; before that `parser` of a socket and `onIncoming` of the parser. The documented way: track the responses of a
 * server ourselves; let node:http read from connections; close the connection after an upgrade request that was
 * answered like a plain one.
 */

/** A response with its request. */
type Answering = ServerResponse & { readonly req: IncomingMessage };

/** The response that each socket is lent to, for sockets of watched servers. */
const lent = new WeakMap<Duplex, Answering>();

/** Makes `responseOn` work for a server. @returns a function that restores the server */
export function watchResponses(server: HttpServer): () => void {
  if (mayUse('http-server')) return () => {};
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    lent.set(socket, response as Answering);
    const onDone = () => {
      if (lent.get(socket) === response) lent.delete(socket);
    };
    response.once('finish', onDone).once('close', onDone);
  };
  server.prependListener('request', onRequest);
  return () => server.off('request', onRequest);
}

/** The unfinished response on a socket, or `null`. */
export function responseOn(socket: Duplex): Answering | null {
  if (!mayUse('http-server')) return lent.get(socket) ?? null;
  return (socket as { _httpMessage?: Answering | null })._httpMessage ?? null;
}

/**
 * Lends a socket to a response, as `assignSocket` does, but listens to nothing: the caller does, once that is needed.
 */
export function lendSocket(response: ServerResponse, socket: Socket): void {
  if (!mayUse('http-server')) return response.assignSocket(socket);
  (socket as { _httpMessage?: unknown })._httpMessage = response;
  (response as { socket: Socket | null }).socket = socket;
}

/** Makes a server leave new connections unread until they are resumed. @returns whether that worked */
export function connectPaused(server: HttpServer): boolean {
  if (!mayUse('http-server')) return false;
  Object.assign(server, { pauseOnConnect: true });
  return true;
}

/** Says whether node:http emits an upgrade request as `'upgrade'`. @param before what node:http would do without us */
type UpgradeChoice = (request: IncomingMessage, before: () => boolean) => boolean;

/** Newer Nodes ask this function. */
interface ChoosingServer extends HttpServer {
  shouldUpgradeCallback?: (request: IncomingMessage) => boolean;
}

/**
 * Makes a server ask `choose` which upgrade requests it emits as `'upgrade'`. To it, all others are plain requests,
 * with their bodies, on connections that may be kept alive. On older Nodes this holds on connections that come from now
 * on.
 *
 * @returns a function that restores the server
 */
export function chooseUpgrades(server: ChoosingServer, choose: UpgradeChoice): () => void {
  if (!mayUse('http-server')) return () => {};
  const before = server.shouldUpgradeCallback;
  if (typeof before !== 'function') return chooseInParsers(server, choose);
  const choosing = (request: IncomingMessage) => choose(request, () => before.call(server, request));
  server.shouldUpgradeCallback = choosing;
  return () => {
    if (server.shouldUpgradeCallback === choosing) server.shouldUpgradeCallback = before;
  };
}

/** A socket that node:http reads requests from. */
interface ParsedSocket {
  parser?: { onIncoming?: ((request: IncomingMessage, keepAlive: boolean) => number) | null } | null;
}

/** Does what `chooseUpgrades` promises, on a Node that has no such option. */
function chooseInParsers(server: HttpServer, choose: UpgradeChoice): () => void {
  const isListenedTo = () => server.listenerCount('upgrade') > 0;
  const onConnection = ({ parser }: ParsedSocket) => {
    const onIncoming = parser?.onIncoming;
    if (typeof onIncoming !== 'function') return;
    parser!.onIncoming = (request, keepAlive) => {
      const { upgrade } = request as { upgrade?: boolean };
      // The parser sets it for CONNECT, too, which is another event.
      if (upgrade && request.method !== 'CONNECT' && !choose(request, isListenedTo)) {
        Object.assign(request, { upgrade: false });
      }
      return onIncoming(request, keepAlive);
    };
  };
  // After the listener of node:http, which makes the parser.
  const event = server instanceof tls.Server ? 'secureConnection' : 'connection';
  server.on(event, onConnection);
  return () => server.off(event, onConnection);
}

/** The error codes of node:http and node:tls for a client that was too slow. */
const TOO_SLOW: readonly unknown[] = ['ERR_HTTP_REQUEST_TIMEOUT', 'ERR_TLS_HANDSHAKE_TIMEOUT'];

/** node:http's answer to a request that did not arrive in time. */
const REQUEST_TIMEOUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';

/**
 * Makes an HTTP server read once more from a client before a time-out of node:http or node:tls ends the connection: if
 * our own event loop was blocked, the missing bytes may be in the kernel. node:http answers all other faults itself, as
 * long as there is no listener for `'clientError'`.
 *
 * @param server one of our own, without a listener for `'clientError'`
 */
export function readBeforeTimeouts(server: HttpServer): void {
  const late = new Set<unknown>();
  const emit = server.emit as (event: string, ...args: unknown[]) => boolean;
  watchResponses(server);
  server.emit = function (this: HttpServer, event: string, ...args: unknown[]): boolean {
    // Nearly always: it costs each connection as little as can be.
    if (late.size === 0 && event !== 'clientError') return emit.call(this, event, ...args);
    const [subject, socket] = args as [unknown, Socket];
    if (event === 'clientError' && TOO_SLOW.includes((subject as NodeJS.ErrnoException).code)) {
      late.add(socket);
      setImmediate(() => late.delete(socket) && endLate(socket, subject as NodeJS.ErrnoException));
      return true;
    }
    // The event shows that a request's head has arrived or a TLS handshake is done.
    late.delete((subject as Partial<IncomingMessage>)?.socket ?? subject);
    return emit.call(this, event, ...args);
  };
}

function endLate(socket: Socket, error: NodeJS.ErrnoException): void {
  const response = responseOn(socket);
  // Only its body was missing, and has arrived.
  if (response?.req.complete) return;
  const isAnswerable = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.writable && !response?.headersSent;
  if (isAnswerable) socket.write(REQUEST_TIMEOUT);
  socket.destroy(error);
}
