import type { Duplex } from 'node:stream';
import type { Transport } from '../../src/net/transport/transport.js';

/** A transport without a socket. What is written counts only when the kernel reads it: at once, or when `complete` says so. */
export class FakeTransport implements Transport {
  readonly socket = null as unknown as Duplex;
  readonly releasesMemory: boolean;
  /** Whether a write is taken whole at once; if not, it stays in flight until `complete`. */
  takesWhole = true;
  /** Everything that the kernel has read. */
  readonly written: Buffer[] = [];
  /** All parts that it was given, as they were. */
  readonly given: Uint8Array[] = [];
  /** How many parts each write had. */
  readonly partCounts: number[] = [];
  inFlight: readonly Uint8Array[] | null = null;
  ended = false;
  /** The outbox's `written`. */
  onWritten: () => void = () => {};
  /** Called within each write, as a stream in memory calls its peer. */
  onWrite: () => void = () => {};

  constructor(releasesMemory = true) {
    this.releasesMemory = releasesMemory;
  }

  write(part: Uint8Array): boolean {
    return this.writeAll([part]);
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    if (this.inFlight !== null) throw new Error('A write while another is in flight');
    if (this.ended) throw new Error('A write behind the end');
    this.given.push(...parts);
    this.partCounts.push(parts.length);
    if (this.takesWhole) this.#read(parts);
    else this.inFlight = parts;
    const whole = this.takesWhole;
    this.onWrite();
    return whole;
  }

  /** The kernel takes what is in flight. */
  complete(): void {
    const parts = this.inFlight;
    if (parts === null) throw new Error('Nothing is in flight');
    this.#read(parts);
    this.inFlight = null;
    this.onWritten();
  }

  #read(parts: readonly Uint8Array[]): void {
    this.written.push(Buffer.concat(parts));
  }

  get octets(): Buffer {
    return Buffer.concat(this.written);
  }

  end(): void {
    if (this.inFlight !== null) throw new Error('FIN while a write is in flight');
    this.ended = true;
  }

  get queuedBytes(): number {
    return Number.POSITIVE_INFINITY;
  }

  start(): void {}
  resume(): void {}
  markPaused(): void {}
  markResumed(): void {}
  destroy(): void {}
  destroySoon(): void {}
  probe(): void {}
}
