import type { Buffer } from 'node:buffer';
import type { EventEmitter } from 'node:events';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';
import { acceptKey } from '../../handshake/key.js';
import { afterReading } from '../../net/timing/after-reading.js';
import { CLOSING, CONNECTING } from '../ready-state.js';
import {
  type ClientOptions,
  checkProtocols,
  checkUrl,
  parseUrl,
  planRequest,
  type RequestPlan,
  withDefaults,
} from './client-options.js';
import { Redirects } from './redirects.js';
import type { SocketOptions } from './socket-options.js';

export const TELL_ERROR = Symbol('wasock.tellError');

/** A WebSocket as its opening handshake sees it. */
export interface OpeningSocket extends EventEmitter {
  readonly readyState: number;
  _readyState: number;
  _errorEmitted: boolean;
  _protocol: string;
  _redirects: number;
  _req: ClientRequest | null;
  _url: string | undefined;
  setSocket(socket: Duplex, head: Buffer, options: SocketOptions): void;
  emitClose(): void;
  [TELL_ERROR](error: Error): void;
}

/** Requests that came to nothing: what becomes of them is of no interest. */
const aborted = new WeakSet<ClientRequest>();
/** What ends the wait of a request for its socket. */
const waits = new WeakMap<ClientRequest, () => void>();

/**
 * Begins the opening handshake of a client (RFC 6455 §4.1).
 *
 * @returns the options with their defaults
 * @throws SyntaxError for what is no URL of a WebSocket, or no list of subprotocols; RangeError for another version
 */
export function openAsClient(
  websocket: OpeningSocket,
  address: string | URL,
  protocols: unknown,
  options: ClientOptions | undefined,
): ClientOptions {
  const [offered, given] = sortArguments(protocols, options);
  const plan = withDefaults(given);
  const url = parseUrl(address);
  checkUrl(url);
  const redirects = plan.followRedirects ? new Redirects(given) : null;
  new Opening(websocket, checkProtocols(offered), given, redirects).request(url, plan);
  return plan;
}

/** The subprotocols may be left out, be one or many, or stand in the options. */
function sortArguments(
  protocols: unknown,
  options: ClientOptions | undefined,
): [readonly unknown[], ClientOptions | undefined] {
  if (Array.isArray(protocols)) return [protocols, options];
  const isOptions = typeof protocols === 'object' && protocols !== null;
  if (protocols !== undefined && !isOptions) return [[protocols], options];
  const given = isOptions ? (protocols as ClientOptions) : options;
  const named = given?.protocols;
  if (named === undefined) return [[], given];
  return [Array.isArray(named) ? named : [named], given];
}

/** The opening handshake of one socket: one request, or several if it is redirected. */
class Opening {
  readonly #websocket: OpeningSocket;
  readonly #protocols: ReadonlySet<string>;
  readonly #given: ClientOptions | undefined;
  readonly #redirects: Redirects | null;

  constructor(
    websocket: OpeningSocket,
    protocols: ReadonlySet<string>,
    given: ClientOptions | undefined,
    redirects: Redirects | null,
  ) {
    this.#websocket = websocket;
    this.#protocols = protocols;
    this.#given = given;
    this.#redirects = redirects;
  }

