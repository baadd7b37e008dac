import type { Buffer } from 'node:buffer';
import type { Fault } from './errors.js';
import type { Role } from './frame-rules.js';

/** Where a receiver reports to. What it hands over is the sink's to keep, unless the receiver is zero-copy. */
export interface ReceiverSink {
  /** Several frames are about to be reported, one after the other. */
  onBatchBegin(): void;
  /** A whole Text or Binary message. Text is a string or bytes, as `textAs` says. */
  onMessage(opcode: number, data: string | Buffer): void;
  /** A whole control frame. */
  onControl(opcode: number, payload: Buffer): void;
  /** A whole data frame, in raw mode, which calls this instead of `onMessage`. */
  onFrame(fin: boolean, opcode: number, payload: Buffer): void;
  /**
   * The peer broke a rule. Nothing more is reported; what comes after is discarded.
   *
   * @param flags of the row of the frame table in which it did, if it was in a header; else 0
   * @param length the payload length which that row declares
   */
  onFault(fault: Fault, flags: number, length: number): void;
}

export interface ReceiverOptions {
  readonly role: Role;
  /** Bytes of one message, at most. */
  readonly maxPayload: number;
  /** Fragments of one message, at most. */
  readonly maxFragments: number;
  /** Reads over which the payload of one frame may come, at most. */
  readonly maxPieces: number;
  /** Take Text for what it is said to be, without a look at its bytes. */
  readonly skipUtf8: boolean;
  readonly textAs: 'string' | 'bytes';
  /** Hand over views of the window, valid only until the call returns, wherever a message lies in it whole. */
  readonly zeroCopy: boolean;
  /** Messages wait to be received, and the last is held while the next is awaited: each keeps less memory beside its own. */
  readonly awaited: boolean;
  /** Report each frame instead of messages. */
  readonly raw: boolean;
  readonly lenientLengths: boolean;
}
