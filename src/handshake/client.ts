import { WebSocketCreationError, WebSocketHandshakeError, WebSocketProtocolMismatchError } from '../protocol/errors.js';
import { quoted } from '../protocol/quoted.js';
import {
  checkExtraField,
  checkField,
  type Extension,
  FieldLines,
  hasToken,
  isToken,
  joinedLines,
  NO_TOKEN,
  onlyLine,
  parseExtensions,
  parseTokens,
} from './header-values.js';
import { acceptKey } from './key.js';

/** What a client sends in its opening handshake. */
export interface Opening {
  /** From `newKey`. */
  readonly key: string;
  /** From `checkProtocols`. */
  readonly protocols: readonly string[];
  /** The value of Sec-WebSocket-Extensions. If left out, none is offered. */
  readonly extensions?: string;
  /** The Origin header. If left out, none is sent, as usual for a client that is not a browser. */
  readonly origin?: string;
  /** The user's own headers. An array is sent as one line per element. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** The part of a response that is judged here. `IncomingMessage` of node:http has it. */
export interface UpgradeResponse {
  readonly statusCode?: number;
  /** `'1.1'` */
  readonly httpVersion: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Names and values in turn, as they were received. */
  readonly rawHeaders: readonly string[];
}

/**
 * The headers of the opening handshake (RFC 6455 §4.1, items 5 to 12), the user's last. node:http adds Host.
 *
 * @throws TypeError with the value, if a header of the user cannot be written or is one of Upgrade, Connection,
 *   Content-Length, Transfer-Encoding and Sec-WebSocket-…, or if the Origin is given twice
 */
export function openingHeaders({
  key,
  protocols,
  extensions,
  origin,
  headers = {},
}: Opening): Record<string, string | string[]> {
  const fields: [string, string | string[]][] = [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', key],
  ];
  if (protocols.length > 0) fields.push(['Sec-WebSocket-Protocol', protocols.join(', ')]);
  if (extensions !== undefined) fields.push(['Sec-WebSocket-Extensions', extensions]);
  if (origin !== undefined) {
    checkField('Origin', origin);
    fields.push(['Origin', origin]);
  }
  for (const [name, value] of Object.entries(headers)) {
    const values = Array.isArray(value) ? [...value] : [value];
    for (const line of values) checkExtraField(name, line);
    if (origin !== undefined && name.toLowerCase() === 'origin') {
      throw new TypeError(`The Origin is given twice: ${quoted(origin)} and ${quoted(value)}`);
    }
    if (values.length > 0) fields.push([name, values.length === 1 ? values[0] : values]);
  }
  // Assignment would lose a header named __proto__.
  return Object.fromEntries(fields);
}

/**
 * Checks the subprotocols to offer, most wanted first; `undefined`, `''` and `[]` mean none. The result is the caller's
 * own.
 *
 * @throws SyntaxError with the value, if a subprotocol is not a token or occurs twice (RFC 6455 §4.1, item 10)
 * @throws TypeError with the value, if a subprotocol is not a string
 */
export function checkProtocols(protocols: string | readonly string[] | undefined): string[] {
  if (protocols === undefined || protocols === '') return [];
  const list: readonly unknown[] = typeof protocols === 'string' ? [protocols] : protocols;
  if (!Array.isArray(list))
    throw new TypeError(
      `The subprotocols are neither a string nor an array: ${quoted(list)}; options are the third argument`,
    );
  const checked = new Set<string>();
  for (const protocol of list) {
    if (typeof protocol !== 'string') throw new TypeError(`A subprotocol must be a string, not ${quoted(protocol)}`);
    if (!isToken(protocol)) throw new SyntaxError(`The subprotocol ${quoted(protocol)} ${NO_TOKEN}`);
    if (checked.has(protocol)) throw new SyntaxError(`The subprotocol ${quoted(protocol)} is listed twice`);
    checked.add(protocol);
  }
  return [...checked];
}

/**
 * Parses the URL to connect to (RFC 6455 §3). `http:` and `https:` become `ws:` and `wss:`, as in browsers. The result
 * is the caller's own.
 *
 * @throws SyntaxError with the value, if it cannot be parsed, or has a fragment, a space or a control character
 * @throws WebSocketCreationError if it has another scheme
 * @throws TypeError if `url` is neither a string nor a URL
 */
export function parseUrl(url: string | URL): URL {
  if (typeof url !== 'string' && !(url instanceof URL))
    throw new TypeError(`url must be a string or a URL, not ${quoted(url)}`);
  const text = String(url);
  // `new URL` silently drops tabs and line ends, and joins what is left into another URL.
  if (hasSpaceOrControl(text)) throw new SyntaxError(`The URL ${quoted(text)} has a space or a control character`);
  const parsed = tryUrl(text);
  if (parsed.protocol === 'http:') parsed.protocol = 'ws:';
  if (parsed.protocol === 'https:') parsed.protocol = 'wss:';
  if (parsed.protocol !== 'ws:' && parsed.protocol !== 'wss:') {
    const hint = HOST_AND_PORT.test(text) ? `did you mean ws://${text}?` : 'use ws or wss';
    throw new WebSocketCreationError(`Scheme ${parsed.protocol.slice(0, -1)} not supported yet: ${hint}`);
  }
  // §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used". `hash` does
  // not show an empty one.
  if (text.includes('#')) throw new SyntaxError(`The URL ${quoted(text)} has a fragment: leave out # and what follows`);
  return parsed;
}

/** Such as `localhost:9001/ws`: a URL parser takes `localhost` for the scheme. */
const HOST_AND_PORT = /^[a-z\d.-]+:\d+(?:[/?]|$)/i;

function hasSpaceOrControl(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= 0x20 || code === 0x7f) return true;
  }
  return false;
}

