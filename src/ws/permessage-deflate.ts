import { Buffer } from 'node:buffer';
import zlib, { type DeflateRaw, type InflateRaw, type ZlibOptions } from 'node:zlib';
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

/** RFC 7692 as npm `ws` exports it: the negotiation, and the compression of messages. No connection uses it. */
export class PerMessageDeflate {
  static readonly extensionName = 'permessage-deflate';

  /** The agreed parameters; `null` before. */
  params: DeflateParameters | null = null;
  readonly #options: PerMessageDeflateOptions;
  #deflate: DeflateRaw | null = null;
  #inflate: InflateRaw | null = null;

  constructor(options: PerMessageDeflateOptions = {}) {
    this.#options = options;
  }

  /** Makes the offer of a client. */
  offer(): DeflateParameters {
    const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } =
      this.#options;
    return {
      ...(serverNoContextTakeover && { server_no_context_takeover: true }),
      ...(clientNoContextTakeover && { client_no_context_takeover: true }),
      ...(serverMaxWindowBits && { server_max_window_bits: serverMaxWindowBits as number }),
      // Without a number, the server may choose one.
      ...(clientMaxWindowBits !== false && { client_max_window_bits: clientMaxWindowBits || true }),
    };
  }

  /**
   * Chooses one of the offers on a server, and takes the server's answer on a client.
   *
   * @param configurations as `extension.parse` returns them
   * @throws Error, TypeError if no agreement is possible
   */
  accept(configurations: readonly Parameters[]): DeflateParameters {
    const isServer = this.#options.isServer ?? false;
    const parameters = configurations.map((given) => readParameters(given, isServer));
    this.params = isServer ? this.#choose(parameters) : this.#confirm(parameters[0]);
    return this.params;
  }

  #choose(offers: readonly DeflateParameters[]): DeflateParameters {
    const offer = offers.find((candidate) => this.#isAcceptable(candidate));
    if (offer === undefined) throw new Error('None of the extension offers can be accepted');
    const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } =
      this.#options;
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
    const { serverNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } = this.#options;
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
    const { clientNoContextTakeover, clientMaxWindowBits } = this.#options;
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
    this.#deflate ??= zlib.createDeflateRaw({
      ...this.#options.zlibDeflateOptions,
      windowBits: this.#windowBits(this.#options.isServer ?? false),
    });
    const stream = this.#deflate;
    const parts: Buffer[] = [];
    const collect = (part: Buffer) => void parts.push(part);
    stream.on('data', collect);
    stream.write(data);
    stream.flush(zlib.constants.Z_SYNC_FLUSH, () => {
      stream.off('data', collect);
      const bytes = Buffer.concat(parts);
      if (fin && this.#forgets(this.#options.isServer ?? false)) this.#closeDeflate();
      callback(null, fin ? bytes.subarray(0, -TRAILER.length) : bytes);
    });
  }

  /** Restores a fragment of a message (§7.2.2). @param fin whether it is the last */
  decompress(data: Uint8Array, fin: boolean, callback: Callback): void {
    this.#inflate ??= zlib.createInflateRaw({
      ...this.#options.zlibInflateOptions,
      windowBits: this.#windowBits(!(this.#options.isServer ?? false)),
    });
    const stream = this.#inflate;
    const { maxPayload = 0 } = this.#options;
    const parts: Buffer[] = [];
    let length = 0;
    const finish = (error: Error | null) => {
      stream.off('data', collect).off('error', finish);
      if (error !== null || (fin && this.#forgets(!(this.#options.isServer ?? false)))) this.#closeInflate();
      if (error !== null) callback(error);
      else callback(null, Buffer.concat(parts));
    };
    const collect = (part: Buffer) => {
      parts.push(part);
      length += part.length;
      if (maxPayload > 0 && length > maxPayload) finish(tooLong());
    };
    stream.on('data', collect).on('error', finish);
    stream.write(data);
    if (fin) stream.write(TRAILER);
    stream.flush(() => {
      if (stream === this.#inflate) finish(null);
    });
  }

  /** Frees the memory of the compression. */
  cleanup(): void {
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
