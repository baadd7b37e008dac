import type { Buffer } from 'node:buffer';
import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';
import { MAX_FRAME_HEADER, WINDOW_START } from '../../codec/memory-map.js';
import { codec } from '../../codec/select.js';
import { inSteps } from '../../deflate/in-steps.js';
import { type FrameReceiver, giveReceiverBack, takeReceiver } from '../../protocol/frame-receiver.js';
import { MAX_CONTROL_PAYLOAD } from '../../protocol/opcode.js';
import type { InflatedInSteps, ReceiverOptions, ReceiverSink } from '../../protocol/receiver-options.js';
import { claimWindow, copyToWindow, releaseWindow, windowIsClaimed } from '../transport/receive-window.js';
import type { ReadEvents, Transport } from '../transport/transport.js';
import { Reserve } from './reserve.js';

/** If at least this many bytes wait, the transport has to stop. The read that fills the reserve comes on top. */
export const RESERVE_BYTES = 65_536;
/** If more bytes than this wait and do not begin with a whole control frame, they begin with a data frame. */
const LONGEST_CONTROL_FRAME = MAX_FRAME_HEADER + MAX_CONTROL_PAYLOAD;
/** Milliseconds for which one connection may hold up the others. */
const MAX_TURN = 8;
/** The most messages between two looks at the clock. A look costs about as much as a short message. */
const MAX_STRIDE = 16;

// The current turn. There is one at a time, because all connections of the thread share the window.
let messagesOfTurn = 0;
let nextLook = Number.POSITIVE_INFINITY;
let turnBegan = 0;

/** What the inbox tells its connection. */
export interface InboxEvents extends ReceiverSink {
  /** Whether control frames that come before the next message are handled while paused. */
  readonly answersWhilePaused: boolean;
  /** Bytes have arrived. */
  onRead(length: number): void;
  /** Frames will be handled now. */
  onTurnBegin(): void;
  onTurnEnd(): void;
  /** The peer will send no more, and everything it sent is handled. */
  onInputEnd(): void;
  /** The transport is closed, and everything it brought is handled. The last call. */
  onInputClose(): void;
  /** A handler threw `error`. */
  onThrow(error: unknown): void;
  /** Runs `act` in the async context of the connection. */
  runInAsyncScope(act: () => void): void;
}

/**
 * What one connection has received and not yet handled. Normally that is nothing: bytes are handled where the transport
 * puts them. Bytes wait in the reserve, as they arrived, while the connection is paused, while another connection walks
 * the window, and if they hold more frames than one turn handles. Order, pause and the bound hold whatever makes the
 * socket read: each read comes through here, and the answer tells the transport again to stop.
 */
export class Inbox implements ReadEvents {
  readonly #transport: Transport;
  readonly #events: InboxEvents;
  /** A change takes effect with the next message. */
  options: ReceiverOptions;
  /** `null` between two messages. */
  #receiver: FrameReceiver | null = null;
  /** Bytes that have arrived, handled or not. */
  receivedBytes = 0;
  /** `null` while nothing waits. */
  #reserve: Reserve | null = null;
  /** A compressed message that is inflated in steps; `null` nearly always. Everything after it waits. */
  #long: InflatedInSteps | null = null;
  #scheduled = false;
  #paused = false;
  /** Its rate limit is reached. */
  #held = false;
  /** While paused, whether a data frame comes next, so that nothing can be handled. */
  #isDataNext = false;
  #started = false;
  /** The transport was told to stop. */
  #stopped = false;
  #discarding = false;
  /** How the input has ended. It is reported once everything before it is handled. */
  #end: 'input end' | 'close' | null = null;

  constructor(transport: Transport, events: InboxEvents, options: ReceiverOptions) {
    this.#transport = transport;
    this.#events = events;
    this.options = options;
  }

  /** Whether part of a frame or of a fragmented message has arrived and the rest has not. */
  get midMessage(): boolean {
    return this.#receiver?.midMessage ?? false;
  }

  /** Whether the first fragment of a message has arrived and the last has not. */
  get fragmented(): boolean {
    return this.#receiver?.fragmented ?? false;
  }

