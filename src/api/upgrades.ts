import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { isRefusal, type Refusal, refusalFor, refuse } from '../handshake/server.js';
import { watchRequestListeners } from '../net/node/request-rejections.js';
import { Attachment } from '../net/opening/attachment.js';
import { answerInstead, bindResponse, Shield } from '../net/opening/bound-response.js';
import type { PathRule } from '../net/opening/path-rule.js';
import type { PendingUpgrade } from '../net/opening/pending-upgrade.js';
import { UpgradeListener } from '../net/opening/upgrade-listener.js';
import {
  toError,
  WebSocketCreationError,
  WebSocketHandshakeError,
  WebSocketProtocolMismatchError,
} from '../protocol/errors.js';
import { type CheckedCloseOptions, type ConnectionSet, within } from './connections.js';
import { failSocket, isThenable, reportError } from './handler-delivery.js';
import { type ResolvedLimits, resolveLimits, type ServerLimits } from './limits.js';
import { ReadyState } from './ready-state.js';
import { type RefusedHandler, SocketServer } from './socket-server.js';
import type { WebSocket } from './websocket.js';

/** Options of `acceptUpgrades`: which upgrades to accept, handlers, and limits. */
export interface AcceptUpgradesOptions extends ServerLimits, RefusedHandler {
  /**
   * Which WebSocket upgrades to take, by their path; see `PathRule`. Others are left to other listeners for
   * `'upgrade'`, such as the development servers of Vite and Next.js. Default all.
   */
  path?: PathRule;
  /**
   * Called if a request handler threw or rejected, if it did not answer (`WASOCK_UNANSWERED`), or if the broker failed.
   * Before the upgrade the client gets 500, after it Close 1011. If a handler throws a refusal (`throw refuse(401)`),
   * that is the answer, and not an error. `onError` is not called if a handler rejects because the library refused the
   * handshake (`refused` is called then), because its client left before the upgrade, or because the client closed
   * cleanly. A connection that breaks off later comes here as a `WebSocketClosedError`. Default: `console.error` for
   * errors of your code, nothing for what peers do. See docs/errors.md.
   */
  onError?(error: Error, ws?: WebSocket): unknown;
}

/** What `newWebSocket(req)` needs to know of a request that came through `acceptUpgrades`. */
export class AwaitedUpgrade extends Shield {
  readonly server: AwaitingServer;
  /** `null` once it is accepted, as is `response`: it lives as long as its request. */
  pending: PendingUpgrade | null;
  response: ServerResponse | null;
  /** `null` until it is accepted. */
  ws: WebSocket | null = null;

  constructor(server: AwaitingServer, pending: PendingUpgrade, response: ServerResponse) {
    super();
    this.server = server;
    this.pending = pending;
    this.response = response;
  }

  /** If the socket of the request is destroyed after the upgrade, its WebSocket closes. */
  onDestroyed(reason?: Error | null): void {
    if (this.ws?.readyState !== ReadyState.Open) return;
    failSocket(this.ws, reason ?? new Error(DESTROYED), { error: this.server.given.onError });
  }
}

const DESTROYED = 'request.socket.destroy() was called after the upgrade; Express does so if a handler throws';

/** What the requests of one `acceptUpgrades` share. */
interface AwaitingServer {
  readonly limits: ResolvedLimits;
  readonly given: AcceptUpgradesOptions;
  readonly connections: ConnectionSet<unknown>;
}

/** A request that came through `acceptUpgrades`. */
class AwaitedRequest extends Attachment {
  readonly #upgrade: AwaitedUpgrade;

  constructor(request: IncomingMessage, upgrade: AwaitedUpgrade) {
    super(request);
    this.#upgrade = upgrade;
  }

  static upgradeOf(request: object): AwaitedUpgrade | undefined {
    return #upgrade in request ? request.#upgrade : undefined;
  }
}

/**
 * The upgrade that a request handler may accept with `newWebSocket(req)`, if the request came through `acceptUpgrades`.
 */
export function awaitedUpgrade(request: IncomingMessage): AwaitedUpgrade | undefined {
  return AwaitedRequest.upgradeOf(request);
}

/**
 * The WebSockets that were accepted from the requests of one HTTP server: `acceptUpgrades` makes it.
 *
 * @example
 * ```js
 * import { createServer } from 'node:http';
 * import { acceptUpgrades, newWebSocket } from 'wasock';
 *
 * const server = createServer((req) => newWebSocket(req, async (ws) => {
 *   ws.subscribe('chat');
 *   for await (const message of ws) upgrades.publish('chat', message);
 * }));
 * const upgrades = acceptUpgrades(server);
 * server.listen(9001);
 * process.once('SIGTERM', async () => {
 *   await upgrades.close();
 *   server.close();
 * });
 * ```
 */
