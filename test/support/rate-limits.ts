import { Buffer } from 'node:buffer';
import { Opcode } from '../../src/index.js';
import type { RateLimitSettings } from '../../src/net/timing/rate-limit.js';
import { frameFor } from './framer.js';
import { turns } from './waiting.js';

/** A limit that is never reached. */
export const UNLIMITED = Number.POSITIVE_INFINITY;
/** So long that no test sees another token. */
export const LONG = 3_600_000;

/** A rate limit, unlimited where `some` says nothing. */
export const limit = (some: Partial<RateLimitSettings>): RateLimitSettings => ({
  messages: UNLIMITED,
  frames: UNLIMITED,
  bytes: UNLIMITED,
  per: 1000,
  action: 'pause',
  ...some,
});

/** Frames of a client. */
export const text = (payload: string | Uint8Array) => frameFor('server', Opcode.Text, payload);
export const ping = (payload = '') => frameFor('server', Opcode.Ping, payload);
export const closeFrame = (code = 1000) => frameFor('server', Opcode.Close, Buffer.of(code >> 8, code & 255));
/** `count` frames in one piece. */
export const many = (count: number, frame: (i: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, i) => frame(i)));

/** Long enough for whatever has arrived to be handled. */
export const settled = () => turns(60);
