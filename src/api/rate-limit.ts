import type { RateLimitSettings } from '../net/timing/rate-limit.js';
import { checkNames } from '../protocol/option-names.js';
import { quoted } from '../protocol/quoted.js';
import { choice, own, whole } from './option-checks.js';

/**
 * How much a peer may send within `per` milliseconds. Each limit is a token bucket: it is full at first, and fills up
 * again within `per` milliseconds. Give at least one of `messages`, `frames` and `bytes`; the others are unlimited. The
 * values are whole numbers, 1 or more.
 */
export interface RateLimit {
  /** The most whole messages. Default unlimited. */
  messages?: number;
  /** The most frames of any kind: fragments, empty frames, Pings and Pongs count. Default unlimited. */
  frames?: number;
  /**
   * The most bytes as they come from the network: frame headers and control frames count, and compressed messages count
   * as they are. Default unlimited.
   */
  bytes?: number;
  /** The time that the limits are for, in milliseconds. Default 1000. */
  per?: number;
  /**
   * What happens if the peer sends more. `'pause'`: the socket reads nothing until the peer may send again, so the peer
   * has to wait. `'close'`: the peer gets Close 1008, and the error is `WASOCK_RATE_LIMIT`. Default `'pause'`.
   */
  action?: 'pause' | 'close';
}

const KINDS = ['messages', 'frames', 'bytes'] as const;
const NAMES = [...KINDS, 'per', 'action'];

/**
 * Checks the option `rateLimit` and adds its defaults.
 *
 * @returns `null` if it is off
 * @throws TypeError, RangeError with the value, if it is invalid
 */
export function checkRateLimit(value: unknown): RateLimitSettings | null {
  if (value === undefined) return null;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`rateLimit must be an object, not ${quoted(value)}`);
  }
  checkNames('rateLimit', value, NAMES);
  const given: RateLimit = value;
  if (KINDS.every((kind) => own(given, kind) === undefined)) {
    throw new TypeError('rateLimit limits nothing: give messages, frames or bytes, as in { messages: 100 }');
  }
  const [messages, frames, bytes] = KINDS.map((kind) => amount(kind, own(given, kind), Number.POSITIVE_INFINITY));
  const per = amount('per', own(given, 'per'), 1000);
  if (per === Number.POSITIVE_INFINITY)
    throw new RangeError('rateLimit.per must be a number of milliseconds, not Infinity');
  return {
    messages,
    frames,
    bytes,
    per,
    action: choice('rateLimit.action', own(given, 'action'), ['pause', 'close']) ?? 'pause',
  };
}

function amount(name: string, value: unknown, byDefault: number): number {
  if (value === undefined) return byDefault;
  const number = whole(`rateLimit.${name}`, value);
  if (number < 1) throw new RangeError(`rateLimit.${name} must be 1 or more, not ${quoted(value)}`);
  return number;
}
