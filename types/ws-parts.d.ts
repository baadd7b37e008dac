/// <reference types="node" />

// The exports of npm `ws` that its documentation does not mention, for packages that make or read frames themselves.

import { type Duplex, Writable } from 'node:stream';
import type { ZlibOptions } from 'node:zlib';

/** How `Sender.frame` makes a frame (RFC 6455 §5.2). */
export interface FrameOptions {
  /** The opcode, 0 to 15. It is not checked. */
  opcode: number;
  /**
   * Whether this is the last frame of its message.
   *
   * @defaultValue `false`
   */
  fin?: boolean | undefined;
  /**
   * Whether the RSV1 bit is set, which marks a compressed message (RFC 7692 §6).
   *
   * @defaultValue `false`
   */
  rsv1?: boolean | undefined;
  /**
   * Whether the payload is masked. Frames of a client must be (RFC 6455 §5.1).
   *
   * @defaultValue `false`
   */
  mask?: boolean | undefined;
  /** Has no effect. In npm `ws`, `false` allows masking `data` in place; here `data` is never changed. */
  readOnly?: boolean | undefined;
  /** Writes the masking key into the 4 bytes that it gets. Default: an unpredictable key (RFC 6455 §5.3). */
  generateMask?: ((mask: Buffer) => void) | undefined;
}

/**
 * Makes frames and writes them to a stream.
 *
 * What `send`, `ping`, `pong` and `close` send leaves in the order of the calls, even while a Blob is being read or a
 * message is being compressed.
 *
 * @example
 * ```js
 * import { Sender } from 'wasock/ws';
 *
 * const parts = Sender.frame('hello', { opcode: 1, fin: true });
 * console.log(Buffer.concat(parts)); // <Buffer 81 05 68 65 6c 6c 6f>
 * ```
 */
export class Sender {
  /**
   * Makes a sender for one stream.
   *
   * @param socket the stream to write to
   * @param extensions the agreed extensions by name, such as `{ 'permessage-deflate': perMessageDeflate }`. Default: none
   * @param generateMask writes the key of each masked frame into the 4 bytes that it gets. Default: an unpredictable key
   */
  constructor(socket: Duplex, extensions?: object, generateMask?: (mask: Buffer) => void);

  /**
   * Makes the bytes of one frame, without sending it.
   *
   * @param data the payload; a string is encoded as UTF-8
   * @param options the fields of the frame header
   * @returns the parts to write, one after the other. A masked frame is one Buffer, and so is a frame without a payload;
   *   any other frame is two, the frame header and the payload. The payload of an unmasked frame shares the memory of
   *   `data`, unless that is a string
   * @throws TypeError if `Buffer.from` does not accept `data`
   */
  static frame(data: string | Uint8Array, options: FrameOptions): Buffer[];

