import type { Buffer } from 'node:buffer';
import type { Fault } from './faults.js';

/** The codes of all other errors. */
export const ERROR_CODE = {
  CLOSED: 'WASOCK_CLOSED',
  CREATION: 'WASOCK_CREATION',
  PACKET_TYPE: 'WASOCK_PACKET_TYPE',
  PROTOCOL_MISMATCH: 'WASOCK_PROTOCOL_MISMATCH',
  FAILED_UPGRADE: 'WASOCK_FAILED_UPGRADE',
  HANDSHAKE: 'WASOCK_HANDSHAKE',
  BACKPRESSURE: 'WASOCK_BACKPRESSURE',
  SLOW_PEER: 'WASOCK_SLOW_PEER',
  PONG_TIMEOUT: 'WASOCK_PONG_TIMEOUT',
  IDLE_TIMEOUT: 'WASOCK_IDLE_TIMEOUT',
  HANDLER: 'WASOCK_HANDLER',
  UNANSWERED: 'WASOCK_UNANSWERED',
  BROKER_DROPPED: 'WASOCK_BROKER_DROPPED',
} as const;

/**
 * The base class of the errors that networks and peers cause. Mistakes in a call are a TypeError, a RangeError or a
 * SyntaxError instead. docs/errors.md lists all codes.
 *
 * @example
 * ```js
 * import { newWebSocket, WebSocketError } from 'wasock';
 *
 * const ws = await newWebSocket('ws://127.0.0.1:9001/').catch((error) => {
 *   if (error instanceof WebSocketError) console.log(error.code, error.message);
 *   throw error;
 * });
 * ```
 */
export class WebSocketError extends Error {
  /** A string such as `'WASOCK_CLOSED'`. It stays the same from version to version, so that programs can compare it. */
  readonly code: string;
  /** Makes an error. @param code a string that begins with `WASOCK_` */
  constructor(message: string, code: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** How a connection ended: `ws.closed` and `ws.close` resolve with it. */
export interface CloseResult {
  /**
   * The close code (RFC 6455 §7.1.5): that of the peer's Close frame, 1005 if the frame had none, or 1006 if the peer
   * sent no Close frame.
   */
  closeCode: number;
  /** The reason in the peer's Close frame (RFC 6455 §7.1.6); empty if there was none. */
  reason: string;
  /** Whether both Close frames were exchanged before the TCP connection ended. */
  wasClean: boolean;
  /**
   * The error that ended the connection: a `WebSocketProtocolError`, a time-out, an error of the network, or what a
   * handler threw. Or the error of the opening handshake, if there was no connection: see `newWebSocket` with a handler.
   * Absent if no error ended it: after a Close of either side, after `hangup`, or if the TCP connection ended without a
   * Close.
   */
  cause?: Error;
}

/**
 * The connection is closed, or ended while an operation was pending. It has the code `WASOCK_CLOSED`, and how the
 * connection ended.
 */
export class WebSocketClosedError extends WebSocketError implements CloseResult {
  /** The error that ended the connection; see `CloseResult`. */
  declare readonly cause?: Error;
  /** The close code (RFC 6455 §7.1.5); see `CloseResult`. */
  readonly closeCode: number;
  /** The reason in the peer's Close frame; empty if there was none. */
  readonly reason: string;
  /** Whether both Close frames were exchanged before the TCP connection ended. */
  readonly wasClean: boolean;
  /** Makes an error. @param options replace the cause, the code and the message */
  constructor(result: CloseResult, options?: { cause?: Error; code?: string; message?: string }) {
    const reason = result.reason === '' ? '' : `: ${printable(result.reason)}`;
    const cause = options?.cause ?? result.cause;
    super(
      options?.message ?? `Socket closed (${result.closeCode}${reason})`,
      options?.code ?? ERROR_CODE.CLOSED,
      cause === undefined ? undefined : { cause },
    );
    this.closeCode = result.closeCode;
    this.reason = result.reason;
    this.wasClean = result.wasClean;
  }
}

/**
 * A WebSocket could not be made: there is no connection, or not in time; the scheme is not supported; a redirect cannot
 * be followed; the client has left; or the request was already answered, or cannot be upgraded here. It has the code
 * `WASOCK_CREATION`. Its `cause` is the error of Node.js, if there is one.
 */
export class WebSocketCreationError extends WebSocketError {
  /** Makes an error. */
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, ERROR_CODE.CREATION, options);
  }
}

/**
 * A received message has the wrong type: `receiveStrPacket` met a Binary message, or `receiveBinaryPacket` a Text
 * message. It has the code `WASOCK_PACKET_TYPE`. The message is consumed, and the connection remains usable.
 */
export class WebSocketPacketTypeError extends WebSocketError {
  /** Makes an error. */
  constructor(message: string) {
    super(message, ERROR_CODE.PACKET_TYPE);
  }
}

/**
 * Client and server have no subprotocol in common (RFC 6455 §4.1, §4.2.2). It has the code `WASOCK_PROTOCOL_MISMATCH`.
 */
export class WebSocketProtocolMismatchError extends WebSocketError {
  /** Makes an error. */
  constructor(message: string) {
    super(message, ERROR_CODE.PROTOCOL_MISMATCH);
  }
}

