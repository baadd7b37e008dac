import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { ServerOptions as TlsOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { chooseOffer } from '../deflate/negotiation.js';
import {
  type Accepted,
  formatAcceptance,
  isRefusal,
  judgeUpgrade,
  type Refusal,
  refusalFor,
  refuse,
} from '../handshake/server.js';
import { acceptCheaply } from '../net/node/accept.js';
import { answerInstead, bindResponse } from '../net/opening/bound-response.js';
import { FirstReads } from '../net/opening/first-reads.js';
import { Fit, type PathRule } from '../net/opening/path-rule.js';
import type { PendingUpgrade } from '../net/opening/pending-upgrade.js';
import { UpgradeListener } from '../net/opening/upgrade-listener.js';
import { toError } from '../protocol/errors.js';
import { checkNames } from '../protocol/option-names.js';
import { quoted } from '../protocol/quoted.js';
import { type CheckedCloseOptions, within } from './connections.js';
import { handled } from './handled-promise.js';
import { isThenable, reportError, type SocketHandlers } from './handler-delivery.js';
import { type ResolvedLimits, resolveLimits, SERVER_LIMITS, type ServerLimits } from './limits.js';
import { openForHandlers } from './open.js';
import { checkType } from './option-checks.js';
import { checkAddress, createHttpServer, patienceOf, portOf } from './own-http-server.js';
import { type RefusedHandler, SocketServer } from './socket-server.js';
import { agreedProtocol, checkAnswer, type UpgradeResult } from './upgrade-answer.js';

/** What an `upgrade` handler of `serve` gets besides the request. */
export interface UpgradeContext {
  /** The subprotocols that the client offers, the most wanted first; empty if it offers none. */
  readonly protocols: readonly string[];
  /** Aborted if the client leaves or is refused before you decide, such as after `handshakeTimeout`. */
  readonly signal: AbortSignal;
}

/**
 * Options of `serve`: where to listen, limits, and handlers. Handlers are called as methods of this object. Only one of
 * `port`, `unix` and `server` can be given.
 */
export interface ServeOptions<UserData = unknown> extends ServerLimits, SocketHandlers<UserData>, RefusedHandler {
  /**
   * The port to listen on: a number from 0 to 65535, or a string of its digits, as it comes from the environment.
   * Default 0: any free port.
   */
  port?: number | string;
  /** The host name or address to listen on. Default: all addresses. */
  host?: string;
  /** The path of a Unix socket to listen on, instead of a port. Default none. */
  unix?: string;
  /** Options of `https.createServer`, such as `key` and `cert`, to serve `wss:` URLs. Not with `server`. Default: no TLS. */
  tls?: TlsOptions;
  /**
   * An HTTP server to share, of node:http or node:https. `serve` then makes none of its own, and neither starts nor
   * closes this one. Default: a server of its own.
   */
  server?: HttpServer;
  /** Which WebSocket upgrades to accept, by their path; see `PathRule`. Default all. */
  path?: PathRule;
  /**
   * Handles all other requests, as a request handler of node:http does. If it throws or rejects, the client gets 500.
   * Default: they are answered with 404, or with 426 if the path serves WebSockets.
   */
  request?(request: IncomingMessage, response: ServerResponse): unknown;
  /**
   * Decides about a valid opening handshake (RFC 6455 §4.2.2). To refuse it, return or throw a refusal from `refuse`.
   * Any request that is not refused is accepted. If the handler throws anything else, the answer is 500, and `error`
   * gets the error. The handler's time counts towards `handshakeTimeout`. If you write this handler before the others,
   * TypeScript can infer the type of `ws.data`. Default: all requests are accepted, without a subprotocol.
   */
  upgrade?(
    request: IncomingMessage,
    context: UpgradeContext,
  ): UpgradeResult<UserData> | Promise<UpgradeResult<UserData>>;
  /**
   * Deliver Buffers that are views of memory that is used again, if that saves a copy. A view is valid only until
   * `message` returns, and its `buffer` holds bytes of other messages, too. Default off.
   */
  zeroCopy?: boolean;
  /** Whether Text messages are delivered as strings, or as Buffers with their UTF-8 bytes. Default `'string'`. */
  textAs?: 'string' | 'bytes';
}

const ADDRESS_OPTIONS = ['port', 'host', 'unix', 'tls', 'server', 'path'] as const;

const HANDLERS = [
  'request',
  'upgrade',
  'open',
  'message',
  'ping',
  'pong',
  'drain',
  'close',
  'error',
  'refused',
] as const;

const OPTIONS: readonly string[] = [...ADDRESS_OPTIONS, ...HANDLERS, ...SERVER_LIMITS, 'zeroCopy', 'textAs'];

/**
 * Serves WebSockets in handler style, which has the highest throughput.
 *
 * @example
 * ```js
 * import { serve } from 'wasock';
 *
 * const server = await serve({
 *   port: 9001,
 *   message: (ws, data) => void ws.send(data),
 * });
 * console.log(`ws://127.0.0.1:${server.port}/`);
 * ```
 * @param options where to listen, handlers and limits
 * @returns resolves with the server when it listens, at once with the option `server`, and rejects with the error of
 *   Node.js if it cannot
 * @throws TypeError, RangeError if an option is invalid
 * @throws TypeError if `server` accepts upgrades at one of these paths already
 */
export function serve<UserData = unknown>(options: ServeOptions<UserData>): Promise<Server<UserData>> {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`options must be an object, not ${quoted(options)}`);
  }
  // An object of a class of the user's has handlers for methods, and may have state of its own.
  if (isPlain(options)) checkNames('serve', options, OPTIONS);
  for (const name of HANDLERS) checkType(name, options[name], 'function');
  checkAddress(options);
  return handled(new Server(options).listen());
}

