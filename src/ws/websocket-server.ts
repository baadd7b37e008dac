import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import http, { type IncomingMessage, type OutgoingHttpHeaders, type Server, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { acceptKey, isKey } from '../handshake/key.js';
import { acceptCheaply } from '../net/node/accept.js';
import { agreementIn, type Extensions } from './compression/agreement.js';
import { acceptOffers, formatExtension } from './opening/extensions.js';
import { DEFAULTS, type KeptOptions, type SocketOptions, socketOptions } from './opening/socket-options.js';
import * as subprotocol from './subprotocol.js';
import { openOn, WebSocket } from './websocket.js';

/** What `verifyClient` is given. */
interface ClientInfo {
  readonly origin: string | undefined;
  readonly secure: boolean;
  readonly req: IncomingMessage;
}

type Verdict = (verified: unknown, code?: number, message?: string, headers?: OutgoingHttpHeaders) => void;

/**
 * The options of a server, with exactly one of `port`, `server` and `noServer`. All others are read at each upgrade.
 */
export interface ServerOptions extends SocketOptions, KeptOptions {
  host?: string | null;
  port?: number | null;
  backlog?: number | null;
  server?: Server | null;
  noServer?: boolean;
  path?: string | null;
  clientTracking?: boolean;
  perMessageDeflate?: unknown;
  handleProtocols?: ((protocols: Set<string>, request: IncomingMessage) => string | false) | null;
  verifyClient?: ((info: ClientInfo, callback: Verdict) => unknown) | null;
  WebSocket?: typeof WebSocket;
}

type ConnectionListener = (websocket: WebSocket, request: IncomingMessage) => void;

/** An upgrade that may be accepted. */
interface Upgrade {
  readonly key: string;
  readonly protocols: Set<string>;
  readonly extensions: Extensions;
}

const SERVER_DEFAULTS = {
  ...DEFAULTS,
  perMessageDeflate: false,
  handleProtocols: null,
  clientTracking: true,
  verifyClient: null,
  noServer: false,
  backlog: null,
  server: null,
  host: null,
  path: null,
  port: null,
  WebSocket,
};

const RUNNING = 0;
const CLOSING = 1;
const CLOSED = 2;

/**
 * The supported values of `Sec-WebSocket-Version`. A client of hybi draft 8 differs only in the name of its Origin
 * header.
 */
const VERSIONS: readonly number[] = [13, 8];

/** The WebSocketServer of npm `ws`. */
export class WebSocketServer extends EventEmitter {
  options: ServerOptions;
  /** The open sockets, if they are tracked. */
  clients?: Set<WebSocket>;
  _server: Server | null = null;
  _state = RUNNING;
  _shouldEmitClose = false;
  _removeListeners: (() => void) | null = null;

  /**
   * @param callback a listener for 'listening', used only with a `port`
   * @throws TypeError unless exactly one of `port`, `server` and `noServer` is given
   */
  constructor(options?: ServerOptions, callback?: () => void) {
    super();
    const given: ServerOptions = { ...SERVER_DEFAULTS, ...options };
    checkPlace(given);
    if (given.perMessageDeflate === true) given.perMessageDeflate = {};
    this.options = given;
    if (given.clientTracking) this.clients = new Set();
    if (given.port != null) {
      this._server = http.createServer(answerPlainRequest);
      this._server.listen(given.port, given.host as string, given.backlog as number, callback);
    } else if (given.server) this._server = given.server;
    if (this._server !== null) this._removeListeners = this.#listenTo(this._server);
  }

  #listenTo(server: Server): () => void {
    const emitConnection: ConnectionListener = this.emit.bind(this, 'connection');
    const listeners: Record<string, (...args: never[]) => void> = {
      listening: () => {
        acceptCheaply(server);
        this.emit('listening');
      },
      error: this.emit.bind(this, 'error'),
      upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) =>
        this.handleUpgrade(request, socket, head, emitConnection),
    };
    for (const [event, listener] of Object.entries(listeners)) server.on(event, listener as () => void);
    if (server.listening) acceptCheaply(server);
    return () => {
      for (const [event, listener] of Object.entries(listeners)) server.removeListener(event, listener as () => void);
    };
  }

  /** The address of the HTTP server. @throws Error with `noServer` @returns null after the server is closed */
  address(): AddressInfo | string | null {
    if (this.options.noServer) throw new Error('The server is operating in "noServer" mode');
    return this._server?.address() ?? null;
  }

  /**
   * Accepts no more sockets. Open sockets stay open; 'close' is emitted after the last tracked one is closed.
   *
   * @param callback a listener for 'close'; gets an Error if the server was closed before
   */
  close(callback?: (error?: Error) => void): void {
    if (this._state === CLOSED) {
      if (callback) this.once('close', () => callback(new Error('The server is not running')));
      return nextTick(() => this.#emitClose());
    }
    if (callback) this.once('close', callback);
    if (this._state === CLOSING) return;
    this._state = CLOSING;
    const server = this._server;
    this._removeListeners?.();
    this._removeListeners = null;
    this._server = null;
    if (!this.options.noServer && !this.options.server) server!.close(() => this.#emitClose());
    else if (this.clients?.size) this._shouldEmitClose = true;
    else nextTick(() => this.#emitClose());
  }

  #emitClose(): void {
    this._state = CLOSED;
    this.emit('close');
  }

  /** Whether a request is for this server; by default if its path is `options.path`. May be overridden. */
  shouldHandle(request: IncomingMessage): boolean | Promise<boolean> {
    const { path } = this.options;
    return !path || request.url?.split('?', 1)[0] === path;
  }

  /**
   * Answers an upgrade request (RFC 6455 §4.2).
   *
   * @param callback gets the open socket, during this call unless `verifyClient` is asynchronous
   * @throws Error if there is a WebSocket on `socket` already
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, callback: ConnectionListener): void {
    socket.on('error', destroyOnError);
    const upgrade = this.#judge(request, socket);
    if (upgrade === null) return;
    const { key, protocols, extensions } = upgrade;
    const accept = () => this.completeUpgrade(extensions, key, protocols, request, socket, head, callback);
    const { verifyClient } = this.options;
    if (!verifyClient) return accept();
    const info = clientInfo(request);
    if (verifyClient.length === 2) {
      verifyClient(info, (verified, code, message, headers) => {
        if (!verified) refuse(socket, code || 401, message, headers);
        else accept();
      });
    } else if ((verifyClient as (info: ClientInfo) => unknown)(info)) accept();
    else refuse(socket, 401);
  }

  /** RFC 6455 §4.2.1. @returns `null` if the request was refused */
  #judge(request: IncomingMessage, socket: Duplex): Upgrade | null {
    const { method, headers } = request;
    const key = headers['sec-websocket-key'];
    const refuseFor = (status: number, message: string, extra?: OutgoingHttpHeaders) => {
      this.#refuseOrTell(request, socket, status, message, extra);
      return null;
    };
    // Item 1.
    if (method !== 'GET') return refuseFor(405, 'Invalid HTTP method');
    // Item 3.
    if (headers.upgrade?.toLowerCase() !== 'websocket') return refuseFor(400, 'Invalid Upgrade header');
    // Item 5.
    if (!isKey(key)) return refuseFor(400, 'Missing or invalid Sec-WebSocket-Key header');
    // Item 6, and §4.4 for what to answer.
    if (!VERSIONS.includes(Number(headers['sec-websocket-version']))) {
      const versions = { 'Sec-WebSocket-Version': VERSIONS.join(', ') };
      return refuseFor(400, 'Missing or invalid Sec-WebSocket-Version header', versions);
    }
    if (!this.shouldHandle(request)) {
      refuse(socket, 400);
      return null;
    }
    const protocols = parseProtocols(headers['sec-websocket-protocol']);
    if (protocols === null) return refuseFor(400, 'Invalid Sec-WebSocket-Protocol header');
    // Item 9.
    try {
      return { key, protocols, extensions: acceptOffers(headers['sec-websocket-extensions'], this.options) };
    } catch {
      return refuseFor(400, 'Invalid or unacceptable Sec-WebSocket-Extensions header');
    }
  }

  /** Refuses, or leaves the answer to 'wsClientError' listeners if there are any. */
  #refuseOrTell(
    request: IncomingMessage,
    socket: Duplex,
    status: number,
    message: string,
    headers?: OutgoingHttpHeaders,
  ): void {
    if (this.listenerCount('wsClientError') > 0) this.emit('wsClientError', new Error(message), socket, request);
    else refuse(socket, status, message, headers);
  }

  /**
   * Accepts an upgrade (RFC 6455 §4.2.2, item 5).
   *
   * @param extensions the agreed extensions by name, each with its `params`
   */
  completeUpgrade(
    extensions: Extensions,
    key: string,
    protocols: Set<string>,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: ConnectionListener,
  ): void {
    // The client has left.
    if (!socket.readable || !socket.writable) return void socket.destroy();
    if (openOn.has(socket)) {
      throw new Error(
        'server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration',
      );
    }
    if (this._state > RUNNING) return refuse(socket, 503);
    const SocketClass = this.options.WebSocket ?? WebSocket;
    const websocket = new SocketClass(null, undefined, this.options);
    const headers = [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${acceptKey(key)}`,
    ];
    const protocol = this.#selectProtocol(protocols, request);
    if (protocol) {
      headers.push(`Sec-WebSocket-Protocol: ${protocol}`);
      websocket._protocol = protocol;
    }
    const agreement = agreementIn(extensions);
    if (agreement !== null) {
      headers.push(`Sec-WebSocket-Extensions: ${formatExtension(agreement.params!)}`);
      websocket._extensions = extensions;
    }
    // Listeners may read and change the headers.
    this.emit('headers', headers, request);
    socket.write(headers.concat('\r\n').join('\r\n'));
    socket.removeListener('error', destroyOnError);
    websocket.setSocket(socket, head, socketOptions(this.options));
    if (this.clients !== undefined) this.#track(websocket, this.clients);
    callback(websocket, request);
  }

  #selectProtocol(protocols: Set<string>, request: IncomingMessage): string | false | undefined {
    if (protocols.size === 0) return undefined;
    const { handleProtocols } = this.options;
    return handleProtocols ? handleProtocols(protocols, request) : protocols.values().next().value;
  }

  #track(websocket: WebSocket, clients: Set<WebSocket>): void {
    clients.add(websocket);
    websocket.on('close', () => {
      clients.delete(websocket);
      if (this._shouldEmitClose && clients.size === 0) nextTick(() => this.#emitClose());
    });
  }
}

/** @throws TypeError unless exactly one place is given */
function checkPlace({ port, server, noServer }: ServerOptions): void {
  const places = [port != null, !!server, !!noServer].filter(Boolean).length;
  if (places === 1) return;
  throw new TypeError('One and only one of the "port", "server", or "noServer" options must be specified');
}

/** Item 8 of RFC 6455 §4.2.1. @returns `null` if the field is invalid */
function parseProtocols(field: string | undefined): Set<string> | null {
  try {
    return field === undefined ? new Set() : subprotocol.parse(field);
  } catch {
    return null;
  }
}

/** RFC 9110 §15.5.22: this server speaks WebSocket only. */
function answerPlainRequest(_request: IncomingMessage, response: http.ServerResponse): void {
  const body = http.STATUS_CODES[426]!;
  response.writeHead(426, { 'Content-Length': body.length, 'Content-Type': 'text/plain' });
  response.end(body);
}

function clientInfo(request: IncomingMessage): ClientInfo {
  const { headers } = request;
  const isDraft = Number(headers['sec-websocket-version']) === 8;
  const socket = request.socket as Partial<TLSSocket>;
  return {
    origin: headers[isDraft ? 'sec-websocket-origin' : 'origin'] as string | undefined,
    secure: !!(socket.authorized || socket.encrypted),
    req: request,
  };
}

function destroyOnError(this: Duplex): void {
  this.destroy();
}

/** Answers an upgrade request with an error, and ends the connection. */
function refuse(socket: Duplex, status: number, message?: string, headers: OutgoingHttpHeaders = {}): void {
  const body = message || String(STATUS_CODES[status]);
  const fields = {
    Connection: 'close',
    'Content-Type': 'text/html',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  };
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`];
  for (const [name, value] of Object.entries(fields)) lines.push(`${name}: ${value}`);
  // Only after the answer has left.
  socket.once('finish', () => socket.destroy());
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
