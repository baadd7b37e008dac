import type { Buffer } from 'node:buffer';
import type { CloseResult } from '../protocol/errors.js';
import type { ReceiverOptions } from '../protocol/receiver-options.js';
import type { TimeLimitOptions } from './timing/time-limits.js';
import type { OutboxSettings } from './writing/outbox.js';

/**
 * What an entry point implements: all that can happen on a connection. What `onMessage`, `onFrame`, `onPing` and `onPong` throw
 * fails the connection with 1011; the others must not throw.
 */
export interface ConnectionHandler {
  /** A whole message. */
  onMessage(opcode: number, data: string | Buffer): void;
  /** A whole frame of any kind, in raw mode, instead of `onMessage`, `onPing` and `onPong`. */
  onFrame(fin: boolean, opcode: number, payload: Buffer): void;
  onPing(payload: Buffer): void;
  onPong(payload: Buffer): void;
  /** The peer had fallen behind and has caught up. */
  onDrain(): void;
  /** Something went wrong; `onClose` follows. */
  onError(error: Error): void;
  /** The last event. `cause` tells why, where it was not the closing handshake. */
  onClose(result: CloseResult, cause: Error | undefined): void;
}

/** What a connection is made with; one object serves all connections of a server. Sizes in bytes. */
export interface ConnectionOptions extends ReceiverOptions, TimeLimitOptions, OutboxSettings {
  readonly maxBackpressure: number;
}