function isPlain(options: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(options);
  return prototype === null || prototype === Object.prototype;
}

/** A running server: `serve` makes it. */
export class Server<UserData = unknown> extends SocketServer<UserData> {
  readonly #options: ServeOptions<UserData>;
  readonly #limits: ResolvedLimits;
  readonly #http: HttpServer;
  readonly #listener: UpgradeListener;
  readonly #firstReads: FirstReads | null = null;
  /** The TCP connections under TLS. node:https does not know them until their TLS handshakes are done. */
  readonly #raw = new Set<Socket>();
  #requests = 0;
  #onAnswered: (() => void) | null = null;

  /** @internal */
  constructor(options: ServeOptions<UserData>) {
    super(options);
    this.#options = options;
    this.#limits = resolveLimits('server', options, false, this.counters);
    this.#http = options.server ?? this.#createHttpServer();
    this.#listener = new UpgradeListener(this.#http, this.#limits, this.sockets, {
      path: options.path,
      onUpgrade: (pending) => this.#onUpgrade(pending),
      onPlain: (pending) => this.#onPlain(pending),
      onUnclaimed: (pending) => (options.request ? this.#onPlain(pending) : pending.refuse(refusalFor('path', 404))),
      onError: (error) => this.report(error),
      onRefused: (request, refusal) => this.onRefused(request, refusal),
    });
    this.watch(this.#listener);
    if (options.server === undefined && options.tls === undefined) this.#firstReads = this.#watchFirstReads();
    this.shareTopics(options.broker);
  }

