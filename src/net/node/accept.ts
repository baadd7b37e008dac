import { channel } from 'node:diagnostics_channel';
import { type Server, Socket, type SocketConstructorOpts } from 'node:net';
import { versions } from 'node:process';
import { mayUse } from './private-parts.js';

/*
 * Private, seen on Node 20: of the listening handle `onconnection`; of the server and the socket what `AcceptingServer` and
 * `AcceptedSocket` have. Documented instead: nothing, as node:net accepts by itself. This file goes when Node 20 is not
 * supported any more.
 */

/** What a listening handle calls for each connection: node:net's function, as a method of the handle. */
type OnConnection = (this: object, status: number, handle: object) => void;

/** A `net.Server` as node:net itself sees it. */
interface AcceptingServer extends Server {
  _handle?: { onconnection?: OnConnection } | null;
  _connections: number;
  allowHalfOpen: boolean;
  pauseOnConnect: boolean;
  noDelay: boolean;
  keepAlive: boolean;
  highWaterMark: number;
}

type AcceptedSocket = Socket & { server: Server; _server: Server };

/**
 * The constructor of `net.Socket` spreads its options into an object and adds to that. Before version 12, V8 gives each
 * such object hidden classes of its own: for each connection a kilobyte of garbage that survives for long, and a dozen
 * and a half look-ups of properties that miss their caches. Where the options are a dictionary, their copy has none.
 */
const costsHiddenClasses = mayUse('accept') && Number.parseInt(versions.v8, 10) < 12;

const acceptedChannel = channel('net.server.socket');

/** The handles of servers that accept cheaply already. */
const accepting = new WeakSet<object>();

/**
 * Has a server, which listens, accept connections as node:net does, but with options for their sockets that cost less.
 *
 * @param isWorthwhile whether this runtime gains by it
 */
export function acceptCheaply(server: Server, isWorthwhile = costsHiddenClasses): void {
  const { _handle: listening } = server as AcceptingServer;
  const original = listening?.onconnection;
  if (!isWorthwhile || !listening || typeof original !== 'function' || accepting.has(listening)) return;
  accepting.add(listening);
  const accept = accepter(server as AcceptingServer);
  listening.onconnection = function (status, handle) {
    // Whatever is more than to make a socket is node:net's.
    if (status !== 0 || needsMore(server as AcceptingServer)) original.call(this, status, handle);
    else accept(handle);
  };
}

function needsMore(server: AcceptingServer): boolean {
  return !!server.maxConnections || server.keepAlive || acceptedChannel.hasSubscribers;
}

function accepter(server: AcceptingServer): (handle: object) => void {
  // A dictionary, since it has no prototype.
  const options = Object.assign(Object.create(null), { handle: null, readable: true, writable: true });
  return (handle) => {
    options.handle = handle;
    // Read anew for each: they are its user's to change.
    options.allowHalfOpen = server.allowHalfOpen;
    options.pauseOnCreate = server.pauseOnConnect;
    options.readableHighWaterMark = server.highWaterMark;
    options.writableHighWaterMark = server.highWaterMark;
    const socket = new Socket(options as SocketConstructorOpts) as AcceptedSocket;
    options.handle = null;
    if (server.noDelay) socket.setNoDelay(true);
    server._connections++;
    socket.server = server;
    socket._server = server;
    server.emit('connection', socket);
  };
}
