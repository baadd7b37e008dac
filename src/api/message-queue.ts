/** Above this many messages, or octets of them, the socket stops reading until somebody receives. */
export const MAX_QUEUED = 16;
export const MAX_QUEUED_OCTETS = 1_048_576;

/** One message or, in raw mode, one frame as it waits to be received. */
export interface Packet {
  readonly opcode: number;
  /** Text is a string, everything else bytes. */
  readonly data: string | Buffer;
  /** Whether it is whole: `false` only in raw mode, for a fragment that others follow. */
  readonly fin: boolean;
}

interface Receiver {
  resolve(packet: Packet): void;
  reject(error: Error): void;
}

/** Messages that arrived and were not received yet, or the one receiver that waits for the next. */
export class MessageQueue {
  #packets: Packet[] = [];
  /** Index of the first packet: those before it were received. */
  #first = 0;
  #octets = 0;
  #receiver: Receiver | null = null;
  #end: Error | null = null;

  /** Whether so much waits that the socket should stop reading. */
  get isFull(): boolean {
    return this.#packets.length - this.#first > MAX_QUEUED || this.#octets > MAX_QUEUED_OCTETS;
  }

  get isReceiving(): boolean {
    return this.#receiver !== null;
  }

  push(packet: Packet): void {
    const receiver = this.#receiver;
    if (receiver !== null) {
      this.#receiver = null;
      receiver.resolve(packet);
      return;
    }
    this.#packets.push(packet);
    this.#octets += packet.data.length;
  }

  /** The next packet, or `undefined` if none waits. */
  shift(): Packet | undefined {
    const packet = this.#packets[this.#first];
    if (packet === undefined) return undefined;
    this.#first++;
    this.#octets -= packet.data.length;
    if (this.#first === this.#packets.length) {
      this.#packets = [];
      this.#first = 0;
    }
    return packet;
  }

  /** Waits for a packet to come. Rejects at once if none will. Only one may wait. */
  wait(): Promise<Packet> {
    return new Promise((resolve, reject) => {
      if (this.#end !== null) reject(this.#end);
      else this.#receiver = { resolve, reject };
    });
  }

  /** No packet will come any more. Those that wait can still be received. */
  end(error: Error): void {
    this.#end ??= error;
    const receiver = this.#receiver;
    this.#receiver = null;
    receiver?.reject(this.#end);
  }
}
