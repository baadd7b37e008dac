import { SharedMessage } from '../net/writing/shared-message.js';
import type { Opcode } from '../protocol/opcode.js';
import { type Data, messageOpcode, type SendOptions, sendOptions, toPayload } from './payload.js';

/**
 * Gets the shared message of a prepared message.
 *
 * @internal
 * @param options the argument that the user passed with it
 * @throws TypeError unless that is undefined
 */
export let sharedOf: (message: PreparedMessage, options: unknown) => SharedMessage;

/**
 * A message that is encoded once and sent many times: `prepare` makes it. It is compressed once for all connections
 * that have agreed on the same parameters. Each encoding is made when it is first needed. The message never changes.
 */
export class PreparedMessage {
  static {
    sharedOf = (message, options) => {
      if (options === undefined) return message.#shared;
      throw new TypeError('A prepared message already has its opcode and its compression: leave the argument out');
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

  /** The opcode of the message: Text or Binary. */
  get opcode(): Opcode {
    return this.#shared.opcode as Opcode;
  }

  /** The length of the payload in bytes, before compression. */
  get byteLength(): number {
    return this.#byteLength;
  }
}

/**
 * Encodes a message once, so that server sockets can `send` and `publish` it any number of times. A client cannot send
 * it, because each frame of a client is masked with a new key (RFC 6455 §5.3).
 *
 * @example
 * ```js
 * import { prepare, serve } from 'wasock';
 *
 * const server = await serve({ port: 9001, open: (ws) => ws.subscribe('news') });
 * const reminder = prepare('Be kind to each other');
 * setInterval(() => server.publish('news', reminder), 60_000);
 * ```
 * @param data a string is sent as Text, bytes as Binary, unless `opcode` says otherwise. Lone surrogates become U+FFFD.
 *   Bytes are copied, and stay the caller's
 * @param options the opcode Text or Binary, or `{ opcode, compress }`
 * @returns the message, which `send` and `publish` take without options
 * @throws TypeError if `data` cannot be sent, an option is invalid, or Text is not UTF-8
 */
export function prepare(data: Data, options?: Opcode | SendOptions): PreparedMessage {
  return new PreparedMessage(data, options);
}
