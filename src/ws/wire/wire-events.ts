import type { Buffer } from 'node:buffer';
import type { MessageBytes } from '../payload.js';
import type { Verdict } from './faults.js';

/** Gets what the peer sends. It may keep the bytes. */
export interface FrameEvents {
  onMessage(bytes: MessageBytes, isBinary: boolean): void;
  onPing(payload: Buffer): void;
  onPong(payload: Buffer): void;
  /** The peer's Close frame. Whatever comes after it is discarded. @param reason is UTF-8 unless validation is off */
  onConclude(code: number, reason: Buffer): void;
  /** The peer broke a rule. Whatever comes after that is discarded. */
  onFault(verdict: Verdict): void;
}

/** Is told how the connection ends. */
export interface EndEvents {
  /** The peer sent FIN. */
  onEnd(): void;
  /** The connection is closed. The last event. */
  onClosed(): void;
}
