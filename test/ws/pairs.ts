import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { ClientOptions, ServerOptions, WebSocket, WebSocketServer } from 'ws';
import type { Implementation } from './implementations.js';

/** Two open sockets of one connection, and the server that accepted it. */
export interface Pair {
  readonly client: WebSocket;
  readonly server: WebSocket;
  readonly wss: WebSocketServer;
  readonly url: string;
}

export interface PairOptions {
  readonly serverOptions?: ServerOptions;
  readonly clientOptions?: ClientOptions & Record<string, unknown>;
  readonly protocols?: string | string[];
}

/** A server that listens on a free port; it and its sockets end with the test. */
export async function listen(
  impl: Implementation,
  options: ServerOptions = {},
): Promise<{ wss: WebSocketServer; url: string }> {
  const wss = new impl.WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  onTestFinished(() => {
    for (const client of wss.clients ?? []) client.terminate();
    wss.close();
  });
  await once(wss, 'listening');
  return { wss, url: `ws://127.0.0.1:${(wss.address() as AddressInfo).port}/` };
}

/** Both ends of a connection, of the same implementation. */
export async function connect(impl: Implementation, options: PairOptions = {}): Promise<Pair> {
  const { wss, url } = await listen(impl, options.serverOptions);
  const client = new impl.WebSocket(url, options.protocols, options.clientOptions);
  onTestFinished(() => client.terminate());
  const [[server]] = await Promise.all([once(wss, 'connection'), once(client, 'open')]);
  return { client, server, wss, url };
}
