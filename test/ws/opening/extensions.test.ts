import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { PerMessageDeflateOptions, WebSocket } from 'ws';
import { acceptOffers, ExtensionOffer, formatExtension } from '../../../src/ws/opening/extensions.js';
import { RawServer, rawClient, requestText } from '../../support/raw-peer.js';
import { IMPLEMENTATIONS, type Implementation, inner, NPM_WS, WASOCK } from '../implementations.js';
import { listen } from '../pairs.js';

const NAME = 'permessage-deflate';
const FIELD = 'Sec-WebSocket-Extensions';

type Wanted = boolean | PerMessageDeflateOptions;

/** What either side may be given. */
const OPTIONS: Wanted[] = [
  true,
  { serverNoContextTakeover: true },
  { clientNoContextTakeover: true },
  { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 },
  { serverNoContextTakeover: false, clientNoContextTakeover: false },
  { serverMaxWindowBits: 10 },
  { clientMaxWindowBits: 9 },
  { serverMaxWindowBits: 8, clientMaxWindowBits: 15 },
  { serverMaxWindowBits: false as never, clientMaxWindowBits: false as never },
  { serverMaxWindowBits: true as never, clientMaxWindowBits: true as never },
  { clientMaxWindowBits: 0, serverMaxWindowBits: 0, zlibDeflateOptions: { level: 9 } },
  false,
];

const PARAMETERS = [
  '',
  '; client_max_window_bits',
  '; client_max_window_bits=8',
  '; client_max_window_bits=12',
  '; client_max_window_bits="12"',
  '; server_max_window_bits=9',
  '; server_max_window_bits=15; client_max_window_bits=15',
  '; server_no_context_takeover',
  '; client_no_context_takeover',
  '; client_no_context_takeover; server_no_context_takeover; client_max_window_bits=10; server_max_window_bits=10',
  // Invalid by RFC 7692 §7.
  '; server_max_window_bits',
  '; server_max_window_bits=7',
  '; server_max_window_bits=16',
  '; client_max_window_bits=0x0a',
  '; client_max_window_bits=010',
  '; client_max_window_bits=1e1',
  '; client_max_window_bits=8.5',
  '; server_no_context_takeover=true',
  '; client_no_context_takeover=""',
  '; client_no_context_takeover; client_no_context_takeover',
  '; unknown',
];

/** Header fields that a peer may send: a list of extensions, or what is none. */
const FIELDS = [
  ...PARAMETERS.map((parameters) => NAME + parameters),
  `${NAME}; server_max_window_bits=8, ${NAME}`,
  `${NAME}; unknown, ${NAME}`,
  `x-webkit-deflate-frame, ${NAME}; client_max_window_bits`,
  `${NAME}, ${NAME}`,
  'x-webkit-deflate-frame',
  'Permessage-Deflate',
  'constructor',
  '',
  ',',
  `${NAME},`,
  `${NAME};`,
  `${NAME}; =`,
];

/** What was agreed, as each side knows it. */
const agreedOn = (ws: WebSocket) => [ws.extensions, { ...inner(ws)._extensions[NAME]?.params }];

/** What a server makes of each of the offers. */
async function answersOf(impl: Implementation, perMessageDeflate: Wanted): Promise<unknown[]> {
  const { wss, url } = await listen(impl, { perMessageDeflate });
  const answers: unknown[] = [];
  for (const field of FIELDS) {
    const told: unknown[] = [];
    wss.once('connection', (ws) => told.push(agreedOn(ws)));
    const peer = await rawClient(Number(new URL(url).port));
    peer.write(requestText({ [FIELD]: field }));
    const head = (await peer.takeHead()).replace(/^Date: .*\r\n/m, '');
    const body = head.startsWith('HTTP/1.1 101 ') ? '' : String(await peer.takeAll());
    peer.socket.destroy();
    answers.push([field, head, body, ...told]);
    wss.removeAllListeners('connection');
  }
  return answers;
}

test.each(OPTIONS)('ws.P.crossws: a server with the options %j answers any offer as npm ws', async (options) => {
  expect(await answersOf(WASOCK, options)).toEqual(await answersOf(NPM_WS, options));
});

