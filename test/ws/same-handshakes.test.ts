import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ClientOptions, ServerOptions, WebSocket } from 'ws';
import { acceptance, type Fields, RawServer, rawClient, requestText } from '../support/raw-peer.js';
import { turns } from '../support/waiting.js';
import { type Implementation, NPM_WS, WASOCK } from './implementations.js';

/** What happened, and what the other end saw of it: the same for both implementations. */
type Transcript = unknown[];

async function expectSame<Case>(
  cases: Record<string, Case>,
  run: (impl: Implementation, item: Case) => Promise<Transcript>,
): Promise<void> {
  const compared = Object.entries(cases).map(async ([name, item]) => {
    const theirs = await run(NPM_WS, item);
    expect({ [name]: await run(WASOCK, item) }).toEqual({ [name]: theirs });
  });
  await Promise.all(compared);
}

const requestWith = (changes: Fields, line = 'GET / HTTP/1.1') => requestText(changes, line);
const VERSION = 'Sec-WebSocket-Version';
const KEY = 'Sec-WebSocket-Key';
const PROTOCOL = 'Sec-WebSocket-Protocol';
const EXTENSIONS = 'Sec-WebSocket-Extensions';

const REQUESTS: Record<string, string> = {
  good: requestWith({}),
  'with a frame behind': `${requestWith({})}\x81\x82\0\0\0\0hi`,
  'by POST': requestWith({}, 'POST / HTTP/1.1'),
  'by PUT, with a body': `${requestWith({ 'Content-Length': '3' }, 'PUT / HTTP/1.1')}abc`,
  'by HEAD': requestWith({}, 'HEAD / HTTP/1.1'),
  'of HTTP/1.0': requestWith({}, 'GET / HTTP/1.0'),
  'with a body': `${requestWith({ 'Content-Length': '5' })}hello`,
  'with a body in chunks': `${requestWith({ 'Transfer-Encoding': 'chunked' })}0\r\n\r\n`,
  'for another path': requestWith({}, 'GET /other HTTP/1.1'),
  'with a query': requestWith({}, 'GET /?a=b HTTP/1.1'),
  'with a whole URL': requestWith({}, 'GET http://x/ HTTP/1.1'),
  'with two slashes': requestWith({}, 'GET //x HTTP/1.1'),
  'without a key': requestWith({ [KEY]: undefined }),
  'with a short key': requestWith({ [KEY]: 'abc' }),
  'with two keys': requestWith({ [KEY]: ['dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZQ=='] }),
  'without a version': requestWith({ [VERSION]: undefined }),
  'of version 7': requestWith({ [VERSION]: '7' }),
  'of version 8': requestWith({ [VERSION]: '8' }),
  'of version 13x': requestWith({ [VERSION]: '13x' }),
  'of version 013': requestWith({ [VERSION]: '013' }),
  'without Upgrade': requestWith({ Upgrade: undefined }),
  'for another protocol': requestWith({ Upgrade: 'h2c' }),
  'for one of several protocols': requestWith({ Upgrade: 'h2c, websocket' }),
  'for a WebSocket, as it likes': requestWith({ Upgrade: 'WebSocket' }),
  'without Connection: Upgrade': requestWith({ Connection: 'keep-alive' }),
  'with several connection options': requestWith({ Connection: 'keep-alive, Upgrade' }),
  'without a host': requestWith({ Host: undefined }),
  'with subprotocols': requestWith({ [PROTOCOL]: 'a, b' }),
  'with subprotocols in two fields': requestWith({ [PROTOCOL]: ['a', 'b'] }),
  'with the same subprotocol twice': requestWith({ [PROTOCOL]: 'a, a' }),
  'with a subprotocol of no length': requestWith({ [PROTOCOL]: 'a,,b' }),
  'with no subprotocol': requestWith({ [PROTOCOL]: '' }),
  'with a subprotocol that is no token': requestWith({ [PROTOCOL]: 'a b' }),
  'with an extension': requestWith({ [EXTENSIONS]: 'foo; a="b"' }),
  'with extensions that are none': requestWith({ [EXTENSIONS]: 'permessage-deflate; =' }),
  'with Expect': requestWith({ Expect: '100-continue' }),
  'that is plain': 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'that is none': 'nonsense\r\n\r\n',
};

interface ServerCase {
  readonly options?: ServerOptions;
  /** Lines that a listener adds to the answer. */
  readonly line?: string;
  /** Whether somebody listens for requests that are no good. */
  readonly answersErrors?: boolean;
}