  /**
   * Sends a message, or one fragment of it.
   *
   * @param data the payload; do not change its bytes before `cb` is called
   * @param options all off unless set. `binary`: Binary rather than Text; `compress`: compress, if that was agreed;
   *   `fin`: this is the last fragment; `mask`: mask the payload. The first fragment of a message decides about `binary`
   *   and `compress`
   * @param cb called after the stream has taken the frame, or with an error
   * @throws TypeError if `data` cannot be sent
   */
  send(
    data: string | ArrayBuffer | ArrayBufferView | Blob,
    options: {
      binary?: boolean | undefined;
      compress?: boolean | undefined;
      fin?: boolean | undefined;
      mask?: boolean | undefined;
    },
    cb?: (err?: Error | null) => void,
  ): void;
  /**
   * Sends a Ping.
   *
   * @param data at most 125 bytes
   * @param mask whether the payload is masked. Default: `false`
   * @param cb called after the stream has taken the frame, or with an error
   * @throws RangeError if `data` has more than 125 bytes
   */
  ping(data: string | Uint8Array, mask?: boolean, cb?: (err?: Error | null) => void): void;
  /**
   * Sends a Pong.
   *
   * @param data at most 125 bytes
   * @param mask whether the payload is masked. Default: `false`
   * @param cb called after the stream has taken the frame, or with an error
   * @throws RangeError if `data` has more than 125 bytes
   */
  pong(data: string | Uint8Array, mask?: boolean, cb?: (err?: Error | null) => void): void;
  /**
   * Sends a Close frame. It does not end the stream.
   *
   * @param code the close code. Default: none, and then there is no reason either
   * @param data the reason, at most 123 bytes of UTF-8. Default: none
   * @param mask whether the payload is masked. Default: `false`
   * @param cb called after the stream has taken the frame, or with an error
   * @throws TypeError if a Close frame may not carry `code`, or if `data` is neither a string nor a Uint8Array
   * @throws RangeError if the reason has more than 123 bytes
   */
  close(code?: number, data?: string | Uint8Array, mask?: boolean, cb?: (err?: Error | null) => void): void;
  /**
   * Writes the parts of one frame, as `Sender.frame` returns them. It does not wait for a Blob or for compression;
   * `sendFrame` of the `_sender` of a `WebSocket` does, unlike in npm `ws`.
   *
   * @param list the parts, which another copy of `ws` may have made. Change neither the array nor its bytes afterwards
   * @param cb called after the stream has taken the frame, or with an error
   */
  sendFrame(list: readonly (Uint8Array | string)[], cb?: (err?: Error | null) => void): void;
}

/** Options of a `Receiver`. A limit of 0 is no limit, which is the default of all limits here. */
export interface ReceiverOptions {
  /**
   * Whether several of the events `message`, `ping` and `pong` may be emitted in one turn of the event loop.
   *
   * @defaultValue `true`
   */
  allowSynchronousEvents?: boolean | undefined;
  /**
   * How Binary messages are handed over; see `binaryType` of a `WebSocket`.
   *
   * @defaultValue `'nodebuffer'`
   */
  binaryType?: 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob' | undefined;
  /** The agreed extensions by name, such as `{ 'permessage-deflate': perMessageDeflate }`. Default: none. */
  extensions?: object | undefined;
  /**
   * Whether it receives for a server, so that each frame must be masked. Otherwise no frame may be.
   *
   * @defaultValue `false`
   */
  isServer?: boolean | undefined;
  /**
   * In how many chunks the payload of one frame may arrive. More is an error with the code
   * `WS_ERR_TOO_MANY_BUFFERED_PARTS`.
   *
   * @defaultValue `0`
   */
  maxBufferedChunks?: number | undefined;
  /**
   * How many fragments one message may have. More is an error with the code `WS_ERR_TOO_MANY_BUFFERED_PARTS`.
   *
   * @defaultValue `0`
   */
  maxFragments?: number | undefined;
  /**
   * How many bytes one message may have. More is an error with the code `WS_ERR_UNSUPPORTED_MESSAGE_LENGTH`.
   *
   * @defaultValue `0`
   */
  maxPayload?: number | undefined;
  /**
   * Whether text and close reasons are accepted without a check that they are UTF-8.
   *
   * @defaultValue `false`
   */
  skipUTF8Validation?: boolean | undefined;
}

/**
 * Emits events for the frames in the bytes that are written to it. It sends nothing.
 *
 * - `message` (data, isBinary): a message. Text is a Buffer of its UTF-8; a Binary message has the shape of `binaryType`.
 * - `ping`, `pong` (payload): the payload is a Buffer of at most 125 bytes.
 * - `conclude` (code, reason): a Close frame, with its code (1005 if it has none) and its reason as a Buffer. The stream
 *   ends.
 * - `error` (error): the bytes break the protocol. The stream is destroyed.
 *
 * Listeners may keep the Buffers that they get.
 *
 * @example
 * ```js
 * import { Receiver, Sender } from 'wasock/ws';
 *
 * const receiver = new Receiver();
 * receiver.on('message', (data, isBinary) => console.log(data.toString(), isBinary)); // hello false
 * for (const part of Sender.frame('hello', { opcode: 1, fin: true })) receiver.write(part);
 * ```
 */