/** What a client offers, and what it makes of each answer. */
async function judgementsOf(impl: Implementation, perMessageDeflate: Wanted): Promise<unknown[]> {
  const raw = await RawServer.listen();
  const judgements: unknown[] = [];
  for (const field of FIELDS) {
    const ws = new impl.WebSocket(raw.url, { perMessageDeflate });
    const told = new Promise((resolve) => {
      ws.on('open', () => resolve(agreedOn(ws)));
      ws.on('error', (error) => resolve([error.name, error.message]));
    });
    const closed = new Promise((resolve) => ws.on('close', resolve));
    const { peer, request } = await raw.accept(`${FIELD}: ${field}\r\n`);
    judgements.push([field, /^Sec-WebSocket-Extensions: .*/m.exec(request)?.[0], await told]);
    ws.terminate();
    peer.socket.destroy();
    judgements.push(await closed);
  }
  return judgements;
}

test.each(OPTIONS)('ws.R2: a client with the options %j takes any answer as npm ws', async (options) => {
  expect(await judgementsOf(WASOCK, options)).toEqual(await judgementsOf(NPM_WS, options));
});

/** What a client and a server agree on, each as it knows it. */
async function agreementOf(
  wss: InstanceType<Implementation['WebSocketServer']>,
  url: string,
  client: Implementation,
  perMessageDeflate: Wanted,
): Promise<unknown> {
  const connection = once(wss, 'connection');
  const ws = new client.WebSocket(url, { perMessageDeflate });
  const failure = await new Promise<string | null>((resolve) => {
    ws.on('open', () => resolve(null));
    ws.on('error', ({ message }) => resolve(message));
  });
  const agreed = failure ?? [agreedOn(ws), agreedOn((await connection)[0])];
  ws.terminate();
  return agreed;
}

test.each(OPTIONS)('any client agrees with a server with %j on the same, whichever is npm ws', async (served) => {
  const servers = await Promise.all(
    IMPLEMENTATIONS.map(([, impl]) => listen(impl, { perMessageDeflate: served, clientTracking: false })),
  );
  for (const wanted of OPTIONS) {
    const agreements: unknown[] = [];
    for (const { wss, url } of servers) {
      for (const [, client] of IMPLEMENTATIONS) agreements.push(await agreementOf(wss, url, client, wanted));
    }
    for (const agreement of agreements) expect({ wanted, agreement }).toEqual({ wanted, agreement: agreements[0] });
  }
});

