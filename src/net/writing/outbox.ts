import { Buffer } from 'node:buffer';
import { MAX_FRAME_HEADER } from '../../codec/memory-map.js';
import { codec } from '../../codec/select.js';
import { frameHeaderLength } from '../../protocol/frame-header.js';
import { FIN, Opcode } from '../../protocol/opcode.js';
import type { Transport, WriteEvents } from '../transport/transport.js';
import { Backlog } from './backlog.js';
import { type Chunk, enlargeChunk, giveChunkBack, takeChunk, textRoom } from './chunk.js';
import { beginTurn, flushAtEndOfTurn, forgetTurns, isDueEarly } from './flush-turn.js';
import { type FrameCounter, SharedRun } from './shared-frames.js';
import { LARGEST_CHUNK, LONGEST_WRITE, UNCOPIED_FROM } from './sizes.js';

/** What an outbox needs of its connection. */
export interface OutboxEvents {
  /** The peer has caught up, after more than `highWaterMark` bytes had waited. */
  onDrain(): void;
  /** `departed` has grown. Must not run user code. */
  onDeparted(): void;
  /** A write has ended that the kernel had not taken whole at once. */
  onWritten(): void;
  /** The error for operations still pending when the connection ends. */
  closedError(): Error;
}

/** What all outboxes with the same settings have sent. */
export interface SentCounters extends FrameCounter {
  wireBytesSent: number;
  wireBytesDiscarded: number;
}

/** Settings that all connections of a server, or of a client, share. */
export interface OutboxSettings {
  /** If more bytes than this wait, the peer counts as slow. */
  readonly highWaterMark: number;
  /** If more bytes than this wait to be written, the entry point decides about the next message. */
  readonly maxBackpressure: number;
  /** Draws a masking key; `null` on a server, which does not mask its frames (RFC 6455 §5.1). */
  readonly maskingKey: (() => number) | null;
  readonly counters: SentCounters;
  /** Compresses messages, so that this peer may get another frame than others; `null` if that was not agreed. */
  readonly deflater: object | null;
}

/**
 * The bytes that one connection still has to write. The frames of one turn leave in one write. The kernel has at most
 * one write at a time; until that ends, frames wait here and count towards `bufferedAmount`.
 */
export class Outbox implements WriteEvents {
  readonly #transport: Transport;
  readonly #events: OutboxEvents;
  readonly #settings: OutboxSettings;
  /** Published frames. While there are any, nothing waits before them: there is neither a chunk nor a backlog. */
  #run: SharedRun | null = null;
  /** The chunk that frames are appended to. */
  #chunk: Chunk | null = null;
  /** The size that the last batch needed, with which the next starts. */
  #hint = 0;
  /** What leaves before the chunk. */
  #backlog: Backlog | null = null;
  /** Bytes that have left: the kernel or the cipher has taken them. */
  departed = 0;
  #held = false;
  #scheduled = false;
  /** Bytes that the transport is just being given. */
  #writing = 0;
  #ending = false;
  #closed = false;

  constructor(transport: Transport, events: OutboxEvents, settings: OutboxSettings) {
    this.#transport = transport;
    this.#events = events;
    this.#settings = settings;
  }

