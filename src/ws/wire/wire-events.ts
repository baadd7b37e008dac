import type { Buffer } from 'node:buffer';
import type { MessageBytes } from '../payload.js';
import type { Verdict } from './faults.js';

/** What the peer sends. The bytes are the listener's to keep. */
export interface FrameEvents {
  onMessage(bytes: MessageBytes, isBinary: boolean): void;
  onPing(payload: Buffer): void;
  onPong(payload: Buffer): void;
  /** The peer's Close frame; what comes after it is discarded. @param reason may be no UTF-8 if that is not asked for */
  onConclude(code: number, reason: Buffer): void;
  /** The peer broke a rule; what comes after it is discarded. */
  onFault(verdict: Verdict): void;
}

/** How the connection ends. */
export interface EndEvents {
  /** The peer sent FIN. */
  onEnd(): void;
  /** The connection is closed. The last event. */
  onClosed(): void;
}
