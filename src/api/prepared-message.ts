import { SharedMessage } from '../net/writing/shared-message.js';
import type { Opcode } from '../protocol/opcode.js';
import { type Data, messageOpcode, type SendOptions, sendOptions, toPayload } from './payload.js';

/**
 * Gets what is to be sent of a prepared message.
 *
 * @internal
 * @param options the argument that the user passed with it
 * @throws TypeError unless that is undefined
 */
export let sharedOf: (message: PreparedMessage, options: unknown) => SharedMessage;

/**
 * A message to be sent many times. `prepare` makes it. It is encoded once, and compressed once for all connections that have
 * agreed on the same parameters, each when it is first needed. It never changes.
 */
export class PreparedMessage {
  static {
    sharedOf = (message, options) => {
      if (options === undefined) return message.#shared;
      throw new TypeError('A prepared message has its opcode and its compression already: leave the argument out');
    };
  }

  readonly #shared: SharedMessage;
  readonly #byteLength: number;

  /** @internal */
  constructor(data: Data, given: Opcode | SendOptions | undefined) {
    const { opcode, compress = true } = sendOptions(given);
    const payload = toPayload(data);
    const checkedOpcode = messageOpcode(opcode, payload);
    // Bytes are copied, as their memory is the user's.
    const kept = typeof payload === 'string' ? payload : Uint8Array.from(payload);
    this.#shared = new SharedMessage(checkedOpcode, kept, compress, true);
    this.#byteLength = this.#shared.byteLength;
  }

  /** Text or Binary. */
  get opcode(): Opcode {
    return this.#shared.opcode as Opcode;
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
 * @param options an opcode, Text or Binary, as a Ping or Pong is not a message; or `{ opcode, compress }`
 * @throws TypeError if `data` cannot be sent, an option is invalid, or Text is not UTF-8
 */
export function prepare(data: Data, options?: Opcode | SendOptions): PreparedMessage {
  return new PreparedMessage(data, options);
}
