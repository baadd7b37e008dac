import { makeEnumerable } from './enumerable.js';

/** The base of the events that `addEventListener` handlers get: the WHATWG interface, as far as npm `ws` has it. */
export class Event {
  readonly #type: string;
  readonly #target: object;

  constructor(type: string, target: object) {
    this.#type = type;
    this.#target = target;
  }

  get type(): string {
    return this.#type;
  }

  get target(): object {
    return this.#target;
  }
}

/** A message. */
export class MessageEvent extends Event {
  readonly #data: unknown;

  constructor(target: object, data: unknown) {
    super('message', target);
    this.#data = data;
  }

  /** Text as a string, Binary as `binaryType` says. */
  get data(): unknown {
    return this.#data;
  }
}

/** The connection is closed. */
export class CloseEvent extends Event {
  readonly #code: number;
  readonly #reason: string;
  readonly #wasClean: boolean;

  constructor(target: object, code: number, reason: string, wasClean: boolean) {
    super('close', target);
    this.#code = code;
    this.#reason = reason;
    this.#wasClean = wasClean;
  }

  get code(): number {
    return this.#code;
  }

  get reason(): string {
    return this.#reason;
  }

  /** Whether each side has sent a Close frame. */
  get wasClean(): boolean {
    return this.#wasClean;
  }
}

/** An error. */
export class ErrorEvent extends Event {
  readonly #error: Error;

  constructor(target: object, error: Error) {
    super('error', target);
    this.#error = error;
  }

  get error(): Error {
    return this.#error;
  }

  get message(): string {
    return this.#error.message;
  }
}

makeEnumerable(Event.prototype, ['type', 'target']);
makeEnumerable(MessageEvent.prototype, ['data']);
makeEnumerable(CloseEvent.prototype, ['code', 'reason', 'wasClean']);
makeEnumerable(ErrorEvent.prototype, ['error', 'message']);
