import { Buffer, constants } from 'node:buffer';
import { type Codec, UTF8_INVALID } from '../codec/codec.js';
import {
  FLAG_FIRST_OCTET,
  FLAG_MASKED,
  FLAG_NON_ASCII,
  FLAG_PARTIAL,
  FRAME_TABLE,
  FRAME_WORDS,
  HEADER_OCTETS_SHIFT,
  LENGTH7_SHIFT,
  ROW_FLAGS,
  ROW_KEY,
  ROW_LENGTH_HI,
  ROW_LENGTH_LO,
  ROW_PRESENT,
  ROW_START,
  SCAN_END,
} from '../codec/memory-map.js';
import { type InflationOutcome, inflateFrom, inflateGathered } from './compressed-message.js';
import { FAULT, type Fault } from './faults.js';
import { type FrameRules, judgeFrame, payloadLength, type Role } from './frame-rules.js';
import { LongMessage } from './long-message.js';
import { MessageBuffer } from './message-buffer.js';
import { CONTROL_BIT, FIN, OPCODE_MASK, Opcode, RSV1 } from './opcode.js';
import { beginOwnedPayloads, ownedPayload } from './owned-payload.js';
import type { ReceiverOptions, ReceiverSink } from './receiver-options.js';
import { deliverFrom, lendsBytes, reportMessage } from './whole-message.js';

/** The bits of a row's flags that decide, together with the length, whether it is a plain unfragmented message. */
const KIND = FLAG_FIRST_OCTET | FLAG_MASKED | FLAG_PARTIAL;

/** The most bytes that the codec can count. */
const MOST_INFLATED = 0xffff_ffff;

/**
 * Turns the bytes of one connection into messages and control frames (RFC 6455 §5, §6.2). It knows no socket: the inbox
 * gives it parts of the codec's window, each costs one scan, and it reports to its sink.
 */
export class FrameReceiver implements FrameRules {
  lenientLengths = false;
  role: Role = 'server';
  inflates = false;
  /** Whether the first fragment of a message has arrived and the last has not. */
  fragmented = false;
  compressed = false;

  readonly #codec: Codec;
  /** Gets the reports. */
  sink: ReceiverSink;
  options: ReceiverOptions;
  /** The most bytes of one message: `maxPayload`, but never more than one Buffer can hold. */
  #maxMessage = 0;
  /** The most bytes of one Text message: if it becomes a string, never more than one string can hold. */
  #maxText = 0;
  /** The flags of a Binary message in one frame, masked as the role demands. One less is Text. */
  #plainBinary = 0;

  #discarding = false;
  #stopped = false;

  /** The bytes of a header whose rest has not arrived. */
  #cutHeader: Buffer | null = null;

  // The frame of whose payload a part is still missing.
  #remaining = 0;
  #firstOctet = 0;
  #masked = false;
  #key = 0;
  #phase = 0;
  #pieces = 0;
  #control: MessageBuffer | null = null;

  // The message that is arriving.
  #opcode = 0;
  #message: MessageBuffer | null = null;
  /** Bytes that the headers of the message have declared so far. */
  #announced = 0;
  #fragments = 0;
  #utf8State = 0;

  constructor(codec: Codec, sink: ReceiverSink, options: ReceiverOptions) {
    this.#codec = codec;
    this.sink = sink;
    this.options = options;
    this.#configure(options);
  }

  /** Prepares an idle receiver for another connection. */
  reset(sink: ReceiverSink, options: ReceiverOptions): void {
    this.sink = sink;
    if (options === this.options) return;
    this.options = options;
    this.#configure(options);
  }

