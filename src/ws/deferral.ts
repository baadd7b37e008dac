/** What a deferral stops and starts. */
export interface Deferrable {
  /** Stops between two frames, until `goOn`. */
  hold(): void;
  goOn(): void;
  /** Calls listeners; nothing that they throw comes back. */
  run(event: () => void): void;
}

/** For `allowSynchronousEvents: false`: tells one event in each turn of the event loop. */
export class Deferral {
  readonly #events: Deferrable;
  #isDue = false;

  constructor(events: Deferrable) {
    this.#events = events;
  }

  /** Whether an event waits for its turn. */
  get isDue(): boolean {
    return this.#isDue;
  }

  tell(event: () => void): void {
    this.#isDue = true;
    this.#events.hold();
    setImmediate(() => {
      this.#isDue = false;
      this.#events.run(event);
      if (!this.#isDue) this.#events.goOn();
    });
  }
}
