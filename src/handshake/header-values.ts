import { quoted } from '../protocol/quoted.js';

const TAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const SLASH = 0x2f;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;
const DELETE = 0x7f;

/** RFC 9110 §5.6.2: 1 at the code of each character that a token may contain. RFC 6455 §4.3 adopts `token`. */
export const TCHAR: Uint8Array = new Uint8Array(128);
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TCHAR[char.charCodeAt(0)] = 1;
}

/** What an error says of a text that is no token, after the text. */
export const NO_TOKEN = "is not a token: it may have letters, digits and !#$%&'*+-.^_`|~ only";

/** A parameter of an extension. Without `=` it has no `value` (RFC 6455 §9.1). */
interface ExtensionParam {
  readonly name: string;
  /** A token: quotes and backslashes are removed. */
  readonly value?: string;
}

/** One element of Sec-WebSocket-Extensions. `params` keeps order and duplicates, which the negotiation has to judge. */
export interface Extension {
  readonly name: string;
  readonly params: readonly ExtensionParam[];
}

/** Reads a header value from left to right. No method looks back, so a parser that uses them takes linear time. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  get atToken(): boolean {
    return TCHAR[this.#text.charCodeAt(this.#at)] === 1;
  }

  /** OWS of RFC 9110 §5.6.3. */
  skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== SPACE && code !== TAB) return;
      this.#at++;
    }
  }

  take(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at++;
    return true;
  }

  /** Takes the token that starts here; an empty string if none does. */
  takeToken(): string {
    const start = this.#at;
    while (this.atToken) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  /** Takes everything up to the closing quote, unescaped; null if that is not a token or there is no such quote. */
  takeQuotedToken(): string | null {
    let token = '';
    for (;;) {
      token += this.takeToken();
      if (this.take(QUOTE)) return token === '' ? null : token;
      // RFC 6455 §9.1: "the value after quoted-string unescaping MUST conform to the 'token' ABNF", so the
      // character after a backslash belongs to the token too, and the next round takes it.
      if (!this.take(BACKSLASH) || !this.atToken) return null;
    }
  }
}

/** Whether `text` is a token (RFC 9110 §5.6.2). */
export function isToken(text: unknown): text is string {
  if (typeof text !== 'string' || text === '') return false;
  const scanner = new Scanner(text);
  scanner.takeToken();
  return scanner.done;
}

/**
 * The elements between commas, without the space around them. Empty ones are included. `null` if `take` rejects one.
 */
function parseList(value: string, take: (scanner: Scanner) => string | null): string[] | null {
  const scanner = new Scanner(value);
  const elements: string[] = [];
  do {
    scanner.skipSpace();
    const element = take(scanner);
    if (element === null) return null;
    elements.push(element);
    scanner.skipSpace();
  } while (scanner.take(COMMA));
  return scanner.done ? elements : null;
}

const takeToken = (scanner: Scanner): string => scanner.takeToken();

/** RFC 9110 §7.8: `protocol = protocol-name ["/" protocol-version]`. */
function takeUpgradeProtocol(scanner: Scanner): string | null {
  const name = scanner.takeToken();
  if (!scanner.take(SLASH)) return name;
  const version = scanner.takeToken();
  return name === '' || version === '' ? null : `${name}/${version}`;
}

// RFC 9110 §5.6.1.2: "A recipient MUST parse and ignore a reasonable number of empty list elements".
const present = (element: string): boolean => element !== '';

/** The tokens of a list such as Connection, in their own spelling; null on a syntax error (RFC 9110 §5.6.1, §7.6.1). */
export function parseTokens(value: string): string[] | null {
  return parseList(value, takeToken)?.filter(present) ?? null;
}

/** The protocols of an Upgrade header, in their own spelling; null on a syntax error (RFC 9110 §7.8). */
export function parseUpgrade(value: string): string[] | null {
  return parseList(value, takeUpgradeProtocol)?.filter(present) ?? null;
}

/**
 * The subprotocols of a Sec-WebSocket-Protocol header, in the client's order of preference; null on a syntax error.
 *
 * RFC 6455 §4.1, item 10: "The elements that comprise this value MUST be non-empty strings [of token characters] and
 * MUST all be unique strings." Unlike in other lists, an empty element is therefore an error.
 */
export function parseProtocols(value: string): string[] | null {
  const protocols = parseList(value, takeToken);
  if (protocols === null || !protocols.every(present)) return null;
  return new Set(protocols).size === protocols.length ? protocols : null;
}

/** The extensions of a Sec-WebSocket-Extensions header, in order; null on a syntax error (RFC 6455 §9.1). */
export function parseExtensions(value: string): Extension[] | null {
  const scanner = new Scanner(value);
  const extensions: Extension[] = [];
  do {
    scanner.skipSpace();
    const name = scanner.takeToken();
    if (name === '') continue;
    const params = takeParams(scanner);
    if (params === null) return null;
    extensions.push({ name, params });
  } while (scanner.take(COMMA));
  // `extension-list = 1#extension`: at least one element that is not empty.
  return scanner.done && extensions.length > 0 ? extensions : null;
}

