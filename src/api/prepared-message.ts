import { Buffer } from 'node:buffer';
import { encodeKeptFrame } from '../net/writing/shared-frames.js';
import type { Opcode } from '../protocol/opcode.js';
import { type Data, messageOpcode, toPayload } from './payload.js';

/**
 * Gets the frame of a prepared message.
 *
 * @internal
 * @param opcode the argument that the user passed with it
 * @throws TypeError unless `opcode` is undefined
 */
export let frameOf: (message: PreparedMessage, opcode: unknown) => Uint8Array;

/** An encoded message, to be sent many times. `prepare` makes it. It never changes. */
export class PreparedMessage {
  static {
    frameOf = (message, opcode) => {
      if (opcode === undefined) return message.#frame;
      throw new TypeError('A prepared message has its opcode already: leave the argument out');
    };
  }

  readonly #frame: Uint8Array;
  readonly #opcode: Opcode;
  readonly #byteLength: number;

  /** @internal */
  constructor(data: Data, opcode: Opcode | undefined) {
    const payload = toPayload(data);
    this.#opcode = messageOpcode(opcode, payload);
    this.#byteLength = Buffer.byteLength(payload);
    this.#frame = encodeKeptFrame(this.#opcode, payload);
  }

  /** Text or Binary. */
  get opcode(): Opcode {
    return this.#opcode;
  }

  /** Bytes of the payload. */
  get byteLength(): number {
    return this.#byteLength;
  }
}

/**
 * Encodes a message once, so that server sockets can `send` and `publish` it any number of times. A client cannot send
 * it, because each frame of a client is masked with a new key (RFC 6455 §5.3).
 *
 * @param data a string is Text, bytes are Binary, unless `opcode` says otherwise. Lone surrogates become U+FFFD. Bytes
 *   are copied, and stay the caller's
 * @param opcode Text or Binary; a Ping or Pong is not a message
 * @throws TypeError if `data` cannot be sent, `opcode` is another one, or Text is not UTF-8
 */
export function prepare(data: Data, opcode?: Opcode): PreparedMessage {
  return new PreparedMessage(data, opcode);
}
