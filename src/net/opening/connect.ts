import { Buffer } from 'node:buffer';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import {
  type CompressionSettings,
  type DeflateParameters,
  formatOffer,
  judgeAnswer,
} from '../../deflate/negotiation.js';
import {
  handshakeError,
  judgeResponse,
  openingHeaders,
  parseUrl,
  type UpgradeResponse,
} from '../../handshake/client.js';
import type { Extension } from '../../handshake/header-values.js';
import { newKey } from '../../handshake/key.js';
import { NO_BYTES } from '../../protocol/bytes.js';
import {
  type HandshakeAnswer,
  shownUrl,
  toError,
  WebSocketCreationError,
  WebSocketError,
  WebSocketFailedUpgradeError,
  WebSocketHandshakeError,
} from '../../protocol/errors.js';
import { afterReading, MAX_INT32 } from '../timing/after-reading.js';

/** Bytes of the body of an answer other than 101 that the error carries, at most. */
const MAX_ERROR_BODY = 1024;
/** 1xx responses before the final one (RFC 9110 §15.2), at most. */
const MAX_INFORMATIONAL = 8;
const MAX_REDIRECTS = 10;

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
/** Headers that only the host may see for which they were given: secrets, and its name. */
const OF_ONE_HOST: readonly string[] = ['authorization', 'cookie', 'host', 'proxy-authorization'];

/**
 * The options that a client passes on: those of `http.request`, `net.connect` and `tls.connect`, as documented for Node
 * 20 to 26.
 */
export const REQUEST_OPTIONS: readonly string[] = [
  // http.request and https.request.
  ...['agent', 'auth', 'createConnection', 'defaultPort', 'family', 'hints', 'host', 'hostname', 'insecureHTTPParser'],
  ...['joinDuplicateHeaders', 'localAddress', 'localPort', 'lookup', 'maxHeaderSize', 'method', 'path', 'port'],
  ...['protocol', 'httpValidation', 'setDefaultHeaders', 'setHost', 'socketPath', 'timeout', 'uniqueHeaders'],
  // net.connect.
  ...['allowHalfOpen', 'autoSelectFamily', 'autoSelectFamilyAttemptTimeout', 'blockList', 'fd', 'highWaterMark'],
  ...['keepAlive', 'keepAliveInitialDelay', 'noDelay', 'readable', 'typeOfService', 'writable'],
  // tls.connect and tls.createSecureContext.
  ...[
    'ALPNProtocols',
    'SNICallback',
    'allowPartialTrustChain',
    'ca',
    'cert',
    'certificateCompression',
    'checkServerIdentity',
    'ciphers',
    'clientCertEngine',
  ],
  ...['crl', 'dhparam', 'ecdhCurve', 'enableTrace', 'honorCipherOrder', 'isServer', 'key', 'maxVersion', 'minDHSize'],
  ...['minVersion', 'passphrase', 'pfx', 'privateKeyEngine', 'privateKeyIdentifier', 'pskCallback'],
  ...['rejectUnauthorized', 'requestCert', 'requestOCSP', 'secureContext', 'secureOptions', 'secureProtocol'],
  ...['servername', 'session', 'sessionIdContext', 'sessionTimeout', 'sigalgs', 'ticketKeys'],
];

/** How to connect, and what to ask for. */
export interface ConnectOptions {
  readonly protocols: readonly string[];
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly origin?: string;
  readonly signal?: AbortSignal;
  /** Milliseconds from the call to the 101, redirects included; 0 is off. */
  readonly handshakeTimeout: number;
  /** Bytes of the response's head, at most. */
  readonly maxHeaderBytes: number;
  readonly followRedirects: boolean;
  /** How to compress messages, if the server agrees; `null` offers nothing. */
  readonly compression: CompressionSettings | null;
  /** Passed on to `http.request` or `https.request`: agent, createConnection, lookup, the options of `tls.connect`. */
  readonly request: https.RequestOptions;
}

/** A connection on which the server has answered 101. */
export interface Connected {
  readonly socket: Duplex;
  /** Bytes that came after the 101: the server's first frames. */
  readonly head: Buffer;
  readonly protocol: string;
  /** What was agreed about compression; `null` without. */
  readonly deflate: DeflateParameters | null;
  readonly url: URL;
  /** The 101. */
  readonly response: HandshakeAnswer;
}

