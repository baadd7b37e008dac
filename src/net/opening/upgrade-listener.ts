import type { Buffer } from 'node:buffer';
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ParsedHead } from '../../handshake/request-head.js';
import { isUpgrade, refuse } from '../../handshake/server.js';
import { chooseUpgrades, responseOn, watchResponses } from '../node/http-server.js';
import { type PendingOwner, PendingUpgrade } from './pending-upgrade.js';
import { RequestHead } from './request-head.js';
import { UnclaimedUpgrade } from './unclaimed-upgrade.js';

/** Limits for clients that have no answer yet. */
interface UpgradeLimits {
  /** Milliseconds; 0 for no limit. */
  readonly handshakeTimeout: number;
  readonly maxPendingHandshakes: number;
}

/** What to do with the upgrade requests of an HTTP server. */
interface UpgradeRoutes {
  /** Exact pathname of the requests to claim; `undefined`: all. */
  readonly path: string | undefined;
  /** A claimed WebSocket upgrade. */
  onUpgrade(pending: PendingUpgrade): void;
  /** An upgrade to answer like any other request. */
  onPlain(pending: PendingUpgrade): void;
  /** A WebSocket upgrade for another path, for which nobody else listens. */
  onUnclaimed(pending: PendingUpgrade): void;
}

/** Our listeners on each HTTP server. If nobody else listens, one of them answers what none of them claims. */
const listeners = new WeakMap<HttpServer, readonly UpgradeListener[]>();

/** What restores the servers on which we chose which requests are upgrades. */
const choices = new WeakMap<HttpServer, () => void>();

/** Listens for the upgrade requests of an HTTP server, counts the pending ones and refuses those above the limit. */
export class UpgradeListener implements PendingOwner {
  readonly #server: HttpServer;
  readonly #routes: UpgradeRoutes;
  readonly #limits: UpgradeLimits;
  readonly #pending = new Set<PendingUpgrade>();
  readonly #unwatch: () => void;
  #closing = false;

