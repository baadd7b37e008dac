/// <reference types="node" />

// What npm `ws` exports beside its two classes, without documentation: for packages that make or read frames themselves.

import { type Duplex, Writable } from 'node:stream';
import type { ZlibOptions } from 'node:zlib';

/** What a frame is to be like. `fin`, `rsv1` and `mask` are off unless they are given. */
export interface FrameOptions {
  /** RFC 6455 §5.2: 0 to 15. */
  opcode: number;
  fin?: boolean | undefined;
  rsv1?: boolean | undefined;
  /** Whether the payload is masked, as that of a client has to be. */
  mask?: boolean | undefined;
  /** Without effect: the payload is never changed. */
  readOnly?: boolean | undefined;
  /** Writes a masking key into the 4 bytes it is given. Default: an unpredictable one. */
  generateMask?: ((mask: Buffer) => void) | undefined;
}

/** Makes frames and writes them to a stream. */
export class Sender {
  /** @param extensions the agreed ones by name, such as a `PerMessageDeflate` */
  constructor(socket: Duplex, extensions?: object, generateMask?: (mask: Buffer) => void);

  /**
   * The bytes of one frame, to be written one part behind the other: one Buffer if it is masked, else two, of which the
   * second is the payload itself.
   */
  static frame(data: string | Uint8Array, options: FrameOptions): Buffer[];

  /** Sends a message, or a fragment of one unless `fin` is set. */
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
  /** @throws RangeError above 125 bytes */
  ping(data: string | Uint8Array, mask?: boolean, cb?: (err?: Error | null) => void): void;
  /** @throws RangeError above 125 bytes */
  pong(data: string | Uint8Array, mask?: boolean, cb?: (err?: Error | null) => void): void;
  /**
   * @throws TypeError for a code that may not stand in a Close frame
   * @throws RangeError for a reason above 123 bytes
   */
  close(code?: number, data?: string | Uint8Array, mask?: boolean, cb?: (err?: Error | null) => void): void;
  /** Writes the parts of one frame, as `Sender.frame` returns them. The callback comes once they are written. */
  sendFrame(list: readonly (Uint8Array | string)[], cb?: (err?: Error | null) => void): void;
}

/** What a receiver is made with. Limits of 0 are none, which is the default of all of them here. */
export interface ReceiverOptions {
  /** Default true. */
  allowSynchronousEvents?: boolean | undefined;
  /** Default `'nodebuffer'`. */
  binaryType?: 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob' | undefined;
  /** The agreed extensions by name, such as a `PerMessageDeflate`. */
  extensions?: object | undefined;
  /** Whether frames have to be masked, as those of a client are. Default false. */
  isServer?: boolean | undefined;
  maxBufferedChunks?: number | undefined;
  maxFragments?: number | undefined;
  /** Octets of one message. */
  maxPayload?: number | undefined;
  /** Default false. */
  skipUTF8Validation?: boolean | undefined;
}

/**
 * Makes events of the bytes that are written to it: `message` (data, isBinary), `ping` and `pong` (payload), `conclude`
 * (code and reason of the Close frame), and `error` for what breaks the protocol.
 */
export class Receiver extends Writable {
  constructor(options?: ReceiverOptions);
}

/** Parameters of one offer: `true` for one without a value. A name may be there several times. */
export interface ExtensionParameters {
  [name: string]: (string | true)[];
}

/** The Sec-WebSocket-Extensions field (RFC 6455 §9.1). */
export interface Extension {
  /** Writes the field. */
  format(extensions: { [name: string]: object | readonly object[] }): string;
  /**
   * Reads the field.
   *
   * @returns the offers of each extension, by its name
   * @throws SyntaxError with the index of the character that does not fit
   */
  parse(header: string): { [name: string]: ExtensionParameters[] };
}

/** The Sec-WebSocket-Protocol field (RFC 6455 §4.1, item 10). */
export interface Subprotocol {
  /**
   * Reads the field.
   *
   * @throws SyntaxError with the index of the character that does not fit, or for a subprotocol that is there twice
   */
  parse(header: string): Set<string>;
}

/** RFC 7692 §7.1, as it was agreed on. Bits are those of an LZ77 window, 8 to 15. */
export interface DeflateParameters {
  server_no_context_takeover?: true;
  client_no_context_takeover?: true;
  server_max_window_bits?: number;
  /** `true` in an offer that leaves the number to the server. */
  client_max_window_bits?: number | true;
}

/** What is asked of the other side, and allowed to it. */
export interface DeflateOptions {
  serverNoContextTakeover?: boolean | undefined;
  clientNoContextTakeover?: boolean | undefined;
  /** Bits, 8 to 15; `false` for "may not be asked for". */
  serverMaxWindowBits?: boolean | number | undefined;
  /** Bits, 8 to 15; `false` for "may not be asked for". */
  clientMaxWindowBits?: boolean | number | undefined;
  zlibDeflateOptions?: ZlibOptions | undefined;
  zlibInflateOptions?: ZlibOptions | undefined;
  /** Without takeover, messages below this many bytes leave as they are. Default 1024. */
  threshold?: number | undefined;
  /** Calls of zlib at the same time, in this thread. Default 10. */
  concurrencyLimit?: number | undefined;
  /** Which side it is. Default false. */
  isServer?: boolean | undefined;
  /** Octets of a message once it is restored; 0 is unlimited, the default. */
  maxPayload?: number | undefined;
}

/** permessage-deflate (RFC 7692): its negotiation, and the codec by which messages are compressed. */
export class PerMessageDeflate {
  constructor(options?: DeflateOptions);

  /** `'permessage-deflate'` */
  static readonly extensionName: string;
  /** `null` until they are agreed on. */
  params: DeflateParameters | null;

  /** The parameters that a client offers. */
  offer(): DeflateParameters;
  /**
   * On a server chooses one of the offers; on a client takes the server's answer.
   *
   * @param configurations as `extension.parse` returns them
   * @throws Error, TypeError for what cannot be agreed on
   */
  accept(configurations: readonly ExtensionParameters[]): DeflateParameters;
  /** Compresses a fragment of a message. @param fin whether it is the last */
  compress(data: string | Uint8Array, fin: boolean, callback: (err: Error | null, result?: Buffer) => void): void;
  /** Restores a fragment of a message. @param fin whether it is the last */
  decompress(data: Uint8Array, fin: boolean, callback: (err: Error | null, result?: Buffer) => void): void;
  /** Frees what the codec holds. */
  cleanup(): void;
}
