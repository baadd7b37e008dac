import { Buffer } from 'node:buffer';
import { type OutgoingHttpHeaders, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** Answers an upgrade request with an error, and ends the connection. */
export function refuse(socket: Duplex, status: number, message?: string, headers: OutgoingHttpHeaders = {}): void {
  const body = message || String(STATUS_CODES[status]);
  const fields = {
    Connection: 'close',
    'Content-Type': 'text/html',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  };
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`];
  for (const [name, value] of Object.entries(fields)) lines.push(`${name}: ${value}`);
  // Not before the answer has left.
  socket.once('finish', () => socket.destroy());
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
