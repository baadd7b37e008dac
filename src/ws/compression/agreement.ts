import type { ZlibOptions } from 'node:zlib';
import { Deflater, KeepingDeflater } from '../../deflate/deflater.js';
import { Inflater, KeepingInflater } from '../../deflate/inflater.js';
import type { MessageInflater } from '../../protocol/receiver-options.js';
import {
  concurrencyOf,
  type DeflateParameters,
  PerMessageDeflate,
  type PerMessageDeflateOptions,
} from '../permessage-deflate.js';
import { CodecCompressor, type Compressor } from './compressor.js';
import { ZlibCompressor, ZlibStreamCompressor } from './zlib-compressor.js';

/** The extensions of a WebSocket by name, as `_extensions` has them. */
export type Extensions = Record<string, unknown>;

/** The members of a PerMessageDeflate, whichever copy of `ws` it is of, that say what was agreed and how to compress. */
export interface Agreement {
  readonly params: DeflateParameters | null;
  readonly _isServer?: boolean;
  readonly _options?: PerMessageDeflateOptions;
  readonly _threshold?: number;
  readonly _maxPayload?: number;
}

const MAX_WINDOW_BITS = 15;

/** Bytes by which compression may lengthen a message that later ones can refer to: what blocks that store it need. */
const GROWTH = 16;

type Level = 'fast' | 'small';

/**
 * What sockets of a server have agreed on, who share it. Whoever asks a socket for its extensions gets objects of its own,
 * as most never do.
 */
export class SharedExtensions {
  readonly 'permessage-deflate': PerMessageDeflate;

  constructor(agreed: PerMessageDeflate) {
    this['permessage-deflate'] = agreed;
  }

  /** Extensions for one socket. */
  copy(): Extensions {
    const { _options, params } = this['permessage-deflate'];
    const own = new PerMessageDeflate(_options);
    own.params = { ...params };
    return { [PerMessageDeflate.extensionName]: own };
  }
}

/** What was agreed about compression; `null` if nothing was. */
export function agreementIn(extensions: unknown): Agreement | null {
  const extension = (extensions as Extensions | null | undefined)?.[PerMessageDeflate.extensionName] as
    | Agreement
    | undefined;
  return extension?.params ? extension : null;
}

/** Frees what an extension has used by itself. */
export function closeExtensions(extensions: Extensions | null): void {
  const extension = extensions?.[PerMessageDeflate.extensionName] as Partial<PerMessageDeflate> | undefined;
  extension?.cleanup?.();
}

/** One side of a connection as a compressor. */
interface Direction {
  readonly windowBits: number;
  /** Whether it keeps its compressor between messages. */
  readonly keeps: boolean;
}

function directionOf(isServer: boolean, params: DeflateParameters): Direction {
  const bits = isServer ? params.server_max_window_bits : params.client_max_window_bits;
  return {
    windowBits: typeof bits === 'number' ? bits : MAX_WINDOW_BITS,
    keeps: !(isServer ? params.server_no_context_takeover : params.client_no_context_takeover),
  };
}

/** By window bits. */
const inflaters = new Map<number, Inflater>();

/** Makes what inflates the messages of the peer. Connections whose peers keep nothing share it. */
export function inflaterFor(agreement: Agreement, maxPayload: number): MessageInflater {
  const { windowBits, keeps } = directionOf(!agreement._isServer, agreement.params!);
  const inflater = keeps ? new KeepingInflater(windowBits) : sharedInflater(windowBits);
  const most = Number(agreement._maxPayload) | 0;
  return most > 0 && most < maxPayload ? new LimitedInflater(inflater, most) : inflater;
}

function sharedInflater(windowBits: number): Inflater {
  const inflater = inflaters.get(windowBits) ?? new Inflater(windowBits);
  inflaters.set(windowBits, inflater);
  return inflater;
}

/** For an extension that was given a limit of its own. */
class LimitedInflater implements MessageInflater {
  readonly #inflater: MessageInflater;
  readonly #most: number;

  constructor(inflater: MessageInflater, most: number) {
    this.#inflater = inflater;
    this.#most = most;
  }

  inflate(start: number, end: number, most: number, goesOn: boolean): number {
    return this.#inflater.inflate(start, end, Math.min(most, this.#most), goesOn);
  }

  finish(length: number, total: number): void {
    this.#inflater.finish(length, total);
  }
}

/**
 * Makes what compresses our messages.
 *
 * @throws RangeError, TypeError if zlib does not take the user's options
 */
export function compressorFor({ params, _isServer, _options = {}, _threshold = 1024 }: Agreement): Compressor {
  const { windowBits, keeps } = directionOf(!!_isServer, params!);
  // As npm `ws`: with takeover, short messages are worth it.
  const threshold = keeps ? 0 : Number(_threshold);
  const options = { ..._options.zlibDeflateOptions, windowBits };
  const level = codecLevel(options);
  if (level === null) {
    const limit = concurrencyOf(_options);
    return keeps ? new ZlibStreamCompressor(options, limit) : new ZlibCompressor(threshold, options, limit);
  }
  const settings = { threshold: 0, level, windowBits };
  const shared = sharedDeflater(settings);
  return new CodecCompressor(threshold, keeps ? new KeepingDeflater(settings, shared, GROWTH) : shared);
}

/** The level of the codec that stands for options of zlib; `null` if they ask for what only zlib does. */
function codecLevel({ level = -1, memLevel, strategy, dictionary }: ZlibOptions): Level | null {
  if (memLevel !== undefined || strategy !== undefined || dictionary !== undefined) return null;
  if (level === -1 || (level >= 1 && level <= 3)) return 'fast';
  return level >= 4 && level <= 6 ? 'small' : null;
}

/** By level and window bits. */
const deflaters = new Map<string, Deflater>();

function sharedDeflater(settings: { threshold: number; level: Level; windowBits: number }): Deflater {
  const key = `${settings.level} ${settings.windowBits}`;
  const deflater = deflaters.get(key) ?? new Deflater(settings);
  deflaters.set(key, deflater);
  return deflater;
}
