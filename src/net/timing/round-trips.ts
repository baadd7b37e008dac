import { Buffer } from 'node:buffer';
import { NO_BYTES } from '../../protocol/bytes.js';
import { clockMicros } from './keepalive.js';

/** A Ping that has no Pong yet. */
interface PendingPing {
  readonly payload: Buffer;
  /** In microseconds of `clockMicros`. */
  readonly sentAt: number;
  /** The caller that waits for its Pong; `null` for a Ping of the keepalive. */
  readonly waiter: Waiter | null;
  /** Whether it is on its way. Before that, it waits for a message that is being compressed. */
  hasLeft: boolean;
}

interface Waiter {
  readonly resolve: (milliseconds: number) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The Pings of one connection, once the user waits for the Pong of one (RFC 6455 §5.5.2, §5.5.3). The Pings of the
 * keepalive are among them, so that each Pong goes to the Ping that it answers.
 */
export class RoundTrips {
  /** In the order in which they were sent. */
  #pending: PendingPing[] = [];
  #numbered = 0;

  /** @param pingedAt when the keepalive sent a Ping that has no Pong yet; 0 if there is none */
  constructor(pingedAt: number) {
    if (pingedAt !== 0) this.#pending.push({ payload: NO_BYTES, sentAt: pingedAt, waiter: null, hasLeft: true });
  }

  /**
   * Chooses the payload of a Ping for which any will do: none; or a number while another empty Ping has no Pong, so
   * that their Pongs can be told apart.
   */
  #freePayload(): Buffer {
    if (!this.#pending.some(({ payload }) => payload.length === 0)) return NO_BYTES;
    for (;;) {
      const number = Buffer.alloc(4);
      this.#numbered = (this.#numbered + 1) >>> 0;
      number.writeUInt32BE(this.#numbered);
      if (!this.#pending.some(({ payload }) => payload.equals(number))) return number;
    }
  }

  /**
   * Records a Ping that the user sends. Call `onLeft` when it has left.
   *
   * @param given its payload; `null` if any will do
   * @returns the payload, and a promise that resolves with the milliseconds until its Pong
   */
  sent(given: Buffer | null): { payload: Buffer; answered: Promise<number> } {
    const payload = given ?? this.#freePayload();
    const answered = new Promise<number>((resolve, reject) => {
      this.#pending.push({ payload, sentAt: clockMicros(), waiter: { resolve, reject }, hasLeft: false });
    });
    return { payload, answered };
  }

  /** The first of the Pings that wait has left. */
  onLeft(): void {
    const ping = this.#pending.find(({ hasLeft }) => !hasLeft);
    if (ping !== undefined) ping.hasLeft = true;
  }

  /**
   * The keepalive sends an empty Ping, before those that have not left. If an earlier one of its Pings has no Pong, the
   * next Pong is taken for that one's.
   */
  sentByKeepalive(): void {
    if (this.#pending.some(({ waiter }) => waiter === null)) return;
    const next = this.#pending.findIndex(({ hasLeft }) => !hasLeft);
    const ping = { payload: NO_BYTES, sentAt: clockMicros(), waiter: null, hasLeft: true };
    this.#pending.splice(next === -1 ? this.#pending.length : next, 0, ping);
  }

  /**
   * §5.5.3: a Pong has the payload of its Ping. A peer "MAY elect to send a Pong frame for only the most recently
   * processed Ping frame", so Pings before that one have their answer, too.
   *
   * @returns the microseconds that it took; -1 if it is no answer to any of them
   */
  onPong(payload: Uint8Array): number {
    const index = this.#pending.findIndex((ping) => ping.hasLeft && ping.payload.equals(payload));
    if (index === -1) return -1;
    const now = clockMicros();
    // The time starts again every 71 minutes.
    const microsSince = (time: number) => Math.max(0, (now - time) | 0);
    const answered = this.#pending.splice(0, index + 1);
    for (const { sentAt, waiter } of answered) waiter?.resolve(microsSince(sentAt) / 1000);
    return microsSince(answered[index].sentAt);
  }

  /** The connection has ended. */
  reject(error: Error): void {
    for (const { waiter } of this.#pending) waiter?.reject(error);
    this.#pending = [];
  }
}
