import { inTurn, turn } from './turns.mjs';

/** Turns in which nothing happens any more. */
const SETTLED = 8;

/** The session under way: there is one at a time. */
export const current = { session: null };

/** The steps of a user, each of which waits for its place: the n-th event of a kind, or a turn after the opening. */
export class Session {
  /** Of the program, for the paths of URLs. */
  id;
  program;
  ledger;
  peer = null;
  /** The subject's own TCP socket, where it can be had. */
  socket = null;
  /** The WebSocket under test. */
  ws = null;
  /** Whatever a subject wants to keep. */
  kept = {};
  #act;
  #places = new Map();
  #counts = new Map();
  /** Steps that have begun and wait for their turn. */
  pending = 0;

  /** @param act performs one step of the user on the subject */
  constructor(id, program, ledger, act) {
    this.id = id;
    this.program = program;
    this.ledger = ledger;
    this.#act = act;
    for (const step of program.user) {
      const place = `${step.at} ${step.n}`;
      if (!this.#places.has(place)) this.#places.set(place, []);
      this.#places.get(place).push(step);
    }
  }

  /** An event of this kind has come, and its listener is running. @throws what a step says */
  place(event) {
    const number = this.#counts.get(event) ?? 0;
    this.#counts.set(event, number + 1);
    const steps = this.#places.get(`${event} ${number}`);
    if (steps === undefined) return;
    let thrown;
    for (const step of steps) {
      if (step.do === 'throw') thrown = new Error(`thrown at ${event} ${number}`);
      else this.#perform(step);
    }
    if (thrown === undefined) return;
    this.ledger.onThrow(thrown);
    throw thrown;
  }

  #perform(step) {
    this.pending++;
    inTurn(step.turn, () => {
      this.pending--;
      // What comes too late must not meet the next session.
      if (current.session === this) this.#act(this, step);
    });
  }

  /** Whether one side has begun to end the connection. */
  get isEnding() {
    return this.ledger.userEnd !== null || this.ledger.closes.length > 0 || this.peer?.isDone === true;
  }

  /** Whether the peer has said all, was understood, and reads: nothing is under way in that direction. */
  get isQuiet() {
    const { ledger, peer } = this;
    return !ledger.isPaused && !this.isEnding && peer?.played && peer.isReading && ledger.allTold;
  }

  get bytesRead() {
    return this.program.transport === 'tcp' ? this.socket?.bytesRead : undefined;
  }

  async turn() {
    await turn();
    this.ledger.sample(this.bytesRead);
  }

  /**
   * Waits until something holds.
   *
   * @returns whether it came to hold before patience was at an end
   */
  async until(holds, patience) {
    const deadline = performance.now() + patience;
    for (let turns = 0; !holds(); turns++) {
      if (turns > 400 && performance.now() > deadline) return false;
      await this.turn();
      // Nothing but a timer or the kernel is waited for: others may have the processor.
      if (turns > 400) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return true;
  }

  async settle() {
    for (let i = 0; i < SETTLED; i++) await this.turn();
  }
}