  constructor(server: HttpServer, limits: UpgradeLimits, routes: UpgradeRoutes) {
    this.#server = server;
    this.#limits = limits;
    this.#routes = routes;
    const { path } = routes;
    if (oursOn(server).some((listener) => listener.#routes.path === path)) {
      throw new TypeError(`The upgrades of this server at ${path ?? 'every path'} are accepted already`);
    }
    if (oursOn(server).length === 0) {
      server.prependListener('upgrade', guard);
      choices.set(server, leavePlainRequests(server));
    }
    listeners.set(server, [...oursOn(server), this]);
    server.on('upgrade', this.#onUpgrade);
    this.#unwatch = watchResponses(server);
  }

  /** Answers 503 to pending handshakes and to those that still come. */
  refuseAll(): void {
    this.#closing = true;
    for (const pending of this.#pending) {
      // A handler that has begun an answer may finish it.
      if (!pending.isAnswering()) pending.refuse(unavailable('The server is closing'));
    }
  }

  onWatched(pending: PendingUpgrade): void {
    this.#pending.add(pending);
  }

  onSettled(pending: PendingUpgrade): void {
    this.#pending.delete(pending);
  }

  stopListening(): void {
    this.#server.off('upgrade', this.#onUpgrade);
    this.#unwatch();
    const others = oursOn(this.#server).filter((listener) => listener !== this);
    listeners.set(this.#server, others);
    if (others.length > 0) return;
    this.#server.off('upgrade', guard);
    choices.get(this.#server)?.();
    choices.delete(this.#server);
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const claimed = this.claims(request);
    if (!claimed && !this.#isLastResort(request)) return;
    if (followsAnother(socket)) return destroy(socket);

    const pending = this.#begin(request, socket, head).watch();
    if (pending.isPending) this.#route(pending, request, claimed);
    pending.readAhead();
  };

  #route(pending: PendingUpgrade, request: IncomingMessage, claimed: boolean): void {
    if (claimed) this.#routes.onUpgrade(pending);
    else if (isWebSocket(request)) this.#routes.onUnclaimed(pending);
    else if (hasBody(request)) {
      // Its body is unparsed, in `head` and in the socket, so no handler could read it.
      pending.refuse(refuse(400, { body: 'An upgrade request to another protocol may not have a body here\n' }));
    } else this.#routes.onPlain(pending);
  }

  /** Whether a request for this target is claimed, on a server with no other listeners. */
  wants(url: string): boolean {
    const { path } = this.#routes;
    return path === undefined || pathnameOf(url) === path;
  }

  /** Takes a wanted WebSocket upgrade that was read without node:http. */
  onRequest(request: ParsedHead, socket: Duplex, head: Buffer): void {
    const pending = this.#begin(request, socket, head);
    if (pending.isPending) this.#routes.onUpgrade(pending);
    pending.readAhead();
  }

  #begin(request: IncomingMessage | ParsedHead, socket: Duplex, head: Buffer): PendingUpgrade {
    const pending = new PendingUpgrade(new RequestHead(request, socket), head, this.#limits.handshakeTimeout, this);
    if (this.#pending.size >= this.#limits.maxPendingHandshakes) {
      pending.refuse(unavailable('Too many opening handshakes are under way'));
    } else if (this.#closing) pending.refuse(unavailable('The server is closing'));
    return pending;
  }

  get handshakeTimeout(): number {
    return this.#limits.handshakeTimeout;
  }

  /** Whether this listener claims the request. An exact path takes precedence over a listener for all paths. */
  claims(request: IncomingMessage): boolean {
    if (!isWebSocket(request)) return false;
    const { path } = this.#routes;
    if (path !== undefined) return pathnameOf(request.url) === path;
    return !oursOn(this.#server).some((other) => other.#routes.path === pathnameOf(request.url));
  }

  /** Whether this listener must answer what it does not claim, because nobody else claims it or might want it. */
  #isLastResort(request: IncomingMessage): boolean {
    const [first] = oursOn(this.#server);
    return first === this && areOursAlone(this.#server) && !isClaimed(this.#server, request);
  }
}

/**
 * Whether an earlier request on the same connection is still being answered, or its answer ends the connection. A
 * client may not pipeline an opening handshake (RFC 6455 §4.1: it has to wait for the answer), and the client would
 * take an answer written now for the answer to the other request.
 */
function followsAnother(socket: Duplex): boolean {
  // node:http emits 'upgrade' anyway.
  return responseOn(socket) !== null || !socket.writable;
}

function destroy(socket: Duplex): void {
  socket.on('error', () => {});
  socket.destroy();
}

/** Runs before all listeners of a server that has some of ours: other listeners may ignore what none of ours claims. */
function guard(this: HttpServer, request: IncomingMessage, socket: Duplex): void {
  if (areOursAlone(this) || isClaimed(this, request)) return;
  // An answer under way belongs to somebody, and we cannot see what a listener before us has done to the socket.
  const isTouched = followsAnother(socket) || this.rawListeners('upgrade')[0] !== guard;
  const timeouts = isTouched ? [] : oursOn(this).map((listener) => listener.handshakeTimeout);
  const limited = timeouts.filter((timeout) => timeout > 0);
  new UnclaimedUpgrade(request, socket, limited.length === 0 ? 0 : Math.min(...limited));
}

function isClaimed(server: HttpServer, request: IncomingMessage): boolean {
  return oursOn(server).some((listener) => listener.claims(request));
}

/** Whether nobody else listens for the upgrades of this server. */
function areOursAlone(server: HttpServer): boolean {
  const ours = oursOn(server).length;
  return ours > 0 && server.listenerCount('upgrade') === ours + server.listenerCount('upgrade', guard);
}

function oursOn(server: HttpServer): readonly UpgradeListener[] {
  return listeners.get(server) ?? [];
}

function unavailable(body: string) {
  return refuse(503, { body: `${body}\n` });
}

/** Whether the client asks for `websocket`, perhaps among other protocols. */
function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket' || isUpgrade(request);
}

function hasBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && length !== '0');
}

/**
 * On a Node that asks, upgrades to other protocols that have a body stay plain requests, unless somebody else listens.
 *
 * @returns a function that restores the server
 */
function leavePlainRequests(server: HttpServer): () => void {
  return chooseUpgrades(server, (request, before) => {
    // Without a body we answer it ourselves, in the same way on every Node: with the end of the connection.
    return areOursAlone(server) ? isWebSocket(request) || !hasBody(request) : before();
  });
}

/** The pathname of a request target, in origin-form or in absolute-form (RFC 9112 §3.2). */
export function pathnameOf(target: string | undefined): string {
  if (target === undefined) return '';
  if (!target.startsWith('/')) {
    return URL.canParse(target) ? new URL(target).pathname : target;
  }
  const end = target.search(/[?#]/);
  return end === -1 ? target : target.slice(0, end);
}
