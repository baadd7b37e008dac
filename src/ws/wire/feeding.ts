import type { Buffer } from 'node:buffer';

/** What is fed. */
interface Fed {
  /** Whether all that it was given is handled. */
  readonly isEmpty: boolean;
  readonly isPaused: boolean;
  onChunk(octets: Buffer): void;
}

/** Gives an inbox octets that no transport brought, and tells when they are handled. */
export class Feeding {
  readonly #inbox: Fed;
  /** Those who wait for a paused inbox. */
  #held: (() => void)[] = [];

  constructor(inbox: Fed) {
    this.#inbox = inbox;
  }

  /** @param done is called when the octets are handled, or never will be */
  feed(octets: Buffer, done: () => void): void {
    this.#inbox.onChunk(octets);
    this.#whenHandled(done);
  }

  /** The inbox is not paused any more. */
  goOn(): void {
    const held = this.#held;
    this.#held = [];
    for (const done of held) this.#whenHandled(done);
  }

  #whenHandled(done: () => void): void {
    if (this.#inbox.isEmpty) done();
    else if (this.#inbox.isPaused) this.#held.push(done);
    else setImmediate(() => this.#whenHandled(done));
  }
}
