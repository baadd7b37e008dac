import { channel } from 'node:diagnostics_channel';
import { type Server, Socket, type SocketConstructorOpts } from 'node:net';
import { versions } from 'node:process';
import { mayUse } from './private-parts.js';

/*
 * Private, seen on Node 20: `onconnection` of the listening handle, and the members of `AcceptingServer` and
 * `AcceptedSocket`. The documented way: do nothing, and node:net accepts. This file goes when support for Node 20 ends.
 */

/** A listening handle calls this method for each connection. The function is node:net's. */
type OnConnection = (this: object, status: number, handle: object) => void;

/** The members of a `net.Server` that node:net uses to accept. */
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
 * The constructor of `net.Socket` spreads its options into an object and adds properties to it. V8 before version 12
 * gives each such object hidden classes of its own: per connection a kilobyte of garbage that survives for long, and
 * about eighteen property look-ups that miss their caches. If the options are a dictionary, their copy has no hidden
 * classes.
 */
const costsHiddenClasses = mayUse('accept') && Number.parseInt(versions.v8, 10) < 12;

const acceptedChannel = channel('net.server.socket');

/** The listening handles that accept cheaply already. */
const accepting = new WeakSet<object>();

/**
 * Makes a listening server accept connections as node:net does, but with socket options that cost less.
 *
 * @param isWorthwhile whether this runtime gains anything
 */
export function acceptCheaply(server: Server, isWorthwhile = costsHiddenClasses): void {
  const { _handle: listening } = server as AcceptingServer;
  const original = listening?.onconnection;
  if (!isWorthwhile || !listening || typeof original !== 'function' || accepting.has(listening)) return;
  accepting.add(listening);
  const accept = accepter(server as AcceptingServer);
  listening.onconnection = function (status, handle) {
    // node:net handles everything beyond making a socket.
    if (status !== 0 || needsMore(server as AcceptingServer)) original.call(this, status, handle);
    else accept(handle);
  };
}

function needsMore(server: AcceptingServer): boolean {
  return !!server.maxConnections || server.keepAlive || acceptedChannel.hasSubscribers;
}

function accepter(server: AcceptingServer): (handle: object) => void {
  // Without a prototype, V8 makes it a dictionary.
  const options = Object.assign(Object.create(null), { handle: null, readable: true, writable: true });
  return (handle) => {
    options.handle = handle;
    // Read for each connection, because the user may change them.
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