const SERVERS: Record<string, ServerCase> = {
  'nothing else': {},
  'a path': { options: { path: '/other' } },
  'handleProtocols, which takes none': { options: { handleProtocols: () => false } },
  'handleProtocols, which takes the last': {
    options: { handleProtocols: (protocols) => [...protocols].at(-1) ?? false },
  },
  'verifyClient, which refuses': { options: { verifyClient: () => false } },
  'verifyClient, which refuses later': {
    options: {
      verifyClient: (_info, done) => void setImmediate(done, false, 499, 'Nope', { 'X-A': 'b', 'X-C': '1' }),
    },
  },
  'verifyClient, which accepts': { options: { verifyClient: (_info, done) => done(true) } },
  'a listener for headers': { line: 'X-Added: yes' },
  'a listener for wsClientError': { answersErrors: true },
};

async function answerTo(
  impl: Implementation,
  { options, line, answersErrors }: ServerCase,
  request: string,
): Promise<Transcript> {
  const events: Transcript = [];
  const server = createServer((req, res) => {
    events.push(['request', req.method, req.url]);
    res.end('plain');
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    events.push(['clientError', error.code]);
    socket.destroy();
  });
  const wss = new impl.WebSocketServer({ server, ...options });
  wss.on('headers', (headers, req) => {
    events.push(['headers', [...headers], req.url]);
    if (line !== undefined) headers.push(line);
  });
  if (answersErrors) {
    wss.on('wsClientError', (error, socket, req) => {
      events.push(['wsClientError', error.name, error.message, req.url]);
      socket.end('HTTP/1.1 400 As the user likes\r\n\r\n');
    });
  }
  wss.on('connection', (ws, req) => {
    events.push(['connection', ws.protocol, ws.extensions, req.url, ws.readyState]);
    ws.on('message', (data, isBinary) => events.push(['message', String(data), isBinary]));
    ws.on('error', (error) => events.push(['error', error.message]));
    ws.on('close', (code) => events.push(['close', code]));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const peer = await rawClient((server.address() as AddressInfo).port);
  peer.write(request);
  const head = await peer.takeHead().catch(() => 'none');
  await turns(3);
  peer.socket.end();
  const behind = await peer.takeAll();
  await turns(3);
  return [head.replace(/^Date: .*\r\n/m, ''), behind.toString('latin1'), ...events];
}

describe.each(Object.entries(SERVERS))('npm ws and wasock/ws, a server with %s', (_, served) => {
  test('ws.V4 ws.R2: the same answers and events for any request', async () => {
    await expectSame(REQUESTS, (impl, request) => answerTo(impl, served, request));
  });
});

type Answer = (request: string) => string;

const plain =
  (status: string, fields = '', body = ''): Answer =>
  () =>
    `HTTP/1.1 ${status}\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
const accepting =
  (lines = '', behind = ''): Answer =>
  (request) =>
    acceptance(request, lines) + behind;
const without =
  (field: string, instead = ''): Answer =>
  (request) =>
    acceptance(request).replace(new RegExp(`^${field}: .*\r\n`, 'm'), instead);

const ANSWERS: Record<string, Answer> = {
  good: accepting(),
  'with frames behind': accepting('', '\x81\x02hi\x89\x01p'),
  'with a Close behind': accepting('', '\x88\x02\x03\xe8'),
  'with a fault behind': accepting('', '\xf1\0'),
  'with a length': accepting('Content-Length: 5\r\n'),
  'with a wrong accept': without('Sec-WebSocket-Accept', 'Sec-WebSocket-Accept: x\r\n'),
  'without an accept': without('Sec-WebSocket-Accept'),
  'without Upgrade': without('Upgrade'),
  'to another protocol': without('Upgrade', 'Upgrade: h2c\r\n'),
  'to a WebSocket, as it likes': without('Upgrade', 'Upgrade: WEBSOCKET\r\n'),
  'with two upgrades': accepting('Upgrade: websocket\r\n'),
  'without Connection': without('Connection'),
  'with a subprotocol': accepting(`${PROTOCOL}: a\r\n`),
  'with a subprotocol in capitals': accepting(`${PROTOCOL}: A\r\n`),
  'with a subprotocol that was not asked for': accepting(`${PROTOCOL}: z\r\n`),
  'with two subprotocols': accepting(`${PROTOCOL}: a, b\r\n`),
  'with no subprotocol': accepting(`${PROTOCOL}: \r\n`),
  'with an extension': accepting(`${EXTENSIONS}: foo\r\n`),
  'with extensions that are none': accepting(`${EXTENSIONS}: ;;\r\n`),
  'of 200': plain('200 OK', '', 'hi'),
  'of 401': plain('401 Unauthorized'),
  'of 426': plain('426 Upgrade Required', 'Upgrade: h2c\r\nConnection: Upgrade\r\n'),
  'of 304': plain('304 Not Modified', 'Location: /a\r\n'),
  'that goes nowhere': plain('302 Found'),
  'that goes to a closed port': plain('302 Found', 'Location: ws://127.0.0.1:1/\r\n'),
  'that goes to FTP': plain('302 Found', 'Location: ftp://x/\r\n'),
  'that goes to what is no URL': plain('302 Found', 'Location: http://[\r\n'),
  'that goes to a fragment': plain('302 Found', 'Location: /a#b\r\n'),
  'that goes on for ever': plain('307 Temporary Redirect', 'Location: /next\r\n'),
  'behind a 100': (request) => `HTTP/1.1 100 Continue\r\n\r\n${acceptance(request)}`,
  'behind a 103': (request) => `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${acceptance(request)}`,
  'of HTTP/1.0': (request) => acceptance(request).replace('HTTP/1.1', 'HTTP/1.0'),
  'that is none': () => 'nonsense\r\n\r\n',
  'with a long header': () => `HTTP/1.1 101 Switching Protocols\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`,
};

interface ClientCase {
  readonly protocols?: string[];
  readonly options?: ClientOptions & { auth?: string };
  readonly act?: (ws: WebSocket, events: Transcript) => void;
}

const CLIENTS: Record<string, ClientCase> = {
  'nothing else': {},
  subprotocols: { protocols: ['a', 'b'] },
  redirects: { options: { followRedirects: true, maxRedirects: 2 } },
  'redirects and secrets': {
    options: {
      followRedirects: true,
      maxRedirects: 2,
      auth: 'u:p',
      headers: { Authorization: 'x', Cookie: 'y', Host: 'h' },
    },
  },
  finishRequest: {
    options: {
      finishRequest(request) {
        request.setHeader('x-added', 'yes');
        request.end();
      },
    },
  },
  'a listener for unexpected-response': {
    act: (ws, events) =>
      ws.on('unexpected-response', (_request, response) => {
        response.on('data', (chunk) => events.push(['body', String(chunk)]));
        response.on('end', () => ws.close());
      }),
  },
  'terminate in unexpected-response': { act: (ws) => ws.on('unexpected-response', () => ws.terminate()) },
  'close in upgrade': { act: (ws) => ws.on('upgrade', () => ws.close()) },
  'terminate in upgrade': { act: (ws) => ws.on('upgrade', () => ws.terminate()) },
  'close in open': { act: (ws) => ws.on('open', () => ws.close(3000, 'enough')) },
  'terminate in open': { act: (ws) => ws.on('open', () => ws.terminate()) },
  'close at once': { act: (ws) => ws.close() },
  'terminate at once': { act: (ws) => ws.terminate() },
};

/** What differs from one connection to the next. */
const withoutChance = (text: string, port: number) =>
  text.replaceAll(String(port), 'PORT').replace(/^Sec-WebSocket-Key: .*$/m, 'Sec-WebSocket-Key');

async function followUpTo(
  impl: Implementation,
  { protocols, options, act }: ClientCase,
  answer: Answer,
): Promise<Transcript> {
  const raw = await RawServer.listen();
  const seen: Transcript = [];
  void (async () => {
    for (;;) {
      const peer = await raw.peer();
      const request = await peer.takeHead().catch(() => null);
      if (request === null) continue;
      seen.push(withoutChance(request, raw.port));
      peer.write(answer(request));
    }
  })();
  const events: Transcript = [];
  const ws = new impl.WebSocket(raw.url, protocols ?? [], { perMessageDeflate: false, ...options });
  const closed = new Promise((resolve) => ws.on('close', resolve));
  const note = (...event: unknown[]) => events.push([...event, ws.readyState]);
  ws.on('upgrade', (response) => note('upgrade', response.statusCode));
  ws.on('redirect', (url, request) =>
    note('redirect', withoutChance(url, raw.port), Object.keys(request.getHeaders()).sort()),
  );
  ws.on('message', (data, isBinary) => note('message', String(data), isBinary));
  ws.on('ping', (data) => note('ping', String(data)));
  ws.on('error', (error) => {
    note('error', error.name, withoutChance(error.message, raw.port), (error as NodeJS.ErrnoException).code);
  });
  ws.on('close', (code, reason) => note('close', code, String(reason), withoutChance(ws.url, raw.port)));
  ws.on('open', async () => {
    note('open', ws.protocol, ws.extensions);
    await turns(20);
    ws.terminate();
  });
  act?.(ws, events);
  await closed;
  return [...events, ...seen];
}

describe.each(Object.entries(CLIENTS))('npm ws and wasock/ws, a client with %s', (_, used) => {
  test('ws.V3 ws.R2 ws.M5: the same events and requests for any answer', async () => {
    await expectSame(ANSWERS, (impl, answer) => followUpTo(impl, used, answer));
  });
});
