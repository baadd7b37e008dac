import { Buffer } from 'node:buffer';
import { encodeKeptFrame } from '../net/writing/shared-frames.js';
import type { Opcode } from '../protocol/opcode.js';
import { type Data, messageOpcode, toPayload } from './payload.js';

/**
 * The frame of a prepared message. @param opcode what the user gave beside it
 *
 * @internal
 * @throws TypeError if that is anything
 */
export let frameOf: (message: PreparedMessage, opcode: unknown) => Uint8Array;

/** A message that is encoded already, to be sent many times: what `prepare` returns. It does not change. */
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
 * Encodes a message once, for `send` and `publish` of any sockets of servers to take any number of times. A client cannot
 * send it: each of its frames is masked with a key of its own (RFC 6455 §5.3).
 *
 * @param data a string is Text, bytes are Binary, unless `opcode` says otherwise; copied, so the bytes stay the caller's.
 *   Lone surrogates become U+FFFD
 * @param opcode Text or Binary: a Ping or Pong is no message
 * @throws TypeError for what is no data, for another opcode, for Text that is not UTF-8
 */
export function prepare(data: Data, opcode?: Opcode): PreparedMessage {
  return new PreparedMessage(data, opcode);
}
