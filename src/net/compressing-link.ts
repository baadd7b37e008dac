import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { codec } from '../codec/select.js';
import type { Deflater } from '../deflate/deflater.js';
import { LongDeflation } from '../deflate/long-deflation.js';
import { CONTROL_BIT, FIN, RSV1 } from '../protocol/opcode.js';
import type { ReceiverOptions } from '../protocol/receiver-options.js';
import { isLent } from '../protocol/spare-memory.js';
import type { Counters } from './counters.js';
import { Link } from './link.js';
import type { OutboxSettings } from './writing/outbox.js';
import { SendQueue } from './writing/send-queue.js';
import type { SharedMessage } from './writing/shared-message.js';

/** The settings of sockets that send in the same way. They share one object. */
export interface CompressingSettings extends ReceiverOptions, OutboxSettings {
  /** Compresses messages; `null` if that was not agreed. */
  readonly deflater: Deflater | null;
  readonly counters: Counters;
}

/**
 * A link that compresses messages, if that was agreed (RFC 7692). If a message takes long to compress, later ones wait
 * for it, so that all leave in the order of the calls.
 */
export abstract class CompressingLink extends Link {
  readonly #settings: CompressingSettings;
  /** Messages that wait for a long one; `null` nearly always. */
  #queue: SendQueue | null = null;

  constructor(name: string, socket: Duplex, settings: CompressingSettings) {
    super(name, socket, settings, settings);
    this.#settings = settings;
  }

  get counters(): Counters {
    return this.#settings.counters;
  }

  /** Bytes that were sent and that the kernel has not taken. */
  get bufferedAmount(): number {
    return this.#queue === null ? this.outbox.bufferedAmount : this.outbox.bufferedAmount + this.#queue.bytes;
  }

  /**
   * Sends one frame. The state must be open.
   *
   * @param compresses whether a message may be compressed, if that was agreed
   * @returns `undefined` if the payload's memory is the caller's again and there is room for more. Otherwise a promise
   *   that resolves when that is so, and rejects with a `WebSocketClosedError` if the connection ends first
   */
  send(opcode: number, payload: string | Uint8Array, compresses = true): undefined | Promise<void> {
    if (this.#settings.deflater !== null) return this.#sendCompressed(opcode, payload, compresses);
    return this.outbox.append(FIN | opcode, payload) ? undefined : this.outbox.whenFree();
  }

  #sendCompressed(opcode: number, payload: string | Uint8Array, compresses: boolean): undefined | Promise<void> {
    const deflater = this.#settings.deflater!;
    const isDeflated = compresses && (opcode & CONTROL_BIT) === 0 && deflater.isDue(payload);
    const queue = this.#queue;
    if (isDeflated && deflater.isLong(payload)) {
      return this.#appendLong(opcode, new LongDeflation(deflater.shared, lasting(payload))).whenFree();
    }
    if (queue === null) return this.#append(opcode, payload, isDeflated) ? undefined : this.outbox.whenFree();
    const kept = lasting(payload);
    queue.add(Buffer.byteLength(kept), () => this.#append(opcode, kept, isDeflated));
    return queue.whenFree();
  }

  /** Appends a message, compressed if that makes it shorter. @returns as `append` of the outbox */
  #append(opcode: number, payload: string | Uint8Array, isDeflated: boolean): boolean {
    const deflater = this.#settings.deflater!;
    const deflated = isDeflated ? deflater.deflate(payload) : null;
    return deflated === null
      ? this.outbox.append(FIN | opcode, payload)
      : this.outbox.append(FIN | RSV1 | opcode, deflated, deflater.inputLength);
  }

  #appendLong(opcode: number, deflation: LongDeflation): SendQueue {
    if (this.#queue === null) this.#queue = this.#beginQueue();
    this.#queue.addLong(deflation, () => {
      const compressed = deflation.hasEnded ? deflation.compressed : null;
      if (compressed === null) return this.outbox.append(FIN | opcode, deflation.payload);
      this.#settings.deflater!.forget();
      return this.outbox.append(FIN | RSV1 | opcode, compressed, deflation.payload.length);
    });
    return this.#queue;
  }

  #beginQueue(): SendQueue {
    const { queues } = this.#settings.counters;
    const queue = new SendQueue(this.outbox, () => {
      this.#queue = null;
      queues.delete(queue);
    });
    queues.add(queue);
    return queue;
  }

  /**
   * Sends a message for many connections. Like `send`, it compresses the message for this connection if that was agreed
   * and makes it shorter.
   */
  sendShared(message: SharedMessage): undefined | Promise<void> {
    return this.queueShared(message) ? undefined : (this.#queue ?? this.outbox).whenFree();
  }

  /** Does what `sendShared` does. @returns whether there is room for more */
  queueShared(message: SharedMessage): boolean {
    const { deflater } = this.#settings;
    if (deflater === null) return this.outbox.appendFrame(message.plain, message.byteLength);
    const deflated = message.deflatedBy(deflater);
    if (deflated instanceof LongDeflation) {
      this.#appendLong(message.opcode, deflated);
      return false;
    }
    const frame = deflated ?? message.plain;
    const append = () => {
      if (deflated !== null) deflater.forget();
      return this.outbox.appendFrame(frame, message.byteLength);
    };
    if (this.#queue === null) return append();
    this.#queue.add(frame.length, append);
    return false;
  }

  /**
   * Writes what the kernel takes. Messages that wait for compression are sent uncompressed first. So we hold no more
   * than without compression, and the peer is not blamed for the time that compression takes.
   *
   * @returns whether more than `maxBackpressure` bytes still wait
   */
  flushIfOverloaded(): boolean {
    const { maxBackpressure } = this.#settings;
    if (this.bufferedAmount <= maxBackpressure) return false;
    this.#queue?.flush();
    this.outbox.flush();
    return this.bufferedAmount > maxBackpressure;
  }

  /** Does something that sends no message, after what waits was sent. */
  protected inOrder(act: () => void): void {
    if (this.#queue === null) return act();
    this.#queue.add(0, () => {
      act();
      return true;
    });
  }

  /** Appends a Pong, after what waits was sent. */
  protected appendPong(payload: Uint8Array): void {
    if (this.#queue === null) this.outbox.appendPong(payload);
    else this.#queue.setPong(() => this.outbox.appendPong(payload));
  }

  /** Drops everything that has not left, because the connection is closed. */
  protected closeSending(): void {
    this.outbox.close();
    if (this.#queue === null) return;
    this.#settings.counters.queues.delete(this.#queue);
    this.#queue.close(this.closedError());
    this.#queue = null;
  }

  /** Whether nothing that was sent waits here. */
  get isFlushed(): boolean {
    return this.#queue === null && this.outbox.bufferedAmount === 0;
  }
}

/** A payload that can wait. Zero-copy users have views of the codec's memory, or of messages that are only lent. */
function lasting(payload: string | Uint8Array): string | Uint8Array {
  const isBorrowed = typeof payload !== 'string' && (payload.buffer === codec.memory || isLent(payload));
  return isBorrowed ? Buffer.from(payload) : payload;
}
