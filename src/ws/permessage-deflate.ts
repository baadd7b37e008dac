import { Buffer } from 'node:buffer';
import zlib, { type DeflateRaw, type InflateRaw, type ZlibOptions } from 'node:zlib';
import { limited } from './compression/limiter.js';
import type { Parameters } from './extension.js';

/** What to ask of the other side, and what to allow it. Bits are those of an LZ77 window, 8 to 15. */
export interface PerMessageDeflateOptions {
  serverNoContextTakeover?: boolean;
  clientNoContextTakeover?: boolean;
  serverMaxWindowBits?: boolean | number;
  clientMaxWindowBits?: boolean | number;
  zlibDeflateOptions?: ZlibOptions;
  zlibInflateOptions?: ZlibOptions;
  threshold?: number;
  concurrencyLimit?: number;
  isServer?: boolean;
  maxPayload?: number;
}

/** The agreed parameters of RFC 7692 §7.1. */
export interface DeflateParameters {
  server_no_context_takeover?: true;
  client_no_context_takeover?: true;
  server_max_window_bits?: number;
  client_max_window_bits?: number | true;
}

type Callback = (error: Error | null, bytes?: Buffer) => void;

/** RFC 7692 §7.2.1: the end of a flushed block, which the sender leaves out. */
const TRAILER = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/** The defaults of `threshold` and `concurrencyLimit`. */
const DEFAULT_THRESHOLD = 1024;
const DEFAULT_CONCURRENCY = 10;

/** How many calls of zlib may run at the same time; 0 is unlimited, as in npm `ws`. */
export function concurrencyOf({ concurrencyLimit = DEFAULT_CONCURRENCY }: PerMessageDeflateOptions): number {
  return Number(concurrencyLimit) || Number.POSITIVE_INFINITY;
}

/** A call of `compress` or `decompress` that has not ended. */
interface Job {
  /** Ends it early. */
  readonly abort: (error: Error) => void;
}

/**
 * RFC 7692 as npm `ws` exports it: the negotiation, and the compression of messages. Connections use the negotiation; they
 * compress by what is in compression/. Members that begin with `_` are what other copies of `ws` have, too.
 */
export class PerMessageDeflate {
  static readonly extensionName = 'permessage-deflate';

  /** The agreed parameters; `null` before. */
  params: DeflateParameters | null = null;
  readonly _options: PerMessageDeflateOptions;
  readonly _threshold: number;
  readonly _maxPayload: number;
  readonly _isServer: boolean;
  #deflate: DeflateRaw | null = null;
  #inflate: InflateRaw | null = null;
  #deflating: Job | null = null;
  #inflating: Job | null = null;

  constructor(options: PerMessageDeflateOptions | null = {}) {
    this._options = options || {};
    this._threshold = this._options.threshold === undefined ? DEFAULT_THRESHOLD : this._options.threshold;
    this._maxPayload = Number(this._options.maxPayload) | 0;
    this._isServer = !!this._options.isServer;
  }