/** `*( ";" extension-param )`; `extension-param = token [ "=" (token | quoted-string) ]`. */
function takeParams(scanner: Scanner): ExtensionParam[] | null {
  const params: ExtensionParam[] = [];
  scanner.skipSpace();
  while (scanner.take(SEMICOLON)) {
    scanner.skipSpace();
    const name = scanner.takeToken();
    if (name === '') return null;
    // RFC 6455 §4.3 adopts RFC 2616 with its implied LWS, so there may be space around "=" as well.
    scanner.skipSpace();
    if (!scanner.take(EQUALS)) {
      params.push({ name });
      continue;
    }
    scanner.skipSpace();
    const value = scanner.take(QUOTE) ? scanner.takeQuotedToken() : scanner.takeToken();
    if (value === null || value === '') return null;
    params.push({ name, value });
    scanner.skipSpace();
  }
  return params;
}

/**
 * Whether `value` may be written as the value of a header (RFC 9110 §5.5): SP, HTAB, visible ASCII and 0x80 to 0xff.
 *
 * A character above 0xff is rejected. Written as Latin-1 it would lose its upper bits: U+010A would become a line feed.
 */
export function isFieldValue(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if ((code < SPACE && code !== TAB) || code === DELETE || code > 0xff) return false;
  }
  return true;
}

/**
 * Checks a header that the user wants to send.
 *
 * @throws TypeError with the value, if the name is not a token or the value may not be sent (RFC 9110 §5.1, §5.5)
 */
export function checkField(name: unknown, value: unknown): void {
  if (!isToken(name)) throw new TypeError(`The header name ${quoted(name)} ${NO_TOKEN}`);
  if (isFieldValue(value)) return;
  throw new TypeError(
    `The header ${name} must be a string without control characters and characters above U+00FF, not ${quoted(value)}`,
  );
}

/**
 * The headers that the opening handshake itself sets, in both directions. Users must not set them. RFC 9110 §8.6, RFC
 * 9112 §6.1: neither side has a body, so there is no Content-Length and no Transfer-Encoding.
 */
const HANDSHAKE_FIELD = /^(?:upgrade|connection|content-length|transfer-encoding|sec-websocket-.*)$/i;

/**
 * Headers of an HTTP answer that describe its connection (RFC 9110 §7.6.1) or its content (§8), and do not belong into
 * a 101.
 */
const PLAIN_ANSWER_FIELD =
  /^(?:keep-alive|te|trailer|proxy-connection|content-(?:type|encoding|language|location|range))$/i;

/** Whether a header that was meant for any HTTP answer may go into the 101 as well. */
export function mayBeInAcceptance(name: string): boolean {
  return !HANDSHAKE_FIELD.test(name) && !PLAIN_ANSWER_FIELD.test(name);
}

/**
 * Checks a header that the user wants to add to an opening handshake.
 *
 * @throws TypeError with the value, as `checkField` does, and if the opening handshake sets this header itself
 */
export function checkExtraField(name: string, value: unknown): void {
  checkField(name, value);
  if (HANDSHAKE_FIELD.test(name)) {
    throw new TypeError(`The opening handshake sets the header ${name} itself, but got ${quoted(value)}`);
  }
}

/**
 * The lines of a head, by name. Unlike Node's own `headers`, it shows duplicates. The lines are too few for a Map to
 * pay off.
 */
export class FieldLines {
  readonly #rawHeaders: readonly string[];
  readonly #names: string[] = [];

  /** @param rawHeaders names and values in turn, as received */
  constructor(rawHeaders: readonly string[]) {
    this.#rawHeaders = rawHeaders;
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) this.#names.push(rawHeaders[at].toLowerCase());
  }

  /** The value of a line, or an array of values if several lines have this name. @param name in lower case */
  get(name: string): string | readonly string[] | undefined {
    const names = this.#names;
    const first = names.indexOf(name);
    if (first === -1) return undefined;
    const value = this.#rawHeaders[2 * first + 1];
    let next = names.indexOf(name, first + 1);
    if (next === -1) return value;
    const values = [value];
    for (; next !== -1; next = names.indexOf(name, next + 1)) values.push(this.#rawHeaders[2 * next + 1]);
    return values;
  }

  has(name: string): boolean {
    return this.#names.includes(name);
  }
}

/** The value of a header that has exactly one line; undefined if it has none or several. */
export function onlyLine(lines: FieldLines, name: string): string | undefined {
  const line = lines.get(name);
  return typeof line === 'string' ? line : undefined;
}

/** All lines of a list-valued header as one value (RFC 9110 §5.3); undefined if there are none. */
export function joinedLines(lines: FieldLines, name: string): string | undefined {
  const line = lines.get(name);
  return line === undefined || typeof line === 'string' ? line : line.join(', ');
}

/**
 * Whether one of `elements` is `token`, ASCII case aside.
 *
 * @param elements null after a syntax error
 * @param token in lower case
 */
export function hasToken(elements: readonly string[] | null, token: string): boolean {
  return elements?.some((element) => element.toLowerCase() === token) ?? false;
}
