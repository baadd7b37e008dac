import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { mayUse } from './private-parts.js';

/* Private, seen on Node 20 to 26: `getpeername` of the handle. The documented way: `socket.remoteAddress`. */

/** The address method of the libuv handle under a `net.Socket`. */
interface AddressHandle {
  getpeername?(name: { address?: string }): number;
}

const name: { address?: string } = {};

/**
 * The peer's IP address; undefined if the transport has none or the connection is gone. The same as
 * `socket.remoteAddress`, which would make the socket keep an object.
 */
export function peerAddress(socket: Duplex): string | undefined {
  const handle = (socket as { _handle?: AddressHandle | null })._handle;
  // A TLS socket's handle passes the call on to the TCP handle.
  if (typeof handle?.getpeername !== 'function' || !mayUse('peer-address'))
    return (socket as Partial<Socket>).remoteAddress;
  name.address = undefined;
  handle.getpeername(name);
  return name.address;
}
