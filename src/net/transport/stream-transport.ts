import type { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers';
import type { TLSSocket } from 'node:tls';
import { toError } from '../../protocol/errors.js';
import { dropEndListener, holdHandle, letFlow, queuedBytes, releaseHandle } from '../node/socket-state.js';
import type { Transport, TransportEvents } from './transport.js';

/** A socket keeps its transport's events here, so that all sockets share their listeners and an idle one costs less. */
export const EVENTS = Symbol('wasock.events');

/** A socket after `listenTo`. */
export type TransportSocket = Duplex & { [EVENTS]: TransportEvents };

/** Sends the events of the socket to `events` from now on, in place of the previous target. */
export function listenTo(socket: Duplex, events: TransportEvents): TransportSocket {
  const listened = socket as TransportSocket;
  const isNew = listened[EVENTS] === undefined;
  listened[EVENTS] = events;
  if (isNew) listened.on('end', onEnd).on('error', onError).on('close', onClose);
  return listened;
}

/** Undoes `listenTo`. */
export function stopListening(socket: Duplex): void {
  if ((socket as Partial<TransportSocket>)[EVENTS] === undefined) return;
  socket.off('end', onEnd).off('error', onError).off('close', onClose);
  delete (socket as Partial<TransportSocket>)[EVENTS];
}

function onData(this: TransportSocket, chunk: Buffer): void {
  if (this[EVENTS].inbox.onChunk(chunk)) return;
  callMethod(this, 'pause');
  holdHandle(this);
}

/** Calls the method of the socket's class. If the socket itself has a method of that name, it is for its users. */
function callMethod(socket: Duplex, name: 'pause' | 'resume'): void {
  Object.getPrototypeOf(socket)[name].call(socket);
}

/** Makes the stream emit what it holds, and read on. */
function flowOn(socket: Duplex): void {
  // A stream that is being destroyed would drop what it holds. `onClose` takes that.
  if (socket.destroyed) return;
  releaseHandle(socket);
  callMethod(socket, 'resume');
}

function onEnd(this: TransportSocket): void {
  this[EVENTS].inbox.onEnd();
}

function onError(this: TransportSocket, error: Error): void {
  this[EVENTS].onError(error);
  // Users may emit it themselves; then the stream has not ended.
  this.destroy();
}

function onClose(this: TransportSocket): void {
  // The stream may have read bytes before it broke that it could not emit while paused. `read` would emit `'data'` as
  // well.
  this.off('data', onData);
  const rest =
    this.readableEnded || this.readableLength === 0 ? null : (this.read(this.readableLength) as Buffer | null);
  if (rest !== null) this[EVENTS].inbox.onChunk(rest);
  this[EVENTS].onClose();
}

/**
 * A transport over any Duplex: TLS, pipes, in-memory pairs, HTTP/2 streams. The inbox copies its chunks to the window.
 */
export class StreamTransport implements Transport {
  readonly socket: TransportSocket;
  /** Pending callbacks of writes that the stream took whole at once. */
  #callbacksToSkip = 0;
  #onWritten: ((error?: Error | null) => void) | null = null;

  constructor(socket: Duplex, events: TransportEvents) {
    this.socket = listenTo(socket, events);
    // The peer's FIN must not end our side before the frames that came before it are handled and answered.
    socket.allowHalfOpen = true;
    dropEndListener(socket);
  }

  get releasesMemory(): boolean {
    return this.socket instanceof Socket;
  }

  get queuedBytes(): number {
    return queuedBytes(this.socket);
  }

  start(): void {
    this.socket.on('data', onData);
    letFlow(this.socket);
  }

  resume(): void {
    flowOn(this.socket);
  }

  markPaused(): void {
    callMethod(this.socket, 'pause');
    // Reads into the buffer of the stream until that is full, so that an RST is noticed.
    this.socket.read(0);
  }

  markResumed(): void {
    flowOn(this.socket);
  }

  write(part: Uint8Array): boolean {
    return this.#hasTaken(() => this.socket.write(part, this.#callback()));
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    const { socket } = this;
    const last = parts.length - 1;
    return this.#hasTaken(() => {
      if (last > 0) socket.cork();
      for (let i = 0; i < last; i++) socket.write(parts[i]);
      socket.write(parts[last], this.#callback());
      if (last > 0) socket.uncork();
    });
  }

  /** @returns whether the stream took at once everything that `write` gave it */
  #hasTaken(write: () => void): boolean {
    const { socket } = this;
    if (!this.#attempt(write)) return false;
    // A stream that has failed or was destroyed holds nothing, either, although it has not taken what was written.
    const whole = socket.writableLength === 0 && socket.writable;
    if (whole) this.#callbacksToSkip++;
    return whole;
  }

  /**
   * A stream that throws is broken. It must not keep other connections from writing.
   *
   * @returns whether `act` returned
   */
  #attempt(act: () => void): boolean {
    try {
      act();
      return true;
    } catch (error) {
      this.socket.destroy(toError(error));
      return false;
    }
  }

  /** Created lazily: most sockets are written to directly. */
  #callback(): (error?: Error | null) => void {
    this.#onWritten ??= (error) => {
      if (this.#callbacksToSkip > 0) this.#callbacksToSkip--;
      // node:net reports success for writes that were cancelled because the socket was destroyed.
      else if (!error && !this.socket.destroyed) this.socket[EVENTS].outbox.onWritten();
    };
    return this.#onWritten;
  }

  end(): void {
    this.#attempt(() => this.socket.end());
  }

  probe(): void {}

  destroySoon(): void {
    const { encrypted } = this.socket as Duplex & Pick<Partial<TLSSocket>, 'encrypted'>;
    // node:tls passes on one write in each turn of the event loop.
    if (encrypted && this.socket.writableLength > 0) setImmediate(() => this.destroy());
    else this.destroy();
  }

  destroy(): void {
    this.socket.destroy();
    // Not every stream emits `'close'`.
    if (!this.releasesMemory) setImmediate(() => this.socket[EVENTS].onClose());
  }
}
