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
import { viewOf } from './bytes.js';
import { FAULT, type Fault } from './errors.js';
import { type FrameRules, judgeFrame, payloadLength, type Role } from './frame-rules.js';
import { MessageBuffer } from './message-buffer.js';
import { CONTROL_BIT, FIN, OPCODE_MASK, Opcode } from './opcode.js';
import { beginOwnedPayloads, ownedPayload } from './owned-payload.js';
import type { ReceiverOptions, ReceiverSink } from './receiver-options.js';

/** All bits of a row's flags that the rules for a plain unfragmented message look at, but for the length. */
const KIND = FLAG_FIRST_OCTET | FLAG_MASKED | FLAG_PARTIAL;

/**
 * Turns the bytes of one connection into messages and control frames (RFC 6455 §5, §6.2). Knows no socket: it is given
 * parts of the codec's window and reports to its sink, one scan of the codec each time.
 */
export class FrameReceiver implements FrameRules {
  lenientLengths = false;
  role: Role = 'server';
  /** Whether the first fragment of a message was received, and the last was not. */
  fragmented = false;

  readonly #codec: Codec;
  /** Where it reports to. */
  sink: ReceiverSink;
  options: ReceiverOptions;
  /** Bytes of one message: `maxPayload`, but never more than one Buffer can hold. */
  #maxMessage = 0;
  /** Bytes of one Text message: never more than one string can hold, if it is to be one. */
  #maxText = 0;
  /** Flags of a Binary message in one frame, masked as the role demands; one less is Text. */
  #plainBinary = 0;

  #discarding = false;
  #stopped = false;

  /** Bytes of a header that a read cut in two. */
  #cutHeader: Buffer | null = null;

  // The frame whose payload is still to come in part.
  #remaining = 0;
  #firstOctet = 0;
  #masked = false;
  #key = 0;
  #phase = 0;
  #pieces = 0;
  #control: MessageBuffer | null = null;

  // The message under way.
  #opcode = 0;
  #message: MessageBuffer | null = null;
  /** Bytes that the headers of the message have announced. */
  #announced = 0;
  #fragments = 0;
  #utf8State = 0;

  constructor(codec: Codec, sink: ReceiverSink, options: ReceiverOptions) {
    this.#codec = codec;
    this.sink = sink;
    this.options = options;
    this.#configure(options);
  }

  /** Makes an idle receiver one of another connection. */
  reset(sink: ReceiverSink, options: ReceiverOptions): void {
    this.sink = sink;
    if (options === this.options) return;
    this.options = options;
    this.#configure(options);
  }