export class Receiver extends Writable {
  /**
   * Makes a receiver for one connection.
   *
   * @param options without them, it receives for a client and has no limits
   */
  constructor(options?: ReceiverOptions);
}

/** The parameters of one offer, by name. A name may occur several times; a parameter without a value is `true`. */
export interface ExtensionParameters {
  [name: string]: (string | true)[];
}

/** Reads and writes the Sec-WebSocket-Extensions header field (RFC 6455 §9.1). */
export interface Extension {
  /**
   * Writes the field.
   *
   * @param extensions by name, the parameters of one offer or of several. The value of a parameter may be a list;
   *   `true` stands for a parameter without a value. Nothing is checked or quoted
   * @returns the value of the field
   * @example
   * ```js
   * import { extension } from 'wasock/ws';
   *
   * extension.format({ 'permessage-deflate': { client_max_window_bits: 10 } });
   * // 'permessage-deflate; client_max_window_bits=10'
   * ```
   */
  format(extensions: { [name: string]: object | readonly object[] }): string;
  /**
   * Reads the field.
   *
   * @param header the value of the field
   * @returns the offers of each extension, by its name, in the order of the field
   * @throws SyntaxError with the index of the first character that does not fit
   * @example
   * ```js
   * import { extension } from 'wasock/ws';
   *
   * const offers = extension.parse('permessage-deflate; client_max_window_bits');
   * console.log(offers['permessage-deflate'][0].client_max_window_bits); // [ true ]
   * ```
   */
  parse(header: string): { [name: string]: ExtensionParameters[] };
}

/** Reads the Sec-WebSocket-Protocol header field (RFC 6455 §4.1, item 10). */
export interface Subprotocol {
  /**
   * Reads the field.
   *
   * @param header the value of the field
   * @returns the subprotocols, in the order of the field
   * @throws SyntaxError with the index of the first character that does not fit, or if a subprotocol occurs twice
   * @example
   * ```js
   * import { subprotocol } from 'wasock/ws';
   *
   * console.log([...subprotocol.parse('chat, superchat')]); // [ 'chat', 'superchat' ]
   * ```
   */
  parse(header: string): Set<string>;
}

/** The parameters of permessage-deflate, as they were offered or agreed (RFC 7692 §7.1). */
export interface DeflateParameters {
  /** The server compresses each message without reference to earlier ones. */
  server_no_context_takeover?: true;
  /** The client compresses each message without reference to earlier ones. */
  client_no_context_takeover?: true;
  /** The size of the server's LZ77 window, in bits: 8 to 15. */
  server_max_window_bits?: number;
  /** The size of the client's LZ77 window, in bits: 8 to 15. `true`, in an offer, leaves the number to the server. */
  client_max_window_bits?: number | true;
}

/** Options of `PerMessageDeflate`: what it asks of the peer, what it allows, and how it compresses. */
export interface DeflateOptions {
  /**
   * Whether the server compresses each message without reference to earlier ones (RFC 7692 §7.1.1.1). With `true` a
   * client asks for this, and a server does it. With `false` a server declines offers that ask for it. Default: a client
   * does not ask, and a server does what it is asked.
   */
  serverNoContextTakeover?: boolean | undefined;
  /**
   * Whether the client compresses each message without reference to earlier ones (RFC 7692 §7.1.1.2). With `true` a
   * client offers this, and a server demands it. With `false` a client takes no answer that demands it. Default: a client
   * does what it is asked, and a server does not ask.
   */
  clientNoContextTakeover?: boolean | undefined;
  /**
   * The size of the server's LZ77 window, in bits: 8 to 15 (RFC 7692 §7.1.2.1). A client asks the server for it; a server
   * uses it, and declines offers that ask for less. With `false` a server declines every offer that asks for a size.
   * Default: a client does not ask, and a server does what it is asked.
   */
  serverMaxWindowBits?: boolean | number | undefined;
  /**
   * The size of the client's LZ77 window, in bits: 8 to 15 (RFC 7692 §7.1.2.2). A client offers it, and takes no answer
   * with more; a server demands it, and declines offers that do not allow it. With `false` a client takes no answer with
   * a size, and a server demands none. Default: a client leaves the size to the server, and a server does not ask.
   */
  clientMaxWindowBits?: boolean | number | undefined;
  /** Options of zlib for `compress`, and for the messages that a connection sends. The window is as agreed. */
  zlibDeflateOptions?: ZlibOptions | undefined;
  /** Options of zlib for `decompress`. They have no effect on what a connection receives. The window is as agreed. */
  zlibInflateOptions?: ZlibOptions | undefined;
  /**
   * A connection sends messages of fewer bytes uncompressed, unless it may refer to earlier ones. `compress` ignores this.
   *
   * @defaultValue `1024`
   */
  threshold?: number | undefined;
  /**
   * How many asynchronous calls of zlib may run at the same time in this thread. 0 is no limit.
   *
   * @defaultValue `10`
   */
  concurrencyLimit?: number | undefined;
  /**
   * Whether it is the server's side.
   *
   * @defaultValue `false`
   */
  isServer?: boolean | undefined;
  /**
   * How many bytes a message may have after it is inflated. 0 is no limit.
   *
   * @defaultValue `0`
   */
  maxPayload?: number | undefined;
}

