import type { Buffer } from 'node:buffer';
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { isUpgrade, type Refusal, refusalFor } from '../../handshake/server.js';
import { toError } from '../../protocol/errors.js';
import { chooseUpgrades, responseOn, watchResponses } from '../node/http-server.js';
import { Admission, type AdmissionLimits } from './admission.js';
import { Attachment } from './attachment.js';
import { conflictOf, Fit, fitOf, type PathRule, type RoutedRequest } from './path-rule.js';
import { type PendingOwner, PendingUpgrade } from './pending-upgrade.js';
import { RequestHead } from './request-head.js';
import { UnclaimedUpgrade } from './unclaimed-upgrade.js';

/** Limits for clients that have no answer yet, and for their number. */
interface UpgradeLimits extends AdmissionLimits {
  /** Milliseconds; 0 for no limit. */
  readonly handshakeTimeout: number;
  readonly maxPendingHandshakes: number;
}

/** What to do with the upgrade requests of an HTTP server. */
interface UpgradeRoutes {
  /** Which requests to claim; `undefined`: all. */
  readonly path: PathRule | undefined;
  /** A claimed WebSocket upgrade. */
  onUpgrade(pending: PendingUpgrade): void;
  /** An upgrade to another protocol that node:http has emitted all the same: answer it like any other request. */
  onPlain(pending: PendingUpgrade): void;
  /** A WebSocket upgrade for another path, for which there is no other listener. */
  onUnclaimed(pending: PendingUpgrade): void;
  /** A user's function that judges requests threw, and the client gets 500. */
  onError(error: Error): void;
  onRefused(request: RequestHead, refusal: Refusal): void;
}

/** The listener that takes a WebSocket upgrade. */
interface Claim {
  readonly listener: UpgradeListener;
  /** Whether its `path` function threw. */
  readonly isFaulty: boolean;
}

/** Our listeners on each HTTP server. If there are no others, the first one answers what none of them claims. */
const listeners = new WeakMap<HttpServer, readonly UpgradeListener[]>();

/** For each server on which we choose which requests are upgrades: the function that restores it. */
const choices = new WeakMap<HttpServer, () => void>();

/** Listens for the upgrade requests of an HTTP server, counts the pending ones and refuses those above the limit. */
export class UpgradeListener implements PendingOwner {
  readonly #server: HttpServer;
  readonly #routes: UpgradeRoutes;
  readonly #limits: UpgradeLimits;
  readonly #pending = new Set<PendingUpgrade>();
  readonly #unwatch: () => void;
  readonly admission: Admission;
  /** The claim of a listener without a `path`; `null` with one. */
  readonly everyPath: Claim | null;
  #closing = false;