  /** Makes the offer of a client. */
  offer(): DeflateParameters {
    const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } =
      this._options;
    return {
      ...(serverNoContextTakeover && { server_no_context_takeover: true }),
      ...(clientNoContextTakeover && { client_no_context_takeover: true }),
      ...(serverMaxWindowBits && { server_max_window_bits: serverMaxWindowBits as number }),
      // Without a number, the server may choose one.
      ...((clientMaxWindowBits || clientMaxWindowBits == null) && {
        client_max_window_bits: clientMaxWindowBits || true,
      }),
    };
  }

  /**
   * Chooses one of the offers on a server, and takes the server's answer on a client.
   *
   * @param configurations as `extension.parse` returns them
   * @throws Error, TypeError if no agreement is possible
   */
  accept(configurations: readonly Parameters[]): DeflateParameters {
    const isServer = this._isServer;
    const parameters = configurations.map((given) => readParameters(given, isServer));
    this.params = isServer ? this.#choose(parameters) : this.#confirm(parameters[0]);
    return this.params;
  }

  #choose(offers: readonly DeflateParameters[]): DeflateParameters {
    const offer = offers.find((candidate) => this.#isAcceptable(candidate));
    if (offer === undefined) throw new Error('None of the extension offers can be accepted');
    const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } =
      this._options;
    const accepted = { ...offer };
    if (serverNoContextTakeover) accepted.server_no_context_takeover = true;
    if (clientNoContextTakeover) accepted.client_no_context_takeover = true;
    if (typeof serverMaxWindowBits === 'number') accepted.server_max_window_bits = serverMaxWindowBits;
    if (typeof clientMaxWindowBits === 'number') accepted.client_max_window_bits = clientMaxWindowBits;
    else if (accepted.client_max_window_bits === true || clientMaxWindowBits === false) {
      delete accepted.client_max_window_bits;
    }
    return accepted;
  }

  #isAcceptable(offer: DeflateParameters): boolean {
    const { serverNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } = this._options;
    // §7.1.1.1
    if (serverNoContextTakeover === false && offer.server_no_context_takeover) return false;
    // §7.1.2.1
    const { server_max_window_bits: serverBits, client_max_window_bits: clientBits } = offer;
    if (serverBits !== undefined && serverMaxWindowBits === false) return false;
    if (serverBits !== undefined && typeof serverMaxWindowBits === 'number' && serverMaxWindowBits > serverBits) {
      return false;
    }
    // §7.1.2.2
    if (typeof clientMaxWindowBits !== 'number') return true;
    return typeof clientBits === 'number' ? clientMaxWindowBits <= clientBits : clientBits === true;
  }

  #confirm(answer: DeflateParameters): DeflateParameters {
    const { clientNoContextTakeover, clientMaxWindowBits } = this._options;
    if (clientNoContextTakeover === false && answer.client_no_context_takeover) {
      throw new Error('Unexpected parameter "client_no_context_takeover"');
    }
    const bits = answer.client_max_window_bits;
    if (bits === undefined) {
      return typeof clientMaxWindowBits === 'number'
        ? { ...answer, client_max_window_bits: clientMaxWindowBits }
        : answer;
    }
    if (
      clientMaxWindowBits === false ||
      (typeof clientMaxWindowBits === 'number' && Number(bits) > clientMaxWindowBits)
    ) {
      throw new Error('Unexpected or invalid parameter "client_max_window_bits"');
    }
    return answer;
  }

  /** Compresses a fragment of a message (RFC 7692 §7.2.1). @param fin whether it is the last */
  compress(data: string | Uint8Array, fin: boolean, callback: Callback): void {
    limited(concurrencyOf(this._options), (done) => {
      this.#compress(data, fin, (error, bytes) => {
        done();
        callback(error, bytes);
      });
    });
  }

  #compress(data: string | Uint8Array, fin: boolean, callback: Callback): void {
    this.#deflate ??= zlib
      .createDeflateRaw({ ...this._options.zlibDeflateOptions, windowBits: this.#windowBits(this._isServer) })
      .on('error', ignore);
    const stream = this.#deflate;
    this.#deflating = run(stream, [data], Number.POSITIVE_INFINITY, (error, bytes) => {
      this.#deflating = null;
      if (error !== null || (fin && this.#forgets(this._isServer))) this.#closeDeflate();
      if (error !== null) callback(error);
      else callback(null, fin ? bytes!.subarray(0, -TRAILER.length) : bytes);
    });
  }

  /** Restores a fragment of a message (§7.2.2). @param fin whether it is the last */
  decompress(data: Uint8Array, fin: boolean, callback: Callback): void {
    limited(concurrencyOf(this._options), (done) => {
      this.#decompress(data, fin, (error, bytes) => {
        done();
        callback(error, bytes);
      });
    });
  }

  #decompress(data: Uint8Array, fin: boolean, callback: Callback): void {
    this.#inflate ??= zlib
      .createInflateRaw({ ...this._options.zlibInflateOptions, windowBits: this.#windowBits(!this._isServer) })
      .on('error', ignore);
    const stream = this.#inflate;
    const most = this._maxPayload > 0 ? this._maxPayload : Number.POSITIVE_INFINITY;
    this.#inflating = run(stream, fin ? [data, TRAILER] : [data], most, (error, bytes) => {
      this.#inflating = null;
      // After a final block, zlib takes no more.
      const isOver = error !== null || stream.readableEnded || (fin && this.#forgets(!this._isServer));
      if (isOver) this.#closeInflate();
      callback(error, bytes);
    });
  }

  /** Frees the memory of the compression. What is under way fails. */
  cleanup(): void {
    this.#deflating?.abort(new Error('The deflate stream was closed while data was being processed'));
    this.#inflating?.abort(new Error('The inflate stream was closed while data was being processed'));
    this.#closeDeflate();
    this.#closeInflate();
  }

  #closeDeflate(): void {
    this.#deflate?.close();
    this.#deflate = null;
  }

  #closeInflate(): void {
    this.#inflate?.close();
    this.#inflate = null;
  }

  #windowBits(ofServer: boolean): number {
    const bits = ofServer ? this.params?.server_max_window_bits : this.params?.client_max_window_bits;
    return typeof bits === 'number' ? bits : zlib.constants.Z_DEFAULT_WINDOWBITS;
  }

  #forgets(ofServer: boolean): boolean {
    return !!(ofServer ? this.params?.server_no_context_takeover : this.params?.client_no_context_takeover);
  }
}