describe.each(IMPLEMENTATIONS)('%s', (_, impl) => {
  test('ws.C2: by default a client offers compression, and a server declines', async () => {
    const { wss, url } = await listen(impl);
    const connection = once(wss, 'connection');
    const ws = new impl.WebSocket(url);
    onTestFinished(() => ws.terminate());
    const [server, request] = await connection;
    expect(request.headers['sec-websocket-extensions']).toBe(`${NAME}; client_max_window_bits`);
    expect(server.extensions).toBe('');
    await once(ws, 'open');
    expect([ws.extensions, inner(ws)._extensions]).toEqual(['', {}]);
  });

  test('ws.C2: the field of the user stays without an offer, and gives way to one', async () => {
    const raw = await RawServer.listen();
    for (const perMessageDeflate of [true, false]) {
      const ws = new impl.WebSocket(raw.url, { perMessageDeflate, headers: { [FIELD]: 'mine' } });
      ws.on('error', () => {});
      const { request } = await raw.accept();
      const fields = request.match(/^Sec-WebSocket-Extensions: .*$/gim)?.map((line) => line.trim());
      expect(fields).toEqual([`${FIELD}: ${perMessageDeflate ? `${NAME}; client_max_window_bits` : 'mine'}`]);
      ws.terminate();
    }
  });

  test('ws.I6 ws.P.crossws: the option may be swapped around handleUpgrade', async () => {
    const wss = new impl.WebSocketServer({ noServer: true, perMessageDeflate: false });
    const http = createServer();
    http.on('upgrade', (request, socket, head) => {
      const { perMessageDeflate } = wss.options;
      if (request.url === '/compressed') wss.options.perMessageDeflate = { threshold: 3 };
      wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws, request));
      wss.options.perMessageDeflate = perMessageDeflate;
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    for (const path of ['/compressed', '/plain', '/compressed']) {
      const connection = once(wss, 'connection');
      const ws = new impl.WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}${path}`);
      await once(ws, 'open');
      const [server] = await connection;
      const extension = inner(server)._extensions[NAME];
      expect([server.extensions, ws.extensions]).toEqual(path === '/plain' ? ['', ''] : [NAME, NAME]);
      expect(extension?._threshold).toBe(path === '/plain' ? undefined : 3);
      server.send('x'.repeat(5000));
      expect(String((await once(ws, 'message'))[0])).toHaveLength(5000);
      ws.terminate();
    }
  });

  test('ws.I7: completeUpgrade announces the extensions that it is given', async () => {
    class Server extends impl.WebSocketServer {
      // biome-ignore lint/suspicious/noExplicitAny: not in the typings
      completeUpgrade(extensions: any, ...rest: unknown[]): void {
        expect(extensions).toEqual({});
        const extension = new impl.PerMessageDeflate({ isServer: true });
        extension.accept([{ server_no_context_takeover: [true] }]);
        inner(impl.WebSocketServer.prototype).completeUpgrade.call(this, { [NAME]: extension }, ...rest);
      }
    }
    const { wss, url } = await listen({ ...impl, WebSocketServer: Server } as never);
    const connection = once(wss, 'connection');
    const ws = new impl.WebSocket(url);
    await once(ws, 'open');
    const [server] = await connection;
    expect(agreedOn(server)).toEqual([NAME, { server_no_context_takeover: true }]);
    expect(agreedOn(ws)).toEqual(agreedOn(server));
    ws.terminate();
  });

  test('ws.V4: the agreement is among the headers that a listener sees', async () => {
    const { wss, url } = await listen(impl, { perMessageDeflate: { serverMaxWindowBits: 9 } });
    const headers = once(wss, 'headers');
    const ws = new impl.WebSocket(url);
    await once(ws, 'open');
    expect((await headers)[0].at(-1)).toBe(`${FIELD}: ${NAME}; server_max_window_bits=9`);
    ws.terminate();
  });
});

describe('the agreement by itself', () => {
  test('nothing is offered or accepted without the option', () => {
    expect(new ExtensionOffer({ perMessageDeflate: false }).field).toBeUndefined();
    expect(acceptOffers(NAME, { perMessageDeflate: undefined })).toEqual({});
    expect(acceptOffers(undefined, { perMessageDeflate: true })).toEqual({});
    expect(acceptOffers('other', { perMessageDeflate: true })).toEqual({});
  });

  test('later changes of the options do not reach what was agreed', () => {
    const perMessageDeflate = { threshold: 5 };
    const { [NAME]: extension } = acceptOffers(NAME, { perMessageDeflate, maxPayload: 7 });
    perMessageDeflate.threshold = 6;
    expect(extension).toMatchObject({ _threshold: 5, _maxPayload: 7, _isServer: true, params: {} });
  });

  test('is one object for all sockets that agreed on the same, and made anew when options have changed', () => {
    const options = { perMessageDeflate: { threshold: 5 } };
    const first = acceptOffers(NAME, options);
    expect(acceptOffers(NAME, options)).toBe(first);
    expect(acceptOffers(`${NAME}; client_no_context_takeover`, options)).not.toBe(first);
    expect(acceptOffers(NAME, { ...options })).not.toBe(first);
    options.perMessageDeflate.threshold = 6;
    expect(acceptOffers(NAME, options)).toMatchObject({ [NAME]: { _threshold: 6 } });
  });

  test('a socket that is asked for its extensions has objects of its own', async () => {
    const { wss, url } = await listen(WASOCK, { perMessageDeflate: true });
    const sockets: WebSocket[] = [];
    wss.on('connection', (ws) => sockets.push(ws as WebSocket));
    for (let i = 0; i < 2; i++) {
      const client = new WASOCK.WebSocket(url);
      await once(client, 'open');
      onTestFinished(() => client.terminate());
    }
    const [one, other] = sockets;
    expect([one.extensions, inner(one)._extensions]).toEqual([NAME, inner(other)._extensions]);
    expect(inner(one)._extensions).toBe(inner(one)._extensions);
    expect(inner(one)._extensions[NAME]).not.toBe(inner(other)._extensions[NAME]);
    expect(inner(one)._extensions[NAME].params).not.toBe(inner(other)._extensions[NAME].params);
  });

  test('a field lists the parameters, those that are true without a value', () => {
    const parameters = { server_no_context_takeover: true, client_max_window_bits: 9 } as const;
    expect(formatExtension(parameters)).toBe(`${NAME}; server_no_context_takeover; client_max_window_bits=9`);
  });
});
