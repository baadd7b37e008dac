import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { mayUse } from './private-parts.js';

/*
 * Private, seen on Node 20 to 26: the symbols under which node:net keeps the option `onread`, which is documented for
 * new sockets and not for existing ones; `reading` and `useUserBuffer` of the handle. The documented way: the `'data'`
 * event.
 */

/** The part of the libuv handle under a `net.Socket` that a switch to a user buffer needs. */
interface StreamHandle {
  readonly reading: boolean;
  useUserBuffer(buffer: Uint8Array): void;
}

/** The symbols under which `new net.Socket({ onread })` keeps the option on the socket. */
interface OnreadSlots {
  readonly buffer: symbol;
  readonly callback: symbol;
}

/**
 * Called as a method of the socket.
 *
 * @param length how many bytes are in the buffer
 * @returns `false` to stop the handle
 */
export type OnRead = (this: never, length: number) => boolean;

/**
 * Finds out where node:net keeps the buffer and the callback of the option, without knowing the names in each version
 * of Node: a socket that was made with the option shows it.
 *
 * @returns `null` if this Node keeps them nowhere on the socket
 */
export function findOnreadSlots(
  SocketClass: new (options: SocketConstructorOpts) => object = Socket,
): OnreadSlots | null {
  const buffer = new Uint8Array(1);
  const callback = () => true;
  const options = { onread: { buffer, callback } } as SocketConstructorOpts;
  const probe = new SocketClass(options) as Record<symbol, unknown>;
  const symbols = Object.getOwnPropertySymbols(probe);
  const bufferSlot = symbols.find((symbol) => probe[symbol] === buffer);
  const callbackSlot = symbols.find((symbol) => probe[symbol] === callback);
  if (bufferSlot === undefined || callbackSlot === undefined) return null;
  return { buffer: bufferSlot, callback: callbackSlot };
}

let found: OnreadSlots | null | undefined;

function slots(): OnreadSlots | null {
  if (found === undefined) found = mayUse('user-buffer') ? findOnreadSlots() : null;
  return found;
}

function handleOf(socket: Duplex): StreamHandle | null {
  const handle = (socket as { _handle?: Partial<StreamHandle> | null })._handle;
  return typeof handle?.useUserBuffer === 'function' ? (handle as StreamHandle) : null;
}

/** Whether libuv can read from this socket straight into our memory: a plain `net.Socket`, on a Node that allows it. */
export function canReadIntoBuffer(socket: Duplex): boolean {
  // A subclass, such as tls.TLSSocket, reads other bytes from its handle.
  return slots() !== null && Object.getPrototypeOf(socket) === Socket.prototype && handleOf(socket) !== null;
}

/**
 * Makes libuv read into `buffer` and call `onRead` from now on.
 *
 * @returns `false` if this is impossible, for example because the socket is closed
 */
export function readIntoBuffer(socket: Duplex, buffer: Uint8Array, onRead: OnRead): boolean {
  const handle = handleOf(socket);
  const where = slots();
  if (where === null || handle === null) return false;
  const state = socket as unknown as Record<symbol, unknown>;
  if (state[where.buffer] !== buffer) {
    // It may be reading: libuv asks for the buffer when a read is due, and runs no other code before the read is done.
    state[where.buffer] = buffer;
    handle.useUserBuffer(buffer);
  }
  state[where.callback] = onRead;
  return true;
}

/** Whether reads of the socket go to `onRead`. */
export function isReadBy(socket: Duplex, onRead: OnRead): boolean {
  const where = slots();
  return where !== null && (socket as unknown as Record<symbol, unknown>)[where.callback] === onRead;
}

/** Makes the handle of such a socket read on. */
export function readOn(socket: Duplex): void {
  // With a size of 0, all that this does is start a handle that does not read.
  if (handleOf(socket)?.reading === false) socket.read(0);
}