  /** @param open the open sockets of the server */
  constructor(server: HttpServer, limits: UpgradeLimits, open: { readonly size: number }, routes: UpgradeRoutes) {
    this.#server = server;
    this.admission = new Admission(limits, open);
    this.#limits = limits;
    this.#routes = routes;
    this.everyPath = routes.path === undefined ? { listener: this, isFaulty: false } : null;
    for (const { path } of oursOn(server).map((listener) => listener.#routes)) {
      const conflict = conflictOf(path, routes.path);
      if (conflict === undefined) continue;
      throw new TypeError(
        `Upgrades at ${conflict} are already accepted on this server: give each serve and acceptUpgrades a path of its own`,
      );
    }
    if (oursOn(server).length === 0) {
      server.prependListener('upgrade', guard);
      choices.set(server, leavePlainRequests(server));
    }
    listeners.set(server, [...oursOn(server), this]);
    server.on('upgrade', this.#onUpgrade);
    this.#unwatch = watchResponses(server);
  }

  /** Answers 503 to pending handshakes, and to later ones. */
  refuseAll(): void {
    this.#closing = true;
    for (const pending of this.#pending) {
      // A handler that has begun an answer may finish it.
      if (!pending.isAnswering) pending.refuse(closing());
    }
  }

  onWatched(pending: PendingUpgrade): void {
    this.#pending.add(pending);
  }

  onSettled(pending: PendingUpgrade): void {
    this.#pending.delete(pending);
    this.admission.settle(pending);
  }

  onRefused(pending: PendingUpgrade, refusal: Refusal): void {
    this.#routes.onRefused(pending.request, refusal);
  }

  /** How many handshakes wait for an answer. */
  get pendingCount(): number {
    return this.#pending.size;
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
    const claim = claimOf(this.#server, request);
    const claimed = claim?.listener === this;
    if (!claimed && !this.#isLastResort(claim)) return;
    if (followsAnother(socket)) return destroy(socket);

    const pending = this.#begin(new RequestHead(request, socket), head, claimed);
    if (!pending.isPending) return;
    if (claimed) this.#take(pending, claim);
    else if (isWebSocket(request)) this.#routes.onUnclaimed(pending);
    else if (hasBody(request)) {
      // Its body is unparsed, in `head` and in the socket, so no handler could read it.
      pending.refuse(
        refusalFor('request', 400, { body: 'An upgrade request to another protocol may not have a body here\n' }),
      );
    } else this.#routes.onPlain(pending);
    pending.readAhead();
  };

  #take(pending: PendingUpgrade, { isFaulty }: Claim): void {
    if (isFaulty) pending.refuse(refusalFor('error', 500));
    else this.#routes.onUpgrade(pending);
  }

  /** How closely `path` fits a request. @throws what the user's function throws */
  fit(request: RoutedRequest): number {
    return fitOf(this.#routes.path, request);
  }

  onPathError(error: unknown): void {
    this.#routes.onError(toError(error));
  }

  /** Takes a WebSocket upgrade that was read without node:http, if it fits. @returns whether it did */
  onRequest(request: RequestHead, head: Buffer): boolean {
    // Nearly always every path is taken: it costs each handshake as little as can be.
    const claim = this.everyPath ?? closestOf([this], request);
    if (claim === null) {
      unclaimed.add(request.socket);
      return false;
    }
    const pending = this.#begin(request, head, true);
    if (pending.isPending) this.#take(pending, claim);
    pending.readAhead();
    return true;
  }

  /** @param claimed whether it may become one of our WebSockets */
  #begin(request: RequestHead, head: Buffer, claimed: boolean): PendingUpgrade {
    const pending = new PendingUpgrade(request, head, this.#limits.handshakeTimeout, this);
    const refusal = this.#refusalOf(pending, claimed);
    if (refusal !== null) pending.refuse(refusal);
    return pending;
  }

  /** Refuses a request because of the server's state, before anything in it is judged; `null` if it may be taken. */
  #refusalOf(pending: PendingUpgrade, claimed: boolean): Refusal | null {
    if (this.#closing) return closing();
    if (this.#pending.size >= this.#limits.maxPendingHandshakes) {
      return refusalFor('pending', 503, { body: 'Too many opening handshakes are under way\n' });
    }
    try {
      return claimed ? this.admission.admit(pending) : null;
    } catch (error) {
      this.#routes.onError(toError(error));
      return refusalFor('error', 500);
    }
  }

  get handshakeTimeout(): number {
    return this.#limits.handshakeTimeout;
  }

  /** Whether this listener must answer, because no other one claims the request or may want it. */
  #isLastResort(claim: Claim | null): boolean {
    return claim === null && oursOn(this.#server)[0] === this && areOursAlone(this.#server);
  }
}

/** A request for which the listener is chosen. */
class ClaimedRequest extends Attachment {
  readonly #claim: Claim | null;

  constructor(request: IncomingMessage, claim: Claim | null) {
    super(request);
    this.#claim = claim;
  }

  static claimOf(request: object): Claim | null | undefined {
    return #claim in request ? request.#claim : undefined;
  }
}

/** Sockets whose first request was read without node:http, and that no listener took. node:http will emit it. */
const unclaimed = new WeakSet<Duplex>();

/** Finds the listener for a request that node:http has emitted. A user's function is called once. */
function claimOf(server: HttpServer, request: IncomingMessage): Claim | null {
  const all = oursOn(server);
  // This is so nearly always. Then there is nothing to ask and nothing to remember.
  if (all.length === 1 && all[0].everyPath !== null) return isWebSocket(request) ? all[0].everyPath : null;
  const known = ClaimedRequest.claimOf(request);
  if (known !== undefined) return known;
  const isOpen = isWebSocket(request) && !unclaimed.delete(request.socket);
  const claim = isOpen ? closestOf(all, { fields: request, message: request }) : null;
  new ClaimedRequest(request, claim);
  return claim;
}

function closestOf(candidates: readonly UpgradeListener[], request: RoutedRequest): Claim | null {
  let closest: Claim | null = null;
  let best: number = Fit.None;
  for (const listener of candidates) {
    let fit: number = Fit.Pattern;
    let isFaulty = false;
    try {
      fit = listener.fit(request);
    } catch (error) {
      isFaulty = true;
      listener.onPathError(error);
    }
    if (fit <= best) continue;
    best = fit;
    closest = { listener, isFaulty };
  }
  return closest;
}

/**
 * Whether an earlier request on the same connection is still being answered, or its answer ends the connection. A
 * client may not pipeline an opening handshake (RFC 6455 §4.1: it has to wait for the answer), and the client would
 * take an answer written now for the answer to the other request.
 */
function followsAnother(socket: Duplex): boolean {
  // node:http emits 'upgrade' even then.
  return responseOn(socket) !== null || !socket.writable;
}

function destroy(socket: Duplex): void {
  socket.on('error', () => {});
  socket.destroy();
}

/** Runs before all listeners of a server that has some of ours: other listeners may ignore what none of ours claims. */
function guard(this: HttpServer, request: IncomingMessage, socket: Duplex): void {
  if (areOursAlone(this) || claimOf(this, request) !== null) return;
  // An answer under way belongs to another handler, and we cannot see what a listener before us has done to the socket.
  const isTouched = followsAnother(socket) || this.rawListeners('upgrade')[0] !== guard;
  // An upgrade to another protocol is the other listeners' business alone.
  const isTheirs = isTouched || !isWebSocket(request);
  const timeouts = isTheirs ? [] : oursOn(this).map((listener) => listener.handshakeTimeout);
  const limited = timeouts.filter((timeout) => timeout > 0);
  new UnclaimedUpgrade(request, socket, limited.length === 0 ? 0 : Math.min(...limited), oursOn(this)[0]);
}

/** Whether there are only our listeners for the upgrades of this server. */
function areOursAlone(server: HttpServer): boolean {
  const ours = oursOn(server).length;
  return ours > 0 && server.listenerCount('upgrade') === ours + server.listenerCount('upgrade', guard);
}

function oursOn(server: HttpServer): readonly UpgradeListener[] {
  return listeners.get(server) ?? [];
}

/** Retry soon: another process may already have taken over. */
function closing(): Refusal {
  return refusalFor('closing', 503, { headers: { 'Retry-After': '1' }, body: 'The server is closing\n' });
}

/** Whether the client asks for `websocket`, perhaps among other protocols. */
function isWebSocket(request: IncomingMessage): boolean {
  const { rawHeaders } = request;
  // Asking for `headers` would make a second copy of them, which lives as long as the request.
  const isUpgradeName = (name: string, i: number) =>
    i % 2 === 0 && name.length === 7 && name.toLowerCase() === 'upgrade';
  const at = rawHeaders.findIndex(isUpgradeName);
  return at !== -1 && (rawHeaders[at + 1].toLowerCase() === 'websocket' || isUpgrade(request));
}

function hasBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && length !== '0');
}

/**
 * Requests for upgrades to other protocols are not for us. As long as there is no other listener, they stay plain
 * requests, as on a server without us.
 *
 * @returns a function that restores the server
 */
function leavePlainRequests(server: HttpServer): () => void {
  return chooseUpgrades(server, (request, before) => before() && (isWebSocket(request) || !areOursAlone(server)));
}
