import { WebSocketProtocolMismatchError } from '../protocol/errors.js';
import { quoted } from '../protocol/quoted.js';
import {
  checkExtraField,
  type Extension,
  FieldLines,
  hasToken,
  isToken,
  joinedLines,
  NO_TOKEN,
  onlyLine,
  parseExtensions,
  parseProtocols,
  parseTokens,
  parseUpgrade,
} from './header-values.js';
import { acceptKey, isKey } from './key.js';
import {
  type Authority,
  isAllowedHost,
  isAllowedOrigin,
  isSameHost,
  parseAuthority,
  type Rule,
  targetAuthority,
} from './origin.js';
import { isRefusal, Refusal, type RefusalReason } from './refusal.js';
import { ParsedHead } from './request-head.js';

export { formatRefusal, isRefusal, type Refusal, type RefusalReason, refusalFor, refuse } from './refusal.js';

/** The part of an HTTP request that the opening handshake depends on. `IncomingMessage` of node:http has it. */
export interface UpgradeRequest {
  /** The HTTP method. */
  readonly method?: string;
  /** The version of HTTP, such as `'1.1'`. */
  readonly httpVersion: string;
  /** The request target. */
  readonly url?: string;
  /** Names and values of the headers in turn, as they were received. */
  readonly rawHeaders: readonly string[];
}

/** What a server demands of an opening handshake beyond RFC 6455 §4.2.1. */
export interface UpgradeRules<Request = UpgradeRequest> {
  /** The most header lines of a request; `Infinity` is unlimited. */
  readonly maxHeaders: number;
  /**
   * Which pages may connect. Default: those of this server's host and port. A request without an Origin header always
   * passes.
   */
  readonly allowedOrigins?: Rule<Request>;
  /** Which hosts the client may believe it talks to, against DNS rebinding. Default: any. */
  readonly allowedHosts?: Rule<Request>;
}

/** An opening handshake that may be accepted. */
export interface Accepted {
  readonly key: string;
  /** The offered subprotocols, the most wanted first; empty if none. */
  readonly protocols: readonly string[];
  /** The first extensions offered, at most `MAX_EXTENSIONS`, in order; empty if none. */
  readonly extensions: readonly Extension[];
}

/**
 * Further headers of a 101: a record, or pairs of name and value if a name must appear twice. They cannot replace the
 * headers of the opening handshake itself.
 */
export type ExtraHeaders = Iterable<readonly [string, string]> | Readonly<Record<string, string>>;

/** How many extension offers are evaluated. An honest client sends one to three. */
export const MAX_EXTENSIONS = 8;

/** RFC 6455 §4.1, item 9: "The value of this header field MUST be 13." */
const VERSION = '13';

const INVALID = 'Invalid WebSocket handshake:';
const UNUSABLE = 'Failed to create WebSocket from request:';

/**
 * Judges an opening handshake by RFC 6455 §4.2.1 and the `rules`. Pure, unless `rules` has functions.
 *
 * @param whole makes the request for such a function
 * @returns a refusal for the first rule that the request breaks, if any
 * @throws what such a function throws
 */
export function judgeUpgrade<Request>(
  request: UpgradeRequest,
  rules: UpgradeRules<Request>,
  whole: () => Request,
): Accepted | Refusal {
  const unfit =
    refuseHttpVersion(request) ?? refuseMethod(request) ?? refuseHeaderCount(request.rawHeaders, rules.maxHeaders);
  if (unfit) return unfit;

  const lines = linesOf(request);
  const server = readHost(request, lines);
  if (isRefusal(server)) return server;
  const refusal = refuseBody(lines) ?? refuseUpgrade(lines) ?? refuseConnection(lines) ?? refuseVersion(lines);
  if (refusal) return refusal;
  const key = readKey(lines);
  if (isRefusal(key)) return key;
  const protocols = readProtocols(lines);
  if (isRefusal(protocols)) return protocols;
  const extensions = readExtensions(lines);
  if (isRefusal(extensions)) return extensions;

  const forbidden = refuseServerName(server, rules, whole) ?? refuseOrigin(lines, server, rules, whole);
  return forbidden ?? { key, protocols, extensions };
}

function linesOf(request: UpgradeRequest): FieldLines {
  return request instanceof ParsedHead ? request.lines : new FieldLines(request.rawHeaders);
}