export class Upgrades extends SocketServer<unknown> {
  readonly #server: HttpServer;
  readonly #options: AcceptUpgradesOptions;
  readonly #shared: AwaitingServer;
  readonly #listener: UpgradeListener;
  readonly #unwatch: () => void;

  /** @internal */
  constructor(server: HttpServer, options: AcceptUpgradesOptions) {
    super(options);
    this.#server = server;
    this.#options = options;
    const limits = resolveLimits('server', options, true, this.counters);
    this.#shared = { limits, given: options, connections: this.sockets };
    this.#listener = new UpgradeListener(server, limits, this.sockets, {
      path: options.path,
      onUpgrade: (pending) => this.#handle(pending),
      onPlain: (pending) => this.#handle(pending),
      onUnclaimed: (pending) => pending.refuse(refusalFor('path', 404)),
      onError: (error) => this.report(error),
      onRefused: (request, refusal) => this.onRefused(request, refusal),
    });
    this.watch(this.#listener);
    this.#unwatch = watchRequestListeners(server, (error, _request, response) =>
      this.#onPlainRejection(error, response),
    );
    this.shareTopics(options.broker);
  }

  /** @internal */
  protected override async end({ code, reason, timeout = 0, over }: CheckedCloseOptions): Promise<void> {
    this.#listener.refuseAll();
    await within(timeout, this.sockets.closeAll(code, reason, over), () => this.sockets.hangupAll());
    this.#listener.stopListening();
    this.#unwatch();
  }

  #handle(pending: PendingUpgrade): void {
    const request = pending.request.message;
    const response = bindResponse(pending);
    const upgrade = new AwaitedUpgrade(this.#shared, pending, response);
    new AwaitedRequest(request, upgrade);
    const promises: PromiseLike<unknown>[] = [];
    try {
      for (const listener of this.#server.rawListeners('request')) {
        const returned: unknown = listener.call(this.#server, request, response);
        if (isThenable(returned)) promises.push(returned);
      }
    } catch (error) {
      promises.push(Promise.reject(error));
    }
    if (promises.length > 0) this.#watch(upgrade, promises);
  }

  /** The handler of a plain request rejected. */
  #onPlainRejection(reason: unknown, response: ServerResponse): void {
    if (isRefusal(reason)) return answerInstead(response, reason);
    const error = toError(reason);
    answerInstead(response, refusalOf(error));
    reportError({ error: this.#options.onError }, error, undefined, isRefusalError(error));
  }

  #watch(upgrade: AwaitedUpgrade, promises: PromiseLike<unknown>[]): void {
    const done = promises.length === 1 ? promises[0] : Promise.all(promises);
    // If it is accepted by now, as nearly always, only a rejection matters. The less the promise holds for as long as the
    // connection lives, the better.
    const onHandled = upgrade.pending === null ? undefined : () => this.#onHandled(upgrade);
    done.then(onHandled, (error) => this.#onRejection(upgrade, error));
  }

  /**
   * If the handlers have neither answered nor upgraded, the client gets the refusal that `newWebSocket` found, or 500.
   */
  #onHandled({ pending, response }: AwaitedUpgrade): void {
    if (!pending?.isPending || response?.headersSent) return;
    pending.refuse(pending.refusal ?? refusalFor('unanswered', 500, { body: 'The request was not answered\n' }));
  }

  #onRejection(upgrade: AwaitedUpgrade, reason: unknown): void {
    const { pending, response, ws } = upgrade;
    // `refuse` does nothing if the client has left.
    if (isRefusal(reason) && pending !== null && !response?.headersSent) return pending.refuse(reason);
    const error = toError(reason);
    if (ws !== null || pending === null) return failSocket(ws!, reason, { error: this.#options.onError });
    // The client has left, or it gets the refusal and `refused` is called.
    const hasLeft = pending.isGone && error instanceof WebSocketCreationError;
    const isRefused = pending.refusal !== null && isRefusalError(error);
    if (pending.isPending && response?.headersSent) pending.socket.destroy();
    else pending.refuse(isRefused ? pending.refusal! : refusalFor('error', 500));
    if (!hasLeft && !isRefused) this.report(error);
  }

  /** @internal */
  protected override report(error: Error): void {
    reportError({ error: this.#options.onError }, error);
  }
}

/** The answer to a plain request whose handler rejected: that of the error, if it has a valid one. */
export function refusalOf(error: Error): Refusal {
  if (!(error instanceof WebSocketHandshakeError)) return refuse(500);
  try {
    return refuse(error.status, { headers: error.headers as Record<string, string> });
  } catch {
    // The user made the error, or it comes from a connection to another server.
    return refuse(500);
  }
}

/** Whether `newWebSocket(req)` rejected with this error because the request cannot be accepted. */
function isRefusalError(error: Error): boolean {
  return error instanceof WebSocketHandshakeError || error instanceof WebSocketProtocolMismatchError;
}
