import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import { CERTIFICATE, PRIVATE_KEY } from './certificate.js';

/** RFC 6455 §4.2.2, item 5.4, written down once more so that a test does not ask the code under test. */
export function acceptFor(key: string | undefined): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** The 101 to a request. `fields` are further lines. */
export function acceptance(request: http.IncomingMessage, fields: readonly string[] = []): string {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptFor(request.headers['sec-websocket-key'])}`,
    ...fields,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Listens until the test ends. @returns the port */
export async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, host);
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

export type OnUpgrade = (request: http.IncomingMessage, socket: Duplex, head: Buffer) => void;

/** An HTTP server with one listener for upgrades. @returns its URL */
export async function upgradeServer(onUpgrade: OnUpgrade): Promise<URL> {
  const server = http.createServer();
  server.on('upgrade', onUpgrade);
  return new URL(`ws://127.0.0.1:${await listen(server)}/`);
}

/** The same over TLS, for `localhost`. */
export async function secureUpgradeServer(onUpgrade: OnUpgrade): Promise<URL> {
  const server = https.createServer({ cert: CERTIFICATE, key: PRIVATE_KEY });
  server.on('upgrade', onUpgrade);
  return new URL(`wss://localhost:${await listen(server, 'localhost')}/`);
}

/** An HTTP server that answers upgrade requests as plain ones. */
export async function plainServer(handler: http.RequestListener): Promise<URL> {
  return new URL(`ws://127.0.0.1:${await listen(http.createServer(handler))}/`);
}

/** A TCP server that knows no HTTP. */
export async function tcpServer(onConnection: (socket: Socket) => void): Promise<URL> {
  return new URL(`ws://127.0.0.1:${await listen(net.createServer(onConnection))}/`);
}
