import type { Buffer } from 'node:buffer';
import type { EventEmitter } from 'node:events';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers';
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
import { ExtensionOffer } from './extensions.js';
import { Redirects } from './redirects.js';
import { type SocketOptions, socketOptions } from './socket-options.js';

/** The members of a WebSocket that its opening handshake uses. */
interface OpeningSocket extends EventEmitter {
  readonly readyState: number;
  _readyState: number;
  _errorEmitted: boolean;
  _extensions: Record<string, unknown>;
  _protocol: string;
  _redirects: number;
  _req: ClientRequest | null;
  _url: string | undefined;
  setSocket(socket: Duplex, head: Buffer, options: SocketOptions): void;
  emitClose(): void;
}

/** Requests that were given up, whose later events do not matter. */
const aborted = new WeakSet<ClientRequest>();
/** By request: ends its wait for a socket. */
const waits = new WeakMap<ClientRequest, () => void>();

/** The subprotocols may be left out, be one or many, or be in the options. @returns subprotocols and options */
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

/** The opening handshake of a client (RFC 6455 §4.1): one request, or several if it is redirected. */
export class Opening {
  readonly #websocket: OpeningSocket;
  readonly #tellError: (error: Error) => void;
  #protocols: ReadonlySet<string> = new Set();
  #given: ClientOptions | undefined;
  #redirects: Redirects | null = null;

  constructor(websocket: OpeningSocket, tellError: (error: Error) => void) {
    this.#websocket = websocket;
    this.#tellError = tellError;
  }

  /**
   * Sends the request.
   *
   * @returns the options with defaults
   * @throws SyntaxError if the URL or a subprotocol is invalid
   * @throws RangeError if the protocol version is not supported
   */
  begin(address: string | URL, protocols: unknown, options: ClientOptions | undefined): ClientOptions {
    const [offered, given] = sortArguments(protocols, options);
    const plan = withDefaults(given);
    const url = parseUrl(address);
    checkUrl(url);
    this.#given = given;
    this.#redirects = plan.followRedirects ? new Redirects(given) : null;
    this.#protocols = checkProtocols(offered);
    this.#request(url, plan);
    return plan;
  }

  /** The user closes a socket that is not open yet. */
  abort(): void {
    this.#abort(this.#websocket._req!, 'WebSocket was closed before the connection was established');
  }

  #fail(error: Error): void {
    const websocket = this.#websocket;
    websocket._readyState = CLOSING;
    websocket._errorEmitted = true;
    this.#tellError(error);
    websocket.emitClose();
  }

  #abort(request: ClientRequest, message: string): void {
    this.#websocket._readyState = CLOSING;
    aborted.add(request);
    waits.get(request)?.();
    request.destroy();
    // A request that has got its answer does not destroy its socket.
    request.socket?.destroy();
    nextTick(() => this.#fail(new Error(message)));
  }

  #abortSocket(socket: Duplex, message: string): void {
    const websocket = this.#websocket;
    websocket._readyState = CLOSING;
    socket.once('error', this.#tellError);
    socket.once('close', () => websocket.emitClose());
    socket.destroy(new Error(message));
  }

  #request(url: URL, plan: RequestPlan): void {
    const websocket = this.#websocket;
    websocket._url = url.href;
    const offer = new ExtensionOffer(plan);
    const key = planRequest(plan, url, this.#protocols, offer.field);
    this.#redirects?.apply(plan, url, websocket.listenerCount('redirect') > 0);
    const send = (url.protocol === 'wss:' ? https.request : http.request) as (options: object) => ClientRequest;
    const request = send(plan);
    websocket._req = request;
    // No early return if a listener closes the socket: it may destroy the request with an error, which needs the
    // listener below.
    if (websocket._redirects > 0) websocket.emit('redirect', websocket._url, request);

    if (plan.timeout) this.#limit(request, plan.timeout);
    request.on('error', (error) => this.#onError(request, error));
    request.on('response', (response) => this.#onResponse(request, response, url, plan));
    request.on('upgrade', (response, socket, head) => {
      websocket.emit('upgrade', response);
      // The user may have closed the socket in the event.
      if (websocket.readyState !== CONNECTING) return;
      websocket._req = null;
      const problem = this.#judge(response, key, offer);
      if (problem !== null) return this.#abortSocket(socket, problem);
      websocket._protocol = response.headers['sec-websocket-protocol'] ?? '';
      websocket.setSocket(socket, head, socketOptions(plan));
    });
    if (plan.finishRequest) plan.finishRequest(request, websocket);
    else request.end();
  }

  /**
   * node:http limits silence, but only after an agent has given the request a socket. The time before that is limited
   * here.
   */
  #limit(request: ClientRequest, timeout: number): void {
    const giveUp = () => {
      if (this.#websocket._req !== request || aborted.has(request)) return;
      this.#abort(request, 'Opening handshake has timed out');
    };
    const stopWaiting = afterReading(timeout, giveUp);
    waits.set(request, stopWaiting);
    request.once('socket', stopWaiting).once('error', stopWaiting);
    request.on('timeout', () => {
      const { bytesRead } = request.socket as Socket;
      // Whatever is in the kernel by now has come in time.
      setImmediate(() => {
        if (request.socket?.bytesRead === bytesRead) giveUp();
      });
    });
  }

  #onError(request: ClientRequest, error: Error): void {
    if (this.#websocket._req !== request || aborted.has(request)) return;
    this.#websocket._req = null;
    this.#fail(error);
  }

  #onResponse(request: ClientRequest, response: IncomingMessage, url: URL, plan: RequestPlan): void {
    const websocket = this.#websocket;
    const { statusCode = 0, headers } = response;
    if (this.#redirects !== null && headers.location && statusCode >= 300 && statusCode < 400) {
      if (++websocket._redirects > plan.maxRedirects) return this.#abort(request, 'Maximum redirects exceeded');
      aborted.add(request);
      request.destroy();
      this.#follow(headers.location, url);
    } else if (!websocket.emit('unexpected-response', request, response)) {
      this.#abort(request, `Unexpected server response: ${statusCode}`);
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
      return this.#fail(error as Error);
    }
    this.#request(url, withDefaults(this.#redirects!.options(this.#given)));
  }

  /**
   * RFC 6455 §4.1, the items after "the client MUST validate the server's response".
   *
   * @returns what is wrong, or `null`
   */
  #judge({ headers }: IncomingMessage, key: string, offer: ExtensionOffer): string | null {
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
    const extensions = offer.judge(headers['sec-websocket-extensions']);
    if (typeof extensions === 'string') return extensions;
    Object.assign(this.#websocket._extensions, extensions);
    return null;
  }
}
