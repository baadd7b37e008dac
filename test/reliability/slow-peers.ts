import { runNode } from '../support/program.js';

/** What a slow reader has read when its connection ends. */
export interface Seen {
  readonly payloadBytes: number;
  readonly pings: number;
  /** 0 without a Close. */
  readonly closeCode: number;
}

export interface SlowReaderOptions {
  readonly bytesPerSecond?: number;
  readonly secure?: boolean;
  /** Frames that it sends so many milliseconds after it is open; by default Text, at once. */
  readonly sends?: readonly {
    readonly after?: number;
    readonly opcode?: number;
    readonly text?: string;
    readonly fin?: boolean;
  }[];
}

/** A client in a process of its own. */
export class SlowReader {
  readonly #program;

  constructor(port: number, options: SlowReaderOptions = {}) {
    this.#program = runNode(['test/reliability/peers/slow-reader.mjs', String(port), JSON.stringify(options)]);
  }

  async opened(): Promise<void> {
    await this.#program.printed(/open/);
  }

  /** Waits for the end of the connection. */
  async seen(): Promise<Seen> {
    return JSON.parse((await this.#program.printed(/\{.*\}/))[0]);
  }

  /** As a laptop that is closed, or a phone in a tunnel. */
  stop(): void {
    this.#program.signal('SIGSTOP');
  }

  goOn(): void {
    this.#program.signal('SIGCONT');
  }
}

/** Keeps the event loop from running. */
export function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}
