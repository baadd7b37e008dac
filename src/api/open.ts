import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { DeflateParameters } from '../deflate/negotiation.js';
import { Connection } from '../net/connection.js';
import type { ConnectionHandler, ConnectionOptions } from '../net/connection-handler.js';
import { peerAddress } from '../net/node/peer-address.js';
import type { Connected } from '../net/opening/connect.js';
import { type KeptRequest, keptMessage, type RequestHead } from '../net/opening/request-head.js';
import { shareAddress } from '../net/opening/shared-strings.js';
import type { HandshakeAnswer } from '../protocol/errors.js';
import { AwaitDelivery } from './await-delivery.js';
import type { Compression } from './compression.js';
import type { ConnectionSet } from './connections.js';
import { openChannel } from './diagnostics.js';
import { HandlerDelivery, type SocketHandlers } from './handler-delivery.js';
import { agreedLimits, type ResolvedLimits } from './limits.js';
import { MessageQueue } from './message-queue.js';
import type { Opened, OpenedSocket } from './opened.js';
import { attachConnection } from './sending-socket.js';
import type { SlowPeer } from './slow-peer.js';
import { internals, type WebSocket } from './websocket.js';

/** A server's opening handshake that has just succeeded. */
interface ServerOpening<UserData> {
  readonly request: RequestHead;
  readonly remoteAddress: string | undefined;
  /** The address that it counts for in `maxConnectionsPerAddress`. */
  readonly address: string | undefined;
  readonly head: Buffer;
  readonly protocol: string;
  /** What was agreed about compression; `null` without. */
  readonly deflate: DeflateParameters | null;
  readonly data: UserData;
}

/** What all sockets of a server share if they have agreed on the same compression. Their limits are such an object. */
type SharedLimits = Pick<ResolvedLimits, 'slowPeer' | 'agreed'> & { readonly ignoreClosed?: boolean };

/** What a server keeps of an opening handshake: as little as possible, so that idle sockets stay cheap. */
class OpenedOnServer implements Opened {
  readonly protocol: string;
  readonly remoteAddress: string | undefined;
  readonly #shared: SharedLimits;
  readonly #socket: Duplex;
  #request: KeptRequest;

  constructor({ request, remoteAddress, protocol }: ServerOpening<unknown>, shared: SharedLimits) {
    this.protocol = protocol;
    this.remoteAddress = remoteAddress && shareAddress(remoteAddress);
    this.#shared = shared;
    this.#socket = request.socket;
    this.#request = request.keep();
  }

  get version(): number {
    return 13;
  }

  get compression(): Compression | null {
    return this.#shared.agreed;
  }

  get slowPeer(): SlowPeer {
    return this.#shared.slowPeer;
  }

  get ignoreClosed(): boolean {
    return this.#shared.ignoreClosed === true;
  }

  get request(): IncomingMessage {
    const message = keptMessage(this.#request, this.#socket);
    this.#request = message;
    return message;
  }

  get response(): undefined {
    return undefined;
  }

  get url(): string {
    return this.request.url ?? '';
  }

  get key(): string {
    return this.request.headers['sec-websocket-key'] ?? '';
  }
}

/** What a client keeps of its opening handshake. */
class OpenedOnClient implements Opened {
  readonly protocol: string;
  readonly url: string;
  readonly remoteAddress: string | undefined;
  readonly ignoreClosed: boolean;
  readonly response: HandshakeAnswer;
  readonly #limits: ResolvedLimits;

  constructor({ socket, protocol, url, response }: Connected, limits: ResolvedLimits, ignoreClosed: boolean) {
    this.response = response;
    this.protocol = protocol;
    this.url = url.href;
    this.remoteAddress = peerAddress(socket);
    this.ignoreClosed = ignoreClosed;
    this.#limits = limits;
  }

  get version(): number {
    return 0;
  }

  get key(): string {
    return '';
  }

  get request(): undefined {
    return undefined;
  }

  get compression(): Compression | null {
    return this.#limits.agreed;
  }

  get slowPeer(): SlowPeer {
    return this.#limits.slowPeer;
  }
}

/** What sockets share that were opened with `onClosed: 'ignore'`, by their limits. */
const ignoring = new WeakMap<ResolvedLimits, SharedLimits>();

function ignoringClosed(limits: ResolvedLimits): SharedLimits {
  let shared = ignoring.get(limits);
  if (shared === undefined) {
    shared = { slowPeer: limits.slowPeer, agreed: limits.agreed, ignoreClosed: true };
    ignoring.set(limits, shared);
  }
  return shared;
}

/** Opens a server's socket whose messages go to handlers. */
export function openForHandlers<UserData>(
  opening: ServerOpening<UserData>,
  serverLimits: ResolvedLimits,
  handlers: SocketHandlers<UserData>,
  connections: ConnectionSet<UserData>,
): void {
  const limits = agreedLimits(serverLimits, opening.deflate);
  const ws = internals.make<UserData>(new OpenedOnServer(opening, limits), null, connections.topics);
  ws.data = opening.data;
  const delivery = new HandlerDelivery(ws, handlers, connections);
  const connection = attach(ws, opening.request.socket, limits, delivery);
  connections.add(ws, opening.address);
  tellOpen(ws);
  delivery.onOpen();
  connection.start(opening.head);
}

/** Opens a server's socket in await style. @param connections `null` if the socket belongs to no server */
export function openForAwait(
  opening: ServerOpening<unknown>,
  serverLimits: ResolvedLimits,
  ignoreClosed: boolean,
  connections: ConnectionSet<unknown> | null,
): WebSocket {
  const limits = agreedLimits(serverLimits, opening.deflate);
  const queue = new MessageQueue();
  const ws = internals.make(
    new OpenedOnServer(opening, ignoreClosed ? ignoringClosed(limits) : limits),
    queue,
    connections?.topics ?? null,
  );
  ws.data = opening.data;
  const delivery = new AwaitDelivery(ws, queue, connections);
  const connection = attach(ws, opening.request.socket, limits, delivery);
  connections?.add(ws, opening.address);
  tellOpen(ws);
  connection.start(opening.head);
  return ws;
}

/** Opens a client's socket. */
export function openClient(connected: Connected, ownLimits: ResolvedLimits, ignoreClosed: boolean): WebSocket {
  const limits = agreedLimits(ownLimits, connected.deflate);
  const queue = new MessageQueue();
  const ws = internals.make(new OpenedOnClient(connected, limits, ignoreClosed), queue, null);
  const delivery = new AwaitDelivery(ws, queue, null);
  const connection = attach(ws, connected.socket, limits, delivery);
  tellOpen(ws);
  connection.start(connected.head);
  return ws;
}

function tellOpen(socket: OpenedSocket<unknown>): void {
  if (openChannel.hasSubscribers) openChannel.publish({ socket });
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
  attachConnection(ws, connection);
  return connection;
}
