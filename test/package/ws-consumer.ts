// Code as it is written against npm `ws` and its typings. It has to compile against both, as an ECMAScript module and (copied to
// ws-consumer.cts) as a CommonJS one, and runs on both.

import { EventEmitter, once } from 'node:events';
import http, { type ClientRequest, IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import * as WS from 'ws';
import WebSocket, {
  type AddressInfo,
  type CertMeta,
  type ClientOptions,
  type CloseEvent,
  createWebSocketStream,
  type Data,
  type ErrorEvent,
  type Event,
  type EventListenerOptions,
  type FinishRequestCallback,
  type MessageEvent,
  WebSocket as NamedWebSocket,
  type PerMessageDeflateOptions,
  type RawData,
  type Server,
  type ServerOptions,
  type VerifyClientCallbackAsync,
  type VerifyClientCallbackSync,
  WebSocketServer,
} from 'ws';

// ——— every event, in every way to listen

export function listenToAll(ws: WebSocket): WebSocket {
  const onMessage = (data: RawData, isBinary: boolean): void => void [data, isBinary];
  ws.on('message', onMessage).off('message', onMessage).addListener('message', onMessage);
  ws.removeListener('message', onMessage).once('message', onMessage);
  ws.on('open', () => ws.send('hello'))
    .on('close', (code, reason) => void [code.toFixed(), reason.toString('utf8')])
    .on('error', (error) => void error.message)
    .on('error', (error: NodeJS.ErrnoException) => void error.code)
    .on('ping', (data) => ws.pong(data))
    .on('pong', (data) => void data.length)
    .on('upgrade', (response) => void response.headers['set-cookie'])
    .on('redirect', (url, request) => void [url.length, request.setHeader('a', url)])
    .on('unexpected-response', (request, response) => {
      request.destroy();
      response.resume();
    })
    .on('something of my own', (...args) => void args);
  ws.once('close', function (code) {
    void [this.readyState, code];
  });
  ws.once('open', onOpen).off('open', onOpen);
  ws.on('message', (text: string) => void text.length);
  for (const event of ['close', 'error'] as const) ws.on(event, (first) => void first.anything);
  return ws.prependListener('message', onMessage).removeAllListeners('message');
}

function onOpen(this: WebSocket): void {
  this.ping();
}

export function listenAsTarget(ws: NamedWebSocket, options?: EventListenerOptions): void {
  ws.onopen = (event: Event) => event.target.send('hello');
  ws.onmessage = ({ data, type }) => void [data, type];
  ws.onclose = (event: CloseEvent) => void [event.code + 1, event.reason.length, event.wasClean];
  ws.onerror = (event: ErrorEvent) => void [event.error.code, event.message];
  ws.onmessage = null;
  const handler: ((event: MessageEvent) => void) | null = ws.onmessage;
  ws.addEventListener('message', handler ?? (() => {}), options);
  ws.addEventListener('message', (event) => void (typeof event.data === 'string' && event.data.length), { once: true });
  ws.addEventListener('close', { handleEvent: (event) => void event.wasClean });
  ws.removeEventListener('error', ({ error }) => void error);
}

// ——— sending

export function sendAll(ws: WebSocket): void {
  const values = [
    'text',
    42,
    Buffer.from('a'),
    new Uint8Array(1),
    new ArrayBuffer(1),
    new DataView(new ArrayBuffer(1)),
  ];
  for (const value of values) ws.send(value);
  ws.send([1, 2, 3]);
  ws.send(new Blob(['a']), (error) => void error?.message);
  ws.send(new SharedArrayBuffer(2), { binary: true, compress: undefined, fin: true, mask: false }, () => {});
  ws.send(JSON.stringify({}), { compress: false });
  ws.ping('data', true, (error: Error) => void error);
  ws.pong(Buffer.alloc(2), undefined, () => {});
  ws.ping(() => {});
  ws.close();
  ws.close(1000, 'bye');
  ws.close(4000, Buffer.from('bye'));
  if (!ws.isPaused) ws.pause();
  ws.resume();
  ws.terminate();
}

export function readAll(ws: WebSocket): unknown[] {
  const state: 0 | 1 | 2 | 3 = ws.readyState;
  const shape: 'nodebuffer' | 'arraybuffer' | 'fragments' = ws.binaryType;
  ws.binaryType = 'fragments';
  switch (ws.readyState) {
    case WebSocket.CONNECTING:
    case WebSocket.OPEN:
      return [ws.bufferedAmount.toFixed(), ws.extensions.split(',')];
    case ws.CLOSING:
      return [ws.url.length, ws.protocol.length];
    case NamedWebSocket.CLOSED:
      return [shape, state];
    default:
      return ws.readyState satisfies never;
  }
}

export function textOf(data: RawData | Data): string {
  if (typeof data === 'string') return data;
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return data instanceof ArrayBuffer ? Buffer.from(data).toString() : data.toString();
}

// ——— clients

const deflate: PerMessageDeflateOptions = {
  zlibDeflateOptions: { chunkSize: 1024, level: 3, memLevel: 7, dictionary: [Buffer.alloc(1)] },
  zlibInflateOptions: { chunkSize: 10 * 1024 },
  clientNoContextTakeover: true,
  serverNoContextTakeover: true,
  serverMaxWindowBits: 10,
  clientMaxWindowBits: 10,
  concurrencyLimit: 10,
  threshold: 1024,
};

const finish: FinishRequestCallback = (request: ClientRequest, websocket) => {
  request.setHeader('authorization', websocket.url);
  request.end();
};

const certificate: CertMeta = [Buffer.from('')];

export const clientOptions: ClientOptions = {
  protocol: 'x',
  followRedirects: true,
  maxRedirects: 3,
  generateMask: (mask) => mask.fill(0),
  handshakeTimeout: undefined,
  perMessageDeflate: deflate,
  localAddress: '127.0.0.1',
  protocolVersion: 13,
  headers: { Authorization: 'Bearer x' },
  origin: 'https://example.com',
  agent: new https.Agent({ keepAlive: true }),
  host: 'example.com',
  family: 4,
  checkServerIdentity: (servername: string, cert: CertMeta) => servername.length > 0 && cert !== certificate,
  rejectUnauthorized: false,
  allowSynchronousEvents: false,
  autoPong: true,
  maxPayload: 1024,
  maxBufferedChunks: 1,
  maxFragments: 1,
  skipUTF8Validation: false,
  finishRequest: finish,
  ca: 'pem',
  cert: certificate,
  key: Buffer.from(''),
  passphrase: 'x',
  minVersion: 'TLSv1.2',
};

export const makers: (() => WebSocket)[] = [
  () => new WebSocket('ws://localhost'),
  () => new WebSocket(new URL('ws://localhost')),
  () => new WebSocket('ws://localhost', 'protocol'),
  () => new WebSocket('ws://localhost', ['a', 'b'], clientOptions),
  () => new WebSocket('ws://localhost', clientOptions),
  () => new WebSocket('ws://localhost', undefined, { headers: { cookie: ['a', 'b'], 'x-number': 1 } }),
  () => new WebSocket('ws://localhost', { lookup: (_host, _options, done) => done(null, '::1', 6), timeout: 1 }),
  () => new WebSocket('ws://localhost', { createConnection: () => new http.Agent().createConnection({}) as never }),
  () => new WebSocket(null),
  () => new WS.WebSocket('ws://localhost'),
  () => new WS.default('ws://localhost'),
];

// ——— servers

export const askLater: VerifyClientCallbackAsync = ({ origin, secure, req }, callback) => {
  if (origin === '' || !secure) callback(false, 401, 'Unauthorized', { 'WWW-Authenticate': 'Basic' });
  else callback(req.headers.authorization !== undefined);
};

export const askAtOnce: VerifyClientCallbackSync<IncomingMessage> = (info) => info.req.url !== '/' && info.secure;

export const serverOptions: ServerOptions[] = [
  { port: 0, host: '127.0.0.1', backlog: 10, verifyClient: askLater, path: '/chat' },
  { server: http.createServer(), verifyClient: askAtOnce, maxPayload: 10, clientTracking: false },
  { server: https.createServer({}), perMessageDeflate: deflate, skipUTF8Validation: true, autoPong: false },
  { noServer: true, perMessageDeflate: true, allowSynchronousEvents: true, maxBufferedChunks: 1, maxFragments: 1 },
  { noServer: true, handleProtocols: (protocols, request) => (request.url ? [...protocols][0] : false) },
  { noServer: true, verifyClient: (info: { origin: string }) => info.origin.length > 0 },
  { noServer: true, verifyClient: (info, done): void => done(info.secure, 403) },
  { noServer: true, WebSocket },
];

export function serve(wss: WebSocketServer): void {
  wss
    .on('connection', function (socket, request) {
      listenToAll(socket);
      for (const client of this.clients)
        if (client !== socket && client.readyState === WebSocket.OPEN) client.send('x');
      void request.socket.remoteAddress;
    })
    .on('error', (error) => void error.stack)
    .on('headers', (headers, request) => void headers.push(`x-url: ${request.url}`))
    .on('listening', () => void wss.address())
    .on('close', () => {})
    .on('wsClientError', (error, socket, request) => socket.end(`${error.message} ${request.url}`))
    .on('mine', (...args) => void args);
  wss.once('connection', (socket) => socket.terminate());
  wss.off('headers', () => {});
  wss.addListener('connection', (socket, request) => void [socket.url, request.url]);
  wss.removeListener('close', () => {});
  wss.options.path = wss.path;
  wss.options.handleProtocols = () => false;
  wss.shouldHandle = (request) => request.url === '/x';
  wss.close((error) => void error?.message);
  const address: AddressInfo | string | null = wss.address();
  void (typeof address === 'object' && address?.port);
}

export function upgradeBy(wss: WebSocketServer): http.Server {
  return http.createServer().on('upgrade', (request, socket: Duplex, head) => {
    if (!wss.shouldHandle(request)) return void socket.destroy();
    wss.handleUpgrade(request, socket, head, (client, req) => wss.emit('connection', client, req));
  });
}

// ——— classes of their own

class User extends WebSocket {
  isAlive = true;
  readonly tags = new Set<string>();

  sendJson(value: unknown): void {
    this.send(JSON.stringify(value));
  }

  override close(code?: number, data?: string | Buffer): void {
    this.isAlive = false;
    super.close(code, data);
  }
}

class SessionRequest extends IncomingMessage {
  session = 'none';
}

export function serveUsers(): Server<typeof User, typeof SessionRequest> {
  const wss = new WebSocketServer<typeof User, typeof SessionRequest>({ noServer: true, WebSocket: User });
  wss.on('connection', (user, request) => {
    user.tags.add(request.session);
    user.sendJson({ ok: user.isAlive });
  });
  const sessions = http.createServer({ IncomingMessage: SessionRequest });
  const other = new WebSocketServer({
    server: sessions,
    WebSocket: User,
    verifyClient: ({ req }: { req: SessionRequest }) => req.session !== '',
  });
  other.clients.forEach((user) => {
    user.isAlive = false;
  });
  const users: Set<User> = wss.clients;
  void users;
  return wss;
}

export class Hub extends WebSocketServer {
  readonly rooms = new Map<string, WebSocket[]>();

  override shouldHandle(request: IncomingMessage): boolean {
    return super.shouldHandle(request) === true;
  }
}

/** As tests stand in for a socket. */
export class FakeSocket extends EventEmitter implements Pick<WebSocket, 'send' | 'close' | 'readyState' | 'ping'> {
  readyState: 0 | 1 | 2 | 3 = 1;
  readonly sent: unknown[] = [];
  send(data: unknown): void {
    this.sent.push(data);
  }
  ping(_data?: unknown, _mask?: boolean, _cb?: (err: Error) => void): void {}
  close(): void {
    this.emit('close');
  }
}

// ——— as libraries take it

interface LikeGraphql<E extends Record<string, unknown>> {
  server: Pick<WebSocketServer, 'clients' | 'on' | 'options' | 'close'>;
  extra: E & { socket: WebSocket; request: IncomingMessage };
}

export const likeGraphql = (
  server: WebSocketServer,
  socket: WebSocket,
  request: IncomingMessage,
): LikeGraphql<object & Record<string, unknown>> => ({
  server,
  extra: { socket, request },
});

interface LikeEngine {
  wsEngine: new (options: {
    noServer: true;
    clientTracking: false;
    maxPayload: number;
  }) => {
    handleUpgrade: WebSocketServer['handleUpgrade'];
    on(event: 'headers', listener: (headers: string[], request: IncomingMessage) => void): unknown;
  };
}

export const likeEngine: LikeEngine = { wsEngine: WebSocketServer };
export const constructors: (typeof WebSocket)[] = [WebSocket, NamedWebSocket, User, WS.WebSocket];
export type LastOfOn = Parameters<WebSocket['on']>;
export type Options = ConstructorParameters<typeof WebSocket>[2];
export const stream: (ws: WebSocket) => Duplex = (ws) =>
  createWebSocketStream(ws, { encoding: 'utf8', allowHalfOpen: false });
export type ByNamespace = [
  WebSocket.RawData,
  WebSocket.Data,
  WebSocket.ClientOptions,
  WebSocket.MessageEvent,
  WebSocket.CloseEvent,
];
export type MoreByNamespace = [
  WebSocket.ErrorEvent,
  WebSocket.WebSocketEventMap,
  WebSocket.ServerOptions,
  WS.RawData,
  WS.WebSocketServer,
];

async function main(): Promise<void> {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', WebSocket: User });
  wss.on('connection', (user) => user.on('message', (data, isBinary) => user.send(data, { binary: isBinary })));
  await once(wss, 'listening');
  const ws = new WebSocket(`ws://127.0.0.1:${(wss.address() as AddressInfo).port}/`);
  await once(ws, 'open');
  ws.send('typed');
  const [data]: [RawData] = (await once(ws, 'message')) as [RawData];
  if (textOf(data) !== 'typed') throw new Error('not echoed');
  ws.close(1000);
  await once(ws, 'close');
  wss.close();
  console.log('code for npm ws: ok');
}

main();
