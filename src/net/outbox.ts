import { MAX_FRAME_HEADER } from '../codec/memory-map.js';
import { codec } from '../codec/select.js';
import { FIN, Opcode } from '../protocol/opcode.js';
import { frameHeaderLength, writeFrameHeader, writeMaskingKey } from '../protocol/sender.js';
import { copyMasked } from './masked-copy.js';
import { giveChunkBack, LARGEST_CHUNK, takeChunk } from './staging.js';
import type { Transport } from './transport.js';
import { Waiters } from './waiters.js';

/** At or above this many octets a payload leaves uncopied, in a write of its own. */
export const UNCOPIED_FROM = 16_384;

/** Octets of UTF-8 that a UTF-16 code unit takes at most. */
const UTF8_MOST = 3;

/** Outboxes with frames that leave at the end of this turn of the event loop. */
let due: Outbox[] = [];

function flushDue(): void {
  const outboxes = due;
  due = [];
  for (const outbox of outboxes) outbox.flush();
}

/** What leaves in one write. */
interface Batch {
  readonly parts: Uint8Array[];
  /** The pooled chunks that parts are views of. */
  readonly chunks: Buffer[];
  length: number;
}

/** What an outbox tells its connection, and asks of it. */
export interface OutboxEvents {
  /** The peer had fallen behind and has caught up. */
  onDrain(): void;
  /** What those get who wait when the connection ends. */
  closedError(): Error;
}

/**
 * What one connection has still to write. Frames of one turn are put together and leave in one write. At most one write
 * is in the hands of the kernel; while it is, frames wait here, where they are counted.
 */
export class Outbox {
  readonly #transport: Transport;
  readonly #events: OutboxEvents;
  readonly #highWaterMark: number;
  readonly #maskingKey: (() => number) | null;

  /** The chunk that frames are appended to, filled up to `#used`. */
  #chunk: Buffer | null = null;
  #used = 0;
  /** The size that the last batch needed: where the next starts. */
  #hint = 0;
  /** What stands in front of the chunk: full chunks, and payloads that are not copied. */
  #waiting: Batch | null = null;
  /** What the kernel still reads. */
  #inFlight: Batch | null = null;

  /** How many batches were given to the transport, and how many of them have left. */
  #begun = 0;
  #completed = 0;
  /** The batch of the frame that was appended last. */
  #lastFrame = 0;
  #waiters: Waiters | null = null;

  #latestPong: Uint8Array | null = null;
  #held = false;
  #scheduled = false;
  #writing = false;
  #behind = false;
  #ending = false;
  #closed = false;

  /**
   * @param highWaterMark octets above which the peer counts as behind
   * @param maskingKey where masking keys come from; `null` on a server, whose frames are not masked (RFC 6455 §5.1)
   */
  constructor(transport: Transport, events: OutboxEvents, highWaterMark: number, maskingKey: (() => number) | null) {
    this.#transport = transport;
    this.#events = events;
    this.#highWaterMark = highWaterMark;
    this.#maskingKey = maskingKey;
  }

  /** Octets of frames, headers included, that the kernel has not taken. */
  get bufferedAmount(): number {
    return this.#used + (this.#waiting?.length ?? 0) + (this.#inFlight?.length ?? 0);
  }