/**
 * Tells whether a request asks for a WebSocket: it has `websocket` in Upgrade and `upgrade` in Connection (RFC 6455
 * §4.2.1, items 3 and 4). The request may still break every other rule of the opening handshake.
 *
 * @example
 * ```js
 * import { createServer } from 'node:http';
 * import { acceptUpgrades, isUpgrade, newWebSocket } from 'wasock';
 *
 * const echo = async (ws) => { for await (const message of ws) await ws.send(message); };
 * const server = createServer((req, res) => (isUpgrade(req) ? newWebSocket(req, echo) : res.end('Hello')));
 * acceptUpgrades(server);
 * server.listen(9001);
 * ```
 * @param request a request of node:http, such as Express passes to its handlers
 */
export function isUpgrade(request: UpgradeRequest): boolean {
  const lines = new FieldLines(request.rawHeaders);
  return hasToken(upgradeProtocols(lines), 'websocket') && hasToken(connectionOptions(lines), 'upgrade');
}

/**
 * Lists the subprotocols that the client offers, the most wanted first (RFC 6455 §4.2.1, item 8).
 *
 * @example
 * ```js
 * import { createServer } from 'node:http';
 * import { acceptUpgrades, newWebSocket, offeredProtocols } from 'wasock';
 *
 * const versionOf = (req) => offeredProtocols(req).find((name) => name.startsWith('chat.'));
 * const server = createServer((req) => newWebSocket(req, versionOf(req), (ws) => ws.send(`You speak ${ws.protocol}`)));
 * acceptUpgrades(server.listen(9001));
 * ```
 * @param request a request of node:http
 * @returns a list of the caller's own. It is empty if the client offers none, or if the header is malformed; such a
 *   request cannot be upgraded
 */
export function offeredProtocols(request: UpgradeRequest): string[] {
  const protocols = readProtocols(new FieldLines(request.rawHeaders));
  return isRefusal(protocols) ? [] : protocols;
}

/**
 * Chooses the subprotocol to answer with (RFC 6455 §4.2.2, item 5.5).
 *
 * @param wanted the server's; if there are none, offers are ignored
 * @param requireProtocol whether it is a mismatch too if only one side names subprotocols
 * @returns the first of the client's offers that `wanted` contains, or `''`
 * @throws WebSocketProtocolMismatchError if both sides name subprotocols and have none in common
 */
export function chooseProtocol(
  offered: readonly string[],
  wanted: readonly string[] = [],
  requireProtocol: boolean = false,
): string {
  const chosen = offered.find((protocol) => wanted.includes(protocol));
  if (chosen !== undefined) return chosen;
  if (offered.length === 0 && wanted.length === 0) return '';
  const isOneSided = offered.length === 0 || wanted.length === 0;
  if (isOneSided && !requireProtocol) return '';
  throw new WebSocketProtocolMismatchError(
    `Protocol mismatch (expected: ${wanted.join(', ') || 'none'}, got: ${offered.join(', ') || 'none'})`,
  );
}

/**
 * The response that accepts the opening handshake (RFC 6455 §4.2.2, item 5), to be written as Latin-1.
 *
 * @param protocol one that the client offered, or `''`
 * @param extensions the value of Sec-WebSocket-Extensions; default none is sent
 * @throws TypeError with the value, if an extra header cannot be written or is one of Upgrade, Connection,
 *   Content-Length, Transfer-Encoding and Sec-WebSocket-…, or if `protocol` is not a token
 */
export function formatAcceptance(key: string, protocol: string, headers?: ExtraHeaders, extensions?: string): string {
  let text = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n`;
  if (protocol !== '') {
    if (!isToken(protocol)) throw new TypeError(`The subprotocol ${quoted(protocol)} ${NO_TOKEN}`);
    text += `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  }
  if (extensions !== undefined) text += `Sec-WebSocket-Extensions: ${extensions}\r\n`;
  if (headers !== undefined) text += formatExtra(headers);
  return `${text}\r\n`;
}

/** Gets names and values of further headers. */
export function pairsOf(headers: ExtraHeaders): Iterable<readonly [string, string]> {
  return Symbol.iterator in headers ? (headers as Iterable<readonly [string, string]>) : Object.entries(headers);
}

function formatExtra(headers: ExtraHeaders): string {
  let text = '';
  for (const [name, value] of pairsOf(headers)) {
    checkExtraField(name, value);
    text += `${name}: ${value}\r\n`;
  }
  return text;
}

