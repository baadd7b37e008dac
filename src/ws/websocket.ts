import type { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import type { ClientRequest } from 'node:http';
import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';
import { NO_BYTES } from '../protocol/bytes.js';
import { CloseCode } from '../protocol/close-code.js';
import { closeExtensions, type Extensions, SharedExtensions } from './compression/agreement.js';
import { makeEnumerable } from './events/enumerable.js';
import { addEventListener, defineAttributes, removeEventListener } from './events/event-target.js';
import { Opening } from './opening/client.js';
import type { ClientOptions } from './opening/client-options.js';
import { type KeptOptions, type SocketOptions, wireSettings, withBinaryType } from './opening/socket-options.js';
import { BINARY_TYPES, type BinaryType, isBlob, joined, type MessageBytes, shapeOf, toBuffer } from './payload.js';
import { CLOSED, CLOSING, CONNECTING, OPEN, STATES } from './ready-state.js';
import { Receiver } from './receiver.js';
import { type SendOptions, withOwn } from './sender.js';
import { CloseTimer } from './wire/close-timer.js';
import type { Verdict } from './wire/faults.js';
import { linkSocket } from './wire/socket-link.js';
import { Wire } from './wire/wire.js';
import type { EndEvents, FrameEvents } from './wire/wire-events.js';
import { AutoPongs, WireSender } from './wire/wire-sender.js';
import type { WriteCallback } from './wire/write-callbacks.js';

/** The streams on which a WebSocket was opened. */
export const openOn = new WeakSet<Duplex>();

/**
 * The WebSocket of npm `ws`, on the engine of this library. Members that begin with `_` exist because published
 * packages read or write them. Listeners are called as by any EventEmitter: what they throw is for the process to
 * handle.
 */
export class WebSocket extends EventEmitter {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSING: 2;
  declare static readonly CLOSED: 3;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;
  declare addEventListener: typeof addEventListener;
  declare removeEventListener: typeof removeEventListener;

  _binaryType: BinaryType = 'nodebuffer';
  /** Bytes that the user tried to send after an opening handshake that failed. */
  _bufferedAmount = 0;
  _closeCode: number = CloseCode.Abnormal;
  _closeFrameReceived = false;
  _closeFrameSent = false;
  _closeMessage: Buffer = NO_BYTES;
  _closeTimer: CloseTimer | null = null;
  _errorEmitted = false;
  _isServer = true;
  _paused = false;
  _protocol = '';
  _readyState: number = CONNECTING;
  _socket: Duplex | null = null;
  /** The URL on a client; undefined on a server. */
  _url: string | undefined = undefined;
  _redirects = 0;
  /** The request of a pending opening handshake. */
  _req: ClientRequest | null = null;

  /** By name. */
  #extensions: Extensions | SharedExtensions | null = null;
  #wire: Wire | null = null;
  #sender: WireSender | null = null;
  #receiver: Receiver | null = null;
  #socketOptions: SocketOptions = {};
  readonly #kept: KeptOptions;
  #isFaulty = false;
  #autoPongs: AutoPongs | null = null;
  /** The opening handshake of a client that is not open yet. */
  #opening: Opening | null = null;

  /**
   * @param address `null` for a socket of a server, which `setSocket` opens
   * @param protocols of a client; may be left out
   * @throws SyntaxError if the URL or a subprotocol is invalid
   */
  constructor(address: string | URL | null, protocols?: unknown, options?: unknown) {
    super();
    if (address !== null) this._isServer = false;
    if (address === null) this.#kept = options ?? {};
    else {
      this.#opening = new Opening(this, (error) => this.#tellError(error));
      this.#kept = this.#opening.begin(address, protocols, options as ClientOptions);
    }
  }

  get binaryType(): BinaryType {
    return this._binaryType;
  }

  set binaryType(type: BinaryType) {
    if (!BINARY_TYPES.includes(type)) return;
    this._binaryType = type;
    if (this.#wire !== null) this.#wire.receiverOptions = withBinaryType(this.#wire.receiverOptions, type);
  }

  /**
   * Bytes that were sent and the kernel has not taken. After the end, bytes that the user tried to send count as well.
   */
  get bufferedAmount(): number {
    if (this.#wire === null) return this._bufferedAmount;
    return this.#wire.flushAndCount() + (this.#sender?._bufferedBytes ?? 0);
  }

  get extensions(): string {
    return this.#extensions === null ? '' : Object.keys(this.#extensions).join();
  }

  /** The agreed extensions by name, created lazily. */
  get _extensions(): Extensions {
    if (this.#extensions === null) this.#extensions = {};
    else if (this.#extensions instanceof SharedExtensions) this.#extensions = this.#extensions.copy();
    return this.#extensions;
  }

  set _extensions(extensions: Extensions) {
    this.#extensions = extensions;
  }

  get isPaused(): boolean {
    return this._paused;
  }

  get protocol(): string {
    return this._protocol;
  }

  get readyState(): number {
    return this._readyState;
  }

  get url(): string | undefined {
    return this._url;
  }

  /** Created lazily, like everything an idle socket does not need. */
  get _sender(): WireSender | null {
    if (this.#sender === null && this.#wire !== null) {
      const { generateMask } = this.#socketOptions;
      this.#sender = new WireSender(this.#wire, this.#extensions, !this._isServer, generateMask);
      this.#sender.onerror = (error) => this.#onSendError(error);
    }
    return this.#sender;
  }

  /** After the first use, everything received goes through its events, and bytes may be written to it. */
  get _receiver(): Receiver | null {
    if (this.#receiver === null && this.#wire !== null)
      this.#receiver = Receiver.between(this.#wire, this.#wire.frames, this);
    return this.#receiver;
  }

  // ——— opening

  /**
   * Opens the socket on a stream after its opening handshake.
   *
   * @param head bytes that came after the opening handshake: they are frames
   */
  setSocket(socket: Duplex, head: Buffer, options: SocketOptions): void {
    const stream = socket as Duplex & { setTimeout?(timeout: number): void; setNoDelay?(): void };
    stream.setTimeout?.(0);
    stream.setNoDelay?.();
    this.#socketOptions = options;
    this.#opening = null;
    const events = new WebSocket.#Events(this);
    const settings = wireSettings(this._isServer, options, this._binaryType, this.#extensions);
    const wire = new Wire(socket, settings, events, events);
    this.#wire = wire;
    if (Receiver.isWatched) void this._receiver;
    this._socket = socket;
    linkSocket(socket, wire);
    openOn.add(socket);
    this._readyState = OPEN;
    // After 'connection' listeners have added theirs, as with the events of a stream, and before the events of its end.
    nextTick(start, wire, head);
    this.emit('open');
  }

  /** Marks the socket as closed and emits 'close'. */
  emitClose(): void {
    if (this._socket !== null && !(this.#extensions instanceof SharedExtensions)) closeExtensions(this.#extensions);
    this._readyState = CLOSED;
    this.emit('close', this._closeCode, this._closeMessage);
  }

  // ——— sending

  /**
   * Sends a message, or a fragment of one.
   *
   * @param data a string; a number, which is sent as a string; bytes, or anything that Buffer.from accepts. `null` and
   *   `undefined` are an empty message
   * @throws Error while CONNECTING, TypeError if `data` cannot be sent. Later errors go to the callback
   */
  send(data?: unknown, options?: SendOptions | WriteCallback, callback?: WriteCallback): void {
    const message = typeof data === 'number' ? data.toString() : data;
    const done = typeof options === 'function' ? options : callback;
    if (this._readyState !== OPEN) return this.#sendUnopened(message, done);
    const defaults = { binary: typeof message !== 'string', mask: !this._isServer, compress: true, fin: true };
    this._sender!.send(message || NO_BYTES, withOwn(defaults, options), done);
  }

  /** Sends a Ping. @throws Error while CONNECTING, RangeError above 125 bytes */
  ping(data?: unknown, mask?: boolean | WriteCallback, callback?: WriteCallback): void {
    this.#sendControl('ping', data, mask, callback);
  }

  /** Sends a Pong. @throws Error while CONNECTING, RangeError above 125 bytes */
  pong(data?: unknown, mask?: boolean | WriteCallback, callback?: WriteCallback): void {
    this.#sendControl('pong', data, mask, callback);
  }

  /** The callback may be the first, second or third argument. */
  #sendControl(kind: 'ping' | 'pong', data: unknown, mask: unknown, callback?: WriteCallback): void {
    if (typeof data === 'function') return this.#sendControl(kind, undefined, undefined, data as WriteCallback);
    if (typeof mask === 'function') return this.#sendControl(kind, data, undefined, mask as WriteCallback);
    const payload = typeof data === 'number' ? data.toString() : data;
    if (this._readyState !== OPEN) return this.#sendUnopened(payload, callback);
    this._sender![kind](payload || NO_BYTES, mask === undefined ? !this._isServer : !!mask, callback);
  }

  #sendUnopened(data: unknown, callback: WriteCallback | undefined): void {
    const state = `${this._readyState} (${STATES[this._readyState]})`;
    if (this._readyState === CONNECTING) throw new Error(`WebSocket is not open: readyState ${state}`);
    if (data) {
      const bytes = isBlob(data) ? data.size : toBuffer(data).length;
      if (this._sender === null) this._bufferedAmount += bytes;
      else this._sender._bufferedBytes += bytes;
    }
    if (callback) nextTick(callback, new Error(`WebSocket is not open: readyState ${state}`));
  }

  /** The user's data cannot be read, so its message will never be complete. */
  #onSendError(error: Error): void {
    if (this._readyState === CLOSED) return;
    if (this._readyState === OPEN) {
      this._readyState = CLOSING;
      this.#startCloseTimer();
    }
    this.#wire?.end();
    this.#tellOnce(error);
  }

  // ——— receiving

  pause(): void {
    if (this._readyState === CONNECTING || this._readyState === CLOSED) return;
    this._paused = true;
    this.#wire?.pause();
  }

  resume(): void {
    if (this._readyState === CONNECTING || this._readyState === CLOSED) return;
    this._paused = false;
    this.#wire?.resume();
  }

  #answer(payload: Buffer): void {
    this.#autoPongs ??= new AutoPongs(this.#wire!.outbox, Number(this.#kept.maxPendingAutoPongs) | 0);
    if (!this.#autoPongs.makeRoom()) return this.terminate();
    this.#autoPongs.send(this._sender!.isBusy, (sent) => this.pong(payload, !this._isServer, sent));
  }

  // ——— closing

  /**
   * Begins the closing handshake. A second call has no effect.
   *
   * @throws TypeError, RangeError if a Close frame may not carry the code or the reason; nothing has changed then
   */
  close(code?: number, data?: string | Uint8Array): void {
    if (this._readyState === CLOSED) return;
    if (this._readyState === CONNECTING) return this.#opening?.abort();
    if (this._readyState === CLOSING) return this.#endIfDone();
    this._sender!.close(code, data, !this._isServer, (error) => {
      if (error) return;
      this._closeFrameSent = true;
      this.#endIfDone();
    });
    this._readyState = CLOSING;
    this.#startCloseTimer();
  }

  /** Sends FIN after both Close frames, or after our own if the peer broke the protocol. */
  #endIfDone(): void {
    if (this._closeFrameSent && (this._closeFrameReceived || this.#isFaulty)) this.#wire?.end();
  }

  /** Ends the connection at once. */
  terminate(): void {
    if (this._readyState === CLOSED) return;
    if (this._readyState === CONNECTING) return this.#opening?.abort();
    this._readyState = CLOSING;
    this.#wire?.destroy();
  }

  #startCloseTimer(): void {
    const wire = this.#wire!;
    // Sockets that others make without options have none. setTimeout takes that for 1 ms, and so does npm `ws`.
    const timeout = Number(this.#kept.closeTimeout ?? 1);
    this._closeTimer = new CloseTimer(wire.outbox, timeout, () => wire.destroy());
  }

  #tellOnce(error: Error): void {
    if (this._errorEmitted) return;
    this._errorEmitted = true;
    this.#tellError(error);
  }

  /**
   * Handles what the wire reports. A class of its own, because the names of a WebSocket belong to users and their
   * subclasses.
   */
  static readonly #Events = class implements FrameEvents, EndEvents {
    readonly #ws: WebSocket;

    constructor(ws: WebSocket) {
      this.#ws = ws;
    }

    onMessage(bytes: MessageBytes, isBinary: boolean): void {
      const ws = this.#ws;
      ws.emit('message', isBinary ? shapeOf(bytes, ws._binaryType) : joined(bytes), isBinary);
    }

    onPing(payload: Buffer): void {
      const ws = this.#ws;
      if (ws.#kept.autoPong && ws._readyState === OPEN) ws.#answer(payload);
      ws.emit('ping', payload);
    }

    onPong(payload: Buffer): void {
      this.#ws.emit('pong', payload);
    }

    onConclude(code: number, reason: Buffer): void {
      const ws = this.#ws;
      ws._closeFrameReceived = true;
      ws._closeCode = code;
      ws._closeMessage = reason;
      if (code === CloseCode.NoStatus) ws.close();
      else ws.close(code, reason);
    }

    onFault({ error, closeCode }: Verdict): void {
      const ws = this.#ws;
      ws.#isFaulty = true;
      ws.close(closeCode);
      ws.#tellOnce(error);
    }

    onEnd(): void {
      this.#ws._readyState = CLOSING;
    }

    onClosed(): void {
      const ws = this.#ws;
      ws._closeTimer?.stop();
      ws.emitClose();
    }
  };

  /** An error for which nobody listens ends the connection, but not the process. */
  #tellError(error: Error): void {
    if (this.listenerCount('error') > 0 || this.#kept.throwUnlistened) this.emit('error', error);
  }
}

function start(wire: Wire, head: Buffer): void {
  wire.start(head);
}

for (const [value, name] of STATES.entries()) {
  Object.defineProperty(WebSocket, name, { enumerable: true, value });
  Object.defineProperty(WebSocket.prototype, name, { enumerable: true, value });
}
const ATTRIBUTES = ['binaryType', 'bufferedAmount', 'extensions', 'isPaused', 'protocol', 'readyState', 'url'];
makeEnumerable(WebSocket.prototype, ATTRIBUTES);
Object.assign(WebSocket.prototype, { addEventListener, removeEventListener });
defineAttributes(WebSocket.prototype);