/** Errors are told by `run`; a stream that is closed has no more of them. */
function ignore(): void {}

/**
 * Has a stream of zlib handle bytes.
 *
 * @param most bytes of output
 * @param callback is called once, with the output or with an error
 */
function run(
  stream: DeflateRaw | InflateRaw,
  inputs: readonly (string | Uint8Array)[],
  most: number,
  callback: Callback,
): Job {
  const parts: Buffer[] = [];
  let length = 0;
  let hasEnded = false;
  const end = (error: Error | null) => {
    if (hasEnded) return;
    hasEnded = true;
    stream.off('data', collect).off('error', end);
    if (error === null) callback(null, Buffer.concat(parts, length));
    else callback(error);
  };
  const collect = (part: Buffer) => {
    parts.push(part);
    length += part.length;
    if (length > most) end(tooLong());
  };
  stream.on('data', collect).on('error', end);
  for (const input of inputs) stream.write(input);
  stream.flush(zlib.constants.Z_SYNC_FLUSH, () => end(null));
  return { abort: end };
}

function tooLong(): Error {
  return Object.assign(new RangeError('Max payload size exceeded'), { code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' });
}

/** §7.1: each parameter occurs at most once, with a value as its definition demands. */
function readParameters(given: Parameters, isServer: boolean): DeflateParameters {
  const read: Record<string, true | number> = {};
  for (const [name, values] of Object.entries(given)) {
    if (values.length > 1) throw new Error(`Parameter "${name}" must have only a single value`);
    read[name] = readParameter(name, values[0], isServer);
  }
  return read;
}

function readParameter(name: string, value: string | true, isServer: boolean): true | number {
  const invalid = () => new TypeError(`Invalid value for parameter "${name}": ${value}`);
  switch (name) {
    case 'server_no_context_takeover':
    case 'client_no_context_takeover':
      if (value !== true) throw invalid();
      return true;
    case 'client_max_window_bits':
      // §7.1.2.2: in an offer it may be without a value.
      if (value === true && isServer) return true;
      return windowBits(value) ?? fail(invalid());
    case 'server_max_window_bits':
      return windowBits(value) ?? fail(invalid());
    default:
      throw new Error(`Unknown parameter "${name}"`);
  }
}

function fail(error: Error): never {
  throw error;
}

function windowBits(value: string | true): number | null {
  const bits = value === true ? Number.NaN : Number(value);
  return Number.isInteger(bits) && bits >= 8 && bits <= 15 ? bits : null;
}
