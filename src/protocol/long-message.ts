import { Buffer } from 'node:buffer';
import {
  type Codec,
  INFLATE_FULL,
  INFLATE_INVALID,
  INFLATE_PAUSED,
  INFLATE_TOO_LONG,
  UTF8_INVALID,
} from '../codec/codec.js';
import {
  INFLATE_OUT,
  INFLATE_OUT_SIZE,
  INFLATE_STATE,
  INFLATE_TAKEN,
  SCRATCH_SIZE,
  SCRATCH_START,
} from '../codec/memory-map.js';
import { FAULT, type Fault } from './faults.js';
import { allocate } from './message-buffer.js';
import { Opcode } from './opcode.js';
import type { InflatedInSteps, MessageInflater, ReceiverOptions, ReceiverSink } from './receiver-options.js';
import { reportMessage } from './whole-message.js';

/** The most bytes that one step inflates: it takes well below a millisecond. */
const STEP_BYTES = 2 * INFLATE_OUT_SIZE;

/** The message whose state lies in the codec's memory; `null` if that state is no longer needed. */
let resident: LongMessage | null = null;

/** The fault of the peer for `INFLATE_TOO_LONG` and `INFLATE_INVALID`. */
export function inflationFault(outcome: number): Fault {
  return outcome === INFLATE_TOO_LONG ? FAULT.MESSAGE_TOO_BIG : FAULT.INVALID_DEFLATE;
}

/**
 * A compressed message that does not fit into the codec's output area, or came in more bytes than its input area has.
 * It is inflated in steps. Between them, other connections have their turns, and other messages may be inflated.
 */
export class LongMessage implements InflatedInSteps {
  readonly opcode: number;
  readonly #codec: Codec;
  readonly #inflater: MessageInflater;
  readonly #options: ReceiverOptions;
  readonly #most: number;
  readonly #checksUtf8: boolean;
  #input: Buffer;
  #taken = 0;
  #begun: boolean;
  /** A copy of the codec's memory, while another message is inflated. */
  #saved: Buffer | null = null;
  #portions: Buffer[] = [];
  #length = 0;
  #utf8State = 0;
  #isInflated = false;
  /** The message, as far as it is joined. */
  #payload: Buffer | null = null;
  #joined = 0;
  /** Why the connection fails; `null` unless the peer broke a rule. */
  fault: Fault | null = null;

  /** Begins to inflate a message. @returns as `inflate` of the codec */
  static begin(inflater: MessageInflater, start: number, end: number, most: number): number {
    if (resident !== null) resident.#save();
    return inflater.inflate(start, end, most, false);
  }

  /**
   * @param input the bytes that were not inflated yet
   * @param begun whether `begin` was just called for it
   * @param isFull whether that has filled the output area
   */
  constructor(
    codec: Codec,
    opcode: number,
    input: Buffer,
    most: number,
    options: ReceiverOptions,
    begun: boolean,
    isFull = begun,
  ) {
    this.opcode = opcode;
    this.#codec = codec;
    this.#inflater = options.inflater!;
    this.#options = options;
    this.#most = most;
    this.#checksUtf8 = opcode === Opcode.Text && !options.skipUtf8;
    this.#input = input;
    this.#begun = begun;
    if (!begun) return;
    resident = this;
    if (isFull) this.#take(INFLATE_OUT_SIZE);
  }

  /** Whether the message is whole, or there is a fault. */
  get hasEnded(): boolean {
    return this.fault !== null || (this.#payload !== null && this.#joined === this.#portions.length);
  }

  /** Goes on for a part of a millisecond. */
  step(): void {
    // The codec without WebAssembly has already inflated all of it.
    const most = this.#codec.kind === 'ts' ? Number.POSITIVE_INFINITY : STEP_BYTES;
    for (let done = 0; done < most && !this.#isInflated && this.fault === null; done += INFLATE_OUT_SIZE)
      this.#inflate();
    // Joining costs a tenth of inflating.
    for (let done = 0; done < 4 * most && this.#isInflated && !this.hasEnded; done += INFLATE_OUT_SIZE) this.#join();
  }

  /** Reports the message to the sink. */
  report(sink: ReceiverSink): void {
    reportMessage(sink, this.#options, this.opcode, this.#payload!, true);
  }

  /** Forgets the message. */
  discard(): void {
    if (resident === this) resident = null;
    this.fault ??= FAULT.INVALID_DEFLATE;
  }

  /** Inflates until the output area is full, the message ends, or it is time for others. */
  #inflate(): void {
    this.#restore();
    for (;;) {
      const size = Math.min(SCRATCH_SIZE, this.#input.length - this.#taken);
      const goesOn = this.#taken + size < this.#input.length;
      this.#input.copy(this.#codec.bytes, SCRATCH_START, this.#taken, this.#taken + size);
      const end = SCRATCH_START + size;
      const outcome = this.#begun
        ? this.#codec.inflateMore(SCRATCH_START, end, goesOn)
        : this.#inflater.inflate(SCRATCH_START, end, this.#most, goesOn);
      this.#begun = true;
      if (outcome === INFLATE_TOO_LONG || outcome === INFLATE_INVALID) return this.#fail(inflationFault(outcome));
      if (outcome >= 0) return this.#end(outcome);
      this.#taken += this.#codec.words[INFLATE_TAKEN];
      if (outcome === INFLATE_FULL) return this.#take(INFLATE_OUT_SIZE);
      if (outcome === INFLATE_PAUSED) return;
    }
  }

  #take(length: number): void {
    const { bytes } = this.#codec;
    const end = INFLATE_OUT + length;
    if (this.#checksUtf8) {
      this.#utf8State = this.#codec.validateUtf8(INFLATE_OUT, end, this.#utf8State);
      // RFC 6455 §8.1. The first invalid byte fails the connection; the end of the message need not be waited for.
      if (this.#utf8State === UTF8_INVALID) return this.#fail(FAULT.INVALID_UTF8);
    }
    const portion = allocate(length);
    if (portion === null) return this.#fail(FAULT.MESSAGE_TOO_BIG);
    bytes.copy(portion, 0, INFLATE_OUT, end);
    this.#portions.push(portion);
    this.#length += length;
  }

  #end(length: number): void {
    resident = null;
    this.#inflater.finish(length, this.#length + length);
    this.#take(length);
    if (this.fault !== null) return;
    if (this.#utf8State !== 0) return this.#fail(FAULT.INVALID_UTF8);
    this.#isInflated = true;
    this.#input = this.#portions[0];
  }

  /** Copies the next portion to its place. */
  #join(): void {
    this.#payload ??= allocate(this.#length);
    if (this.#payload === null) return this.#fail(FAULT.MESSAGE_TOO_BIG);
    const portion = this.#portions[this.#joined];
    portion.copy(this.#payload, this.#joined * INFLATE_OUT_SIZE);
    this.#portions[this.#joined++] = this.#payload;
  }

  #fail(fault: Fault): void {
    if (resident === this) resident = null;
    this.fault = fault;
    this.#portions = [];
  }

  #restore(): void {
    if (resident === this) return;
    if (resident !== null) resident.#save();
    resident = this;
    this.#saved?.copy(this.#codec.bytes, INFLATE_STATE);
    this.#saved = null;
  }

  #save(): void {
    const end = INFLATE_OUT + INFLATE_OUT_SIZE;
    this.#saved = Buffer.allocUnsafeSlow(end - INFLATE_STATE);
    this.#codec.bytes.copy(this.#saved, 0, INFLATE_STATE, end);
    resident = null;
  }
}
