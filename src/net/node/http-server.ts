import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What node:http and node:tls say of a client that was too slow. */
const TOO_SLOW: readonly unknown[] = ['ERR_HTTP_REQUEST_TIMEOUT', 'ERR_TLS_HANDSHAKE_TIMEOUT'];

/** What node:http answers to a request that has not come in time. */
const REQUEST_TIMEOUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';

/** The response that node:http has lent the socket to. */
type ServedSocket = Socket & { _httpMessage?: (ServerResponse & { req: IncomingMessage }) | null };

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
  server.emit = (event: string, ...args: unknown[]): boolean => {
    const [subject, socket] = args as [unknown, ServedSocket];
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

function giveUp(socket: ServedSocket, error: NodeJS.ErrnoException): void {
  const { _httpMessage: response } = socket;
  // What was missing of it was the body.
  if (response?.req.complete) return;
  const isAnswerable = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.writable && !response?.headersSent;
  if (isAnswerable) socket.write(REQUEST_TIMEOUT);
  socket.destroy(error);
}