  #configure(options: ReceiverOptions): void {
    this.role = options.role;
    this.lenientLengths = options.lenientLengths;
    this.#maxMessage = Math.min(options.maxPayload, constants.MAX_LENGTH);
    this.#maxText = options.textAs === 'string' ? constants.MAX_STRING_LENGTH : constants.MAX_LENGTH;
    this.#plainBinary = options.raw ? -1 : FIN | Opcode.Binary | (options.role === 'server' ? FLAG_MASKED : 0);
  }

  /** Bytes that the message under way may still grow by. */
  get room(): number {
    return this.#maxMessage - this.#announced;
  }

  /** Whether part of a frame or of a fragmented message has arrived, and the rest has not. */
  get midMessage(): boolean {
    return this.fragmented || this.#remaining > 0 || this.#cutHeader !== null;
  }

  /** Whether it is as it was when it was made. */
  get isIdle(): boolean {
    return !this.midMessage && !this.#discarding;
  }

  /** Bytes of the message under way that have arrived. */
  get messageBytes(): number {
    return this.#announced - (this.#control === null ? this.#remaining : 0);
  }

  /** Makes the `receive` under way return before the next frame. */
  stop(): void {
    this.#stopped = true;
  }

  /** Discards all that is still to come: the connection has failed, or the peer's Close was received. */
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
   * Takes the bytes `[start, end)` of the codec's window, which follow those taken before; in front of `start` there is
   * room for a header.
   *
   * @param onlyControl stop before the first frame that is not a whole control frame
   * @returns where it stopped: bytes from there on are as they came and are to be given again. Less than `end` if the
   *   frame table was full, if `stop` was called, or if only control frames are wanted
   */
  receive(start: number, end: number, onlyControl = false): number {
    this.#stopped = false;
    if (this.#discarding) return end;
    if (onlyControl && this.#isWithinData) return start;
    if (this.#remaining > 0) {
      start = this.#receiveRest(start, end);
      if (this.#discarding) return end;
      if (start === end || this.#stopped) return start;
    }
    const begin = start;
    if (this.#cutHeader !== null) start = this.#restoreHeader(start);
    const stop = this.#receiveFrames(start, end, onlyControl);
    if (stop >= begin) return stop;
    // The header stays cut.
    this.#cutHeaderAt(stop, begin - stop);
    return begin;
  }

  /** Whether what comes next belongs to a data frame of which part has come. */
  get #isWithinData(): boolean {
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

  /** Whether the row is a valid message in one frame that is present whole: then no other rule can be broken. */
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
    const opcode = flags & OPCODE_MASK;
    if (opcode === Opcode.Binary) return this.sink.onMessage(opcode, this.#payload(start, end, stop));
    const ascii = (flags & FLAG_NON_ASCII) === 0 || this.options.skipUtf8;
    // §8.1: text that is not UTF-8 fails the connection.
    if (!ascii && this.#codec.validateUtf8(start, end, 0) !== 0) return this.#fail(FAULT.INVALID_UTF8);
    if (this.options.textAs === 'bytes') return this.sink.onMessage(opcode, this.#payload(start, end, stop));
    const codec = this.#codec;
    const text = ascii ? codec.bytes.toString('latin1', start, end) : codec.utf8String(start, end);
    this.sink.onMessage(opcode, text);
  }

  #payload(start: number, end: number, stop: number): Buffer {
    if (this.options.zeroCopy) return viewOf(this.#codec.memory, start, end - start);
    return ownedPayload(this.#codec.bytes, start, end, stop, this.options.awaited);
  }

  /** Any frame but a plain message: judged by all rules. */
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
    }
    if (++this.#fragments > this.options.maxFragments) {
      this.#fail(FAULT.TOO_MANY_FRAGMENTS);
      return false;
    }
    this.#announced += length;
    if (this.#opcode === Opcode.Text && this.#announced > this.#maxText) {
      this.#fail(FAULT.MESSAGE_TOO_BIG);
      return false;
    }
    this.#message ??= new MessageBuffer();
    this.fragmented = (flags & FIN) === 0;
    return true;
  }

  /** Takes what has come of the payload whose first part came earlier. */
  #receiveRest(start: number, end: number): number {
    const stop = Math.min(end, start + this.#remaining);
    if (this.#masked) this.#codec.mask(start, stop, this.#key, this.#phase);
    this.#addPiece(start, stop, this.options.skipUtf8);
    return stop;
  }

  /** A part, already unmasked, of the payload of the frame under way. */
  #addPiece(start: number, end: number, ascii: boolean): void {
    this.#remaining -= end - start;
    this.#phase = (this.#phase + end - start) & 3;
    if (++this.#pieces > this.options.maxPieces) return this.#fail(FAULT.TOO_MANY_PIECES);
    const payload = this.#control ?? this.#message!;
    if (this.#control === null && this.#opcode === Opcode.Text && !(ascii && this.#utf8State === 0)) {
      this.#utf8State = this.#codec.validateUtf8(start, end, this.#utf8State);
      // §8.1, at the first byte that cannot be right: no need to wait for the end of the message.
      if (this.#utf8State === UTF8_INVALID) return this.#fail(FAULT.INVALID_UTF8);
    }
    // Behind a fragment others may come, up to the limit.
    const isLast = this.options.raw || (this.#firstOctet & FIN) !== 0;
    const toCome = isLast ? this.#remaining : this.#remaining + this.room;
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
    if (this.options.raw) this.#message = null;
    if (!fin) {
      if (this.options.raw) this.sink.onFrame(fin, this.#firstOctet & OPCODE_MASK, message.take());
      return;
    }
    // §5.6: "the whole message MUST contain valid UTF-8", so it may not end within a code point.
    if (this.#utf8State !== 0) return this.#fail(FAULT.INVALID_UTF8);
    const opcode = this.#opcode;
    this.#message = null;
    this.#announced = 0;
    const payload = message.take();
    if (this.options.raw) this.sink.onFrame(fin, this.#firstOctet & OPCODE_MASK, payload);
    else if (opcode === Opcode.Text && this.options.textAs === 'string') {
      this.sink.onMessage(opcode, payload.toString('utf8'));
    } else this.sink.onMessage(opcode, payload);
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

  /** Masks again what the scan unmasked from this row on, so that the bytes are as they came. */
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

/** Idle receivers that are kept: a connection that has nothing under way needs none, and most of a large server are such. */
const KEPT = 16;

const idle: FrameReceiver[] = [];

/** Stands for no connection. */
const NOBODY: ReceiverSink = { onBatchBegin() {}, onMessage() {}, onControl() {}, onFrame() {}, onFault() {} };

/** A receiver in its first state, for a connection that has something to receive. @param codec the same in each call */
export function takeReceiver(codec: Codec, sink: ReceiverSink, options: ReceiverOptions): FrameReceiver {
  const receiver = idle.pop();
  if (receiver === undefined) return new FrameReceiver(codec, sink, options);
  receiver.reset(sink, options);
  return receiver;
}

/** Gives back a receiver that is idle. */
export function giveReceiverBack(receiver: FrameReceiver): void {
  receiver.sink = NOBODY;
  if (idle.length < KEPT) idle.push(receiver);
}
