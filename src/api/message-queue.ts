import type { Buffer } from 'node:buffer';
import type { Opcode } from '../protocol/opcode.js';
import { handled, rejected } from './handled-promise.js';

/** If more messages than this are queued, further ones fill the reserve. */
export const MAX_QUEUED = 16;
/** Like `MAX_QUEUED`, in bytes of data. A string counts one byte per UTF-16 code unit. */
export const MAX_QUEUED_BYTES = 1_048_576;
/**
 * Bytes of messages beyond these limits after which the socket stops reading. The reserve lets a Close or a FIN after a
 * few more messages be noticed.
 */
export const QUEUE_RESERVE = 65_536;
/** When this many packets were taken from the front of the array, the waiting ones move there. */
const MAX_TAKEN = 64;
/** A message in the reserve counts for this many bytes more than its data. */
const MESSAGE_COST = 64;

/** One received message; in raw mode, one received frame. `receivePacket` resolves with it. It is the receiver's. */
export interface Packet {
  /** Text or Binary. In raw mode, any `Opcode`. */
  readonly opcode: Opcode;
  /**
   * The payload: a string for Text (unless `textAs` is `'bytes'`), and a Buffer for everything else. In raw mode, a
   * fragment of a Text message is a Buffer, too. The Buffer is the receiver's to keep and to change.
   */
  readonly data: string | Buffer;
  /** Whether this is the last frame of its message (RFC 6455 §5.2). Present only in raw mode. */
  readonly fin?: boolean;
}

/** Makes the result of a receive. */
export interface Reading<Result> {
  /** Makes the result from the next packet. If it throws, the receive rejects with that. */
  packet(packet: Packet): Result;
  /**
   * Makes the result from the end, if that comes first. If it returns `undefined` or is missing, the receive rejects
   * with the error of the end.
   *
   * @param isOrderly whether a loop over the messages should end without an error
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

  /** The promise may be ignored. */
  #fail(error: unknown): void {
    handled(this.promise);
    this.#reject(error);
  }
}

/**
 * Messages that have arrived and were not received yet, or the one receiver that waits for the next message. Each
 * message costs one promise: its result is computed before the promise settles, not in a second promise.
 */
export class MessageQueue {
  /** `#count` packets wait, from `#first` on. `Array.prototype.shift` would move the others each time. */
  readonly #packets: (Packet | null)[] = [];
  #first = 0;
  #count = 0;
  #bytes = 0;
  /** The cost of the messages that arrived while the queue was above its limits. */
  #reserveUsed = 0;
  #receiver: Receiver | null = null;
  #end: Error | null = null;
  #isEndOrderly = false;

  /** Whether the socket must stop reading, because too much waits. */
  get isFull(): boolean {
    return this.#reserveUsed > QUEUE_RESERVE;
  }

  /**
   * Whether a stopped socket should read again. That is well below full, because each stop costs time.
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
      return rejected(
        new TypeError('Another receive… call is already waiting for a message: await one before the next'),
      );
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