/** RFC 9110 §15.5.22: a 426 names the protocol that it asks for. RFC 6455 §4.4: it also names the version. */
function upgradeRequired(message: string): Refusal {
  return new Refusal(426, message, { Upgrade: 'websocket', 'Sec-WebSocket-Version': VERSION });
}

/** A refusal by a rule of this server. */
function ruled(reason: RefusalReason, status: number, message: string): Refusal {
  return new Refusal(status, message, {}, undefined, reason);
}

function refuseHttpVersion({ httpVersion }: UpgradeRequest): Refusal | undefined {
  // §4.2.1, item 1: "An HTTP/1.1 or higher GET request". RFC 9110 §7.8: "A server MUST ignore an Upgrade header field
  // that is received in an HTTP/1.0 request." HTTP/2 opens WebSockets in another way (RFC 8441).
  if (httpVersion === '1.1' || /^1\.[1-9]/.test(httpVersion)) return undefined;
  return new Refusal(400, `${INVALID} it needs HTTP/1.1, not HTTP/${httpVersion}`);
}

function refuseMethod({ method }: UpgradeRequest): Refusal | undefined {
  // §4.2.1, item 1: "An HTTP/1.1 or higher GET request".
  if (method === 'GET') return undefined;
  const message = `${INVALID} the method is not GET`;
  // RFC 9110 §9.3.2: no content in the response to HEAD. §15.5.6: a 405 names the allowed methods.
  return new Refusal(405, message, { Allow: 'GET' }, method === 'HEAD' ? '' : `${message}\n`);
}

function refuseHeaderCount(rawHeaders: readonly string[], maxHeaders: number): Refusal | undefined {
  // RFC 6585 §5. Count before reading: Node drops lines above its own limit, so one that matters may be missing.
  if (rawHeaders.length / 2 <= maxHeaders) return undefined;
  return ruled('headers', 431, `${INVALID} more than ${maxHeaders} header lines`);
}

function readHost({ url }: UpgradeRequest, lines: FieldLines): Authority | Refusal {
  // §4.2.1, item 2: "A |Host| header field containing the server's authority." RFC 9112 §3.2: 400 to a request "that
  // lacks a Host header field and to any request message that contains more than one […] or […] an invalid field
  // value".
  const host = parseAuthority(onlyLine(lines, 'host') ?? '');
  if (host === null) return new Refusal(400, `${INVALID} it needs exactly one valid Host header`);
  // RFC 9112 §3.2.2: with a target in absolute-form the server "MUST ignore the received Host header field".
  const target = targetAuthority(url);
  if (target === undefined) return host;
  return parseAuthority(target) ?? new Refusal(400, `${INVALID} the request target names no valid host`);
}

function refuseBody(lines: FieldLines): Refusal | undefined {
  // RFC 9112 §6.3. We would take a body for frames, and a proxy in front of us for the next request.
  const length = lines.get('content-length') ?? '0';
  if (!lines.has('transfer-encoding') && length === '0') return undefined;
  return new Refusal(400, `${INVALID} the request has a body`);
}

/** @returns null on a syntax error, empty if there is no Upgrade header */
function upgradeProtocols(lines: FieldLines): string[] | null {
  return parseUpgrade(joinedLines(lines, 'upgrade') ?? '');
}

/** @returns null on a syntax error, empty if there is no Connection header */
function connectionOptions(lines: FieldLines): string[] | null {
  return parseTokens(joinedLines(lines, 'connection') ?? '');
}

function refuseUpgrade(lines: FieldLines): Refusal | undefined {
  // §4.2.1, item 3: "An |Upgrade| header field containing the value "websocket", treated as an ASCII case-insensitive
  // value."
  const value = joinedLines(lines, 'upgrade');
  if (value === 'websocket') return undefined;
  const protocols = upgradeProtocols(lines);
  if (protocols === null) return new Refusal(400, `${INVALID} the Upgrade header is malformed`);
  if (!hasToken(protocols, 'websocket')) return upgradeRequired(`${INVALID} the Upgrade header is not websocket`);
  // A client that offers several protocols may already have begun to speak another one (RFC 9110 §7.8).
  if (protocols.length > 1) return new Refusal(400, `${INVALID} the Upgrade header names more than websocket`);
  return undefined;
}