/**
 * Performs the client's side of the opening handshake (RFC 6455 §4.1).
 *
 * @throws WebSocketCreationError if there is no connection; the error of node:net or node:tls is its `cause`
 * @throws WebSocketFailedUpgradeError if the server answers with a status other than 101
 * @throws WebSocketHandshakeError, WebSocketProtocolMismatchError if the 101 breaks a rule
 * @throws the signal's reason, if the signal is aborted
 */
export async function connect(url: URL, options: ConnectOptions): Promise<Connected> {
  const { signal, handshakeTimeout } = options;
  signal?.throwIfAborted();
  const abort = new AbortController();
  const onAbort = () => abort.abort();
  const onTimeout = () => abort.abort(tooLate(url, handshakeTimeout));
  signal?.addEventListener('abort', onAbort);
  const cancel = handshakeTimeout > 0 ? afterReading(handshakeTimeout, onTimeout) : undefined;
  try {
    return await connectWithin(url, options, abort.signal);
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    cancel?.();
    signal?.removeEventListener('abort', onAbort);
  }
}

function tooLate(url: URL, handshakeTimeout: number): WebSocketCreationError {
  return new WebSocketCreationError(`${shownUrl(url)} did not answer within ${handshakeTimeout} ms (handshakeTimeout)`);
}

async function connectWithin(url: URL, options: ConnectOptions, signal: AbortSignal): Promise<Connected> {
  for (let redirects = 0; ; redirects++) {
    signal.throwIfAborted();
    options = withCredentialsOf(url, options);
    const answer = await request(url, options, signal);
    if (!(answer instanceof WebSocketFailedUpgradeError)) return answer;
    const location = answer.headers.location;
    if (!options.followRedirects || !REDIRECTS.includes(answer.status) || typeof location !== 'string') throw answer;
    if (redirects === MAX_REDIRECTS)
      throw new WebSocketCreationError(`${shownUrl(url)}: more than ${MAX_REDIRECTS} redirects`);
    const target = redirectTarget(url, location);
    if (target.host !== url.host) options = withoutCredentials(options);
    url = target;
  }
}

/**
 * @throws WebSocketCreationError whatever is wrong with `location`, which is the server's fault and not the caller's
 */
function redirectTarget(from: URL, location: string): URL {
  try {
    return judgeRedirect(from, new URL(location, from));
  } catch (cause) {
    if (cause instanceof WebSocketError) throw cause;
    throw new WebSocketCreationError(
      `${from.origin} redirects to ${JSON.stringify(location)}, which is not a WebSocket URL`,
      { cause },
    );
  }
}

function judgeRedirect(from: URL, target: URL): URL {
  if (target.protocol === 'http:') target.protocol = 'ws:';
  if (target.protocol === 'https:') target.protocol = 'wss:';
  if (from.protocol === 'wss:' && target.protocol !== 'wss:') {
    throw new WebSocketCreationError(`Redirect from ${from.origin} to ${target.origin} refused: it gives up TLS`);
  }
  return parseUrl(target);
}

/** Those in the URL replace the others, and are kept like them. */
function withCredentialsOf(url: URL, options: ConnectOptions): ConnectOptions {
  const auth = credentials(url);
  return auth === undefined ? options : { ...options, request: { ...options.request, auth } };
}

function withoutCredentials(options: ConnectOptions): ConnectOptions {
  const kept = Object.entries(options.headers ?? {}).filter(([name]) => !OF_ONE_HOST.includes(name.toLowerCase()));
  return { ...options, headers: Object.fromEntries(kept), request: { ...options.request, auth: undefined } };
}

/**
 * Sends one request.
 *
 * @returns the connection, or the answer if it was not a 101; rejects if the signal is aborted, at any stage
 */
