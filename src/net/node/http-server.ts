import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { mayUse } from './private-parts.js';

/*
 * Private, seen on Node 20 to 26: `_httpMessage`, where node:http keeps the response that a socket is lent to;
 * `pauseOnConnect` of a server that exists. On Node 24.9 and later: `shouldUpgradeCallback` of a server that exists.
 * Documented instead: counting the responses of a server ourselves; reading from connections as node:http does; closing
 * the connection after an upgrade request that was answered like a plain one.
 */

/** A response with its request. */
export type Answering = Pick<ServerResponse, 'headersSent'> & { readonly req: IncomingMessage };

/** What each socket is lent to, on servers that are watched. */
const lent = new WeakMap<Duplex, Answering>();

/** Has `responseOn` know of the responses of a server. @returns a function that leaves the server as it was */
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

/** The response that is under way on a socket. */
export function responseOn(socket: Duplex): Answering | null {
  if (!mayUse('http-server')) return lent.get(socket) ?? null;
  return (socket as { _httpMessage?: Answering | null })._httpMessage ?? null;
}

/** Has a server not read from its connections before somebody asks for it. @returns whether it does */
export function connectPaused(server: HttpServer): boolean {
  if (!mayUse('http-server')) return false;
  Object.assign(server, { pauseOnConnect: true });
  return true;
}

/** node:http's way to be told which upgrade requests are plain requests. */
interface UpgradeChooser {
  shouldUpgradeCallback?: (request: IncomingMessage) => boolean;
}

/** Has a server ask which upgrade requests it is to emit as such, if its Node can. @param choose is told what was asked before */
export function chooseUpgrades(
  server: HttpServer & UpgradeChooser,
  choose: (request: IncomingMessage, before: () => boolean) => boolean,
): void {
  const before = server.shouldUpgradeCallback;
  if (!mayUse('http-server') || typeof before !== 'function') return;
  server.shouldUpgradeCallback = (request) => choose(request, () => before.call(server, request));
}

/** What node:http and node:tls say of a client that was too slow. */
const TOO_SLOW: readonly unknown[] = ['ERR_HTTP_REQUEST_TIMEOUT', 'ERR_TLS_HANDSHAKE_TIMEOUT'];

/** What node:http answers to a request that has not come in time. */
const REQUEST_TIMEOUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';

/**
 * Has an HTTP server read once more from a client before a time-out of node:http or node:tls ends the connection: if our
 * own loop was blocked, what is missing may be in the kernel. All other faults stay node:http's, which answers them itself
 * as long as an emitted `'clientError'` finds no listener.
 *
 * @param server made for this, with nobody else's listeners to `'clientError'`
 */
export function readBeforeTimeouts(server: HttpServer): void {
  const late = new Set<unknown>();
  const emit: (event: string, ...args: unknown[]) => boolean = server.emit.bind(server);
  watchResponses(server);
  server.emit = (event: string, ...args: unknown[]): boolean => {
    const [subject, socket] = args as [unknown, Socket];
    if (event === 'clientError' && TOO_SLOW.includes((subject as NodeJS.ErrnoException).code)) {
      late.add(socket);
      setImmediate(() => late.delete(socket) && giveUp(socket, subject as NodeJS.ErrnoException));
      return true;
    }
    // A request whose head has come, or a socket whose TLS handshake is done.
    if (late.size > 0) late.delete((subject as Partial<IncomingMessage>)?.socket ?? subject);
    return emit(event, ...args);
  };
}

function giveUp(socket: Socket, error: NodeJS.ErrnoException): void {
  const response = responseOn(socket);
  // What was missing of it was the body.
  if (response?.req.complete) return;
  const isAnswerable = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.writable && !response?.headersSent;
  if (isAnswerable) socket.write(REQUEST_TIMEOUT);
  socket.destroy(error);
}