function refuseConnection(lines: FieldLines): Refusal | undefined {
  // §4.2.1, item 4: "A |Connection| header field that includes the token "Upgrade", treated as an ASCII
  // case-insensitive value." Without it, the Upgrade header was meant for another recipient, the nearest proxy (RFC
  // 9110 §7.8).
  const value = joinedLines(lines, 'connection');
  if (value === 'Upgrade' || hasToken(connectionOptions(lines), 'upgrade')) return undefined;
  return upgradeRequired(`${INVALID} the Connection header lacks upgrade`);
}

function refuseVersion(lines: FieldLines): Refusal | undefined {
  // §4.2.1, item 6: "A |Sec-WebSocket-Version| header field, with a value of 13." §11.3.5: only once. §4.2.2, item 4:
  // otherwise "an appropriate HTTP error code (such as 426 Upgrade Required) and a |Sec-WebSocket-Version| header
  // field".
  const version = joinedLines(lines, 'sec-websocket-version');
  if (version === VERSION) return undefined;
  if (version === undefined) return upgradeRequired(`${INVALID} the Sec-WebSocket-Version header is missing`);
  return upgradeRequired(`${UNUSABLE} Sec-WebSocket-Version is ${quoted(version)}, not ${VERSION}`);
}

function readKey(lines: FieldLines): string | Refusal {
  // §4.2.1, item 5: "A |Sec-WebSocket-Key| header field with a base64-encoded value that, when decoded, is 16 bytes in
  // length." §11.3.1: "MUST NOT appear more than once in an HTTP request."
  const key = lines.get('sec-websocket-key');
  if (key === undefined) return new Refusal(400, `${UNUSABLE} the Sec-WebSocket-Key header is missing`);
  if (typeof key !== 'string') return new Refusal(400, `${UNUSABLE} more than one Sec-WebSocket-Key header`);
  if (isKey(key)) return key;
  return new Refusal(400, `${UNUSABLE} Sec-WebSocket-Key is not the base64 of 16 bytes`);
}

function readProtocols(lines: FieldLines): string[] | Refusal {
  // §4.1, item 10; §11.3.4: several headers count as one.
  const value = joinedLines(lines, 'sec-websocket-protocol');
  // An empty value breaks the ABNF, but Python's `websockets` and .NET send it if they offer nothing.
  if (!value) return [];
  return parseProtocols(value) ?? new Refusal(400, `${INVALID} Sec-WebSocket-Protocol is not a list of unique tokens`);
}

function readExtensions(lines: FieldLines): Extension[] | Refusal {
  // §9.1: a value that does not conform to the ABNF fails the connection. §11.3.2: several headers count as one.
  const value = joinedLines(lines, 'sec-websocket-extensions');
  // As with subprotocols.
  if (!value) return [];
  const extensions = parseExtensions(value);
  if (extensions === null) return new Refusal(400, `${INVALID} the Sec-WebSocket-Extensions header is malformed`);
  return extensions.slice(0, MAX_EXTENSIONS);
}

function refuseServerName<Request>(
  server: Authority,
  { allowedHosts }: UpgradeRules<Request>,
  whole: () => Request,
): Refusal | undefined {
  // If an attacker makes a page's name resolve to us, its Origin and Host agree. Only a list of our names shows that.
  if (allowedHosts === undefined || isAllowedHost(allowedHosts, server, whole)) return undefined;
  return ruled('host', 403, `${INVALID} the host ${quoted(server.host)} is not allowed (see allowedHosts)`);
}

function refuseOrigin<Request>(
  lines: FieldLines,
  server: Authority,
  { allowedOrigins }: UpgradeRules<Request>,
  whole: () => Request,
): Refusal | undefined {
  // §4.2.1, item 7, and §10.2: browsers let any page connect anywhere with the user's cookies, but send its Origin.
  // A client that sends none is not a browser. X-Forwarded-Host does not count: anyone can send it.
  const origin = lines.get('origin');
  if (origin === undefined) return undefined;
  // RFC 6454 §7.3: "MUST NOT include more than one Origin header field".
  if (typeof origin !== 'string') return ruled('request', 403, `${INVALID} more than one Origin header`);
  const isAllowed =
    allowedOrigins === undefined ? isSameHost(origin, server) : isAllowedOrigin(allowedOrigins, origin, whole);
  if (isAllowed) return undefined;
  return ruled('origin', 403, `${INVALID} the origin ${quoted(origin)} may not connect here (see allowedOrigins)`);
}