  /** @internal */
  protected override report(error: Error): void {
    reportError(this.#options, error);
  }

  /**
   * The port that the server listens on. It is 0 for a Unix socket, and for a shared server that does not listen yet.
   */
  get port(): number {
    return (this.#http.address() as AddressInfo | null)?.port ?? 0;
  }

  /** @internal */
  listen(): Promise<this> {
    const { server, unix, host } = this.#options;
    if (server !== undefined) return Promise.resolve(this);
    return new Promise((resolve, reject) => {
      const onError = (error: Error) => {
        void this.releaseBroker(0);
        reject(error);
      };
      this.#http.once('error', onError);
      const onListening = () => {
        this.#http.off('error', onError);
        acceptCheaply(this.#http);
        // An error of the listening socket, such as a lack of descriptors, must end neither the connections nor the
        // process.
        this.#http.on('error', (error) => this.report(error));
        resolve(this);
      };
      if (unix !== undefined) this.#http.listen(unix, onListening);
      else this.#http.listen(portOf(this.#options.port), host, onListening);
    });
  }

  /** @internal */
  protected override async end(options: CheckedCloseOptions): Promise<void> {
    const { code, reason, over } = options;
    this.#listener.refuseAll();
    // Until all Closes are sent, the HTTP server answers health checks and clients that come back.
    const timeout = over === 0 ? options.timeout : await this.#spread(options);
    const own = this.#options.server === undefined;
    const stopped = own ? new Promise<void>((resolve) => this.#http.close(() => resolve())) : Promise.resolve();
    this.#firstReads?.giveAllAway();
    const answered = this.#requests === 0 ? undefined : new Promise<void>((resolve) => (this.#onAnswered = resolve));
    const closed = this.sockets.closeAll(code, reason);
    if (timeout !== undefined) await within(timeout, Promise.all([closed, answered]), () => this.#forceClose());
    else await within(this.#limits.closeTimeout, Promise.resolve(answered), () => this.#endRequests());
    await closed;
    // The remaining connections are idle or never sent a request, so there is nothing to wait for.
    if (own) this.#forceClose();
    else this.#listener.stopListening();
    await stopped;
  }

  /** Closes the sockets one after the other. @returns the rest of the time-out */
  async #spread({ code, reason, timeout, over }: CheckedCloseOptions): Promise<number | undefined> {
    const began = performance.now();
    await this.sockets.closeOver(code, reason, over);
    // 0 would be no time-out at all.
    return timeout ? Math.max(1, timeout - (performance.now() - began)) : timeout;
  }

  #forceClose(): void {
    this.sockets.hangupAll();
    this.#endRequests();
    for (const socket of this.#raw) socket.destroy();
  }

  #endRequests(): void {
    if (this.#options.server === undefined) this.#http.closeAllConnections();
    this.#onAnswered?.();
  }

  #createHttpServer(): HttpServer {
    const { tls, request } = this.#options;
    const server = createHttpServer(this.#limits, tls, request !== undefined, (req, res) => this.#onRequest(req, res));
    if (tls !== undefined) this.#watchRaw(server);
    return server;
  }

  #watchFirstReads(): FirstReads {
    const { maxHeaderBytes, handshakeTimeout } = this.#limits;
    return new FirstReads(this.#http, {
      maxHeaderBytes,
      patience: patienceOf(handshakeTimeout),
      onRequest: (request, head) => this.#listener.onRequest(request, head),
    });
  }

  #watchRaw(server: HttpServer): void {
    server.on('connection', (socket: Socket) => {
      this.#raw.add(socket);
      socket.once('close', () => this.#raw.delete(socket));
    });
  }

  // ——— requests other than WebSocket upgrades

  #onPlain(pending: PendingUpgrade): void {
    const response = bindResponse(pending);
    this.#onRequest(pending.request.message, response);
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const fail = (error: unknown) => {
      this.report(toError(error));
      answerInstead(response, refuse(500));
    };
    this.#requests++;
    response.once('close', () => {
      if (--this.#requests === 0) this.#onAnswered?.();
    });
    try {
      const handler = this.#options.request;
      if (handler === undefined) return answerInstead(response, this.#refusalOf(request));
      const returned = handler.call(this.#options, request, response);
      if (isThenable(returned)) returned.then(undefined, fail);
    } catch (error) {
      fail(error);
    }
  }

  #refusalOf(request: IncomingMessage): Refusal {
    if (this.#listener.fit({ fields: request, message: request }) === Fit.None) return refuse(404);
    const verdict = judgeUpgrade(request, this.#limits, () => request);
    return isRefusal(verdict) ? verdict : refuse(404);
  }

  // ——— upgrades

  #onUpgrade(pending: PendingUpgrade): void {
    try {
      const verdict = judgeUpgrade(pending.request.fields, this.#limits, () => pending.request.message);
      if (isRefusal(verdict)) return pending.refuse(verdict);
      const { upgrade } = this.#options;
      if (upgrade === undefined) return this.#answer(pending, verdict, undefined);
      const context = {
        protocols: verdict.protocols,
        get signal() {
          return pending.signal;
        },
      };
      const result = upgrade.call(this.#options, pending.request.message, context);
      if (!isThenable(result)) return this.#answer(pending, verdict, result);
      result.then(
        (answer) => this.#answer(pending, verdict, answer),
        (error) => this.#failUpgrade(pending, error),
      );
    } catch (error) {
      this.#failUpgrade(pending, error);
    }
  }

  #answer(pending: PendingUpgrade, verdict: Accepted, result: UpgradeResult<UserData>): void {
    if (!pending.isPending) return;
    try {
      if (isRefusal(result)) return pending.refuse(result);
      const { data, protocol, headers } = checkAnswer(result);
      const agreed = agreedProtocol(verdict, protocol);
      const { parameters: deflate, answer } = chooseOffer(verdict.extensions, this.#limits.compression);
      const text = formatAcceptance(verdict.key, agreed, headers, answer);
      const { request, remoteAddress, address } = pending;
      pending.accept(text);
      const head = pending.takeHead();
      const opening = { request, remoteAddress, address, head, protocol: agreed, deflate, data: data as UserData };
      openForHandlers(opening, this.#limits, this.#options, this.sockets);
    } catch (error) {
      this.#failUpgrade(pending, error);
    }
  }

  #failUpgrade(pending: PendingUpgrade, error: unknown): void {
    if (isRefusal(error)) return pending.refuse(error);
    pending.refuse(refusalFor('error', 500));
    this.report(toError(error));
  }
}