function request(
  url: URL,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<Connected | WebSocketFailedUpgradeError> {
  const { protocols, origin, headers, compression } = options;
  const extensions = compression === null ? undefined : formatOffer(compression);
  const opening = { key: newKey(), protocols, extensions, origin, headers };
  const secure = url.protocol === 'wss:';
  const sent = (secure ? https : http).request({
    ...options.request,
    // No agent by default: the server may close a connection that an agent kept alive just when the request is sent.
    agent: options.request.agent ?? (options.request.createConnection === undefined ? false : undefined),
    method: 'GET',
    protocol: secure ? 'https:' : 'http:',
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    path: url.pathname + url.search,
    headers: openingHeaders(opening),
    maxHeaderSize: Math.min(options.maxHeaderBytes, MAX_INT32),
  });
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(signal.reason);
      // If an agent brings a socket only later, node:http destroys it or gives it back to the agent.
      sent.destroy();
    };
    signal.addEventListener('abort', onAbort);
    sent.on('close', () => signal.removeEventListener('abort', onAbort));
    const onUpgrade = (response: IncomingMessage, socket: Duplex, head: Buffer) => {
      // Until a connection listens: a stream may break in the same turn in which it brought the 101.
      socket.on('error', ignore);
      try {
        const chosen = judgeResponse(response, opening);
        const deflate = agreedDeflate(chosen.extensions, compression, response);
        resolve({ socket, head, url, protocol: chosen.protocol, deflate, response: answerOf(response) });
      } catch (error) {
        socket.destroy();
        reject(error);
      }
    };
    sent.on('upgrade', onUpgrade);
    sent.on('response', (response) => {
      // If node:http does not take a 101 for an upgrade, the 101 lacks the headers of one.
      if (response.statusCode === 101) onUpgrade(response, response.socket, NO_BYTES);
      else resolve(readRefusal(url, response, signal));
    });
    sent.on('error', (error) => reject(creationError(url, error)));
    limitInformational(sent, reject);
    sent.end();
  });
}

/** @throws WebSocketHandshakeError if the server answers what no server may answer to our offer */
function agreedDeflate(
  extensions: readonly Extension[],
  compression: CompressionSettings | null,
  response: UpgradeResponse,
): DeflateParameters | null {
  if (compression === null) return null;
  const agreed = judgeAnswer(extensions, compression);
  if (typeof agreed === 'string') throw handshakeError(agreed, response);
  return agreed;
}

/** Not a closure: a listener lives as long as its socket. */
function ignore(): void {}

function credentials(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  return `${percentDecoded(url.username)}:${percentDecoded(url.password)}`;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A literal `%`.
    return text;
  }
}

function limitInformational(sent: ClientRequest, reject: (error: Error) => void): void {
  let seen = 0;
  sent.on('information', () => {
    if (++seen <= MAX_INFORMATIONAL) return;
    reject(
      new WebSocketHandshakeError(
        `Invalid WebSocket handshake: more than ${MAX_INFORMATIONAL} informational (1xx) responses`,
        100,
      ),
    );
    sent.destroy();
  });
}

/** Reads the body until it ends or breaks off, is long enough, or the signal is aborted. */
function readRefusal(url: URL, response: IncomingMessage, signal: AbortSignal): Promise<WebSocketFailedUpgradeError> {
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve) => {
    const finish = () => {
      const body = Buffer.concat(chunks).subarray(0, MAX_ERROR_BODY);
      resolve(new WebSocketFailedUpgradeError(url, answerOf(response), body));
      signal.removeEventListener('abort', finish);
      response.destroy();
    };
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAX_ERROR_BODY) finish();
    });
    // An incomplete body is good enough.
    response.on('error', ignore);
    response.on('end', finish).on('close', finish);
    signal.addEventListener('abort', finish);
  });
}

function answerOf({ statusCode = 0, headers }: IncomingMessage): HandshakeAnswer {
  return { status: statusCode, headers };
}

function creationError(url: URL, error: Error): Error {
  if (error instanceof WebSocketError) return error;
  // An AggregateError has one error for each address of the host, and no message of its own.
  const { errors = [error] } = error as Partial<AggregateError>;
  const text = errors.map((each) => toError(each).message.trim()).join('; ');
  const hint = hintFor(url, error);
  return new WebSocketCreationError(`No connection to ${url.origin}: ${text}${hint && ` (${hint})`}`, { cause: error });
}

/** The first byte of a TLS record that is an alert. */
const TLS_ALERT = 0x15;

const UNKNOWN_ISSUER: readonly unknown[] = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** What to try; empty if the error says it. */
function hintFor(url: URL, error: Error): string {
  const { code, rawPacket } = error as NodeJS.ErrnoException & { rawPacket?: Uint8Array };
  if (url.protocol === 'ws:') {
    const secure = `wss://${url.hostname}:${url.port || 80}`;
    if (rawPacket?.[0] === TLS_ALERT) return `it speaks TLS: use ${secure}`;
    // Some servers answer nothing to what is not TLS.
    return code === 'ECONNRESET' ? `if it speaks TLS, use ${secure}` : '';
  }
  if (/wrong version number|packet length too long/.test(error.message)) {
    return `it does not speak TLS: use ws://${url.hostname}:${url.port || 443}`;
  }
  if (UNKNOWN_ISSUER.includes(code)) {
    return 'pass the certificate that signed its own as the option ca, or name its file in NODE_EXTRA_CA_CERTS';
  }
  return '';
}
