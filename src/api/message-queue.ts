import type { Buffer } from 'node:buffer';
import type { Opcode } from '../protocol/opcode.js';
import { handled, rejected } from './handled-promise.js';

/** If more messages than this are queued, further ones fill the reserve. */
export const MAX_QUEUED = 16;
/** As `MAX_QUEUED`, in bytes of data. A string counts one byte per UTF-16 code unit. */
export const MAX_QUEUED_BYTES = 1_048_576;
/**
 * Bytes of messages beyond these limits after which the socket stops reading. The reserve lets a Close or a FIN after a
 * few more messages be noticed.
 */
export const QUEUE_RESERVE = 65_536;
/** Places of packets that were taken, at most, before those that wait move to the front. */
const MAX_TAKEN = 64;
/** Bytes that a message in the reserve counts for besides its data. */
const MESSAGE_COST = 64;

/** One message or, in raw mode, one frame, as it waits to be received. */
export interface Packet {
  /** Text or Binary; in raw mode any `Opcode`. */
  readonly opcode: Opcode;
  /** Text is a string (unless `textAs: 'bytes'`), everything else a Buffer, which the receiver may keep. */
  readonly data: string | Buffer;
  /** Only in raw mode: `false` if more fragments of the message follow. */
  readonly fin?: boolean;
}

/** Makes the result of a receive. */
export interface Reading<Result> {
  /** From the next packet. What it throws is the rejection. */
  packet(packet: Packet): Result;
  /**
   * From the end, if that comes first. `undefined`, or without this method: its error is the rejection.
   *
   * @param isOrderly whether the end is not an error for whoever only wants the messages
   */
  end?(isOrderly: boolean): Result | undefined;
}

let resolveMade: (result: unknown) => void;
let rejectMade: (error: unknown) => void;

/** An executor that allocates nothing: many sockets wait for their next message. */
function capture(resolve: (result: unknown) => void, reject: (error: unknown) => void): void {
  resolveMade = resolve;
  rejectMade = reject;
}

/** A receiver that waits for the next packet. */
class Receiver {
  readonly promise = new Promise<unknown>(capture);
  readonly #reading: Reading<unknown>;
  readonly #resolve = resolveMade;
  readonly #reject = rejectMade;

  constructor(reading: Reading<unknown>) {
    this.#reading = reading;
  }

  onPacket(packet: Packet): void {
    try {
      this.#resolve(this.#reading.packet(packet));
    } catch (error) {
      this.#fail(error);
    }
  }

  onEnd(error: Error, isOrderly: boolean): void {
    const result = this.#reading.end?.(isOrderly);
    if (result === undefined) this.#fail(error);
    else this.#resolve(result);
  }

  /** Nobody needs to await it. */
  #fail(error: unknown): void {
    handled(this.promise);
    this.#reject(error);
  }
}

/**
 * Messages that have arrived and were not received yet, or the one receiver that waits for the next. Each message costs
 * one promise: its result is computed before the promise settles, not in a second promise.
 */
export class MessageQueue {
  /** What waits is `#count` packets from `#first` on. `Array.prototype.shift` would move the others each time. */
  readonly #packets: (Packet | null)[] = [];
  #first = 0;
  #count = 0;
  #bytes = 0;
  /** The cost of the messages that came while more than the limits waited. */
  #reserveUsed = 0;
  #receiver: Receiver | null = null;
  #end: Error | null = null;
  #isEndOrderly = false;

  /** Whether so much waits that the socket must stop reading. */
  get isFull(): boolean {
    return this.#reserveUsed > QUEUE_RESERVE;
  }

  /**
   * Whether so little waits that a stopped socket should read again. This is well below full, because each stop costs.
   */
  get hasRoom(): boolean {
    return this.#count <= MAX_QUEUED / 2 && this.#bytes <= MAX_QUEUED_BYTES / 2;
  }

  push(packet: Packet): void {
    const receiver = this.#receiver;
    if (receiver !== null) {
      this.#receiver = null;
      return receiver.onPacket(packet);
    }
    if (this.#isOver()) this.#reserveUsed += costOf(packet);
    this.#packets[this.#first + this.#count++] = packet;
    this.#bytes += packet.data.length;
  }

  #isOver(): boolean {
    return this.#count > MAX_QUEUED || this.#bytes > MAX_QUEUED_BYTES;
  }

  /**
   * Receives the next packet, or waits for it. Queued packets come before the end.
   *
   * @returns a promise that may be ignored; rejects with a TypeError while another receiver waits
   */
  receive<Result>(reading: Reading<Result>): Promise<Result> {
    if (this.#receiver !== null) {
      return rejected(new TypeError('Another receive… is waiting for a message already'));
    }
    const packet = this.#shift();
    try {
      if (packet !== null) return Promise.resolve(reading.packet(packet));
    } catch (error) {
      return rejected(error);
    }
    if (this.#end !== null) {
      const result = reading.end?.(this.#isEndOrderly);
      return result === undefined ? rejected(this.#end) : Promise.resolve(result);
    }
    this.#receiver = new Receiver(reading);
    return this.#receiver.promise as Promise<Result>;
  }

  /** No more packets will come. Queued packets can still be received. @param isOrderly as for `Reading` */
  end(error: Error, isOrderly = false): void {
    if (this.#end !== null) return;
    this.#end = error;
    this.#isEndOrderly = isOrderly;
    const receiver = this.#receiver;
    this.#receiver = null;
    receiver?.onEnd(error, isOrderly);
  }

  #shift(): Packet | null {
    if (this.#count === 0) return null;
    const packet = this.#packets[this.#first]!;
    this.#packets[this.#first++] = null;
    if (--this.#count === 0 || this.#first === MAX_TAKEN) this.#moveToFront();
    this.#bytes -= packet.data.length;
    this.#reserveUsed = this.#isOver() ? Math.max(0, this.#reserveUsed - costOf(packet)) : 0;
    return packet;
  }

  #moveToFront(): void {
    if (this.#count > 0) this.#packets.splice(0, this.#first);
    // A small array stays, for the next read.
    else if (this.#packets.length > MAX_TAKEN) this.#packets.length = 0;
    this.#first = 0;
  }
}

/** The cost of a queued packet, in bytes. */
function costOf({ data }: Packet): number {
  return data.length + MESSAGE_COST;
}