  /** How many bytes of the unfinished message have arrived. */
  get messageBytes(): number {
    return this.#receiver?.messageBytes ?? 0;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Whether its rate limit keeps it from reading. */
  get isHeld(): boolean {
    return this.#held;
  }

  /** Whether everything received is handled. */
  get isEmpty(): boolean {
    return this.#reserve === null && this.#long === null;
  }

  /** Whether we are paused or have unhandled bytes: the peer may have said more than we know. */
  get isHeldUp(): boolean {
    return this.#paused || this.#held || !this.isEmpty;
  }

  /** Starts reading. */
  start(): void {
    this.#transport.start();
    this.#started = true;
    this.#stopped = this.#paused || this.#held || !this.#hasRoom();
    if (!this.#stopped) this.#transport.resume();
  }

  /** Stops before the next message, even within a read. Reading continues until the reserve is full. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#isDataNext = false;
    this.#receiver?.stop();
    this.#schedule();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#schedule();
    this.#readOn();
  }

  /** Stops before the next frame, even within a read, and reads no more. */
  hold(): void {
    this.#held = true;
    this.#receiver?.stop();
  }

  /** Undoes `hold`. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#schedule();
    this.#readOn();
  }

  /** Discards whatever still arrives: the connection has failed, or the peer's Close has arrived. */
  discard(): void {
    if (this.#discarding) return;
    this.#discarding = true;
    this.#receiver?.discard();
    if (this.isEmpty) return;
    this.#reserve = null;
    this.#long?.discard();
    this.#long = null;
    // An end that waited for the reserve may be due now, but not while the window is walked.
    setImmediate(() => this.#onHandled());
  }

  /** The turn has several frames, so its time is limited. */
  onBatchBegin(): void {
    turnBegan = performance.now();
    nextLook = 1;
  }

  /**
   * Counts a handled message, and ends the turn if it has taken too long. Looks at the clock after the first message,
   * and then after as many as should fit into the turn at the pace so far, but 16 at most.
   */
  countMessage(): void {
    if (++messagesOfTurn < nextLook) return;
    const elapsed = performance.now() - turnBegan;
    if (elapsed > MAX_TURN) return this.#receiver?.stop();
    const fitting = ((MAX_TURN - elapsed) * messagesOfTurn) / elapsed;
    nextLook = messagesOfTurn + (fitting < MAX_STRIDE ? Math.ceil(fitting) : MAX_STRIDE);
  }

  /** The peer sent FIN. The bytes that wait here were sent before it. */
  onEnd(): void {
    this.#end ??= 'input end';
    this.#tellEnd();
    // If it was really an RST, the transport reports that at once, even while bytes wait.
    if (!this.isEmpty) this.#transport.probe();
  }

  /** The transport is closed. The bytes that wait here arrived before that. */
  onClose(): void {
    this.#end = 'close';
    this.#tellEnd();
  }

  /** Takes the first `length` bytes of the window. @returns whether to read on */
  onWindow(length: number): boolean {
    this.#countRead(length);
    const end = WINDOW_START + length;
    if (this.#mustWait()) this.#keep(codec.bytes, WINDOW_START, end);
    else {
      const stop = this.#receive(end, false);
      if (stop < end) this.#putBack(codec.bytes, stop, end);
      this.#events.onTurnEnd();
    }
    return this.#mayReadOn();
  }

  /** Takes bytes that are not in the window. @returns whether to read on */
  onChunk(chunk: Buffer): boolean {
    this.#countRead(chunk.length);
    if (this.#mustWait()) this.#keep(chunk, 0, chunk.length);
    else {
      const taken = this.#receive(WINDOW_START + copyToWindow(chunk), false) - WINDOW_START;
      if (taken < chunk.length) this.#putBack(chunk, taken, chunk.length);
      this.#events.onTurnEnd();
      this.#tellEnd();
    }
    return this.#mayReadOn();
  }

  #countRead(length: number): void {
    this.receivedBytes += length;
    this.#events.onRead(length);
  }

  /** Begins to inflate a message in steps. Everything after it waits. */
  inflateOn(message: InflatedInSteps): void {
    this.#long = message;
    inSteps(() => this.#step(message));
  }

  /** One step of a long message. @returns whether there are no more */
  #step(message: InflatedInSteps): boolean {
    if (this.#long !== message) return true;
    message.step();
    if (message.hasEnded) this.#schedule();
    return message.hasEnded;
  }

  #mustWait(): boolean {
    return !this.isEmpty || this.#paused || this.#held || windowIsClaimed();
  }

  #keep(source: Buffer, start: number, end: number): void {
    if (this.#discarding) return;
    this.#reserve ??= new Reserve();
    this.#reserve.append(source, start, end);
    this.#schedule();
  }

  /**
   * Does what `#keep` does, for bytes that came before those that wait: a callback may have brought more in the
   * meantime.
   */
  #putBack(source: Buffer, start: number, end: number): void {
    if (this.#reserve === null) this.#keep(source, start, end);
    else this.#reserve.prepend(source.subarray(start, end));
  }

  #receive(end: number, onlyControl: boolean): number {
    messagesOfTurn = 0;
    nextLook = Number.POSITIVE_INFINITY;
    this.#events.onTurnBegin();
    if (this.#discarding) return end;
    const receiver = this.#receiver ?? takeReceiver(codec, this.#events, this.options);
    this.#receiver = receiver;
    claimWindow();
    try {
      return receiver.receive(WINDOW_START, end, onlyControl);
    } catch (error) {
      this.#events.onThrow(error);
      return end;
    } finally {
      releaseWindow();
      this.#release(receiver);
    }
  }

  #release(receiver: FrameReceiver): void {
    if (!receiver.isIdle && !this.#discarding) return;
    this.#receiver = null;
    if (receiver.isIdle) giveReceiverBack(receiver);
  }

  #schedule(): void {
    if (this.isEmpty || this.#scheduled || this.#held || (this.#paused && !this.#mayAnswer())) return;
    this.#scheduled = true;
    setImmediate(() => this.#events.runInAsyncScope(() => this.#handleReserve()));
  }

  /**
   * Whether a control frame may come next that is handled even while paused: a Close is noticed, a Ping is answered.
   */
  #mayAnswer(): boolean {
    return this.#events.answersWhilePaused && !this.#isDataNext && this.#long === null;
  }

  /** Handles waiting bytes for one turn. */
  #handleReserve(): void {
    this.#scheduled = false;
    if (this.#held) return;
    if (this.#long !== null) return this.#reportLong(this.#long);
    const reserve = this.#reserve;
    const onlyControl = this.#paused;
    if (reserve === null || (onlyControl && !this.#mayAnswer())) return;
    const taken = this.#receive(WINDOW_START + reserve.copyToWindow(), onlyControl) - WINDOW_START;
    reserve.skip(taken);
    this.#events.onTurnEnd();
    // An incomplete control frame is tried again when more bytes arrive.
    if (onlyControl && taken === 0) this.#isDataNext = reserve.length > LONGEST_CONTROL_FRAME;
    else this.#onHandled();
  }

  #reportLong(message: InflatedInSteps): void {
    if (!message.hasEnded || this.#paused) return;
    this.#long = null;
    this.#events.onTurnBegin();
    try {
      if (message.fault !== null) this.#events.onFault(message.fault, 0, 0);
      else message.report(this.#events);
    } catch (error) {
      this.#events.onThrow(error);
    }
    this.#events.onTurnEnd();
    this.#onHandled();
  }

  /** Some of the waiting bytes are handled. */
  #onHandled(): void {
    if (this.#reserve?.length === 0) this.#reserve = null;
    this.#schedule();
    this.#readOn();
    this.#tellEnd();
  }

  #tellEnd(): void {
    if (this.#end === null || !this.isEmpty) return;
    if (windowIsClaimed()) {
      setImmediate(() => this.#tellEnd());
      return;
    }
    const end = this.#end;
    this.#end = null;
    if (end === 'close') this.#events.onInputClose();
    else this.#events.onInputEnd();
  }

  #hasRoom(): boolean {
    return this.#reserve === null || this.#reserve.length < RESERVE_BYTES;
  }

  #mayReadOn(): boolean {
    const mayReadOn = this.#hasRoom() && !this.#held;
    if (!mayReadOn) this.#stopped = true;
    return mayReadOn;
  }

  #readOn(): void {
    if (!this.#stopped || !this.#started || this.#held || !this.#hasRoom()) return;
    this.#stopped = false;
    // A stream emits the data that it holds in the async context in which it is resumed.
    this.#events.runInAsyncScope(() => this.#transport.resume());
  }
}
