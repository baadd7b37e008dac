import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { nextTick } from 'node:process';
import { Writable } from 'node:stream';
import type { PendingUpgrade } from './pending-upgrade.js';

/**
 * Makes a response to an upgrade request, for handlers that know only requests and responses. node:http makes none,
 * because it leaves the socket to the `'upgrade'` listeners. When the response is finished, the connection ends.
 */
export function bindResponse(pending: PendingUpgrade): ServerResponse {
  const response = new ServerResponse(pending.request.message);
  const socket = pending.socket as Socket;
  // Makes node:http write `Connection: close`: what follows the request must not be taken for another request.
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => {
    if (response.socket === socket) response.detachSocket(socket);
    pending.end();
    // As node:http does with its own responses, after the listeners to 'finish'.
    nextTick(() => response.emit('close'));
  });
  return response;
}

/**
 * Marks the response of an accepted upgrade as sent (`headersSent`, `writableEnded`), so that a trailing `res.end()`
 * does nothing. The 101 itself was written to the socket.
 */
export function spendResponse(response: ServerResponse, pending: PendingUpgrade): void {
  // A trailing `res.end('Hello')` emits an error, `write after end`, for which nobody listens.
  response.on('error', () => {});
  response.detachSocket(pending.socket as Socket);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() }) as unknown as Socket;
  response.assignSocket(nowhere);
  response.writeHead(101);
  response.end();
  response.detachSocket(nowhere);
}
