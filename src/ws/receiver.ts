import type { Buffer } from 'node:buffer';
import { Duplex, Writable } from 'node:stream';
import { type SocketOptions, wireSettings } from './opening/socket-options.js';
import { type BinaryType, joined, type MessageBytes, shapeOf } from './payload.js';
import { Wire } from './wire/wire.js';
import type { EndEvents, FrameEvents } from './wire/wire-events.js';

/** The options of a receiver. By default it is a client's, without limits. */
interface ReceiverSettings extends SocketOptions {
  readonly binaryType?: BinaryType;
  readonly extensions?: unknown;
  readonly isServer?: boolean;
}

/** The key under which a receiver holds its WebSocket. The alias package exports it as `kWebSocket`, for agents. */
const WEBSOCKET = Symbol.for('wasock.ws.websocket');

const NO_END: EndEvents = { onEnd() {}, onClosed() {} };

/** A peer that never sends. */
function silentPeer(): Duplex {
  return new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
}

/**
 * Emits events for the bytes that are written to it: `message`, `ping`, `pong`, `conclude` (with code and reason of the
 * Close frame), and `error` if they break the protocol.
 */
export class Receiver extends Writable {
  _binaryType: BinaryType;
  readonly #wire: Wire;
  /** The error of the bytes that are being handled. */
  #error: Error | null = null;
  #listener: FrameEvents | null = null;

  constructor(settings: ReceiverSettings = {}, wire?: Wire) {
    super();
    this._binaryType = settings.binaryType ?? 'nodebuffer';
    this.#wire = wire ?? this.#makeWire(settings);
  }

  #makeWire(settings: ReceiverSettings): Wire {
    const wired = wireSettings(!!settings.isServer, settings, this._binaryType, settings.extensions);
    return new Wire(silentPeer(), wired, this.#events(), NO_END);
  }

  /**
   * Whether a monitoring agent has wrapped how listeners are added, to see the messages of every WebSocket. A Receiver
   * that nobody wrapped inherits these methods.
   */
  static get isWatched(): boolean {
    return Object.hasOwn(Receiver.prototype, 'on') || Object.hasOwn(Receiver.prototype, 'addListener');
  }

  /** Makes a receiver that sits between the wire of a WebSocket and its listener, so that events go through it. */
  static between(wire: Wire, listener: FrameEvents, websocket: object): Receiver {
    const receiver = new Receiver({}, wire);
    Object.assign(receiver, { [WEBSOCKET]: websocket });
    receiver.#listener = listener;
    receiver.on('message', (bytes: MessageBytes, isBinary: boolean) => listener.onMessage(bytes, isBinary));
    receiver.on('ping', (payload: Buffer) => listener.onPing(payload));
    receiver.on('pong', (payload: Buffer) => listener.onPong(payload));
    receiver.on('conclude', (code: number, reason: Buffer) => listener.onConclude(code, reason));
    wire.frames = receiver.#events();
    return receiver;
  }

  /** Bytes of one message, at most; 0 is unlimited. A change takes effect with the next message. */
  get _maxPayload(): number {
    const { maxPayload } = this.#wire.receiverOptions;
    return maxPayload === Number.POSITIVE_INFINITY ? 0 : maxPayload;
  }

  set _maxPayload(bytes: number) {
    this.#wire.receiverOptions = { ...this.#wire.receiverOptions, maxPayload: bytes || Number.POSITIVE_INFINITY };
  }

  get _skipUTF8Validation(): boolean {
    return this.#wire.receiverOptions.skipUtf8;
  }

  set _skipUTF8Validation(skipUtf8: boolean) {
    this.#wire.receiverOptions = { ...this.#wire.receiverOptions, skipUtf8 };
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#wire.feed(chunk, () => {
      const error = this.#error;
      this.#error = null;
      if (error === null) callback();
      else callback(error);
    });
  }

  /** Emits what the wire reports. */
  #events(): FrameEvents {
    return {
      // A WebSocket gets the bytes themselves and converts them by its own `binaryType`.
      onMessage: (bytes, isBinary) => {
        const isRaw = this.#listener !== null;
        const data = isRaw ? bytes : isBinary ? shapeOf(bytes, this._binaryType) : joined(bytes);
        this.emit('message', data, isBinary);
      },
      onPing: (payload) => void this.emit('ping', payload),
      onPong: (payload) => void this.emit('pong', payload),
      onConclude: (code, reason) => {
        this.emit('conclude', code, reason);
        this.end();
      },
      onFault: (verdict) => {
        if (this.#listener !== null) this.#listener.onFault(verdict);
        else this.#error = verdict.error;
      },
    };
  }
}
