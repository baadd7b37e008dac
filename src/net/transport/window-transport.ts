import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import { nextTick } from 'node:process';
import { Duplex } from 'node:stream';
import { getSystemErrorName } from 'node:util';
import { WINDOW_END, WINDOW_START } from '../../codec/memory-map.js';
import { codec } from '../../codec/select.js';
import { canWriteDirectly, type WriteOwner, writeDirectly } from '../node/direct-write.js';
import { makeReadErrorsCheap, makeStacks } from '../node/read-errors.js';
import { holdHandle, releaseHandle } from '../node/socket-state.js';
import { canReadIntoBuffer, isReadBy, type OnRead, readIntoBuffer, readOn } from '../node/user-buffer.js';
import { copyFromWindow } from './receive-window.js';
import { EVENTS, StreamTransport, stopListening, type TransportSocket } from './stream-transport.js';

const receiveWindow = codec.bytes.subarray(WINDOW_START, WINDOW_END);

/** node:net calls this as a method of the socket, and stops the handle if it returns `false`. */
function onWindow(this: TransportSocket, length: number): boolean {
  makeStacks();
  const { inbox } = this[EVENTS];
  const readsOn = this.listenerCount('data') === 0 ? inbox.onWindow(length) : inbox.onChunk(showCopy(this, length));
  if (!readsOn) holdHandle(this);
  return readsOn;
}

/** Copies the bytes in the window, shows them to the stream's `'data'` listeners, and returns them. */
function showCopy(socket: Duplex, length: number): Buffer {
  // A copy, because a listener may make other connections receive.
  const bytes = copyFromWindow(WINDOW_START, WINDOW_START + length);
  showBytes(socket, bytes);
  return bytes;
}

/**
 * Emits `'data'` for bytes that do not pass through the stream. If a listener throws, the process handles the error.
 */
export function showBytes(socket: Duplex, bytes: Buffer): void {
  try {
    socket.emit('data', bytes);
  } catch (error) {
    nextTick(() => {
      throw error;
    });
  }
}

/** Does what `onWindow` does, but passes the bytes to the readable side of the socket, as on any other socket. */
function onStreamed(this: Socket, length: number): boolean {
  makeStacks();
  return this.push(copyFromWindow(WINDOW_START, WINDOW_START + length));
}

/**
 * Makes libuv read into the window and call `onWindow` of the socket's events from now on.
 *
 * @returns `false` if this is impossible, because the socket is closed
 */
export function readIntoWindow(socket: TransportSocket): boolean {
  makeReadErrorsCheap(socket);
  return readIntoBuffer(socket, receiveWindow, onWindow as OnRead);
}

/** Undoes `listenTo` and `readIntoWindow`, if they were called: the socket is a stream like any other again. */
export function readAsStream(socket: Duplex): void {
  stopListening(socket);
  // libuv still reads into the window, because a handle cannot be made to give its buffer up.
  if (isReadBy(socket, onWindow as OnRead)) readIntoBuffer(socket, receiveWindow, onStreamed as OnRead);
}

/** Writes the text (Latin-1) that comes before the frames, directly if possible. The stream reports errors. */
export function writeBeforeFrames(socket: Duplex, text: string): void {
  // A user that has replaced `write` wants to see the text.
  const isPlain = socket.write === Socket.prototype.write && canWriteDirectly(socket);
  const owner = { onDirectWrite: (status: number) => void destroyIfFailed(socket, status) };
  const isIdle = socket.writable && socket.writableLength === 0;
  if (isPlain && isIdle && writeDirectly(socket, Buffer.from(text, 'latin1'), owner) !== 'not begun') return;
  socket.write(text, 'latin1');
}

/** Whether this socket can be read into the window, or written to past its stream, or both. */
export function canTakeOver(socket: Duplex): boolean {
  return canReadIntoBuffer(socket) || canWriteDirectly(socket);
}

/**
 * A transport over a plain TCP or Unix socket, from which libuv reads straight into the codec's memory. The socket
 * remains the same object, with its addresses, time-outs and counters, and its server still counts it.
 */
export class WindowTransport extends StreamTransport implements WriteOwner {
  override get releasesMemory(): boolean {
    return true;
  }

  override start(): void {
    const { socket } = this;
    if (!canReadIntoBuffer(socket)) return super.start();
    // `read` starts the handle, so the bytes that came without a listener are first.
    while (socket.readableLength > 0) socket[EVENTS].inbox.onChunk(socket.read() as Buffer);
    if (!readIntoWindow(socket)) return super.start();
    this.resume();
  }

  #readsIntoWindow(): boolean {
    return isReadBy(this.socket, onWindow as OnRead);
  }

  /** The state of the stream does not matter, because nothing passes through it. */
  override resume(): void {
    if (!this.#readsIntoWindow()) return super.resume();
    releaseHandle(this.socket);
    readOn(this.socket);
  }

  override markPaused(): void {
    if (!canReadIntoBuffer(this.socket)) return super.markPaused();
    // `pause` of net.Socket would stop the handle.
    Duplex.prototype.pause.call(this.socket);
  }

  override markResumed(): void {
    if (!canReadIntoBuffer(this.socket)) return super.markResumed();
    Duplex.prototype.resume.call(this.socket);
  }

  override write(part: Uint8Array): boolean {
    const outcome = this.#streamIsEmpty() ? writeDirectly(this.socket, part, this) : 'not begun';
    return outcome === 'not begun' ? super.write(part) : outcome === 'whole';
  }

  override writeAll(parts: readonly Uint8Array[]): boolean {
    if (parts.length === 1) return this.write(parts[0]);
    const outcome = this.#streamIsEmpty() ? writeDirectly(this.socket, parts, this) : 'not begun';
    return outcome === 'not begun' ? super.writeAll(parts) : outcome === 'whole';
  }

  /**
   * Whether the stream holds no bytes that have to leave first. These may be of the opening handshake, or written by a
   * user.
   */
  #streamIsEmpty(): boolean {
    return this.socket.writableLength === 0;
  }

  /** libuv reports an RST after data as if it were FIN. A write of nothing shows which it was. */
  override probe(): void {
    if (this.socket.writable) Socket.prototype.write.call(this.socket, '');
  }

  onDirectWrite(status: number): void {
    const { socket } = this;
    if (!socket.destroyed && !destroyIfFailed(socket, status)) socket[EVENTS].outbox.onWritten();
  }
}

/** @returns whether a direct write ended with an error */
function destroyIfFailed(socket: Duplex, status: number): boolean {
  if (status < 0) socket.destroy(systemError('write', status));
  return status < 0;
}

function systemError(syscall: string, status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${syscall} ${code}`), { errno: status, code, syscall });
}
