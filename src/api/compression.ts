import type { CompressionSettings, DeflateParameters } from '../deflate/negotiation.js';
import { checkNames } from '../protocol/option-names.js';
import { quoted } from '../protocol/quoted.js';
import { choice, flag, own, whole } from './option-checks.js';

/**
 * How to compress messages with permessage-deflate (RFC 7692), if the peer agrees. An invalid value throws a TypeError
 * or a RangeError at the call.
 */
export interface CompressionOptions {
  /** Messages of fewer bytes are sent uncompressed. With `Infinity`, all are. Default 1024. */
  threshold?: number;
  /** Whether to compress in less time (`'fast'`), or to fewer bytes (`'small'`). Default `'fast'`. */
  level?: 'fast' | 'small';
  /**
   * Keep the compressor of each connection between messages, so that messages that resemble earlier ones become
   * smaller, and let the peer do the same (RFC 7692 §7.1.1). This takes memory for each connection. Default off: each
   * message is compressed by itself, and the peer is asked to do so, too.
   */
  contextTakeover?: boolean;
  /**
   * The base-2 logarithm of the window within which repetitions are found, 8 to 15, in both directions (RFC 7692
   * §7.1.2). A smaller window takes less memory with `contextTakeover`, and finds fewer repetitions. Default 15, which
   * is 32 KiB.
   */
  windowBits?: number;
}

/**
 * How the messages of a socket are compressed: the parameters that both sides agreed on in the opening handshake (RFC
 * 7692 §7.1), and the settings of this side. `ws.compression` has it. It is frozen, and shared with other sockets.
 */
export interface Compression extends DeflateParameters {
  /** This side sends messages of fewer bytes uncompressed. */
  readonly threshold: number;
  /** Whether this side compresses in less time (`'fast'`), or to fewer bytes (`'small'`). */
  readonly level: 'fast' | 'small';
}

const NAMES: readonly string[] = ['threshold', 'level', 'contextTakeover', 'windowBits'];

/**
 * Checks the option `compression` and adds its defaults.
 *
 * @returns `null` if it is off
 * @throws TypeError, RangeError with the value, if it is invalid
 */
export function checkCompression(value: unknown): CompressionSettings | null {
  if (value === undefined || value === false) return null;
  const given: unknown = value === true ? {} : value;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TypeError(`compression must be true, false or an object, not ${quoted(value)}`);
  }
  checkNames('compression', given, NAMES);
  const options: CompressionOptions = given;
  return {
    threshold: checkThreshold(own(options, 'threshold')),
    level: choice('compression.level', own(options, 'level'), ['fast', 'small']) ?? 'fast',
    contextTakeover: flag('compression.contextTakeover', own(options, 'contextTakeover')),
    windowBits: checkWindowBits(own(options, 'windowBits')),
  };
}

function checkThreshold(value: unknown = 1024): number {
  const threshold = whole('compression.threshold', value);
  if (threshold < 0) throw new RangeError(`compression.threshold must be 0 or more bytes, not ${quoted(value)}`);
  return threshold;
}

function checkWindowBits(value: unknown = 15): number {
  const bits = whole('compression.windowBits', value);
  if (bits < 8 || bits > 15) throw new RangeError(`compression.windowBits must be 8 to 15, not ${quoted(value)}`);
  return bits;
}
