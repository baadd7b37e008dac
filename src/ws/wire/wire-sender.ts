import { Buffer } from 'node:buffer';
import type { Outbox } from '../../net/writing/outbox.js';
import { frameOptions, type GenerateMask, Sender } from '../sender.js';
import type { Wire } from './wire.js';
import type { WriteCallback } from './write-callbacks.js';

type Parts = readonly (Uint8Array | string)[];

/** Joined frames by the array of their parts: a broadcast hands the same array to each socket. */
const joined = new WeakMap<Parts, Buffer>();

function join(parts: Parts): Buffer {
  let frame = joined.get(parts);
  if (frame === undefined) {
    frame = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
    joined.set(parts, frame);
  }
  return frame;
}

/**
 * The sender of an open WebSocket. Its frames leave through the wire, which also makes them if they are masked as they
 * should be.
 */
export class WireSender extends Sender {
  readonly #wire: Wire;
  readonly #masks: boolean;
  readonly #mask: GenerateMask | undefined;

  /** @param masks whether frames must be masked, as on a client */
  constructor(wire: Wire, extensions: unknown, masks: boolean, generateMask: GenerateMask | undefined) {
    super(wire.socket, extensions, generateMask);
    this.#wire = wire;
    wire.sender = this;
    this.#masks = masks;
    this.#mask = generateMask;
  }

  override sendFrame(parts: Parts, callback?: WriteCallback): void {
    const frame = join(parts);
    const done = typeof callback === 'function' ? callback : undefined;
    this.sendInTurn(frame.length, done, () => this.#wire.sendFrame(frame, done));
  }

  protected override fail(callback: WriteCallback | undefined, error: Error): void {
    this.#wire.fail(callback, error);
  }

  protected override transmit(
    firstOctet: number,
    payload: string | Buffer,
    mask: boolean,
    callback: WriteCallback | undefined,
  ): void {
    if (mask === this.#masks) return this.#wire.send(firstOctet, payload, callback);
    const parts = Sender.frame(payload, frameOptions(firstOctet, mask, this.#mask));
    this.#wire.sendFrame(Buffer.concat(parts), callback);
  }
}

/**
 * The automatic Pongs of a WebSocket (RFC 6455 §5.5.2) that have not left. A peer that makes us answer and does not
 * read the answers is not served for ever. A peer that reads may send as many Pings in one turn as it likes.
 */
export class AutoPongs {
  readonly #outbox: Pick<Outbox, 'appended' | 'departed' | 'flush'>;
  readonly #most: number;
  /** For each Pong: how many bytes will have left when it has left. */
  #ends: number[] = [];
  /** Pongs whose turn to be sent has not come. */
  #waiting = 0;

  /** @param most how many Pongs may wait; 0 is unlimited */
  constructor(outbox: Pick<Outbox, 'appended' | 'departed' | 'flush'>, most: number) {
    this.#outbox = outbox;
    this.#most = most;
  }

  /** If as many Pongs wait as may, writes them. @returns whether one more may wait */
  makeRoom(): boolean {
    if (this.#most <= 0 || this.#count() < this.#most) return true;
    this.#outbox.flush();
    const { departed } = this.#outbox;
    this.#ends = this.#ends.filter((end) => end > departed);
    return this.#count() < this.#most;
  }

  #count(): number {
    return this.#ends.length + this.#waiting;
  }

  /**
   * Sends one more.
   *
   * @param waits whether other frames have to be sent first
   */
  send(waits: boolean, pong: (callback?: WriteCallback) => void): void {
    if (this.#most > 0 && waits) {
      this.#waiting++;
      return pong(() => {
        this.#waiting--;
      });
    }
    pong();
    if (this.#most > 0) this.#ends.push(this.#outbox.appended);
  }
}
