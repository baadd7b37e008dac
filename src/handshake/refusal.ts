import { Buffer } from 'node:buffer';
import { quoted } from '../protocol/quoted.js';
import { checkField } from './header-values.js';

/** RFC 9110 §15 and the IANA registry. Listed here because src/handshake imports nothing of node:http. */
const REASON_PHRASE: Readonly<Record<number, string>> = {
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  423: 'Locked',
  424: 'Failed Dependency',
  425: 'Too Early',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  507: 'Insufficient Storage',
  508: 'Loop Detected',
  511: 'Network Authentication Required',
};

/** Headers that only `formatRefusal` sets: with these, a user could smuggle a second response into the connection. */
const FRAMING = new Set(['connection', 'content-length', 'transfer-encoding']);

/** RFC 9110 §15.4.5: "A 304 response is terminated by the end of the header section". */
const NOT_MODIFIED = 304;

/**
 * Why an opening handshake is refused.
 *
 * - `request`: it breaks RFC 6455 §4.
 * - `headers`: it has more than `maxHeaders` header lines.
 * - `host`, `origin`: `allowedHosts` or `allowedOrigins` does not allow it.
 * - `protocol`: client and server have no subprotocol in common.
 * - `path`: nothing serves its path.
 * - `ahead`: the client sent more than 64 KiB before it had an answer.
 * - `pending`, `connections`, `address`: it exceeds `maxPendingHandshakes`, `maxConnections` or
 *   `maxConnectionsPerAddress`.
 * - `closing`: the server is closing.
 * - `timeout`: the handlers gave no answer within `handshakeTimeout`.
 * - `unanswered`: the handlers ended without an answer.
 * - `error`: a handler threw or rejected.
 * - `application`: the application refused it with `refuse`.
 */
export type RefusalReason =
  | 'request'
  | 'headers'
  | 'host'
  | 'origin'
  | 'protocol'
  | 'path'
  | 'ahead'
  | 'pending'
  | 'connections'
  | 'address'
  | 'closing'
  | 'timeout'
  | 'unanswered'
  | 'error'
  | 'application';

/**
 * The HTTP answer to an opening handshake that is refused. `refuse` makes it, as does the library. It never changes.
 */
export class Refusal {
  /** The HTTP status, 300 to 599. */
  readonly status: number;
  /** The headers of the answer, besides Connection, Content-Length and a default Content-Type. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body of the answer. It is sent as UTF-8. */
  readonly body: string;
  /** What is wrong with the request, for a log or an error. */
  readonly message: string;
  /** Why the request is refused. For a refusal of your own, it is `'application'`. */
  readonly reason: RefusalReason;
  /** Makes the type nominal: an object that merely looks like a refusal may carry unchecked headers. */
  readonly #checked = true;

  /** @internal Trusts `headers` and `body`. `refuse` checks those of the user. */
  constructor(
    status: number,
    message: string,
    headers: Record<string, string> = {},
    body = `${message}\n`,
    reason: RefusalReason = 'request',
  ) {
    this.status = status;
    this.headers = Object.freeze(headers);
    this.body = body;
    this.message = message;
    this.reason = reason;
    Object.freeze(this);
  }

  /** @internal */
  static is(value: unknown): value is Refusal {
    return typeof value === 'object' && value !== null && #checked in value;
  }
}

/** Whether `value` was made by `refuse`, or by the library for a request that cannot be accepted. */
export function isRefusal(value: unknown): value is Refusal {
  return Refusal.is(value);
}

/** The answer to a refused request, apart from its status: for `refuse`. */
export interface RefusalOptions {
  /** Further headers. Default none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, as text. Default: the status with its reason phrase. */
  readonly body?: string;
}

/**
 * Makes a refusal of an opening handshake (RFC 6455 §4.2.2). Return or throw it in the `upgrade` handler of `serve`, or
 * throw it in a request handler of `acceptUpgrades`.
 *
 * `body` is sent as UTF-8, with the type `text/plain; charset=utf-8` unless `headers` name another. The answer always
 * has `Connection: close` and an exact Content-Length.
 *
 * @example
 * ```js
 * import { refuse, serve } from 'wasock';
 *
 * await serve({
 *   port: 9001,
 *   upgrade: (req) => (req.headers.authorization === 'Bearer secret' ? {} : refuse(401, { body: 'Sign in first\n' })),
 * });
 * ```
 * @param status an HTTP status from 300 to 599
 * @param options `headers` and `body` of the answer. Default: no further headers, and the status with its reason phrase
 * @throws RangeError if `status` is not an integer from 300 to 599
 * @throws TypeError if there is an unknown option, if a header cannot be written or is one of Connection, Content-Length
 *   and Transfer-Encoding, if `body` is not a string, or if a 304 has a body
 */
export function refuse(status: number, options: RefusalOptions = {}): Refusal {
  const unknown = Object.keys(options).find((name) => name !== 'headers' && name !== 'body');
  if (unknown !== undefined) throw new TypeError(`refuse has no option ${quoted(unknown)}, only headers and body`);
  return refusalFor('application', status, options);
}

/** Like `refuse`, for a reason of the library's own. */
export function refusalFor(reason: RefusalReason, status: number, options: RefusalOptions = {}): Refusal {
  if (!Number.isInteger(status) || status < 300 || status > 599) {
    throw new RangeError(`The status of a refusal is an integer from 300 to 599, not ${quoted(status)}`);
  }
  const { body } = options;
  if (body !== undefined && typeof body !== 'string') throw new TypeError(`body must be a string, not ${quoted(body)}`);
  if (body && status === NOT_MODIFIED) throw new TypeError(`A 304 has no body, but got ${quoted(body)}`);

  const fields = Object.entries(options.headers ?? {});
  for (const [name, value] of fields) {
    checkField(name, value);
    if (FRAMING.has(name.toLowerCase())) {
      throw new TypeError(`A refusal sets the header ${name} itself, but got ${quoted(value)}`);
    }
  }
  const line = statusText(status);
  const text = status === NOT_MODIFIED ? '' : `${line}\n`;
  const message = body === undefined || reason === 'application' ? `Refused with ${line}` : body.trimEnd();
  return new Refusal(status, message, Object.fromEntries(fields), body ?? text, reason);
}

/** Such as `403 Forbidden`. RFC 9112 §4: the reason phrase may be empty, but the space before it is required. */
function statusText(status: number): string {
  return `${status} ${REASON_PHRASE[status] ?? ''}`;
}

/**
 * The whole HTTP/1.1 response. The caller writes it as UTF-8 and then ends the connection.
 *
 * RFC 9112 §9.6: `Connection: close`, so that no proxy keeps a tunnel open and nothing after the request is answered.
 */
export function formatRefusal(refusal: Refusal): string {
  let fields = `Connection: close\r\nContent-Length: ${Buffer.byteLength(refusal.body)}\r\n`;
  let hasType = false;
  for (const [name, value] of Object.entries(refusal.headers)) {
    fields += `${name}: ${value}\r\n`;
    hasType ||= name.toLowerCase() === 'content-type';
  }
  if (!hasType) fields += 'Content-Type: text/plain; charset=utf-8\r\n';
  return `HTTP/1.1 ${statusText(refusal.status)}\r\n${fields}\r\n${refusal.body}`;
}
