import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { mayUse } from './private-parts.js';

/* Private, seen on Node 20 to 26: `getpeername` of the handle. Documented instead: `socket.remoteAddress`. */

/** The libuv handle under a `net.Socket`, as far as it tells addresses. */
interface AddressHandle {
  getpeername?(name: { address?: string }): number;
}

const name: { address?: string } = {};

/**
 * The peer's IP address, where the transport has one and it is known still. The same as `socket.remoteAddress`, but that
 * the socket does not keep an object with it.
 */
export function peerAddress(socket: Duplex): string | undefined {
  const handle = (socket as { _handle?: AddressHandle | null })._handle;
  // A TLS socket has a handle of its own, which hands the question on.
  if (typeof handle?.getpeername !== 'function' || !mayUse('peer-address'))
    return (socket as Partial<Socket>).remoteAddress;
  name.address = undefined;
  handle.getpeername(name);
  return name.address;
}
