import type { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import { nextTick } from 'node:process';
import { Duplex } from 'node:stream';
import { getSystemErrorName } from 'node:util';
import { WINDOW_END, WINDOW_START } from '../../codec/memory-map.js';
import { codec } from '../../codec/select.js';
import { canWriteDirectly, type WriteOwner, writeDirectly } from '../node/direct-write.js';
import { holdHandle, releaseHandle } from '../node/socket-state.js';
import { canReadIntoBuffer, isReadBy, type OnRead, readIntoBuffer, readOn } from '../node/user-buffer.js';
import { copyFromWindow } from './receive-window.js';
import { EVENTS, StreamTransport, stopListening, type TransportSocket } from './stream-transport.js';

const receiveWindow = codec.bytes.subarray(WINDOW_START, WINDOW_END);

/** node:net calls it as a method of the socket, and stops the handle at `false`. */
function onWindow(this: TransportSocket, length: number): boolean {
  const { inbox } = this[EVENTS];
  const readsOn = this.listenerCount('data') === 0 ? inbox.onWindow(length) : inbox.onChunk(shown(this, length));
  if (!readsOn) holdHandle(this);
  return readsOn;
}

/** The bytes in the window, after those were told who listen for them at a stream through which they do not pass. */
function shown(socket: Duplex, length: number): Buffer {
  // A copy, since a listener may make other connections receive.
  const bytes = copyFromWindow(WINDOW_START, WINDOW_START + length);
  showBytes(socket, bytes);
  return bytes;
}

/** Tells listeners for `'data'` of bytes that do not pass through the stream. What they throw is for the process to handle. */
export function showBytes(socket: Duplex, bytes: Buffer): void {
  try {
    socket.emit('data', bytes);
  } catch (error) {
    nextTick(() => {
      throw error;
    });
  }
}

/** As `onWindow`, but the bytes go to the readable side of the socket, as those of any other. */
function onStreamed(this: Socket, length: number): boolean {
  return this.push(copyFromWindow(WINDOW_START, WINDOW_START + length));
}

/**
 * From now on libuv reads into the window, and `onWindow` of the socket's events is told.
 *
 * @returns `false` if that cannot be: the socket is closed
 */
export function readIntoWindow(socket: TransportSocket): boolean {
  return readIntoBuffer(socket, receiveWindow, onWindow as OnRead);
}

/** Undoes `listenTo` and `readIntoWindow`, where they were done: the socket is a stream like any other again. */
export function readAsStream(socket: Duplex): void {
  stopListening(socket);
  // libuv goes on reading into the window, since a handle cannot be told to give its buffer up.
  if (isReadBy(socket, onWindow as OnRead)) readIntoBuffer(socket, receiveWindow, onStreamed as OnRead);
}

/** Whether this socket is read into the window, or written to past its stream, or both. */
export function canTakeOver(socket: Duplex): boolean {
  return canReadIntoBuffer(socket) || canWriteDirectly(socket);
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
    if (!canReadIntoBuffer(socket)) return super.start();
    // Bytes that came while nobody listened. This comes first: `read` starts the handle reading.
    while (socket.readableLength > 0) socket[EVENTS].inbox.onChunk(socket.read() as Buffer);
    if (!readIntoWindow(socket)) return super.start();
    this.resume();
  }

  get #readsIntoWindow(): boolean {
    return isReadBy(this.socket, onWindow as OnRead);
  }

  /** Whatever state the stream above is in: nothing passes through it. */
  override resume(): void {
    if (!this.#readsIntoWindow) return super.resume();
    releaseHandle(this.socket);
    readOn(this.socket);
  }

  override markPaused(): void {
    if (!canReadIntoBuffer(this.socket)) return super.markPaused();
    // That of net.Socket would stop the handle.
    Duplex.prototype.pause.call(this.socket);
  }

  override markResumed(): void {
    if (!canReadIntoBuffer(this.socket)) return super.markResumed();
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
    else socket[EVENTS].outbox.onWritten();
  }
}

function systemError(syscall: string, status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${syscall} ${code}`), { errno: status, code, syscall });
}
