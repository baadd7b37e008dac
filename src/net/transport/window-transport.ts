import type { Buffer } from 'node:buffer';
import { Socket, type SocketConstructorOpts } from 'node:net';
import { Duplex } from 'node:stream';
import { getSystemErrorName } from 'node:util';
import { WINDOW_END, WINDOW_START } from '../../codec/memory-map.js';
import { codec } from '../../codec/select.js';
import { type WriteOwner, writeDirectly } from '../node/direct-write.js';
import { copyFromWindow } from './receive-window.js';
import {
  EVENTS,
  holdHandle,
  releaseHandle,
  StreamTransport,
  stopListening,
  type TransportSocket,
} from './stream-transport.js';

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

const receiveWindow = codec.bytes.subarray(WINDOW_START, WINDOW_END);

/**
 * Where node:net keeps the buffer and the callback of the documented `onread` option. There is no documented way to set
 * them on a socket that exists already; asking a socket made with the option where it has them needs no knowledge of
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

const slots = findOnreadSlots();

function handleOf(socket: Duplex): StreamHandle | null {
  const handle = (socket as { _handle?: Partial<StreamHandle> | null })._handle;
  const usable = typeof handle?.useUserBuffer === 'function' && typeof handle.readStop === 'function';
  return usable ? (handle as StreamHandle) : null;
}

/** Whether libuv can read from this socket straight into the window: a plain `net.Socket` on a Node that lets us. */
export function canUseWindow(socket: Duplex): boolean {
  // A subclass, such as tls.TLSSocket, has octets of its own to read from the handle.
  return slots !== null && Object.getPrototypeOf(socket) === Socket.prototype && handleOf(socket) !== null;
}

/** node:net calls it as a method of the socket, and stops the handle at `false`. */
function onWindow(this: TransportSocket, length: number): boolean {
  const readsOn = this[EVENTS].onWindow(length);
  if (!readsOn) holdHandle(this);
  return readsOn;
}

/** As `onWindow`, but the octets go to the readable side of the socket, as those of any other. */
function onStreamed(this: Socket, length: number): boolean {
  return this.push(copyFromWindow(WINDOW_START, WINDOW_START + length));
}

/**
 * From now on libuv reads into the window, and `onWindow` of the socket's events is told.
 *
 * @returns `false` if that cannot be: the socket is closed
 */
export function readIntoWindow(socket: TransportSocket): boolean {
  const handle = handleOf(socket);
  if (slots === null || handle === null) return false;
  const state = socket as unknown as Record<symbol, unknown>;
  if (state[slots.buffer] !== receiveWindow) {
    // Reading must stop before the buffer is switched, and the handle must not believe that it goes on.
    handle.readStop();
    handle.reading = false;
    state[slots.buffer] = receiveWindow;
    handle.useUserBuffer(receiveWindow);
  }
  state[slots.callback] = onWindow;
  return true;
}

/** Undoes `listenTo` and `readIntoWindow`, where they were done: the socket is a stream like any other again. */
export function readAsStream(socket: Duplex): void {
  stopListening(socket);
  const state = socket as unknown as Record<symbol, unknown>;
  // libuv goes on reading into the window, since a handle cannot be told to give its buffer up.
  if (slots !== null && state[slots.callback] === onWindow) state[slots.callback] = onStreamed;
}

/**
 * A transport over a plain TCP or Unix socket, from which libuv reads straight into the codec's memory. The socket stays
 * the object that it is, with its addresses, time-outs, counters and its place in its server.
 */
export class WindowTransport extends StreamTransport implements WriteOwner {
  override get releasesMemory(): boolean {
    return true;
  }

  override start(): void {
    const { socket } = this;
    const handle = handleOf(socket);
    if (handle === null) return super.start();
    // Octets that came while nobody listened. This comes first: `read` starts the handle reading.
    while (socket.readableLength > 0) socket[EVENTS].onChunk(socket.read() as Buffer);
    if (!readIntoWindow(socket)) return super.start();
    this.resume();
  }

  /** Whatever state the stream above is in: nothing passes through it. */
  override resume(): void {
    releaseHandle(this.socket);
    const handle = handleOf(this.socket);
    // With a size of 0 it does nothing but start a handle that does not read.
    if (handle?.reading === false) this.socket.read(0);
  }

  override markPaused(): void {
    // That of net.Socket would stop the handle.
    Duplex.prototype.pause.call(this.socket);
  }

  override markResumed(): void {
    Duplex.prototype.resume.call(this.socket);
  }

  override write(part: Uint8Array): boolean {
    const outcome = this.#isOurs() ? writeDirectly(this.socket, part, this) : 'not begun';
    return outcome === 'not begun' ? super.write(part) : outcome === 'whole';
  }

  override writeAll(parts: readonly Uint8Array[]): boolean {
    if (parts.length === 1) return this.write(parts[0]);
    const outcome = this.#isOurs() ? writeDirectly(this.socket, parts, this) : 'not begun';
    return outcome === 'not begun' ? super.writeAll(parts) : outcome === 'whole';
  }

  /** Whether the stream holds nothing, of the opening handshake, of ours or of a user's, that has to go first. */
  #isOurs(): boolean {
    return this.socket.writableLength === 0;
  }

  /** libuv tells of an RST as if it were FIN if data came in front of it; a write, of nothing, tells which it was. */
  override probe(): void {
    if (this.socket.writable) Socket.prototype.write.call(this.socket, '');
  }

  onDirectWrite(status: number): void {
    const { socket } = this;
    if (socket.destroyed) return;
    if (status < 0) socket.destroy(systemError('write', status));
    else socket[EVENTS].onWritten();
  }
}

function systemError(syscall: string, status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${syscall} ${code}`), { errno: status, code, syscall });
}
