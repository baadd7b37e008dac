import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { mayUse } from './private-parts.js';

/*
 * Private, seen on Node 20 to 26: the symbols under which node:net keeps the documented option `onread`, which it has for
 * sockets that it makes itself and not for those that exist; of the handle `reading`, `readStop` and `useUserBuffer`.
 * Documented instead: the `'data'` event.
 */

/** The libuv handle under a `net.Socket`, as far as a switch to a user buffer needs it. */
interface StreamHandle {
  reading: boolean;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
}

/** The state that `new net.Socket({ onread })` keeps on the socket, by the symbols that node:net keeps it under. */
interface OnreadSlots {
  readonly buffer: symbol;
  readonly callback: symbol;
}

/** Told as a method of the socket how many bytes stand in the buffer. @returns `false` to have the handle stopped */
export type OnRead = (this: never, length: number) => boolean;

/**
 * Where node:net keeps the buffer and the callback of the option. Asking a socket that was made with it needs no knowledge of
 * any version's names.
 *
 * @returns `null` if this Node has them nowhere
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
  const usable = typeof handle?.useUserBuffer === 'function' && typeof handle.readStop === 'function';
  return usable ? (handle as StreamHandle) : null;
}

/** Whether libuv can read from this socket straight into memory of ours: a plain `net.Socket` on a Node that lets us. */
export function canReadIntoBuffer(socket: Duplex): boolean {
  // A subclass, such as tls.TLSSocket, has bytes of its own to read from the handle.
  return slots() !== null && Object.getPrototypeOf(socket) === Socket.prototype && handleOf(socket) !== null;
}

/**
 * From now on libuv reads into `buffer`, and `onRead` is told.
 *
 * @returns `false` if that cannot be, for one thing because the socket is closed
 */
export function readIntoBuffer(socket: Duplex, buffer: Uint8Array, onRead: OnRead): boolean {
  const handle = handleOf(socket);
  const where = slots();
  if (where === null || handle === null) return false;
  const state = socket as unknown as Record<symbol, unknown>;
  if (state[where.buffer] !== buffer) {
    // Reading must stop before the buffer is switched, and the handle must not believe that it goes on.
    handle.readStop();
    handle.reading = false;
    state[where.buffer] = buffer;
    handle.useUserBuffer(buffer);
  }
  state[where.callback] = onRead;
  return true;
}

/** Whether reads of the socket are told to `onRead`. */
export function isReadBy(socket: Duplex, onRead: OnRead): boolean {
  const where = slots();
  return where !== null && (socket as unknown as Record<symbol, unknown>)[where.callback] === onRead;
}

/** Has the handle of such a socket read on. */
export function readOn(socket: Duplex): void {
  // With a size of 0 this does nothing but start a handle that does not read.
  if (handleOf(socket)?.reading === false) socket.read(0);
}
