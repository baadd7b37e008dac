import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { expect } from 'vitest';
import { acceptUpgrades } from '../../src/api/accept-upgrades.js';
import type { CompressionOptions } from '../../src/api/compression.js';
import { newWebSocket } from '../../src/api/new-websocket.js';
import { serve } from '../../src/api/serve.js';
import type { WebSocket } from '../../src/api/websocket.js';
import type { CloseResult } from '../../src/protocol/errors.js';
import { Opcode } from '../../src/protocol/opcode.js';
import type { Report } from './exchanges.js';

/** Both ways to serve. */
export const STYLES = ['serve', 'acceptUpgrades'] as const;

type Compression = false | CompressionOptions;

/** Without compression, and with it: every message that gets shorter is compressed, by itself or as part of a stream. */
export const COMPRESSIONS: readonly { readonly title: string; readonly compression: Compression }[] = [
  { title: '', compression: false },
  { title: ', compressed', compression: { threshold: 0 } },
  { title: ', compressed as a stream', compression: { threshold: 0, level: 'small', contextTakeover: true } },
];

/** Both ways to serve, each with each compression. */
export const SERVERS = STYLES.flatMap((style) =>
  COMPRESSIONS.map(({ title, compression }) => ({ style, title, compression })),
);

/** What to expect of a peer that offers permessage-deflate. */
export function agreed(report: Report, compression: Compression): [name: string, expected: unknown][] {
  const extensions = 'extensions agreed on';
  const isAgreed = compression !== false && extensions in report;
  return Object.entries(isAgreed ? { ...report, [extensions]: expect.stringMatching(/^permessage-deflate/) } : report);
}

/**
 * A server of ours for foreign clients, with one behaviour for each path:
 *
 * - `/echo?id=ID` sends back what it is sent, and speaks the subprotocol `beta`
 * - `/ended?id=ID` tells, as JSON, how the socket above has ended
 * - `/close?code=CODE&reason=REASON` closes at once
 * - `/ping` sends the Ping `Are you there?`, and the text `pong: …` when its Pong comes
 * - `/offer` tells the value of the request's Sec-WebSocket-Extensions
 */
export interface ExchangeServer {
  /** `ws://127.0.0.1:PORT` */
  readonly url: string;
  close(): Promise<void>;
}

export function startExchangeServer(
  style: (typeof STYLES)[number],
  compression: Compression = false,
): Promise<ExchangeServer> {
  return style === 'serve' ? startServe(compression) : startAcceptUpgrades(compression);
}

const BETA = 'beta';
const QUESTION = 'Are you there?';

/** How sockets have ended, by their ids. */
class Endings {
  readonly #endings = new Map<string, { ending: Promise<CloseResult>; resolve: (ending: CloseResult) => void }>();

  of(url: URL) {
    const id = url.searchParams.get('id') ?? '';
    let entry = this.#endings.get(id);
    if (entry === undefined) {
      let resolve: (ending: CloseResult) => void = () => {};
      const ending = new Promise<CloseResult>((settle) => {
        resolve = settle;
      });
      entry = { ending, resolve };
      this.#endings.set(id, entry);
    }
    return entry;
  }
}

function urlOf(request: IncomingMessage): URL {
  return new URL(request.url ?? '', 'ws://localhost');
}

/** What happens on a socket that has just opened. */
function begin(ws: WebSocket<never>, url: URL, endings: Endings): void {
  if (url.pathname === '/close') {
    void ws.close(Number(url.searchParams.get('code')), url.searchParams.get('reason') ?? '');
  } else if (url.pathname === '/ping') void ws.ping(QUESTION);
  else if (url.pathname === '/offer') void ws.send(ws.request?.headers['sec-websocket-extensions'] ?? '');
  else if (url.pathname === '/ended') void endings.of(url).ending.then((ending) => ws.send(JSON.stringify(ending)));
}

/** The page that a browser connects from, and the code that it runs there. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.url !== '/whatwg-client.mjs') {
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><link rel="icon" href="data:,">');
    return;
  }
  response.setHeader('Content-Type', 'text/javascript');
  response.end(readFileSync(path.resolve(__dirname, '../peers/whatwg-client.mjs')));
}

async function startServe(compression: Compression): Promise<ExchangeServer> {
  const endings = new Endings();
  const server = await serve<URL>({
    host: '127.0.0.1',
    compression,
    request: answer,
    upgrade: (request, { protocols }) => ({
      data: urlOf(request),
      protocol: protocols.includes(BETA) ? BETA : undefined,
    }),
    open: (ws) => begin(ws as unknown as WebSocket<never>, ws.data, endings),
    message: (ws, data) => {
      if (ws.data.pathname === '/echo') void ws.send(data);
    },
    pong: (ws, data) => void ws.send(`pong: ${data}`),
    close: (ws, closeCode, reason) => {
      void ws.closed.then(({ wasClean }) => endings.of(ws.data).resolve({ closeCode, reason, wasClean }));
    },
  });
  return { url: `ws://127.0.0.1:${server.port}`, close: () => server.close() };
}

async function startAcceptUpgrades(compression: Compression): Promise<ExchangeServer> {
  const endings = new Endings();
  const server = createServer(async (request, response) => {
    if (request.headers.upgrade === undefined) return answer(request, response);
    const url = urlOf(request);
    // A Pong can be seen in raw mode only, where each frame is handed over.
    const raw = url.pathname === '/ping';
    const ws = await newWebSocket(request, BETA, { raw });
    void ws.closed.then((ending) => endings.of(url).resolve(ending));
    begin(ws as unknown as WebSocket<never>, url, endings);
    if (raw) {
      const { opcode, data } = await ws.receivePacket();
      await ws.send(opcode === Opcode.Pong ? `pong: ${data}` : `no Pong, but opcode ${opcode}`);
      await ws.receivePacket();
      await ws.close();
    } else for await (const message of ws) if (url.pathname === '/echo') await ws.send(message);
  });
  const upgrades = acceptUpgrades(server, {
    compression,
    // How each socket ends is asked for by `/ended`.
    onError: () => {},
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      await upgrades.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
