import type { Buffer } from 'node:buffer';
import { performance } from 'node:perf_hooks';
import { WINDOW_START } from '../codec/memory-map.js';
import { codec } from '../codec/select.js';
import type { Receiver } from '../protocol/receiver.js';
import type { ReceiverOptions, ReceiverSink } from '../protocol/receiver-options.js';
import { giveReceiverBack, takeReceiver } from '../protocol/receiver-pool.js';
import { claimWindow, copyFromWindow, copyToWindow, releaseWindow, windowIsClaimed } from './receive-window.js';
import type { Transport } from './transport.js';

/** Messages between two looks at the clock, once there are many. */
const MESSAGES_PER_LOOK = 16;
/** Milliseconds for which one connection may hold up the others. */
const MAX_TURN = 8;

// The turn under way: there is one at a time, as all connections of the thread share the window.
let messagesOfTurn = 0;
let turnBegan = 0;

/** What the inbox tells its connection. */
export interface InboxEvents extends ReceiverSink {
  /** Frames are about to be handled. */
  onTurnBegin(): void;
  onTurnEnd(): void;
  /** The peer will send no more, and what it sent is handled. */
  onInputEnd(): void;
  /** What the receiver reported to threw `error`. */
  onThrow(error: unknown): void;
}

/**
 * What one connection has received and not handled yet. Normally nothing: octets are handled where the transport puts
 * them. Octets wait here, as they came, while the connection is paused, while another connection walks the window, and
 * when they hold more frames than one turn handles; meanwhile the transport does not read, so that what a peer can make
 * us hold is one read.
 */
export class Inbox {
  readonly #transport: Transport;
  readonly #events: InboxEvents;
  /** Take effect with the next message. */
  options: ReceiverOptions;
  /** `null` while nothing is under way. */
  #receiver: Receiver | null = null;
  /** Octets that were handed to the receiver, those counted again that it gave back. */
  receivedOctets = 0;
  #pending: Buffer[] | null = null;
  #scheduled = false;
  #paused = false;
  #started = false;
  #reading = false;
  #ended = false;
  #discarding = false;

  constructor(transport: Transport, events: InboxEvents, options: ReceiverOptions) {
    this.#transport = transport;
    this.#events = events;
    this.options = options;
  }

  /** Whether part of a frame or of a fragmented message has arrived, and the rest has not. */
  get midMessage(): boolean {
    return this.#receiver?.midMessage ?? false;
  }

  /** Whether the first fragment of a message was received, and the last was not. */
  get fragmented(): boolean {
    return this.#receiver?.fragmented ?? false;
  }

  /** Octets of the message under way that have arrived. */
  get messageOctets(): number {
    return this.#receiver?.messageOctets ?? 0;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Whether all that was received is handled. */
  get isEmpty(): boolean {
    return this.#pending === null;
  }

  /** Begins to read. */
  start(): void {
    // What a transport hands over while it starts must not pause what it has not started yet.
    this.#transport.start();
    this.#started = true;
    this.#reading = true;
    this.#updateReading();
  }

  /** Stops before the next frame, also within a read. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#receiver?.stop();
    this.#updateReading();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#schedule();
    this.#updateReading();
  }

  /** Handles what waits, as nothing more will come, though paused. */
  finish(): void {
    this.#paused = false;
    while (this.#pending !== null && !this.#paused && !windowIsClaimed()) {
      const [chunk] = this.#pending.splice(0, 1);
      if (chunk === undefined) return;
      this.#receiveChunk(chunk, this.#pending);
    }
  }

  /** Forgets what waits. */
  close(): void {
    this.#pending = null;
  }

  /** Discards all that is still to come: the connection has failed, or the peer's Close was received. */
  discard(): void {
    this.#discarding = true;
    this.#receiver?.discard();
  }

  /**
   * Counts a message, and ends the turn after this one if it has taken long. The clock is looked at for the 2nd, the 4th,
   * and then for each 16th: seldom if messages are quick, as a look costs about as much as a short message.
   */
  countMessage(): void {
    const count = ++messagesOfTurn;
    if (count % MESSAGES_PER_LOOK !== 0 && count !== 2 && count !== 4) return;
    const now = performance.now();
    if (count === 2) turnBegan = now;
    else if (now - turnBegan > MAX_TURN) this.#receiver?.stop();
  }

  /** The peer's FIN. What waits here was sent before it. */
  onEnd(): void {
    if (this.#pending !== null) this.#ended = true;
    else this.#events.onInputEnd();
  }

  /** Takes `length` octets that stand at the start of the window. */
  onWindow(length: number): void {
    const end = WINDOW_START + length;
    const stop = this.#receive(end);
    if (stop < end) this.#keep(copyFromWindow(stop, end));
    this.#events.onTurnEnd();
  }

  /** Takes octets that are somewhere else. */
  onChunk(chunk: Buffer): void {
    const wait = this.#pending !== null || this.#paused || windowIsClaimed();
    this.#pending ??= [];
    if (wait) this.#keep(chunk);
    else this.#receiveChunk(chunk, this.#pending);
  }

  #receiveChunk(chunk: Buffer, pending: Buffer[]): void {
    const length = copyToWindow(chunk);
    const taken = this.#receive(WINDOW_START + length) - WINDOW_START;
    // What came in the meantime stands behind it.
    if (taken < chunk.length) pending.unshift(chunk.subarray(taken));
    this.#events.onTurnEnd();
    if (pending.length === 0) this.#pending = null;
    this.#schedule();
    this.#updateReading();
    if (this.#ended && this.#pending === null) this.#events.onInputEnd();
  }

  #receive(end: number): number {
    messagesOfTurn = 0;
    this.receivedOctets += end - WINDOW_START;
    this.#events.onTurnBegin();
    if (this.#discarding) return end;
    const receiver = this.#receiver ?? takeReceiver(codec, this.#events, this.options);
    this.#receiver = receiver;
    claimWindow();
    try {
      return receiver.receive(WINDOW_START, end);
    } catch (error) {
      this.#events.onThrow(error);
      return end;
    } finally {
      releaseWindow();
      this.#letGo(receiver);
    }
  }

  #letGo(receiver: Receiver): void {
    if (!receiver.isIdle && !this.#discarding) return;
    this.#receiver = null;
    if (receiver.isIdle) giveReceiverBack(receiver);
  }

  #keep(octets: Buffer): void {
    this.#pending ??= [];
    this.#pending.push(octets);
    this.#schedule();
    this.#updateReading();
  }

  #schedule(): void {
    if (this.#pending === null || this.#paused || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#takeUp());
  }

  /** One turn's work on what waits. */
  #takeUp(): void {
    this.#scheduled = false;
    if (this.#pending === null || this.#paused) return;
    const chunk = this.#pending.shift();
    if (chunk !== undefined) this.#receiveChunk(chunk, this.#pending);
  }

  #updateReading(): void {
    const reading = this.#pending === null && !this.#paused;
    if (!this.#started || reading === this.#reading) return;
    this.#reading = reading;
    if (reading) this.#transport.resume();
    else this.#transport.pause();
  }
}
