/** A host and its port, as in a Host header, an Origin or an absolute request target (RFC 3986 §3.2). */
export interface Authority {
  /** In lower case; an IPv6 literal keeps its brackets. */
  readonly host: string;
  /** Undefined if none was given. */
  readonly port: number | undefined;
}

/**
 * An origin or a host to compare with: a string is compared as a whole, and a RegExp is searched for in the value, so
 * anchor it (`/^https:[/][/][a-z]+[.]example[.]org$/`).
 */
export type Pattern = string | RegExp;

/**
 * Which origins or hosts are allowed: all (`'*'`), those that a pattern or one of several matches, or those for which a
 * function returns `true`. Anything else that the function returns, such as a promise, means no. If it throws, the
 * client gets 500.
 */
export type Rule<Request> = Pattern | readonly Pattern[] | ((value: string, request: Request) => boolean);

// The alternatives start differently, and only the first class has ":". So this never backtracks by more than a port.
const AUTHORITY = /^(\[[0-9a-f:.]+\]|[a-z0-9\-._~%!$&'()*+,;=]+)(?::(\d{0,5}))?$/i;
const HTTP_ORIGIN = /^(https?):\/\/(.+)$/i;
const ABSOLUTE_FORM = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i;

/** `host [":" port]`, without user information; null on a syntax error (RFC 3986 §3.2, RFC 9110 §7.2). */
export function parseAuthority(text: string): Authority | null {
  const match = AUTHORITY.exec(text);
  if (match === null) return null;
  // RFC 3986 §3.2.3: an empty port means the default of the scheme.
  const port = match[2] ? Number(match[2]) : undefined;
  if (port !== undefined && port > 0xffff) return null;
  return { host: match[1].toLowerCase(), port };
}

/** The authority of a request target in absolute-form; undefined in any other form (RFC 9112 §3.2.2). */
export function targetAuthority(target: string | undefined): string | undefined {
  return target === undefined ? undefined : ABSOLUTE_FORM.exec(target)?.[1];
}

/** An http or https origin with its port made explicit; null for any other, `null` included (RFC 6454 §6.2). */
function parseOrigin(origin: string): { scheme: string; host: string; port: number; defaultPort: number } | null {
  const match = HTTP_ORIGIN.exec(origin);
  const authority = match && parseAuthority(match[2]);
  if (!match || !authority) return null;
  const scheme = match[1].toLowerCase();
  const defaultPort = scheme === 'http' ? 80 : 443;
  return { scheme, host: authority.host, port: authority.port ?? defaultPort, defaultPort };
}

/**
 * Whether a page of `origin` was served by the host and port that it now connects to (RFC 6455 §10.2).
 *
 * The scheme is not compared, because a proxy may terminate TLS, and then we do not know our own.
 */
export function isSameHost(origin: string, server: Authority): boolean {
  const page = parseOrigin(origin);
  if (page === null || page.host !== server.host) return false;
  // A Host header without a port means the default port of our scheme, which we do not know. The page's scheme decides.
  return page.port === (server.port ?? page.defaultPort);
}

const ORIGIN_FORM = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)(.*)$/i;

/**
 * Why no Origin header can equal a string (RFC 6454 §6.2), and what was probably meant; `undefined` if one can.
 */
export function impossibleOrigin(pattern: string): string | undefined {
  if (pattern === '*' || pattern === 'null') return undefined;
  const parts = ORIGIN_FORM.exec(pattern);
  if (parts === null) return `an origin has a scheme${parseAuthority(pattern) ? `, as in "http://${pattern}"` : ''}`;
  const [, scheme, authority, path] = parts;
  if (path !== '') return `an origin has no path: did you mean "${scheme}${authority}"?`;
  if (authority.includes('*')) return 'for many hosts pass a RegExp';
  const isWeb = /^https?:/i.test(scheme);
  return isWeb && parseOrigin(pattern) === null ? 'it has no valid host and port' : undefined;
}

/** Like `impossibleOrigin`, for the host that a client believes it talks to. */
export function impossibleHost(pattern: string): string | undefined {
  if (pattern === '*') return undefined;
  if (pattern.includes('*')) return 'for many hosts pass a RegExp';
  return parseAuthority(pattern) === null ? 'a host is a name or an address, with a port or without' : undefined;
}

/** Makes two spellings of one origin equal. Other strings are only lower-cased. */
function normalOrigin(origin: string): string {
  const parsed = parseOrigin(origin);
  return parsed ? `${parsed.scheme}://${parsed.host}:${parsed.port}` : origin.toLowerCase();
}

function matches<Request>(
  rule: Rule<Request>,
  value: string,
  whole: () => Request,
  equals: (pattern: string) => boolean,
): boolean {
  if (rule === '*') return true;
  // Only `true` allows. The promise of an async function is truthy and would allow every value.
  if (typeof rule === 'function') return rule(value, whole()) === true;
  const patterns = Array.isArray(rule) ? (rule as readonly Pattern[]) : [rule as Pattern];
  // `search` ignores `lastIndex`, so a pattern with the flag g answers the same each time. `test` would not.
  return patterns.some((pattern) =>
    typeof pattern === 'string' ? pattern === '*' || equals(pattern) : value.search(pattern) !== -1,
  );
}

/**
 * Whether `rule` allows `origin`, the value of an Origin header. A string is compared as a whole
 * `scheme://host[:port]`, case and default port aside. A RegExp searches the value as it was received.
 *
 * @param whole makes the request for a function
 * @throws what a function throws
 */
export function isAllowedOrigin<Request>(rule: Rule<Request>, origin: string, whole: () => Request): boolean {
  return matches(rule, origin, whole, (pattern) => normalOrigin(pattern) === normalOrigin(origin));
}

/**
 * Whether `rule` allows `server`, the host that the client believes it talks to. A string without a port matches any
 * port. A RegExp and a function see `host[:port]` in lower case.
 *
 * @param whole makes the request for a function
 * @throws what a function throws
 */
export function isAllowedHost<Request>(rule: Rule<Request>, server: Authority, whole: () => Request): boolean {
  const { host, port } = server;
  return matches(rule, port === undefined ? host : `${host}:${port}`, whole, (pattern) => {
    const wanted = parseAuthority(pattern);
    return wanted?.host === host && (wanted.port === undefined || wanted.port === port);
  });
}
