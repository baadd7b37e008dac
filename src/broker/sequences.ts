/** How many topics an origin counts at least. */
const COUNTED = 50_000;

/** The number of a message. */
export interface Numbered {
  /** The number, among the messages of one origin on one topic. */
  readonly sequence: number;
  /** Whether it does not follow the number before, so that there is no gap before it. */
  readonly isStart: boolean;
}

/**
 * Numbers what one server publishes, on each topic without gaps. A topic on which nothing was published for long is
 * forgotten, and goes on with a higher number than any before.
 */
export class Numbers {
  #recent = new Map<string, number>();
  #older = new Map<string, number>();
  #highest = 0;

  /** Returns the number of the next message on `topic`. */
  next(topic: string): Numbered {
    const last = this.#recent.get(topic) ?? this.#older.get(topic);
    const sequence = (last ?? this.#highest) + 1;
    if (sequence > this.#highest) this.#highest = sequence;
    if (this.#recent.size >= COUNTED && !this.#recent.has(topic)) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(topic, sequence);
    return { sequence, isStart: last === undefined };
  }
}

/** What a number says about a message: it is the next one, the first after a gap, or one that came before. */
export type Place = 'next' | 'after a gap' | 'repeated';

/** How many processes that publish on one topic are remembered. */
const ORIGINS = 4096;

/** Which messages of one topic have arrived, by origin. */
export class Progress {
  readonly #last = new Map<string, number>();

  /** Judges the number of a message that has arrived, and remembers it. */
  place(origin: string, { sequence, isStart }: Numbered): Place {
    const last = this.#last.get(origin);
    if (last !== undefined && sequence <= last) return 'repeated';
    // The one that was heard of first may well be gone.
    if (last === undefined && this.#last.size >= ORIGINS) this.#last.delete(this.#last.keys().next().value!);
    this.#last.set(origin, sequence);
    return last === undefined || isStart || sequence === last + 1 ? 'next' : 'after a gap';
  }
}