  request(url: URL, plan: RequestPlan): void {
    const websocket = this.#websocket;
    websocket._url = url.href;
    const key = planRequest(plan, url, this.#protocols);
    this.#redirects?.apply(plan, url, websocket.listenerCount('redirect') > 0);
    const send = (url.protocol === 'wss:' ? https.request : http.request) as (options: object) => ClientRequest;
    const request = send(plan);
    websocket._req = request;
    // No look at the state behind it: who closes the socket there may have destroyed the request before, with an error.
    if (websocket._redirects > 0) websocket.emit('redirect', websocket._url, request);

    if (plan.timeout) this.#limit(request, plan.timeout);
    request.on('error', (error) => this.#onError(request, error));
    request.on('response', (response) => this.#onResponse(request, response, url, plan));
    request.on('upgrade', (response, socket, head) => this.#onUpgrade(response, socket, head, key, plan));
    if (plan.finishRequest) plan.finishRequest(request, websocket);
    else request.end();
  }

  /** node:http counts silence, but only from when an agent has given the request a socket; the time before counts here. */
  #limit(request: ClientRequest, timeout: number): void {
    const giveUp = () => {
      if (this.#websocket._req !== request || aborted.has(request)) return;
      abort(this.#websocket, request, 'Opening handshake has timed out');
    };
    const stopWaiting = afterReading(timeout, giveUp);
    waits.set(request, stopWaiting);
    request.once('socket', stopWaiting).once('error', stopWaiting);
    request.on('timeout', () => {
      const { bytesRead } = request.socket as Socket;
      // What is in the kernel by now has come in time.
      setImmediate(() => {
        if (request.socket?.bytesRead === bytesRead) giveUp();
      });
    });
  }

  #onError(request: ClientRequest, error: Error): void {
    if (this.#websocket._req !== request || aborted.has(request)) return;
    this.#websocket._req = null;
    fail(this.#websocket, error);
  }

  #onResponse(request: ClientRequest, response: IncomingMessage, url: URL, plan: RequestPlan): void {
    const websocket = this.#websocket;
    const { statusCode = 0, headers } = response;
    if (this.#redirects !== null && headers.location && statusCode >= 300 && statusCode < 400) {
      if (++websocket._redirects > plan.maxRedirects) return abort(websocket, request, 'Maximum redirects exceeded');
      aborted.add(request);
      request.destroy();
      this.#follow(headers.location, url);
    } else if (!websocket.emit('unexpected-response', request, response)) {
      abort(websocket, request, `Unexpected server response: ${statusCode}`);
    }
  }

  #follow(location: string, from: URL): void {
    let url: URL;
    try {
      if (!URL.canParse(location, from.href)) throw new SyntaxError(`Invalid URL: ${location}`);
      url = parseUrl(new URL(location, from));
      this.#websocket._url = url.href;
      checkUrl(url);
    } catch (error) {
      return fail(this.#websocket, error as Error);
    }
    this.request(url, withDefaults(this.#redirects!.options(this.#given)));
  }

  #onUpgrade(response: IncomingMessage, socket: Duplex, head: Buffer, key: string, plan: RequestPlan): void {
    const websocket = this.#websocket;
    websocket.emit('upgrade', response);
    // Which the user may have closed there.
    if (websocket.readyState !== CONNECTING) return;
    websocket._req = null;
    const problem = this.#judge(response, key);
    if (problem !== null) return abortSocket(websocket, socket, problem);
    websocket._protocol = response.headers['sec-websocket-protocol'] ?? '';
    websocket.setSocket(socket, head, {
      allowSynchronousEvents: plan.allowSynchronousEvents,
      generateMask: plan.generateMask,
      maxBufferedChunks: plan.maxBufferedChunks,
      maxFragments: plan.maxFragments,
      maxPayload: plan.maxPayload,
      skipUTF8Validation: plan.skipUTF8Validation,
    });
  }

  /** RFC 6455 §4.1, the items behind "the client MUST validate the server's response". */
  #judge({ headers }: IncomingMessage, key: string): string | null {
    // Item 2.
    if (headers.upgrade?.toLowerCase() !== 'websocket') return 'Invalid Upgrade header';
    // Item 4.
    if (headers['sec-websocket-accept'] !== acceptKey(key)) return 'Invalid Sec-WebSocket-Accept header';
    // Item 6.
    const protocol = headers['sec-websocket-protocol'];
    if (protocol === undefined) {
      if (this.#protocols.size > 0) return 'Server sent no subprotocol';
    } else if (this.#protocols.size === 0) {
      return 'Server sent a subprotocol but none was requested';
    } else if (!this.#protocols.has(protocol)) {
      return 'Server sent an invalid subprotocol';
    }
    // Item 5.
    if (headers['sec-websocket-extensions'] !== undefined) {
      return 'Server sent a Sec-WebSocket-Extensions header but no extension was requested';
    }
    return null;
  }
}

function fail(websocket: OpeningSocket, error: Error): void {
  websocket._readyState = CLOSING;
  websocket._errorEmitted = true;
  websocket[TELL_ERROR](error);
  websocket.emitClose();
}

function abort(websocket: OpeningSocket, request: ClientRequest, message: string): void {
  websocket._readyState = CLOSING;
  aborted.add(request);
  waits.get(request)?.();
  request.destroy();
  // A request whose answer has come leaves its socket alone.
  request.socket?.destroy();
  nextTick(fail, websocket, new Error(message));
}

function abortSocket(websocket: OpeningSocket, socket: Duplex, message: string): void {
  websocket._readyState = CLOSING;
  socket.once('error', (error) => websocket[TELL_ERROR](error));
  socket.once('close', () => websocket.emitClose());
  socket.destroy(new Error(message));
}

/** The user has closed a socket that is not open yet. */
export function abortOpening(websocket: OpeningSocket): void {
  abort(websocket, websocket._req!, 'WebSocket was closed before the connection was established');
}