/**
 * Negotiates permessage-deflate (RFC 7692), and compresses and inflates messages with zlib.
 *
 * Connections use the negotiation; they compress and inflate by the codec of wasock, and by zlib only for
 * `zlibDeflateOptions` that ask for it.
 *
 * @example
 * ```js
 * import { extension, PerMessageDeflate } from 'wasock/ws';
 *
 * const deflate = new PerMessageDeflate({ isServer: true, serverNoContextTakeover: true });
 * const offers = extension.parse('permessage-deflate; client_max_window_bits');
 * console.log(deflate.accept(offers['permessage-deflate'])); // { server_no_context_takeover: true }
 * ```
 */
export class PerMessageDeflate {
  /**
   * Makes one side of a negotiation.
   *
   * @param options what to ask for and to allow. Default: a client that asks for nothing
   */
  constructor(options?: DeflateOptions);

  /** The name of the extension: `'permessage-deflate'`. */
  static readonly extensionName: string;
  /** The agreed parameters; `null` before `accept` has succeeded. */
  params: DeflateParameters | null;

  /**
   * Makes the offer of a client.
   *
   * @returns its parameters, which `extension.format` can write
   */
  offer(): DeflateParameters;
  /**
   * Chooses one of the client's offers on a server, and takes the server's answer on a client.
   *
   * @param configurations the offers, or the one answer, as `extension.parse` returns them
   * @returns the agreed parameters, also in `params`
   * @throws Error if a parameter is unknown or repeated, or if no agreement is possible
   * @throws TypeError if a parameter has an invalid value
   */
  accept(configurations: readonly ExtensionParameters[]): DeflateParameters;
  /**
   * Compresses a message, or one fragment of it (RFC 7692 §7.2.1). Call it again only after the callback.
   *
   * @param data the bytes, which must not change before the callback; a string is encoded as UTF-8
   * @param fin whether this is the last fragment
   * @param callback gets an error, or `null` and the compressed bytes, which are the caller's
   */
  compress(data: string | Uint8Array, fin: boolean, callback: (err: Error | null, result?: Buffer) => void): void;
  /**
   * Inflates a message, or one fragment of it (RFC 7692 §7.2.2). Call it again only after the callback.
   *
   * @param data the compressed bytes, which must not change before the callback
   * @param fin whether this is the last fragment
   * @param callback gets `null` and the inflated bytes, which are the caller's; or an error: a RangeError with the code
   *   `WS_ERR_UNSUPPORTED_MESSAGE_LENGTH` above `maxPayload`, otherwise that of zlib
   */
  decompress(data: Uint8Array, fin: boolean, callback: (err: Error | null, result?: Buffer) => void): void;
  /** Frees the memory of zlib. Calls of `compress` and `decompress` that are under way get an error. */
  cleanup(): void;
}
