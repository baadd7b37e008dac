import type { Buffer } from 'node:buffer';
import type { Fault } from './faults.js';
import type { Role } from './frame-rules.js';

/** Gets the reports of a receiver. The sink may keep the bytes that it gets, unless the receiver is zero-copy. */
export interface ReceiverSink {
  /** Several frames will be reported, one after the other. */
  onBatchBegin(): void;
  /**
   * A whole Text or Binary message. `textAs` decides whether Text is a string or bytes.
   *
   * @param length bytes of its payload, inflated
   * @param isInflated whether it came compressed
   */
  onMessage(opcode: number, data: string | Buffer, length: number, isInflated: boolean): void;
  /** A whole control frame. */
  onControl(opcode: number, payload: Buffer): void;
  /** A fragment, but not the last one of its message. Not called if `onFrame` reports it. */
  onFragment(): void;
  /** A whole data frame. Raw mode calls this instead of `onMessage`. */
  onFrame(fin: boolean, opcode: number, payload: Buffer): void;
  /**
   * The peer broke a rule. This is the last report; whatever arrives later is discarded.
   *
   * @param flags `ROW_FLAGS` of the frame whose header broke the rule; 0 if it was not a header
   * @param length the payload length that this header declares, or 0
   */
  onFault(fault: Fault, flags: number, length: number): void;
  /** A compressed message takes more than one turn to inflate. The receiver has stopped after it. */
  onLongMessage(message: InflatedInSteps): void;
}

/**
 * A compressed message that takes more than one turn. Until it has ended, and was reported, nothing after it is
 * handled.
 */
export interface InflatedInSteps {
  /** Whether the message is whole, or there is a fault. */
  readonly hasEnded: boolean;
  /** Why the connection fails; `null` unless the peer broke a rule. */
  readonly fault: Fault | null;
  /** Goes on for a part of a millisecond. */
  step(): void;
  /** Reports the message to the sink. */
  report(sink: ReceiverSink): void;
  /** Forgets the message. */
  discard(): void;
}

/** How to receive. One object may serve many receivers. */
export interface ReceiverOptions {
  readonly role: Role;
  /** The most bytes of one message. */
  readonly maxPayload: number;
  /** The most fragments of one message. */
  readonly maxFragments: number;
  /** The most reads in which the payload of one frame may arrive. */
  readonly maxPieces: number;
  /** Accept Text without checking that it is UTF-8. */
  readonly skipUtf8: boolean;
  readonly textAs: 'string' | 'bytes';
  /**
   * Report a message as a view of the window, if it lies there whole. The view is valid only until the call returns.
   */
  readonly zeroCopy: boolean;
  /**
   * Whether users hold messages for long, as in await style. A message then keeps less memory alive besides its own.
   */
  readonly awaited: boolean;
  /** Report frames instead of messages. */
  readonly raw: boolean;
  /** See `FrameRules`. */
  readonly lenientLengths: boolean;
  /** Inflates compressed messages; `null` if there may be none. */
  readonly inflater: MessageInflater | null;
}

/**
 * Inflates the messages of one connection (RFC 7692 §7.2.2), or of all connections that keep nothing between messages.
 */
export interface MessageInflater {
  /** Does what `inflate` of the codec does, with the history of the connection. `inflateMore` goes on. */
  inflate(start: number, end: number, most: number, goesOn: boolean): number;
  /** The message, of `total` bytes, has ended: the last `length` of them are in the output area. */
  finish(length: number, total: number): void;
}
