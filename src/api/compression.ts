import type { CompressionSettings, DeflateParameters } from '../deflate/negotiation.js';
import { checkNames } from '../protocol/option-names.js';
import { choice, flag, own, show, whole } from './option-checks.js';

/** How to compress messages with permessage-deflate (RFC 7692), if the peer agrees. */
export interface CompressionOptions {
  /** Messages below this many bytes are sent uncompressed; `Infinity` is all of them. Default 1024. */
  threshold?: number;
  /** Compress in less time, or to fewer bytes. Default `'fast'`. */
  level?: 'fast' | 'small';
  /**
   * Keep what was sent before in memory for each connection, so that messages that resemble earlier ones become smaller,
   * and let the peer do the same. Default off: each message is compressed by itself, and the peer is asked to do so, too.
   */
  contextTakeover?: boolean;
  /**
   * The base-2 logarithm of the window within which repetitions are found, 8 to 15, in both directions. Smaller ones
   * take less memory with `contextTakeover`, and find less. Default 15, which is 32 KiB.
   */
  windowBits?: number;
}

/** What was agreed about the compression of messages in an opening handshake, and what of it is up to this side. */
export interface Compression extends DeflateParameters {
  /** Messages below this many bytes are sent uncompressed. */
  readonly threshold: number;
  /** Whether this side compresses in less time, or to fewer bytes. */
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
    throw new TypeError(`compression must be true, false or an object, not ${show(value)}`);
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
  if (threshold < 0) throw new RangeError(`compression.threshold must be 0 or more bytes, not ${show(value)}`);
  return threshold;
}

function checkWindowBits(value: unknown = 15): number {
  const bits = whole('compression.windowBits', value);
  if (bits < 8 || bits > 15) throw new RangeError(`compression.windowBits must be 8 to 15, not ${show(value)}`);
  return bits;
}
