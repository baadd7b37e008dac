import { Buffer } from 'node:buffer';
import type { Outbox } from '../../net/writing/outbox.js';
import { FIN } from '../../protocol/opcode.js';
import { type GenerateMask, Sender } from '../sender.js';
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
  constructor(wire: Wire, masks: boolean, generateMask: GenerateMask | undefined) {
    super(wire.socket, undefined, generateMask);
    this.#wire = wire;
    this.#masks = masks;
    this.#mask = generateMask;
  }

  override sendFrame(parts: Parts, callback?: WriteCallback): void {
    this.#wire.sendFrame(join(parts), typeof callback === 'function' ? callback : undefined);
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
    const options = { opcode: firstOctet & ~FIN, fin: (firstOctet & FIN) !== 0, mask, generateMask: this.#mask };
    this.#wire.sendFrame(Buffer.concat(Sender.frame(payload, options)), callback);
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

  /** @param most how many Pongs may wait; 0 is unlimited */
  constructor(outbox: Pick<Outbox, 'appended' | 'departed' | 'flush'>, most: number) {
    this.#outbox = outbox;
    this.#most = most;
  }

  /** If as many Pongs wait as may, writes them. @returns whether one more may wait */
  makeRoom(): boolean {
    if (this.#most <= 0 || this.#ends.length < this.#most) return true;
    this.#outbox.flush();
    const { departed } = this.#outbox;
    this.#ends = this.#ends.filter((end) => end > departed);
    return this.#ends.length < this.#most;
  }

  /** The frame that was sent last is an automatic Pong. */
  add(): void {
    if (this.#most > 0) this.#ends.push(this.#outbox.appended);
  }
}
