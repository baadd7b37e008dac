import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { describeOurClient, FRAGMENTED_BINARY, FRAGMENTED_TEXT } from '../support/client-exchanges.js';
import { agreed, COMPRESSIONS, type ExchangeServer, SERVERS, startExchangeServer } from '../support/exchange-server.js';
import {
  BY_ALL,
  BY_PROGRAMS,
  CLOSE_WITHOUT_CODE,
  CLOSES,
  LENGTHS,
  MORE_CLOSES,
  OUR_CLOSES,
  type Report,
} from '../support/exchanges.js';
import { WsClient } from '../support/ws-client.js';

// npm `ws` is a development dependency: it is always there.

async function open(url: string, protocols: string[] = []): Promise<WsClient> {
  const client = new WsClient(new WebSocket(url, protocols));
  await once(client.ws, 'open');
  return client;
}

async function first(url: string): Promise<string> {
  const client = await open(url);
  const message = await client.next();
  client.ws.close();
  return String(message);
}

async function echo(client: WsClient, data: string | Buffer): Promise<string> {
  client.ws.send(data);
  return same(await client.next(), data);
}

function same(echoed: string | Buffer, data: string | Buffer): string {
  return typeof echoed === typeof data && Buffer.from(echoed).equals(Buffer.from(data)) ? 'echoed' : `became ${echoed}`;
}

async function closing(base: string, code?: number, reason?: string) {
  const id = `${code} ${reason}`;
  const client = await open(`${base}/echo?id=${encodeURIComponent(id)}`);
  client.ws.close(code, reason);
  const { code: theySaw } = await client.closed;
  return { weSaw: JSON.parse(await first(`${base}/ended?id=${encodeURIComponent(id)}`)), theySaw };
}

async function exchange(base: string): Promise<Report> {
  const report: Report = {};
  const client = await open(`${base}/echo`, ['alpha', 'beta']);
  const { ws } = client;
  report['subprotocols alpha, beta'] = ws.protocol;
  report['extensions agreed on'] = ws.extensions;
  report['Text, ASCII'] = await echo(client, 'Hello');
  report['Text, not ASCII'] = await echo(client, 'Grüße, 世界 🌍');
  for (const length of LENGTHS) {
    report[`Text of ${length} octets`] = await echo(client, 'x'.repeat(length));
    report[`Binary of ${length} octets`] = await echo(
      client,
      Buffer.from(Uint8Array.from({ length }, (_, i) => i * 31)),
    );
  }
  for (let i = 0; i < 200; i++) ws.send(`${i}`);
  const numbers: unknown[] = [];
  for (let i = 0; i < 200; i++) numbers.push(await client.next());
  report['200 messages at once'] = numbers.every((number, i) => number === `${i}`) ? 'echoed in order' : numbers;

  for (const [i, fragment] of FRAGMENTED_TEXT.entries()) ws.send(fragment, { fin: i === 2 });
  report['their Text in fragments'] = same(await client.next(), FRAGMENTED_TEXT.join(''));
  const pongs: string[] = [];
  ws.on('pong', (payload) => pongs.push(String(payload)));
  for (const [i, fragment] of FRAGMENTED_BINARY.entries()) {
    ws.ping(`before fragment ${i}`);
    ws.send(fragment, { fin: i === 2 });
  }
  report['their Binary in fragments'] = same(await client.next(), Buffer.concat(FRAGMENTED_BINARY));
  const pings = ['before fragment 0', 'before fragment 1', 'before fragment 2'];
  report['their Pings between fragments'] = isDeepStrictEqual(pongs, pings) ? 'answered' : pongs;
  ws.close();

  report['our Ping'] = await first(`${base}/ping`);
  report['permessage-deflate offered'] = /\bpermessage-deflate\b/.test(await first(`${base}/offer`));
  for (const [code, reason] of [...CLOSES, ...MORE_CLOSES]) {
    report[`their Close ${code} ${reason}`] = await closing(base, code, reason);
  }
  report['their Close without a code'] = await closing(base);
  for (const [code, reason] of OUR_CLOSES) {
    const closed = await open(`${base}/close?code=${code}&reason=${encodeURIComponent(reason)}`);
    report[`our Close ${code} ${reason}`] = await closed.closed;
  }
  return report;
}

describe('npm ws', () => {
  describe.each(SERVERS)('as a client of $style$title', ({ style, compression }) => {
    let server: ExchangeServer;
    let report: Report;

    beforeAll(async () => {
      server = await startExchangeServer(style, compression);
      report = await exchange(server.url);
    });

    afterAll(() => server?.close());

    test.each(agreed({ ...BY_ALL, ...CLOSE_WITHOUT_CODE, ...BY_PROGRAMS }, compression))('%s', (name, expected) => {
      expect(report[name]).toEqual(expected);
    });
  });

  describe.each(COMPRESSIONS)('as the server of our client$title, which', ({ compression }) => {
    let server: WebSocketServer;

    beforeAll(async () => {
      server = startWsServer();
      await once(server, 'listening');
    });

    afterAll(() => {
      for (const ws of server.clients) ws.terminate();
      server.close();
    });

    describeOurClient(() => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, compression);
  });
});

/** See `describeOurClient`. */
function startWsServer(): WebSocketServer {
  const endings = new Map<string | null, Promise<{ code: number; reason: string }>>();
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    perMessageDeflate: true,
    handleProtocols: (protocols) => (protocols.has('beta') ? 'beta' : false),
  });
  server.on('connection', (ws, request) => {
    const url = new URL(request.url ?? '', 'ws://localhost');
    const id = url.searchParams.get('id');
    if (url.pathname === '/echo') {
      endings.set(id, new WsClient(ws).closed);
      ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
    } else if (url.pathname === '/ended') {
      void endings.get(id)?.then((ending) => ws.send(JSON.stringify(ending)));
    } else if (url.pathname === '/close') {
      ws.close(Number(url.searchParams.get('code')), url.searchParams.get('reason') ?? '');
    } else if (url.pathname === '/ping') {
      ws.on('pong', (payload) => ws.send(String(payload) === 'Are you there?' ? 'pong' : `not ${payload}`));
      ws.ping('Are you there?');
    } else if (url.pathname === '/offer') {
      ws.send(request.headers['sec-websocket-extensions'] ?? '');
    } else if (url.pathname === '/fragments') {
      for (const message of [FRAGMENTED_TEXT, FRAGMENTED_BINARY]) {
        for (const [i, fragment] of message.entries()) {
          ws.ping('between');
          ws.send(fragment, { fin: i === 2 });
        }
      }
    }
  });
  return server;
}
