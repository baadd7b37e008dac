import type { Buffer } from 'node:buffer';
import type { CloseResult } from '../protocol/errors.js';
import type { CompressingSettings } from './compressing-link.js';
import type { RateLimitSettings } from './timing/rate-limit.js';
import type { TimeLimitOptions } from './timing/time-limits.js';

/**
 * Everything that can happen on a connection; each entry point implements it. If `onMessage`, `onFrame`, `onPing` or
 * `onPong` throws, the connection fails with 1011. The other methods must not throw.
 */
export interface ConnectionHandler {
  /** A whole message. */
  onMessage(opcode: number, data: string | Buffer, length: number): void;
  /** A whole frame of any kind. Raw mode calls this instead of `onMessage`, `onPing` and `onPong`. */
  onFrame(fin: boolean, opcode: number, payload: Buffer): void;
  onPing(payload: Buffer): void;
  onPong(payload: Buffer): void;
  /** The peer has caught up, after more than `highWaterMark` bytes had waited to be written. */
  onDrain(): void;
  /** Something went wrong; `onClose` follows. */
  onError(error: Error): void;
  /** The last event. @param isOrderly whether a loop over the messages ends without an error */
  onClose(result: CloseResult, isOrderly: boolean): void;
}

/**
 * The options of a connection. One object serves all connections of a server. Sizes in bytes, durations in
 * milliseconds.
 */
export interface ConnectionOptions extends CompressingSettings, TimeLimitOptions {
  /** `null` without a limit. */
  readonly rateLimit: RateLimitSettings | null;
}
