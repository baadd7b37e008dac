import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { isUpgrade, refuse } from '../handshake/server.js';
import { PendingUpgrade } from '../net/upgrade.js';
import type { ResolvedLimits } from './limits.js';
import { pathnameOf } from './request-target.js';

/** What becomes of the upgrade requests of an HTTP server. */
export interface UpgradeRoutes {
  /** Exact pathname of those to claim; left out, all. */
  readonly path: string | undefined;
  /** A WebSocket upgrade that is claimed. */
  onUpgrade(pending: PendingUpgrade): void;
  /** An upgrade that is to be answered like any other request. */
  onPlain(pending: PendingUpgrade): void;
  /** A WebSocket upgrade for another path that nobody else listens for. */
  onUnclaimed(pending: PendingUpgrade): void;
}

/** node:http's way, from Node 24.9 on, to be told which upgrade requests are plain requests. */
interface UpgradeChooser {
  shouldUpgradeCallback?: (request: IncomingMessage) => boolean;
}

/** Listens for the upgrade requests of an HTTP server, counts those under way and refuses what is too much. */
export class UpgradeListener {
  readonly #server: HttpServer;
  readonly #routes: UpgradeRoutes;
  readonly #limits: ResolvedLimits;
  #pending = 0;
  #closing = false;
  readonly #open = new Set<PendingUpgrade>();

  constructor(server: HttpServer, limits: ResolvedLimits, routes: UpgradeRoutes) {
    this.#server = server;
    this.#limits = limits;
    this.#routes = routes;
    server.on('upgrade', this.#onUpgrade);
    leavePlainRequests(server);
  }

  /** 503 to handshakes that are under way and to those that still come. */
  refuseAll(): void {
    this.#closing = true;
    for (const pending of this.#open) pending.refuse(unavailable('The server is closing'));
  }

  stopListening(): void {
    this.#server.off('upgrade', this.#onUpgrade);
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { path } = this.#routes;
    const websocket = isWebSocket(request);
    const alone = this.#server.listenerCount('upgrade') === 1;
    const claimed = websocket && (path === undefined || pathnameOf(request.url) === path);
    // Others who listen may want what is not ours.
    if (!claimed && !alone) return;

    const pending = new PendingUpgrade(request, socket, head, this.#limits.handshakeTimeout, () => {
      this.#pending--;
      this.#open.delete(pending);
    });
    this.#open.add(pending);
    if (++this.#pending > this.#limits.maxPendingHandshakes) {
      pending.refuse(unavailable('Too many opening handshakes are under way'));
    } else if (this.#closing) pending.refuse(unavailable('The server is closing'));
    else if (claimed) this.#routes.onUpgrade(pending);
    else if (websocket) this.#routes.onUnclaimed(pending);
    else if (hasBody(request)) {
      // The body is in `head` and in the socket, unparsed: no handler could read it.
      pending.refuse(refuse(400, { body: 'An upgrade request to another protocol may not have a body here\n' }));
    } else this.#routes.onPlain(pending);
  };
}

function unavailable(body: string) {
  return refuse(503, { body: `${body}\n` });
}

/** Whether `websocket` is among the protocols that the client asks for. */
function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket' || isUpgrade(request);
}

function hasBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && length !== '0');
}

function leavePlainRequests(server: HttpServer & UpgradeChooser): void {
  const before = server.shouldUpgradeCallback;
  if (typeof before !== 'function') return;
  server.shouldUpgradeCallback = (request) => {
    const alone = server.listenerCount('upgrade') <= 1;
    return alone ? isWebSocket(request) && server.listenerCount('upgrade') > 0 : before.call(server, request);
  };
}
