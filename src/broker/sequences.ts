/** How many topics an origin counts at least. */
const COUNTED = 50_000;

/** A number for the next message of a topic. */
export interface Numbered {
  readonly sequence: number;
  /** It continues no number that receivers may know. */
  readonly isStart: boolean;
}

/**
 * Numbers what one process publishes, for each topic without holes. Topics on which nothing was published for long are
 * forgotten; they go on with a number that is higher than any before.
 */
export class Numbers {
  #recent = new Map<string, number>();
  #older = new Map<string, number>();
  #highest = 0;

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

/** What a number says about a message: it is the next, the first after a hole, or one that came before. */
export type Place = 'next' | 'after a gap' | 'repeated';

/** How many processes that publish on one topic are remembered. */
const ORIGINS = 4096;

/** How far the messages of one topic have come, by origin. */
export class Progress {
  readonly #last = new Map<string, number>();

  place(origin: string, { sequence, isStart }: Numbered): Place {
    const last = this.#last.get(origin);
    if (last !== undefined && sequence <= last) return 'repeated';
    // The one that was heard of first may well be gone.
    if (last === undefined && this.#last.size >= ORIGINS) this.#last.delete(this.#last.keys().next().value!);
    this.#last.set(origin, sequence);
    return last === undefined || isStart || sequence === last + 1 ? 'next' : 'after a gap';
  }
}