  /**
   * Appends one frame. A payload at or above `UNCOPIED_FROM` octets is read where it is until it has left.
   *
   * @param firstOctet FIN, RSV bits and opcode
   * @returns `true` if the payload's memory is the caller's again and the peer is not behind; else see `whenFree`
   */
  append(firstOctet: number, payload: string | Uint8Array): boolean {
    if (this.#closed || this.#ending) return true;
    if (typeof payload === 'string') {
      if (this.#fitsIntoChunk(payload)) this.#appendText(firstOctet, payload);
      else return this.#appendOwn(firstOctet, Buffer.from(payload, 'utf8'));
    } else if (this.#leavesUncopied(payload)) return this.#appendUncopied(firstOctet, payload);
    else this.#appendBytes(firstOctet, payload);
    return this.#appended();
  }

  /**
   * Appends one frame that is encoded already, header included, for a server.
   *
   * @param frame is never written to again by anybody, and is read where it is, if that saves a copy
   * @returns `true` if the peer is not behind
   */
  appendFrame(frame: Uint8Array): boolean {
    if (this.#closed || this.#ending) return true;
    this.#reserve(frame.length);
    this.#chunk!.set(frame, this.#used);
    this.#used += frame.length;
    return this.#appended();
  }

  #appended(): boolean {
    this.#lastFrame = this.#begun;
    // A full chunk leaves at once, so that no batch is much larger than one.
    if (this.#waiting === null) this.#schedule();
    else this.flush();
    return !this.#isBehind();
  }

  /** Appends a Pong. While the peer is behind, only the latest waits (RFC 6455 §5.5.3 permits to answer just that one). */
  appendPong(payload: Uint8Array): void {
    if (!this.#isBehind()) this.append(FIN | Opcode.Pong, payload);
    else this.#latestPong = payload;
  }

  /** Appends the Close frame. §5.5.1: nothing but the end may follow it, so a Pong that waits comes before. */
  appendClose(payload: Uint8Array): void {
    this.#appendLatestPong();
    this.append(FIN | Opcode.Close, payload);
  }

  /**
   * Settles when all that was appended until now has left and the peer is not behind. May be ignored. One promise for all
   * frames of a batch, so that a peer who sends and does not read cannot make us hold one for each of its messages.
   */
  whenFree(): Promise<void> {
    this.#waiters ??= new Waiters();
    return this.#waiters.for(this.#lastFrame);
  }

  /** Keeps frames until `release`, which is sure to follow in this turn. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    if (!this.#scheduled) this.flush();
  }

  /** Writes what is here, if the kernel has taken what was written before. */
  flush(): void {
    this.#scheduled = false;
    // A stream in memory may bring an answer, and with it a flush, while we are writing to it.
    if (this.#inFlight !== null || this.#writing || this.#closed) return;
    for (let batch = this.#takeBatch(); batch !== null; batch = this.#takeBatch()) {
      if (!this.#write(batch)) return;
    }
    if (this.#ending) this.#transport.end();
  }

  #takeBatch(): Batch | null {
    if (this.#used > 0) this.#sealChunk(this.#chunk!);
    const batch = this.#waiting;
    this.#waiting = null;
    return batch;
  }

  /** @returns whether the kernel took the batch whole */
  #write(batch: Batch): boolean {
    this.#begun++;
    this.#writing = true;
    const whole = this.#transport.write(batch.parts);
    this.#writing = false;
    if (this.#closed) return false;
    if (whole) this.#complete(batch);
    else this.#inFlight = batch;
    return whole;
  }

  /** The transport's word that the write in flight has ended. */
  written(): void {
    const batch = this.#inFlight;
    if (batch === null) return;
    this.#inFlight = null;
    this.#appendLatestPong();
    this.#complete(batch);
    this.flush();
    if (!this.#behind || this.#isBehind()) return;
    this.#behind = false;
    this.#events.onDrain();
  }

  #complete(batch: Batch): void {
    this.#completed++;
    if (this.#transport.releasesMemory) for (const chunk of batch.chunks) giveChunkBack(chunk);
    if (this.#waiters !== null && this.bufferedAmount <= this.#highWaterMark) this.#waiters.settle(this.#completed);
  }

  /** Sends FIN behind all that is here; later frames are dropped. */
  end(): void {
    if (this.#ending) return;
    this.#appendLatestPong();
    this.#ending = true;
    this.flush();
  }

  /** Forgets what is here: the connection is closed. Chunks that the kernel may still read are left to the garbage collector. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#chunk !== null) giveChunkBack(this.#chunk);
    this.#chunk = null;
    this.#used = 0;
    this.#waiting = null;
    this.#inFlight = null;
    this.#latestPong = null;
    this.#waiters?.reject(this.#events);
    this.#waiters = null;
  }

  #isBehind(): boolean {
    if (this.#inFlight === null || this.bufferedAmount <= this.#highWaterMark) return false;
    this.#behind = true;
    return true;
  }

  #schedule(): void {
    if (this.#held || this.#scheduled || this.#inFlight !== null) return;
    this.#scheduled = true;
    if (due.push(this) === 1) process.nextTick(flushDue);
  }

  #leavesUncopied(payload: Uint8Array): boolean {
    if (payload.length < UNCOPIED_FROM || this.#maskingKey !== null || !this.#transport.releasesMemory) return false;
    // The window is overwritten by the next read, so a view of it never goes to the kernel.
    return payload.buffer !== codec.bytes.buffer;
  }

  #appendUncopied(firstOctet: number, payload: Uint8Array): boolean {
    this.#reserve(MAX_FRAME_HEADER);
    this.#used = writeFrameHeader(this.#chunk!, this.#used, firstOctet, 0, payload.length);
    addPart(this.#sealChunk(this.#chunk!), payload);
    const batch = this.#begun;
    this.#lastFrame = batch;
    this.flush();
    // Otherwise the flush left it here, or in the hands of the kernel.
    const free = this.#completed > batch;
    if (!free) this.#isBehind();
    return free;
  }

  #appendBytes(firstOctet: number, payload: Uint8Array): void {
    const maskingKey = this.#maskingKey;
    const length = payload.length;
    this.#reserve(frameHeaderLength(length, maskingKey !== null) + length);
    const chunk = this.#chunk!;
    if (maskingKey === null) {
      const at = writeFrameHeader(chunk, this.#used, firstOctet, 0, length);
      chunk.set(payload, at);
      this.#used = at + length;
      return;
    }
    const key = maskingKey();
    const at = writeMaskingKey(chunk, writeFrameHeader(chunk, this.#used, firstOctet, 0x80, length), key);
    copyMasked(chunk, at, payload, key);
    this.#used = at + length;
  }

  /** Whether a text may be encoded in the chunk. A long one is measured first; a masked one has to be, to be masked. */
  #fitsIntoChunk(text: string): boolean {
    return this.#maskingKey === null && text.length * UTF8_MOST <= LARGEST_CHUNK - MAX_FRAME_HEADER;
  }

  /** Appends a payload that is our own: the caller need not wait for its memory. */
  #appendOwn(firstOctet: number, payload: Buffer): boolean {
    if (this.#leavesUncopied(payload)) {
      this.#appendUncopied(firstOctet, payload);
      return !this.#isBehind();
    }
    this.#appendBytes(firstOctet, payload);
    return this.#appended();
  }

  #appendText(firstOctet: number, text: string): void {
    this.#reserve(MAX_FRAME_HEADER + text.length * UTF8_MOST);
    const chunk = this.#chunk!;
    // The header is as long as for ASCII, which most texts are; others may need a longer one, and are moved.
    let headerLength = frameHeaderLength(text.length, false);
    const start = this.#used;
    const length = chunk.write(text, start + headerLength, 'utf8');
    if (length !== text.length) {
      const needed = frameHeaderLength(length, false);
      if (needed !== headerLength) {
        chunk.copyWithin(start + needed, start + headerLength, start + headerLength + length);
        headerLength = needed;
      }
    }
    writeFrameHeader(chunk, start, firstOctet, 0, length);
    this.#used = start + headerLength + length;
  }

  #appendLatestPong(): void {
    const pong = this.#latestPong;
    this.#latestPong = null;
    if (pong !== null && !this.#ending && !this.#closed) this.#appendBytes(FIN | Opcode.Pong, pong);
  }

  /** Makes room for `octets` behind `#used` in the chunk. */
  #reserve(octets: number): void {
    const chunk = this.#chunk;
    if (chunk === null) {
      this.#chunk = takeChunk(Math.max(this.#hint, octets));
      return;
    }
    const needed = this.#used + octets;
    if (needed <= chunk.length) return;
    if (needed <= LARGEST_CHUNK) {
      const larger = takeChunk(needed);
      chunk.copy(larger, 0, 0, this.#used);
      giveChunkBack(chunk);
      this.#chunk = larger;
      return;
    }
    this.#sealChunk(chunk);
    this.#chunk = takeChunk(octets);
  }

  /** Ends the chunk: it waits, and the next frame begins another. */
  #sealChunk(chunk: Buffer): Batch {
    this.#hint = Math.min(this.#used, LARGEST_CHUNK);
    this.#waiting ??= { parts: [], chunks: [], length: 0 };
    addPart(this.#waiting, chunk.subarray(0, this.#used));
    this.#waiting.chunks.push(chunk);
    this.#chunk = null;
    this.#used = 0;
    return this.#waiting;
  }
}

function addPart(batch: Batch, part: Uint8Array): void {
  batch.parts.push(part);
  batch.length += part.length;
}
