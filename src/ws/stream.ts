import type { Buffer } from 'node:buffer';
import { nextTick } from 'node:process';
import { Duplex, type DuplexOptions } from 'node:stream';
import { CLOSED, CONNECTING } from './ready-state.js';
import type { WebSocket } from './websocket.js';

type Done = (error?: Error | null) => void;

/**
 * A WebSocket as a stream: each written chunk is sent as one message, and each message is one chunk to read. Ending the
 * stream starts the closing handshake.
 */
class WebSocketStream extends Duplex {
  readonly #websocket: WebSocket;
  /** Whether to terminate the WebSocket: not after its own error, whose Close frame might be cut off. */
  #terminates = true;

  constructor(websocket: WebSocket, options: DuplexOptions | undefined) {
    super({ ...options, autoDestroy: false, emitClose: false, objectMode: false, writableObjectMode: false });
    this.#websocket = websocket;
    websocket.on('message', (data, isBinary) => this.#onMessage(data, isBinary));
    websocket.once('error', (error) => this.#onSocketError(error));
    websocket.once('close', () => this.destroyed || this.push(null));
    this.on('end', this.#destroyIfDone);
    this.on('error', this.#onError);
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    const chunk = !isBinary && this.readableObjectMode ? data.toString() : data;
    if (!this.push(chunk)) this.#websocket.pause();
  }

  #onSocketError(error: Error): void {
    if (this.destroyed) return;
    this.#terminates = false;
    this.destroy(error);
  }

  #destroyIfDone(): void {
    if (!this.destroyed && this.writableFinished) this.destroy();
  }

  /** An error for which nobody listens is thrown, as by any stream. */
  #onError(error: Error): void {
    this.removeListener('error', this.#onError);
    this.destroy();
    if (this.listenerCount('error') === 0) this.emit('error', error);
  }

  override _destroy(error: Error | null, callback: Done): void {
    const websocket = this.#websocket;
    const emitClose = () => nextTick(() => this.emit('close'));
    if (websocket.readyState === CLOSED) {
      callback(error);
      return emitClose();
    }
    let called = false;
    const callOnce = (reason: Error | null) => {
      if (!called) callback(reason);
      called = true;
    };
    websocket.once('error', callOnce);
    websocket.once('close', () => {
      callOnce(error);
      emitClose();
    });
    if (this.#terminates) websocket.terminate();
  }

  override _final(callback: Done): void {
    const websocket = this.#websocket;
    if (websocket.readyState === CONNECTING) return void websocket.once('open', () => this._final(callback));
    const socket = websocket._socket;
    // The opening handshake failed. Its error follows.
    if (socket === null) return;
    if (socket.writableFinished) {
      callback();
      if (this.readableEnded) this.destroy();
      return;
    }
    socket.once('finish', () => callback());
    websocket.close();
  }

  override _read(): void {
    if (this.#websocket.isPaused) this.#websocket.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: Done): void {
    const websocket = this.#websocket;
    if (websocket.readyState !== CONNECTING) return websocket.send(chunk, callback);
    websocket.once('open', () => this._write(chunk, encoding, callback));
  }
}

/** Wraps a WebSocket in a Duplex. @param options of the Duplex */
export function createWebSocketStream(websocket: WebSocket, options?: DuplexOptions): Duplex {
  return new WebSocketStream(websocket, options);
}
