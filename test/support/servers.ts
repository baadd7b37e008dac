import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { acceptUpgrades } from '../../src/api/accept-upgrades.js';
import { type ClientOptions, newWebSocket } from '../../src/api/new-websocket.js';
import { ReadyState } from '../../src/api/ready-state.js';
import { type ServeOptions, type Server, serve } from '../../src/api/serve.js';
import type { AcceptUpgradesOptions, Upgrades } from '../../src/api/upgrades.js';
import type { WebSocket } from '../../src/api/websocket.js';

export { until } from './waiting.js';

import { type Fields, type RawPeer, rawWebSocket } from './raw-peer.js';

/** What `serve` told the handler `error`; makes sure that nothing goes to the console. */
export interface Served<UserData> {
  readonly server: Server<UserData>;
  readonly port: number;
  readonly url: string;
  readonly errors: Error[];
}

/** `serve` on a free port until the test ends. */
export async function served<UserData = unknown>(options: ServeOptions<UserData> = {}): Promise<Served<UserData>> {
  const errors: Error[] = [];
  const address = options.server || options.unix ? {} : { host: '127.0.0.1' };
  const server = await serve<UserData>({ error: (error) => errors.push(error), ...address, ...options });
  onTestFinished(() => server.close({ timeout: 1 }));
  return { server, errors, port: server.port, url: `ws://127.0.0.1:${server.port}/ws` };
}

/** What awaits requests of an HTTP server. */
export interface Awaited {
  readonly http: http.Server;
  readonly upgrades: Upgrades;
  readonly port: number;
  readonly url: string;
  /** What came to `onError`. */
  readonly errors: Error[];
}

/** An HTTP server with one handler and `acceptUpgrades`, on a free port until the test ends. */
export async function awaiting(
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
  options: AcceptUpgradesOptions = {},
): Promise<Awaited> {
  const errors: Error[] = [];
  const server = http.createServer(handler as http.RequestListener);
  const upgrades = acceptUpgrades(server, { onError: (error) => errors.push(error), ...options });
  const port = await listening(server);
  onTestFinished(() => upgrades.close({ timeout: 1 }));
  return { http: server, upgrades, port, errors, url: `ws://127.0.0.1:${port}/ws` };
}

/** Starts a server, until the test ends. @returns its port */
export async function listening(server: http.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** A client, until the test ends. */
export async function connected(url: string, protocols?: string | string[], options?: ClientOptions) {
  const ws = await newWebSocket(url, protocols, options);
  onTestFinished(() => ws.hangup());
  return ws;
}

/** A server's socket, in await style, and the raw peer that it talks to. */
export async function acceptedSocket(
  options: Parameters<typeof newWebSocket>[2] & object = {},
  changes: Fields = {},
): Promise<{ ws: WebSocket; peer: RawPeer; server: Awaited }> {
  const { promise, resolve, reject } = withResolvers<WebSocket>();
  const server = await awaiting((request) => {
    const opened = newWebSocket(request, undefined, options as object);
    opened.then(resolve, reject);
    return new Promise(() => {});
  });
  const peer = await rawWebSocket(server.port, changes);
  return { ws: await promise, peer, server };
}

export interface Resolvers<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** `Promise.withResolvers`, which Node has from version 22 on. */
export function withResolvers<T = void>(): Resolvers<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Waits a moment, for what must not happen. */
export function aWhile(milliseconds = 60): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown> | undefined): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('It did not reject');
}

/** Sends to a peer that does not read until the kernel takes no more. @returns the promise of the last message */
export async function fillUp(
  ws: WebSocket,
  payload: Buffer = Buffer.alloc(1_000_000),
): Promise<{ sent: Promise<void> }> {
  for (;;) {
    const sent = Promise.resolve(ws.send(payload));
    for (let i = 0; i < 50 && ws.bufferedAmount > 0; i++) await aWhile(2);
    if (ws.bufferedAmount > 0) return { sent };
    if (ws.readyState !== ReadyState.Open) throw new Error('It was closed while it was filled up');
    await aWhile(1);
  }
}

/** Whether a promise settles within so many milliseconds. */
export async function settles(promise: Promise<unknown>, milliseconds = 60): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, aWhile(milliseconds).then(() => false)]);
}

/** What a server answered to a plain request. */
export interface Page {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** Asks for a page; `fetch` needs WebAssembly. Rejects if the connection breaks before the end of the answer. */
export async function getPage(port: number, path = '/', { method = 'GET', body = '' } = {}): Promise<Page> {
  const request = http.request({ port, host: '127.0.0.1', path, method }).end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() };
}
