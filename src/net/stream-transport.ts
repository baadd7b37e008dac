import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Transport, TransportEvents } from './transport.js';

/** A transport over any Duplex: TLS, pipes, in-memory pairs, HTTP/2 streams. The connection copies its chunks to the window. */
export class StreamTransport implements Transport {
  readonly socket: Duplex;
  readonly releasesMemory: boolean;
  protected readonly events: TransportEvents;
  /** Callbacks still to come of writes that the stream took whole at once. */
  #callbacksToSkip = 0;

  constructor(socket: Duplex, events: TransportEvents) {
    this.socket = socket;
    this.events = events;
    this.releasesMemory = socket instanceof Socket;
    socket.on('end', () => events.onEnd());
    socket.on('error', (error: Error) => events.onError(error));
    socket.on('close', () => events.onClose());
  }

  start(): void {
    this.socket.on('data', (chunk: Buffer) => this.events.onChunk(chunk));
    this.socket.resume();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  write(parts: readonly Uint8Array[]): boolean {
    const { socket } = this;
    const last = parts.length - 1;
    if (last > 0) {
      socket.cork();
      for (let i = 0; i < last; i++) socket.write(parts[i]);
    }
    socket.write(parts[last], this.#onWritten);
    if (last > 0) socket.uncork();
    const whole = socket.writableLength === 0;
    if (whole) this.#callbacksToSkip++;
    return whole;
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (this.#callbacksToSkip > 0) this.#callbacksToSkip--;
    else if (!error) this.events.onWritten();
  };

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }
}
