import { Buffer } from 'node:buffer';
import { clockMicros } from './keepalive.js';

/** A Ping of the user that has no Pong yet. */
interface PendingPing {
  readonly payload: Buffer;
  readonly sentAt: number;
  readonly resolve: (milliseconds: number) => void;
  readonly reject: (error: Error) => void;
}

/** The Pings of one connection whose Pongs the user waits for (RFC 6455 §5.5.2, §5.5.3). */
export class RoundTrips {
  /** In the order in which they were sent. */
  #pending: PendingPing[] = [];
  #numbered = 0;

  /**
   * What a Ping without a payload carries: nothing or, while another such Ping has no Pong, a number, so that their Pongs
   * can be told apart.
   *
   * @param isTaken whether an empty Ping of the keepalive is under way
   */
  payload(isTaken: boolean): Buffer {
    if (!isTaken && !this.#pending.some(({ payload }) => payload.length === 0)) return Buffer.alloc(0);
    const number = Buffer.alloc(4);
    this.#numbered = (this.#numbered + 1) >>> 0;
    number.writeUInt32BE(this.#numbered);
    return number;
  }

  /** A Ping is sent. @returns resolves with the milliseconds until its Pong */
  sent(payload: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ payload, sentAt: clockMicros(), resolve, reject });
    });
  }

  /**
   * §5.5.3: a Pong has the payload of its Ping. A peer "MAY elect to send a Pong frame for only the most recently
   * processed Ping frame", so Pings before that one have their answer, too.
   *
   * @returns the microseconds that it took; -1 if it is no answer to any of them
   */
  onPong(payload: Uint8Array): number {
    const index = this.#pending.findIndex((ping) => ping.payload.equals(payload));
    if (index === -1) return -1;
    const now = clockMicros();
    const answered = this.#pending.splice(0, index + 1);
    const micros = answered.map(({ sentAt }) => (now - sentAt) | 0);
    for (const [at, { resolve }] of answered.entries()) resolve(micros[at] / 1000);
    return micros[index];
  }

  /** The connection has ended. */
  reject(error: Error): void {
    for (const { reject } of this.#pending) reject(error);
    this.#pending = [];
  }
}
