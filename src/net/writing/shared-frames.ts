import { Buffer } from 'node:buffer';
import { NO_BYTES, viewOf } from '../../protocol/bytes.js';
import { frameHeaderLength, writeFrameHeader } from '../../protocol/frame-header.js';
import { FIN } from '../../protocol/opcode.js';
import { LARGEST_SHARED, SHARED_CHUNK } from './sizes.js';

let chunk: Buffer = NO_BYTES;
let used = 0;

/**
 * Encodes a whole message as one unmasked frame (RFC 6455 §5.2), as a server sends it to any number of clients.
 *
 * Successive small frames are adjacent in memory, in chunks that are never reused. So an outbox may read a frame for as
 * long as it likes, and the frames of one turn as one range.
 *
 * @param payload is copied; lone surrogates of a string become U+FFFD
 * @returns memory that must never change again
 */
export function encodeFrame(opcode: number, payload: string | Uint8Array): Buffer {
  return encode(opcode, payload, take);
}

/**
 * Does what `encodeFrame` does, for a frame that users keep. It has memory of its own, so that it does not keep a chunk
 * alive.
 */
export function encodeKeptFrame(opcode: number, payload: string | Uint8Array): Buffer {
  return encode(opcode, payload, Buffer.allocUnsafeSlow);
}

function encode(opcode: number, payload: string | Uint8Array, allocate: (size: number) => Buffer): Buffer {
  const isText = typeof payload === 'string';
  const length = isText ? Buffer.byteLength(payload, 'utf8') : payload.length;
  const frame = allocate(frameHeaderLength(length, false) + length);
  const at = writeFrameHeader(frame, 0, FIN | opcode, 0, length);
  if (isText) frame.write(payload, at, 'utf8');
  else frame.set(payload, at);
  return frame;
}

/** Copies an unmasked frame to the chunks that `encodeFrame` writes to. @returns it, and a view of its payload */
export function copyFrame(frame: Uint8Array): { plain: Buffer; payload: Buffer } {
  const plain = take(frame.length);
  plain.set(frame);
  const length7 = frame[1];
  return { plain, payload: plain.subarray(length7 < 126 ? 2 : length7 === 126 ? 4 : 10) };
}

function take(size: number): Buffer {
  if (size > LARGEST_SHARED) return Buffer.allocUnsafeSlow(size);
  if (used + size > chunk.length) {
    chunk = Buffer.allocUnsafeSlow(SHARED_CHUNK);
    used = 0;
  }
  used += size;
  return chunk.subarray(used - size, used);
}

/** Counts frames that are sent. */
export interface FrameCounter {
  /** @param length bytes of the message of each, before it was compressed */
  countFrames(count: number, firstOctet: number, length: number, frameLength: number): void;
}

/** What a run needs to know of the outboxes that hold it. */
interface RunSettings {
  readonly maxBackpressure: number;
  readonly counters: FrameCounter;
  readonly deflater: object | null;
}

/** The run that was made last. Many outboxes get the same frame, and share it. */
let latest: SharedRun | null = null;

/** Grows when a publish begins, and when it ends. A run takes outboxes only in the phase in which it was made. */
let phase = 0;

/**
 * Encoded frames that are adjacent in memory. Many outboxes read them, and they never change. The frames that were
 * published in one turn leave an outbox as one part, without a copy. Outboxes that got the same frames share one run.
 * If these are exactly the subscribers of a topic, the topic's next message needs to be added to their run only, not to
 * each outbox.
 */
export class SharedRun {
  readonly #memory: ArrayBuffer;
  readonly #start: number;
  readonly #phase = phase;
  #last: Uint8Array;
  #next: SharedRun | null = null;
  #bytes: Buffer | null = null;
  #holders = 0;
  /** How many bytes may wait before a holder is asked again: the least `maxBackpressure`; -1 if it is asked always. */
  #bound = Number.POSITIVE_INFINITY;
  /** The counters of the server that its holders belong to. */
  #counters: FrameCounter | null = null;
  /**
   * The subscribers that got the last publish: this list without `#except`. `null` if it is not certain that exactly
   * they hold the run.
   */
  #audience: readonly unknown[] | null = null;
  #except: unknown = null;
  #audienceSize = 0;
  length: number;

