import { setImmediate } from 'node:timers';

/** What a deferral stops and starts. */
interface Deferrable {
  /** The user has paused. */
  readonly isPaused: boolean;
  /** Stops between two frames, until `proceed`. */
  hold(): void;
  proceed(): void;
  /** Calls listeners. What they throw does not reach the caller. */
  run(event: () => void): void;
  /** Runs `act` in the async context of the connection. */
  runInAsyncScope(act: () => void): void;
}

/** For `allowSynchronousEvents: false`: emits one event in each turn of the event loop. */
export class Deferral {
  readonly #events: Deferrable;
  #due: (() => void) | null = null;
  /** Whether the event's turn came while the user had paused. */
  #isHeld = false;

  constructor(events: Deferrable) {
    this.#events = events;
  }

  /** Whether an event waits for its turn. */
  get isDue(): boolean {
    return this.#due !== null;
  }

  /** Emits `event` in the next turn. Until then the connection is held. */
  tell(event: () => void): void {
    this.#due = event;
    this.#events.hold();
    setImmediate(this.#onTurn);
  }

  /** The user is not paused any more, or the connection has ended. */
  proceed(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    setImmediate(() => this.#events.runInAsyncScope(this.#onTurn));
  }

  readonly #onTurn = (): void => {
    const event = this.#due;
    if (event === null) return;
    this.#isHeld = this.#events.isPaused;
    if (this.#isHeld) return;
    this.#due = null;
    this.#events.run(event);
    if (this.#due === null) this.#events.proceed();
  };
}
