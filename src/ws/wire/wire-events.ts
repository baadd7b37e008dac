import type { Buffer } from 'node:buffer';
import type { Octets } from '../payload.js';
import type { Verdict } from './faults.js';

// Names that no subclass of a user can have taken.
export const ON_MESSAGE = Symbol('wasock.onMessage');
export const ON_PING = Symbol('wasock.onPing');
export const ON_PONG = Symbol('wasock.onPong');
export const ON_CONCLUDE = Symbol('wasock.onConclude');
export const ON_FAULT = Symbol('wasock.onFault');
export const ON_END = Symbol('wasock.onEnd');
export const ON_CLOSED = Symbol('wasock.onClosed');

/** What the peer sends. The octets are the listener's to keep. */
export interface FrameEvents {
  [ON_MESSAGE](octets: Octets, isBinary: boolean): void;
  [ON_PING](payload: Buffer): void;
  [ON_PONG](payload: Buffer): void;
  /** The peer's Close frame; what comes behind it is discarded. @param reason may be no UTF-8 if that is not asked for */
  [ON_CONCLUDE](code: number, reason: Buffer): void;
  /** The peer broke a rule; what comes behind it is discarded. */
  [ON_FAULT](verdict: Verdict): void;
}

/** How the connection ends. */
export interface EndEvents {
  /** The peer sent FIN. */
  [ON_END](): void;
  /** The connection is closed. The last event. */
  [ON_CLOSED](): void;
}