  #configure(options: ReceiverOptions): void {
    this.role = options.role;
    this.lenientLengths = options.lenientLengths;
    this.inflates = options.inflater !== null;
    this.#maxMessage = Math.min(options.maxPayload, constants.MAX_LENGTH);
    this.#maxText = options.textAs === 'string' ? constants.MAX_STRING_LENGTH : constants.MAX_LENGTH;
    this.#plainBinary = options.raw ? -1 : FIN | Opcode.Binary | (options.role === 'server' ? FLAG_MASKED : 0);
  }

  /** By how many bytes the message that is arriving may still grow. */
  get room(): number {
    return this.#maxMessage - this.#announced;
  }

  get compressedRoom(): number {
    // Incompressible data gets a little longer, by the headers of stored blocks.
    return this.room + Math.floor(this.#maxMessage / 16) + 1024;
  }

  /** Whether part of a frame or of a fragmented message has arrived and the rest has not. */
  get midMessage(): boolean {
    return this.fragmented || this.#remaining > 0 || this.#cutHeader !== null;
  }

  /** Whether it is in its initial state, so that another connection may use it. */
  get isIdle(): boolean {
    return !this.midMessage && !this.#discarding;
  }

  /** How many bytes of the unfinished message have arrived. */
  get messageBytes(): number {
    return this.#announced - (this.#control === null ? this.#remaining : 0);
  }

  /** Makes the current `receive` return before the next frame. */
  stop(): void {
    this.#stopped = true;
  }

  /** Discards whatever still arrives: the connection has failed, or the peer's Close has arrived. */
  discard(): void {
    this.#discarding = true;
    this.#cutHeader = null;
    this.#message = null;
    this.#control = null;
    this.fragmented = false;
    this.#announced = 0;
    this.#remaining = 0;
  }

  /**
   * Takes the bytes `[start, end)` of the codec's window, which follow those taken before. There must be room for a
   * header before `start`.
   *
   * @param onlyControl stop before the first frame that is not a whole control frame
   * @returns where it stopped. This is less than `end` if the frame table was full, `stop` was called, or `onlyControl`
   *   applied; the bytes from there on are as they arrived, and the caller must give them again
   */
  receive(start: number, end: number, onlyControl = false): number {
    this.#stopped = false;
    if (this.#discarding) return end;
    if (onlyControl && this.#isWithinData()) return start;
    if (this.#remaining > 0) {
      start = this.#receiveRest(start, end);
      if (this.#discarding) return end;
      if (start === end || this.#stopped) return start;
    }
    const begin = start;
    if (this.#cutHeader !== null) start = this.#restoreHeader(start);
    const stop = this.#receiveFrames(start, end, onlyControl);
    if (stop >= begin) return stop;
    // It stopped before the frame whose header was cut off.
    this.#cutHeaderAt(stop, begin - stop);
    return begin;
  }

  /** Whether the next byte belongs to a data frame of which a part has arrived. */
  #isWithinData(): boolean {
    if (this.#remaining > 0) return this.#control === null;
    return this.#cutHeader !== null && (this.#cutHeader[0] & CONTROL_BIT) === 0;
  }

  #receiveFrames(start: number, end: number, onlyControl: boolean): number {
    const words = this.#codec.words;
    const rows = this.#codec.scan(start, end);
    const stop = words[SCAN_END];
    const tableEnd = FRAME_TABLE + rows * FRAME_WORDS;
    beginOwnedPayloads();
    if (rows > 1) this.sink.onBatchBegin();

    let frameStart = start;
    for (let row = FRAME_TABLE; row < tableEnd; row += FRAME_WORDS) {
      if (this.#stopped || (onlyControl && !isWholeControl(words, row)))
        return this.#putBack(row, tableEnd, frameStart);
      const payloadStart = words[row + ROW_START];
      frameStart = payloadStart + words[row + ROW_PRESENT];
      if (this.#isPlainMessage(words, row)) {
        this.#deliverFromWindow(words[row + ROW_FLAGS], payloadStart, frameStart, stop);
      } else {
        this.#receiveFrame(words, row, payloadStart, frameStart, stop);
      }
      if (this.#discarding) return end;
    }
    return this.#cutHeader === null ? stop : end;
  }

  /** Whether the row is a whole, valid message in one frame, so that no other rule needs a look. */
  #isPlainMessage(words: Uint32Array, row: number): boolean {
    const flags = words[row + ROW_FLAGS];
    const kind = flags & KIND;
    if (kind !== this.#plainBinary && kind + 1 !== this.#plainBinary) return false;
    const length = words[row + ROW_LENGTH_LO];
    if (length !== words[row + ROW_PRESENT] || words[row + ROW_LENGTH_HI] !== 0) return false;
    const length7 = (flags >>> LENGTH7_SHIFT) & 0x7f;
    const minimal = length7 < 126 || length > (length7 === 126 ? 125 : 0xffff);
    return minimal && length <= this.#maxMessage && !this.fragmented;
  }

  #deliverFromWindow(flags: number, start: number, end: number, stop: number): void {
    const ascii = (flags & FLAG_NON_ASCII) === 0;
    if (!deliverFrom(this.#codec, this.sink, this.options, flags & OPCODE_MASK, ascii, start, end, stop)) {
      this.#fail(FAULT.INVALID_UTF8);
    }
  }

  /** Judges a frame that is not a plain message, by all rules. */
  #receiveFrame(words: Uint32Array, row: number, start: number, end: number, stop: number): void {
    const fault = judgeFrame(words, row, this);
    const flags = words[row + ROW_FLAGS];
    if (fault !== null) return this.#fail(fault, flags, payloadLength(words, row));
    if ((flags & FLAG_PARTIAL) !== 0) return this.#cutHeaderAt(start, flags >>> HEADER_OCTETS_SHIFT);

    const length = payloadLength(words, row);
    if ((flags & CONTROL_BIT) !== 0) {
      if (end - start === length) {
        this.sink.onControl(flags & OPCODE_MASK, ownedPayload(this.#codec.bytes, start, end, stop));
        return;
      }
      this.#control = new MessageBuffer();
    } else if ((flags & RSV1) !== 0 && (flags & FIN) !== 0 && end - start === length) {
      return this.#inflate(flags & OPCODE_MASK, start, end);
    } else if (!this.#beginDataFrame(flags, length)) {
      return;
    }
    this.#firstOctet = flags & FLAG_FIRST_OCTET;
    this.#masked = (flags & FLAG_MASKED) !== 0;
    this.#key = words[row + ROW_KEY];
    this.#phase = 0;
    this.#pieces = 0;
    this.#remaining = length;
    this.#addPiece(start, end, (flags & FLAG_NON_ASCII) === 0 || this.options.skipUtf8);
  }

  #beginDataFrame(flags: number, length: number): boolean {
    const opcode = flags & OPCODE_MASK;
    if (opcode !== Opcode.Cont) {
      this.#opcode = opcode;
      this.#fragments = 0;
      this.compressed = (flags & RSV1) !== 0;
    }
    if (++this.#fragments > this.options.maxFragments) {
      this.#fail(FAULT.TOO_MANY_FRAGMENTS);
      return false;
    }
    this.#announced += length;
    if (this.#opcode === Opcode.Text && this.#announced > this.#maxText && !this.compressed) {
      this.#fail(FAULT.MESSAGE_TOO_BIG);
      return false;
    }
    this.#message ??= new MessageBuffer(!this.compressed && lendsBytes(this.options, this.#opcode));
    this.fragmented = (flags & FIN) === 0;
    return true;
  }

  /** Takes more of a payload whose first part arrived earlier. */
  #receiveRest(start: number, end: number): number {
    const stop = Math.min(end, start + this.#remaining);
    if (this.#masked) this.#codec.mask(start, stop, this.#key, this.#phase);
    this.#addPiece(start, stop, this.options.skipUtf8);
    return stop;
  }

  /** Adds a part, already unmasked, of the payload of the unfinished frame. */
  #addPiece(start: number, end: number, ascii: boolean): void {
    this.#remaining -= end - start;
    this.#phase = (this.#phase + end - start) & 3;
    if (++this.#pieces > this.options.maxPieces) return this.#fail(FAULT.TOO_MANY_PIECES);
    const payload = this.#control ?? this.#message!;
    const isText = this.#control === null && this.#opcode === Opcode.Text && !this.compressed;
    if (isText && !(ascii && this.#utf8State === 0)) {
      this.#utf8State = this.#codec.validateUtf8(start, end, this.#utf8State);
      // §8.1. The first invalid byte fails the connection; the end of the message need not be waited for.
      if (this.#utf8State === UTF8_INVALID) return this.#fail(FAULT.INVALID_UTF8);
    }
    // After a fragment others may follow, up to the limit.
    const isLast = this.#reportsFrames() || (this.#firstOctet & FIN) !== 0;
    const room = this.compressed ? this.compressedRoom : this.room;
    const toCome = isLast ? this.#remaining : this.#remaining + room;
    if (!payload.append(this.#codec.bytes, start, end, toCome)) return this.#fail(FAULT.MESSAGE_TOO_BIG);
    if (this.#remaining > 0) return;
    if (this.#control === null) this.#endDataFrame(payload);
    else this.#endControlFrame(payload);
  }

  #endControlFrame(payload: MessageBuffer): void {
    this.#control = null;
    this.sink.onControl(this.#firstOctet & OPCODE_MASK, payload.take());
  }

  #endDataFrame(message: MessageBuffer): void {
    const fin = (this.#firstOctet & FIN) !== 0;
    const reportsFrames = this.#reportsFrames();
    if (reportsFrames) this.#message = null;
    if (!fin) {
      if (reportsFrames) this.sink.onFrame(fin, this.#firstOctet & OPCODE_MASK, message.take());
      else this.sink.onFragment();
      return;
    }
    // §5.6: "the whole message MUST contain valid UTF-8", so it may not end in the middle of a code point.
    if (this.#utf8State !== 0) return this.#fail(FAULT.INVALID_UTF8);
    const opcode = this.#opcode;
    this.#message = null;
    this.#announced = 0;
    if (message.isLent) return message.lend((payload) => reportMessage(this.sink, this.options, opcode, payload));
    const payload = message.take();
    if (reportsFrames) this.sink.onFrame(fin, this.#firstOctet & OPCODE_MASK, payload);
    else if (this.compressed) this.#inflateGathered(opcode, payload);
    else reportMessage(this.sink, this.options, opcode, payload);
  }

  /**
   * Whether frames are reported instead of messages: in raw mode, but not for a compressed message, whose frames mean
   * nothing by themselves.
   */
  #reportsFrames(): boolean {
    return this.options.raw && !this.compressed;
  }

  /** RFC 7692 §7.2.2: inflates a message of one frame where it lies. */
  #inflate(opcode: number, start: number, end: number): void {
    const { options, sink } = this;
    this.#onInflated(inflateFrom(this.#codec, sink, options, opcode, start, end, this.#mostOf(opcode)));
  }

  /** Inflates a message that came in pieces. */
  #inflateGathered(opcode: number, payload: Buffer): void {
    const { options, sink } = this;
    this.compressed = false;
    this.#onInflated(inflateGathered(this.#codec, sink, options, opcode, payload, this.#mostOf(opcode)));
  }

  #onInflated(outcome: InflationOutcome): void {
    if (outcome === null) return;
    if (!(outcome instanceof LongMessage)) return this.#fail(outcome);
    this.stop();
    this.sink.onLongMessage(outcome);
  }

  /** The most bytes that a compressed message may have. */
  #mostOf(opcode: number): number {
    const most = opcode === Opcode.Text ? Math.min(this.#maxMessage, this.#maxText) : this.#maxMessage;
    return Math.min(most, MOST_INFLATED);
  }

  #fail(fault: Fault, flags = 0, length = 0): void {
    this.discard();
    this.sink.onFault(fault, flags, length);
  }

  #cutHeaderAt(start: number, length: number): void {
    this.#cutHeader = Buffer.allocUnsafeSlow(length);
    this.#codec.bytes.copy(this.#cutHeader, 0, start, start + length);
  }

  #restoreHeader(start: number): number {
    const cut = this.#cutHeader!;
    this.#cutHeader = null;
    start -= cut.length;
    cut.copy(this.#codec.bytes, start);
    return start;
  }

  /** Masks again what the scan unmasked from this row on, so that the bytes are as they arrived. */
  #putBack(row: number, tableEnd: number, frameStart: number): number {
    const { words } = this.#codec;
    for (; row < tableEnd; row += FRAME_WORDS) {
      if ((words[row + ROW_FLAGS] & FLAG_MASKED) === 0) continue;
      const start = words[row + ROW_START];
      this.#codec.mask(start, start + words[row + ROW_PRESENT], words[row + ROW_KEY], 0);
    }
    return frameStart;
  }
}

function isWholeControl(words: Uint32Array, row: number): boolean {
  const flags = words[row + ROW_FLAGS];
  const isControl = (flags & CONTROL_BIT) !== 0 && (flags & FLAG_PARTIAL) === 0;
  return isControl && words[row + ROW_PRESENT] === payloadLength(words, row);
}

/** Idle receivers to keep. A connection between two messages needs none, and on a large server most are. */
const KEPT = 16;

const idle: FrameReceiver[] = [];

/** The sink of an idle receiver. */
const NO_SINK: ReceiverSink = {
  onBatchBegin() {},
  onMessage() {},
  onControl() {},
  onFragment() {},
  onFrame() {},
  onFault() {},
  onLongMessage() {},
};

/**
 * Gets a receiver in its initial state, for a connection that has bytes to handle.
 *
 * @param codec the same in every call
 */
export function takeReceiver(codec: Codec, sink: ReceiverSink, options: ReceiverOptions): FrameReceiver {
  const receiver = idle.pop();
  if (receiver === undefined) return new FrameReceiver(codec, sink, options);
  receiver.reset(sink, options);
  return receiver;
}

/** Returns an idle receiver, for another connection to use. */
export function giveReceiverBack(receiver: FrameReceiver): void {
  receiver.sink = NO_SINK;
  if (idle.length < KEPT) idle.push(receiver);
}
