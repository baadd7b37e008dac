import { TCHAR } from '../handshake/header-values.js';

/** The parameters of one offer by name. A name may occur several times. A parameter without a value is `true`. */
export type Parameters = Record<string, (string | true)[]>;

/** Reads a header field's value from left to right. */
export class FieldReader {
  readonly #field: string;
  #at = 0;

  constructor(field: string) {
    this.#field = field;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#field.length;
  }

  /** @throws SyntaxError with the index of the next character, which the syntax does not allow */
  fail(): never {
    throw new SyntaxError(this.isAtEnd ? 'Unexpected end of input' : `Unexpected character at index ${this.#at}`);
  }

  skipBlanks(): void {
    while (this.#field[this.#at] === ' ' || this.#field[this.#at] === '\t') this.#at++;
  }

  /** Takes `character` if it is next, with the blanks before and after it. */
  skip(character: string): boolean {
    const start = this.#at;
    this.skipBlanks();
    if (this.#field[this.#at] !== character) {
      // Blanks at the very end do not separate anything.
      if (!this.isAtEnd || start === this.#at) return false;
      this.fail();
    }
    this.#at++;
    this.skipBlanks();
    return true;
  }

  /** Takes `character` if it comes right here, without blanks. */
  take(character: string): boolean {
    if (this.#field[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** Takes a token (RFC 9110 §5.6.2). */
  token(): string {
    const start = this.#at;
    while (this.#isTchar()) this.#at++;
    if (start === this.#at) this.fail();
    return this.#field.slice(start, this.#at);
  }

  /** Takes a quoted string after its opening quote. RFC 6455 §9.1: unescaped, it has to be a token. */
  quotedToken(): string {
    let token = '';
    while (!this.take('"')) {
      this.take('\\');
      if (!this.#isTchar()) this.fail();
      token += this.#field[this.#at++];
    }
    if (token === '') {
      this.#at--;
      this.fail();
    }
    return token;
  }

  #isTchar(): boolean {
    return TCHAR[this.#field.charCodeAt(this.#at)] === 1;
  }
}

function add<Value>(record: Record<string, Value[]>, name: string, value: Value): void {
  record[name] ??= [];
  record[name].push(value);
}

function parseParameters(reader: FieldReader): Parameters {
  const parameters: Parameters = Object.create(null);
  while (reader.skip(';')) {
    const name = reader.token();
    if (!reader.take('=')) add<string | true>(parameters, name, true);
    else add<string | true>(parameters, name, reader.take('"') ? reader.quotedToken() : reader.token());
  }
  return parameters;
}

/**
 * Reads a Sec-WebSocket-Extensions field (RFC 6455 §9.1).
 *
 * @returns the offers of each extension, by its name
 * @throws SyntaxError with the index of the character that does not fit
 */
export function parse(field: string): Record<string, Parameters[]> {
  const offers: Record<string, Parameters[]> = Object.create(null);
  const reader = new FieldReader(field);
  do {
    const name = reader.token();
    add(offers, name, parseParameters(reader));
  } while (reader.skip(','));
  if (!reader.isAtEnd) reader.fail();
  return offers;
}

/** A list, or a single value. */
type OneOrMany<T> = T | readonly T[];

function asList<T>(values: OneOrMany<T>): readonly T[] {
  return Array.isArray(values) ? values : [values as T];
}

/** Writes a Sec-WebSocket-Extensions field. */
export function format(extensions: Record<string, OneOrMany<Record<string, OneOrMany<unknown>>>>): string {
  const offers = Object.entries(extensions).flatMap(([name, configurations]) =>
    asList(configurations).map((parameters) => {
      const pairs = Object.entries(parameters).flatMap(([key, values]) =>
        asList(values).map((value) => (value === true ? key : `${key}=${value}`)),
      );
      return [name, ...pairs].join('; ');
    }),
  );
  return offers.join(', ');
}