  private constructor(memory: ArrayBuffer, start: number, last: Uint8Array, length: number) {
    this.#memory = memory;
    this.#start = start;
    this.#last = last;
    this.length = length;
  }

  /** The run that consists of one frame. */
  static of(frame: Uint8Array): SharedRun {
    if (latest === null || !latest.#takes(frame)) {
      latest = new SharedRun(frame.buffer as ArrayBuffer, frame.byteOffset, frame, frame.length);
    }
    return latest;
  }

  /** Drops the run kept for the next outbox, which would keep its memory alive. */
  static forget(): void {
    latest = null;
  }

  /** A message is about to be given to each subscriber of a topic. */
  static beginPublish(): void {
    phase++;
  }

  /**
   * The message was given to each of `audience`, but for `except`.
   *
   * @param accepted how many have accepted it, if that is all of them; otherwise -1. If they hold the same run,
   *   `extendLatest` can give them the next message
   */
  static endPublish(audience: readonly unknown[], except: unknown, accepted: number): void {
    const run = latest;
    // If it was made in this publish, no other outbox holds it.
    if (run !== null && run.#phase === phase && run.#holders === accepted) {
      run.#audience = audience;
      run.#except = except;
      run.#audienceSize = accepted;
    }
    phase++;
  }

  /** Whether exactly the members of `audience`, without `except`, hold the latest run. If not, each must be asked. */
  static isHeldBy(audience: readonly unknown[], except: unknown): boolean {
    // Some may have left the run, because they have written it, are closing, or were sent something else.
    const run = latest;
    if (run === null || run.#audience !== audience || run.#except !== except) return false;
    return run.#holders === run.#audienceSize && run.length <= run.#bound;
  }

  /**
   * Gives one more frame to all that hold the latest run, and counts it.
   *
   * @param length bytes of its message
   * @returns how many they are; 0 if each must be asked
   */
  static extendLatest(frame: Uint8Array, length: number): number {
    const run = latest!;
    if (!run.#isBefore(frame)) return 0;
    run.#last = frame;
    run.#bytes = null;
    run.length += frame.length;
    run.#counters!.countFrames(run.#holders, frame[0], length, frame.length);
    return run.#holders;
  }

  /** Whether an outbox that has got only this frame can still take this run. */
  #takes(frame: Uint8Array): boolean {
    return this.#last === frame && this.length === frame.length && this.#phase === phase;
  }

  #isBefore(frame: Uint8Array): boolean {
    return frame.buffer === this.#memory && frame.byteOffset === this.#start + this.length;
  }

  /** The run of these frames and one more. @returns `null` if that frame is not right after them in memory */
  with(frame: Uint8Array): SharedRun | null {
    const next = this.#next;
    if (next !== null && next.#last === frame && next.#phase === phase) return next;
    if (!this.#isBefore(frame)) return null;
    latest = new SharedRun(this.#memory, this.#start, frame, this.length + frame.length);
    this.#next = latest;
    return latest;
  }

  /**
   * One more frame for an outbox that holds `run`, or none.
   *
   * @returns the run that it holds from now on; `null` if nothing has changed, because the frame is not right after it
   */
  static joined(run: SharedRun | null, frame: Uint8Array, settings: RunSettings): SharedRun | null {
    const joined = run === null ? SharedRun.of(frame) : run.with(frame);
    if (joined === null) return null;
    run?.leave();
    joined.#enter(settings);
    return joined;
  }

  #enter({ maxBackpressure, counters, deflater }: RunSettings): void {
    // A connection with compression may get another frame than others.
    this.#bound = deflater === null ? Math.min(this.#bound, maxBackpressure) : -1;
    this.#counters = counters;
    this.#holders++;
  }

  /** An outbox does not hold the run any more. */
  leave(): void {
    this.#holders--;
    // The run knows its audience, which may be closed by the end of the turn.
    if (this.#holders === 0 && latest === this) latest = null;
  }

  /** The frames as one part: a view of the shared memory. */
  get bytes(): Buffer {
    this.#bytes ??= viewOf(this.#memory, this.#start, this.length);
    return this.#bytes;
  }
}
