import type { Buffer } from 'node:buffer';
import { Duplex, Writable } from 'node:stream';
import { type SocketOptions, wireSettings } from './opening/socket-options.js';
import { type BinaryType, joined, type MessageBytes, shapeOf } from './payload.js';
import { Wire } from './wire/wire.js';
import type { EndEvents, FrameEvents } from './wire/wire-events.js';

/** What a receiver is made with. By default it is that of a client and knows no limits. */
export interface ReceiverSettings extends SocketOptions {
  readonly binaryType?: BinaryType;
  readonly isServer?: boolean;
}

/** What a WebSocket does with the frames that its receiver tells of. */
type Listener = FrameEvents;

const NO_END: EndEvents = { onEnd() {}, onClosed() {} };

/** A peer of which nothing is heard. */
function silence(): Duplex {
  return new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
}

/**
 * Makes events of bytes that are written to it: `message`, `ping`, `pong`, `conclude` (code and reason of the Close
 * frame), and `error` for what breaks the protocol.
 */
export class Receiver extends Writable {
  _binaryType: BinaryType;
  readonly #wire: Wire;
  /** What the frame that was just taken broke. */
  #error: Error | null = null;
  #listener: Listener | null = null;

  constructor(settings: ReceiverSettings = {}, wire?: Wire) {
    super();
    this._binaryType = settings.binaryType ?? 'nodebuffer';
    this.#wire =
      wire ??
      new Wire(silence(), wireSettings(!!settings.isServer, settings, this._binaryType), this.#events(), NO_END);
  }

  /** A receiver through which goes what the wire tells its listener. */
  static between(wire: Wire, listener: Listener): Receiver {
    const receiver = new Receiver({}, wire);
    receiver.#listener = listener;
    receiver.on('message', (bytes: MessageBytes, isBinary: boolean) => listener.onMessage(bytes, isBinary));
    receiver.on('ping', (payload: Buffer) => listener.onPing(payload));
    receiver.on('pong', (payload: Buffer) => listener.onPong(payload));
    receiver.on('conclude', (code: number, reason: Buffer) => listener.onConclude(code, reason));
    wire.frames = receiver.#events();
    return receiver;
  }

  /** Bytes of one message, at most; 0 is unlimited. Takes effect with the next message. */
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

  /** What the wire tells becomes events. */
  #events(): FrameEvents {
    return {
      // For a WebSocket the bytes themselves, of which it makes what its own `binaryType` says.
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