/** A server's answer to an opening handshake, as a client received it. */
export interface HandshakeAnswer {
  /** The HTTP status. */
  readonly status: number;
  /** The headers. Their names are in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The most characters of the body that the message of an error shows. */
const SHOWN_BODY = 200;

/** What could change a terminal or a log: control and formatting characters, and separators of lines. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** A stranger's text for the message of an error. */
function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, '\ufffd');
}

/** The first line of a body, if it is text. That of a page says nothing. */
function firstLine(text: string): string {
  const line = printable(text.trimStart().split(/[\r\n]/, 1)[0]);
  if (/^<!doctype html/i.test(line)) return 'a page (see bodyText)';
  return line.includes('\ufffd') ? '' : line.slice(0, SHOWN_BODY).trimEnd();
}

/**
 * The server answered the opening handshake of a client with a status other than 101 (RFC 6455 §4.1). It has the code
 * `WASOCK_FAILED_UPGRADE`.
 */
export class WebSocketFailedUpgradeError extends WebSocketError implements HandshakeAnswer {
  /** The URL of the request, after redirects, without user name and password. */
  declare readonly url: string;
  /** The HTTP status of the answer. */
  readonly status: number;
  /** The headers of the answer. Their names are in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body of the answer, at most its first KiB. */
  readonly body: Buffer;
  /** Makes an error. @param body of the answer, which the error keeps */
  constructor(url: URL, answer: HandshakeAnswer, body: Buffer, options?: { cause?: unknown }) {
    const { status, headers } = answer;
    const line = firstLine(body.toString());
    super(
      `Failed to Upgrade (Possibly Connected to non-WebSocket url): ${shownUrl(url)} answered ${status}${line && `: ${line}`}`,
      ERROR_CODE.FAILED_UPGRADE,
      options,
    );
    // What follows `?` may be a secret, and an error is printed with its properties.
    Object.defineProperty(this, 'url', { value: withoutCredentials(url), enumerable: false });
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  /** The body as text, decoded as UTF-8. */
  get bodyText(): string {
    return this.body.toString();
  }
}

/** A URL as errors show it: without what follows `?`, which may be a secret. */
export function shownUrl({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}

function withoutCredentials(url: URL): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  return shown.href;
}

/**
 * The opening handshake breaks RFC 6455 §4, or a rule of the server. It has the code `WASOCK_HANDSHAKE`. On a server it
 * has the answer to send, on a client the answer that was received.
 */
export class WebSocketHandshakeError extends WebSocketError {
  /** The HTTP status: on a server the one to answer with, on a client the one that was received. */
  readonly status: number;
  /** The headers: on a server those to answer with, on a client those that were received. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Makes an error. */
  constructor(
    message: string,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, ERROR_CODE.HANDSHAKE, options);
    this.status = status;
    this.headers = headers;
  }
}

/**
 * The peer broke the protocol after the opening handshake, or exceeded a limit (RFC 6455 §5 to §8). docs/errors.md
 * lists the codes. It is the `cause` of the `WebSocketClosedError` that follows.
 */
export class WebSocketProtocolError extends WebSocketError {
  /** The close code that this side sent (RFC 6455 §7.4.1). */
  readonly sentCloseCode: number;
  /** The section of RFC 6455 whose rule the peer broke, such as `'5.2'`. */
  readonly section: string;
  /** Makes an error. @param text the message. Default: that of the fault */
  constructor(fault: Fault, text: string = fault.message) {
    super(`${text} (RFC 6455 §${fault.section})`, fault.code);
    this.sentCloseCode = fault.closeCode;
    this.section = fault.section;
  }
}

// `constructor.name` is not enough, because bundlers shorten the names of classes.
for (const [name, { prototype }] of Object.entries({
  WebSocketError,
  WebSocketClosedError,
  WebSocketCreationError,
  WebSocketPacketTypeError,
  WebSocketProtocolMismatchError,
  WebSocketFailedUpgradeError,
  WebSocketHandshakeError,
  WebSocketProtocolError,
})) {
  Object.defineProperty(prototype, 'name', { value: name, configurable: true, writable: true });
}

/**
 * Makes an error without a stack. Use it where no code of the user runs, such as when a connection ends: the stack
 * would name only internals, and takes longer to make than the rest of a closing.
 */
export function withoutStack<T extends Error>(make: () => T): T {
  const { stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = 0;
  } catch {
    // It may be frozen.
  }
  const error = make();
  try {
    Error.stackTraceLimit = stackTraceLimit;
  } catch {}
  return error;
}

/**
 * Makes an Error of whatever user code threw. It never throws itself, even if the value cannot be converted to a
 * string.
 */
export function toError(thrown: unknown): Error {
  try {
    if (thrown instanceof Error) return thrown;
    // Such as a refusal that nobody can answer with any more.
    const { message } = Object(thrown) as { message?: unknown };
    const text = typeof message === 'string' ? message : String(thrown);
    return new WebSocketError(text, ERROR_CODE.HANDLER, { cause: thrown });
  } catch {
    return new WebSocketError('The thrown value cannot be converted to a string', ERROR_CODE.HANDLER, {
      cause: thrown,
    });
  }
}
