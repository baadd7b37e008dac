import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Connection } from '../net/connection.js';
import type { ConnectionHandler, ConnectionOptions } from '../net/connection-handler.js';
import { peerAddress } from '../net/node/peer-address.js';
import type { Connected } from '../net/opening/connect.js';
import type { RequestHead } from '../net/opening/request-head.js';
import { AwaitDelivery } from './await-delivery.js';
import type { ConnectionSet } from './connections.js';
import { HandlerDelivery, type SocketHandlers } from './handler-delivery.js';
import type { ResolvedLimits } from './limits.js';
import { MessageQueue } from './message-queue.js';
import type { Opened } from './opened.js';
import type { SlowPeer } from './slow-peer.js';
import { internals, type WebSocket } from './websocket.js';

/** A server's opening handshake that has just succeeded. */
interface ServerOpening<UserData> {
  readonly request: RequestHead;
  readonly remoteAddress: string | undefined;
  readonly head: Buffer;
  readonly protocol: string;
  readonly data: UserData;
}

/** What all sockets of a server share. The server's limits are such an object. */
type SharedLimits = Pick<ResolvedLimits, 'slowPeer'> & { readonly ignoreClosed?: boolean };

/** What a server keeps of an opening handshake: as little as possible, for the sake of idle sockets. */
class OpenedOnServer<UserData> implements Opened<UserData> {
  readonly protocol: string;
  readonly remoteAddress: string | undefined;
  readonly data: UserData;
  readonly #shared: SharedLimits;
  readonly #request: RequestHead;

  constructor({ request, remoteAddress, protocol, data }: ServerOpening<UserData>, shared: SharedLimits) {
    this.protocol = protocol;
    this.remoteAddress = remoteAddress;
    this.data = data;
    this.#shared = shared;
    this.#request = request;
  }

  get version(): number {
    return 13;
  }

  get slowPeer(): SlowPeer {
    return this.#shared.slowPeer;
  }

  get ignoreClosed(): boolean {
    return this.#shared.ignoreClosed === true;
  }

  get request(): IncomingMessage {
    return this.#request.message;
  }

  get url(): string {
    return this.request.url ?? '';
  }

  get key(): string {
    return this.request.headers['sec-websocket-key'] ?? '';
  }
}

/** Opens a server's socket whose messages go to handlers. */
export function openForHandlers<UserData>(
  opening: ServerOpening<UserData>,
  limits: ResolvedLimits,
  handlers: SocketHandlers<UserData>,
  connections: ConnectionSet<UserData>,
): void {
  const ws = internals.make(new OpenedOnServer(opening, limits), null, connections.topics);
  const delivery = new HandlerDelivery(ws, handlers, connections);
  const connection = attach(ws, opening.request.socket, limits, delivery);
  connections.add(ws);
  delivery.onOpen();
  connection.start(opening.head);
}

/** Opens a server's socket whose messages are awaited. @param connections null for a socket of no server */
export function openForAwait(
  opening: ServerOpening<unknown>,
  limits: ResolvedLimits,
  ignoreClosed: boolean,
  connections: ConnectionSet<unknown> | null,
): WebSocket {
  const queue = new MessageQueue();
  const ws = internals.make(
    new OpenedOnServer(opening, ignoreClosed ? { slowPeer: limits.slowPeer, ignoreClosed } : limits),
    queue,
    connections?.topics ?? null,
  );
  const delivery = new AwaitDelivery(ws as WebSocket<never>, queue, () => connections?.delete(ws));
  const connection = attach(ws, opening.request.socket, limits, delivery);
  connections?.add(ws);
  connection.start(opening.head);
  return ws;
}

/** Opens a client's socket. */
export function openClient(
  { socket, head, protocol, url }: Connected,
  limits: ResolvedLimits,
  ignoreClosed: boolean,
): WebSocket {
  const queue = new MessageQueue();
  const ws = internals.make<unknown>(
    {
      protocol,
      version: 0,
      key: '',
      url: url.href,
      request: undefined,
      remoteAddress: peerAddress(socket),
      data: undefined,
      slowPeer: limits.slowPeer,
      ignoreClosed,
    },
    queue,
    null,
  );
  const delivery = new AwaitDelivery(ws as WebSocket<never>, queue, () => {});
  attach(ws, socket, limits, delivery).start(head);
  return ws;
}

function attach<UserData>(
  ws: WebSocket<UserData>,
  socket: Duplex,
  options: ConnectionOptions,
  handler: ConnectionHandler,
): Connection {
  const tcp = socket as Partial<Socket>;
  if (tcp.timeout) tcp.setTimeout?.(0);
  // We coalesce frames before we write them. Nagle's algorithm would only add latency.
  tcp.setNoDelay?.(true);
  const connection = new Connection(socket, options, handler);
  internals.attach(ws as WebSocket<never>, connection);
  return connection;
}