  /** Bytes of frames, headers included, that the kernel has not taken. */
  get bufferedAmount(): number {
    return (this.#chunk?.used ?? 0) + (this.#backlog?.length ?? 0) + (this.#run?.length ?? 0);
  }

  /** Whether the kernel has not taken what was written before, so that frames wait. */
  get isBlocked(): boolean {
    return !!this.#backlog?.inFlight;
  }

  /**
   * Appends one frame. A payload of `UNCOPIED_FROM` bytes or more may stay in the caller's memory, which is then read
   * until it has left.
   *
   * @param firstOctet FIN, RSV bits and opcode
   * @param length bytes of the message, if `payload` is its compressed form
   * @returns `true` if the payload's memory is the caller's again and the peer is not slow; otherwise see `whenFree`
   */
  append(firstOctet: number, payload: string | Uint8Array, length = payload.length): boolean {
    if (this.#closed || this.#ending) return true;
    this.separate();
    if (typeof payload === 'string') {
      // A long text is encoded first to learn its length, a masked one to mask its bytes.
      if (this.#settings.maskingKey !== null || textRoom(payload) > LARGEST_CHUNK) {
        // This memory is ours, so the caller need not wait for it.
        this.append(firstOctet, Buffer.from(payload, 'utf8'));
        return !this.#isBehind();
      }
      const textLength = this.#reserve(textRoom(payload)).appendText(firstOctet, payload);
      this.#settings.counters.countFrames(1, firstOctet, textLength, frameHeaderLength(textLength, false) + textLength);
      return this.#appended();
    }
    if (payload.length >= UNCOPIED_FROM && this.#mayReadLater(payload))
      return this.#appendUncopied(firstOctet, payload, length);
    this.#appendBytes(firstOctet, payload, length);
    return this.#appended();
  }

  /**
   * Appends one encoded frame, header included, on a server.
   *
   * @param frame must never change again, because it is copied only if necessary
   * @param length bytes of its message, before it was compressed; they are counted
   * @returns `true` if the peer is not slow
   */
  appendFrame(frame: Uint8Array, length = 0): boolean {
    if (this.#closed || this.#ending) return true;
    this.#settings.counters.countFrames(1, frame[0], length, frame.length);
    const isShared = this.#transport.releasesMemory;
    const isLarge = frame.length >= UNCOPIED_FROM;
    if (isShared && !isLarge && this.#joinsRun(frame)) {
      // It does not leave early: the outboxes that share the run stay together until the turn ends.
      this.#schedule();
      return true;
    }
    this.separate();
    if (isShared && isLarge) this.#addPart(frame);
    else this.#reserve(frame.length).appendEncoded(frame);
    return this.#appended();
  }

  #appended(): boolean {
    const backlog = this.#backlog;
    if (backlog === null) {
      if (this.#held && isDueEarly() && this.#transport.releasesMemory) this.flush();
      else this.#schedule();
      return true;
    }
    backlog.onAppend();
    if (backlog.isFull) this.flush();
    else this.#schedule();
    return !this.#isBehind();
  }

  /**
   * Appends a Pong. While the peer is slow, only the latest waits (RFC 6455 §5.5.3 permits answering only that one).
   */
  appendPong(payload: Uint8Array): void {
    if (this.#isBehind()) this.#backlog!.pong = payload;
    else this.append(FIN | Opcode.Pong, payload);
  }

  /** Appends the Close frame. §5.5.1: no frame may follow it, so a waiting Pong comes first. */
  appendClose(payload: Uint8Array): void {
    this.#appendLatestPong();
    this.append(FIN | Opcode.Close, payload);
  }

  /**
   * Returns a promise that resolves when everything appended until now has left and the peer has caught up. It may be
   * ignored. All frames of a batch share one promise, so that a peer that sends and does not read cannot make us hold
   * one for each of its messages. Call it only right after an `append` that returned `false`.
   */
  whenFree(): Promise<void> {
    return this.#backlog!.whenFree();
  }

  /** Holds frames back until `release`, which the caller must call in this turn. */
  hold(): void {
    this.#held = true;
    beginTurn(this);
  }

  release(): void {
    this.#held = false;
    if (!this.#scheduled) this.flush();
  }

  /** Writes everything, if the kernel has taken what was written before. */
  flush(): void {
    this.#scheduled = false;
    // A stream in memory may bring an answer, and with it a flush, while we are writing to it.
    if (this.#writing > 0 || this.#closed || this.#backlog?.inFlight) return;
    while (this.#chunk !== null || this.#run !== null || this.#backlog?.waiting) {
      const whole = this.#backlog === null ? this.#writeFrames() : this.#writeBatch(this.#backlog);
      if (!whole) return;
    }
    if (this.#backlog?.isDone) this.#backlog = null;
    if (this.#ending) this.#transport.end();
  }

  /** The value that `departed` will have when everything appended until now has left. */
  get appended(): number {
    return this.departed + this.#writing + this.bufferedAmount;
  }

  /** As `departed`, with what the kernel has taken of the current write, if the transport can tell. */
  get bytesTaken(): number {
    const underWay = this.#backlog?.inFlight?.sliceLength ?? 0;
    return underWay === 0 ? this.departed : this.departed + Math.max(0, underWay - this.#transport.queuedBytes);
  }

  /** Writes frames while there is no backlog. @returns whether the kernel took them whole */
  #writeFrames(): boolean {
    const chunk = this.#chunk;
    if (chunk !== null && chunk.used > LONGEST_WRITE) return this.#writeBatch(this.#sealChunk(chunk));
    const part = chunk === null ? this.#leaveRun(this.#run!).bytes : chunk.frames;
    this.#chunk = null;
    this.#hint = Math.min(part.length, LARGEST_CHUNK);
    this.#writing = part.length;
    const whole = this.#transport.write(part);
    this.#writing = 0;
    if (this.#closed) return false;
    if (whole && this.#backlog === null) {
      if (chunk !== null && this.#transport.releasesMemory) giveChunkBack(chunk);
      this.addDeparted(part.length, false);
      return true;
    }
    // If there is a backlog now, it was made during the write and counts it as its first batch.
    this.#backlog ??= new Backlog(this, this.#transport, 1);
    this.#backlog.onWriteBegun(part, chunk);
    return whole && this.#backlog.written();
  }

  /** Writes everything that waits. @returns whether the kernel took it whole */
  #writeBatch(backlog: Backlog): boolean {
    if (this.#chunk !== null) this.#sealChunk(this.#chunk);
    return backlog.writeWaiting();
  }

  /** Writes part of a batch. @returns whether the kernel took it at once and the outbox is still open */
  writeParts(parts: readonly Uint8Array[], bytes: number): boolean {
    this.#writing = bytes;
    const whole = this.#transport.writeAll(parts);
    this.#writing = 0;
    return whole && !this.#closed;
  }

  onWritten(): void {
    this.#continue();
    this.#events.onWritten();
  }

  #continue(): void {
    const backlog = this.#backlog;
    if (!backlog?.inFlight) return;
    if (backlog.written()) {
      this.#appendLatestPong();
      this.flush();
    }
    if (this.#closed || !backlog.behind || this.#isBehind()) return;
    backlog.behind = false;
    if (this.#backlog?.isDone) this.#backlog = null;
    this.#events.onDrain();
  }

  addDeparted(length: number, endsBatch: boolean): void {
    this.departed += length;
    this.#settings.counters.wireBytesSent += length;
    if (endsBatch && this.bufferedAmount <= this.#settings.highWaterMark) this.#backlog?.settle();
    this.#events.onDeparted();
  }

  /** Sends FIN after everything appended before. Later frames are dropped. */
  end(): void {
    if (this.#ending) return;
    this.#appendLatestPong();
    this.#ending = true;
    this.flush();
  }

  /**
   * Drops everything, because the connection is closed. The garbage collector gets chunks that the kernel may still
   * read.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#settings.counters.wireBytesDiscarded += this.appended - this.departed;
    forgetTurns(this);
    if (this.#chunk !== null) giveChunkBack(this.#chunk);
    this.#chunk = null;
    if (this.#run !== null) this.#leaveRun(this.#run);
    this.#backlog?.reject(this.#events);
    this.#backlog = null;
  }

  #isBehind(): boolean {
    const backlog = this.#backlog;
    if (!backlog?.inFlight || this.bufferedAmount <= this.#settings.highWaterMark) return false;
    backlog.behind = true;
    return true;
  }

  #schedule(): void {
    if (this.#held || this.#scheduled || this.#backlog?.inFlight) return;
    this.#scheduled = true;
    flushAtEndOfTurn(this);
  }

  /** Adds a shared frame to the run, if only frames of the run leave before it. @returns whether it did */
  #joinsRun(frame: Uint8Array): boolean {
    if (this.#run === null && (this.#chunk !== null || this.#backlog !== null || this.#writing > 0)) return false;
    const run = SharedRun.joined(this.#run, frame, this.#settings);
    if (run !== null) this.#run = run;
    return run !== null;
  }

  /** Copies the published frames to the chunk, because the next frame is not shared. */
  separate(): void {
    const run = this.#run;
    if (run !== null) this.#reserve(run.length).appendEncoded(this.#leaveRun(run).bytes);
  }

  #leaveRun(run: SharedRun): SharedRun {
    this.#run = null;
    run.leave();
    return run;
  }

  /** Appends memory that is not copied. */
  #addPart(part: Uint8Array): Backlog {
    if (this.#chunk !== null) this.#sealChunk(this.#chunk);
    this.#backlog ??= new Backlog(this, this.#transport, this.#writing > 0 ? 1 : 0);
    this.#backlog.open.add(part);
    return this.#backlog;
  }

  /** Whether a payload may stay in the caller's memory until it has left. */
  #mayReadLater(payload: Uint8Array): boolean {
    // The next read overwrites the window, so a view of it never goes to the kernel.
    const isSteady = this.#transport.releasesMemory && payload.buffer !== codec.memory;
    return isSteady && this.#settings.maskingKey === null;
  }

  #appendUncopied(firstOctet: number, payload: Uint8Array, length: number): boolean {
    this.#settings.counters.countFrames(
      1,
      firstOctet,
      length,
      frameHeaderLength(payload.length, false) + payload.length,
    );
    this.#reserve(MAX_FRAME_HEADER).appendHeader(firstOctet, payload.length);
    const backlog = this.#addPart(payload);
    const batch = backlog.onAppend();
    if (!this.#held || backlog.open.length >= LARGEST_CHUNK) this.flush();
    // Otherwise it waits, or the kernel still reads it.
    if (backlog.hasLeft(batch)) return true;
    this.#isBehind();
    return false;
  }

  #appendBytes(firstOctet: number, payload: Uint8Array, length: number): void {
    const { maskingKey } = this.#settings;
    const frameLength = frameHeaderLength(payload.length, maskingKey !== null) + payload.length;
    this.#settings.counters.countFrames(1, firstOctet, length, frameLength);
    const chunk = this.#reserve(frameLength);
    if (maskingKey === null) chunk.append(firstOctet, payload);
    else chunk.appendMasked(firstOctet, payload, maskingKey());
  }

  #appendLatestPong(): void {
    const pong = this.#backlog?.takePong() ?? null;
    if (pong !== null && !this.#ending && !this.#closed) this.#appendBytes(FIN | Opcode.Pong, pong, pong.length);
  }

  /** Gets the chunk, with room for `room` more bytes. */
  #reserve(room: number): Chunk {
    const chunk = this.#chunk;
    if (chunk === null) {
      this.#chunk = takeChunk(Math.max(this.#hint, room));
      return this.#chunk;
    }
    const needed = chunk.used + room;
    if (needed <= chunk.size) return chunk;
    if (needed > LARGEST_CHUNK) {
      this.#sealChunk(chunk);
      this.#chunk = takeChunk(room);
      return this.#chunk;
    }
    this.#chunk = enlargeChunk(chunk, needed);
    return this.#chunk;
  }

  /** Moves the chunk to the backlog. The next frame starts another chunk. */
  #sealChunk(chunk: Chunk): Backlog {
    this.#hint = Math.min(chunk.used, LARGEST_CHUNK);
    this.#chunk = null;
    this.#backlog ??= new Backlog(this, this.#transport, this.#writing > 0 ? 1 : 0);
    this.#backlog.open.addChunk(chunk);
    return this.#backlog;
  }
}