function tryUrl(text: string): URL {
  try {
    return new URL(text);
  } catch (cause) {
    const example = /^[a-z\d[]/i.test(text) ? `ws://${text}` : 'ws://localhost:9001/ws';
    const hint = text.includes('://') ? '' : `: it needs a scheme, as in ${example}`;
    throw new SyntaxError(`The URL ${quoted(text)} cannot be parsed${hint}`, { cause });
  }
}

/** What a server has chosen. */
interface Chosen {
  /** One of the offered subprotocols, or `''`. */
  readonly protocol: string;
  /** The extensions that the server names, if some were offered. The caller that offered them has to judge them. */
  readonly extensions: readonly Extension[];
}

/**
 * Judges the server's answer to an opening handshake (RFC 6455 §4.1, "the client MUST validate the server's response as
 * follows").
 *
 * @throws WebSocketHandshakeError with the answer's status and headers, if it breaks a rule
 * @throws WebSocketProtocolMismatchError if subprotocols were offered and the server chose none of them
 */
export function judgeResponse(
  response: UpgradeResponse,
  { key, protocols, extensions: offered }: Pick<Opening, 'key' | 'protocols' | 'extensions'>,
): Chosen {
  const lines = new FieldLines(response.rawHeaders);
  const broken =
    brokenStatusLine(response) ?? brokenUpgrade(lines) ?? brokenConnection(lines) ?? brokenAccept(lines, key);
  if (broken !== undefined) throw handshakeError(broken, response);
  const extensions = readExtensions(lines, offered);
  if (typeof extensions === 'string') throw handshakeError(extensions, response);
  return { protocol: readProtocol(lines, protocols, response), extensions };
}

/** The error for an answer that breaks a rule. @param message which one */
export function handshakeError(message: string, { statusCode = 0, headers }: UpgradeResponse): WebSocketHandshakeError {
  return new WebSocketHandshakeError(`Invalid WebSocket handshake: ${message}`, statusCode, headers);
}

function brokenStatusLine({ statusCode, httpVersion }: UpgradeResponse): string | undefined {
  // §4.1, item 1: a status other than 101 is handled "per HTTP procedures", never as a WebSocket.
  if (statusCode !== 101) return `the server answered ${statusCode}, not 101`;
  // §4.2.2, item 5.1: "A Status-Line with a 101 response code as per RFC 2616", that is HTTP/1.1.
  return httpVersion === '1.1' ? undefined : `the server answered with HTTP/${httpVersion}, not HTTP/1.1`;
}

function brokenUpgrade(lines: FieldLines): string | undefined {
  // §4.1, item 2: "If the response lacks an |Upgrade| header field or the |Upgrade| header field contains a value that
  // is not an ASCII case-insensitive match for the value "websocket", the client MUST _Fail the WebSocket Connection_."
  if (joinedLines(lines, 'upgrade')?.toLowerCase() === 'websocket') return undefined;
  return 'the Upgrade header of the answer is not websocket';
}

function brokenConnection(lines: FieldLines): string | undefined {
  // §4.1, item 3: "lacks a |Connection| header field or the |Connection| header field doesn't contain a token that is
  // an ASCII case-insensitive match for the value "Upgrade"".
  if (hasToken(parseTokens(joinedLines(lines, 'connection') ?? ''), 'upgrade')) return undefined;
  return 'the Connection header of the answer lacks upgrade';
}

function brokenAccept(lines: FieldLines, key: string): string | undefined {
  // §4.1, item 4: "lacks a |Sec-WebSocket-Accept| header field or the |Sec-WebSocket-Accept| contains a value other
  // than" the hash of the key. §11.3.3: "MUST NOT appear more than once in an HTTP response."
  if (onlyLine(lines, 'sec-websocket-accept') === acceptKey(key)) return undefined;
  return 'Sec-WebSocket-Accept does not answer the key';
}

/** @returns what is wrong, if anything */
function readExtensions(lines: FieldLines, offered: string | undefined): readonly Extension[] | string {
  // §11.3.2: several headers count as one.
  const value = joinedLines(lines, 'sec-websocket-extensions');
  if (value === undefined) return [];
  // §4.1, item 5: an extension "that was not present in the client's handshake" fails the connection.
  if (offered === undefined) return 'the server chose an extension that was not offered';
  // §9.1: so does a value that does not conform to the ABNF.
  return parseExtensions(value) ?? 'the Sec-WebSocket-Extensions header of the answer is malformed';
}

function readProtocol(lines: FieldLines, offered: readonly string[], response: UpgradeResponse): string {
  const chosen = joinedLines(lines, 'sec-websocket-protocol');
  if (offered.length === 0) {
    if (chosen === undefined) return '';
    // §4.1, item 6: "a subprotocol that was not present in the client's handshake (the server has indicated a
    // subprotocol not requested by the client)".
    throw handshakeError('the server chose a subprotocol although none was offered', response);
  }
  // §4.1, item 6, as above. §11.3.4: "MUST NOT appear more than once in an HTTP response." No answer is a mismatch too:
  // a client that offers subprotocols speaks nothing else.
  const single = onlyLine(lines, 'sec-websocket-protocol');
  if (single !== undefined && offered.includes(single)) return single;
  throw new WebSocketProtocolMismatchError(
    `Protocol mismatch (expected: ${offered.join(', ')}, got: ${chosen === undefined ? 'none' : quoted(chosen)})`,
  );
}
