import { Buffer } from 'node:buffer';
import type { ClientRequest } from 'node:http';
import type { RequestOptions } from 'node:https';
import net, { type Socket } from 'node:net';
import querystring from 'node:querystring';
import tls from 'node:tls';
import { isToken } from '../../handshake/header-values.js';
import { newKey } from '../../handshake/key.js';
import type { GenerateMask } from '../sender.js';
import { DEFAULTS, type KeptOptions, type SocketOptions } from './socket-options.js';

/** The options of a client. All other options go to `http.request` and `tls.connect`. */
export interface ClientOptions
  extends SocketOptions,
    KeptOptions,
    Omit<RequestOptions, 'createConnection' | 'headers'> {
  headers?: Record<string, unknown>;
  protocolVersion?: number;
  protocols?: string | readonly string[];
  followRedirects?: boolean;
  maxRedirects?: number;
  handshakeTimeout?: number;
  origin?: string;
  perMessageDeflate?: unknown;
  generateMask?: GenerateMask;
  finishRequest?: (request: ClientRequest, websocket: object) => void;
  createConnection?: (options: object) => Socket;
}

/** The complete options of one request of an opening handshake. */
export type RequestPlan = ClientOptions & {
  headers: Record<string, unknown>;
  protocolVersion: number;
  maxRedirects: number;
  path: string;
};

/** `Sec-WebSocket-Version`: 8 is a hybi draft with the same frames. */
const VERSIONS: readonly number[] = [8, 13];

const CLIENT_DEFAULTS = {
  ...DEFAULTS,
  protocolVersion: 13,
  perMessageDeflate: true,
  followRedirects: false,
  maxRedirects: 10,
};

/** Options that come from the URL, or that a user may not set. */
const FROM_URL = {
  socketPath: undefined,
  hostname: undefined,
  protocol: undefined,
  protocols: undefined,
  timeout: undefined,
  method: 'GET',
  host: undefined,
  path: undefined,
  port: undefined,
};

const SCHEMES: Readonly<Record<string, string>> = { 'http:': 'ws:', 'https:': 'wss:' };

/** Parses an address; http becomes ws, and https becomes wss. @throws SyntaxError if it is not a URL */
export function parseUrl(address: string | URL): URL {
  if (!(address instanceof URL) && !URL.canParse(address)) throw new SyntaxError(`Invalid URL: ${address}`);
  const url = new URL(address);
  url.protocol = SCHEMES[url.protocol] ?? url.protocol;
  return url;
}

/** @throws SyntaxError if a WebSocket cannot have this URL */
export function checkUrl({ protocol, pathname, hash }: URL): void {
  if (!['ws:', 'wss:', 'ws+unix:'].includes(protocol)) {
    throw new SyntaxError('The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"');
  }
  if (protocol === 'ws+unix:' && pathname === '') throw new SyntaxError("The URL's pathname is empty");
  if (hash !== '') throw new SyntaxError('The URL contains a fragment identifier');
}

/** @throws SyntaxError if a subprotocol is not a token or occurs twice (RFC 6455 §4.1, item 10) */
export function checkProtocols(protocols: readonly unknown[]): Set<string> {
  const checked = new Set<string>();
  for (const protocol of protocols) {
    if (!isToken(protocol) || checked.has(protocol)) {
      throw new SyntaxError('An invalid or duplicated subprotocol was specified');
    }
    checked.add(protocol);
  }
  return checked;
}

/** Adds the defaults. @throws RangeError if the protocol version is not supported */
export function withDefaults(given: ClientOptions | undefined): RequestPlan {
  const options = { ...CLIENT_DEFAULTS, ...given, ...FROM_URL } as unknown as RequestPlan;
  if (!VERSIONS.includes(options.protocolVersion)) {
    throw new RangeError(
      `Unsupported protocol version: ${options.protocolVersion} (supported versions: ${VERSIONS.join(', ')})`,
    );
  }
  return options;
}

/**
 * Completes the options of a request from the URL and for the opening handshake (RFC 6455 §4.1).
 *
 * @param extensions the value of Sec-WebSocket-Extensions, if there is to be one
 * @returns the value of Sec-WebSocket-Key
 */
export function planRequest(
  plan: RequestPlan,
  url: URL,
  protocols: ReadonlySet<string>,
  extensions: string | undefined,
): string {
  const isSecure = url.protocol === 'wss:';
  const defaultPort = isSecure ? 443 : 80;
  plan.createConnection ??= isSecure ? connectTls : connectTcp;
  plan.defaultPort ||= defaultPort;
  plan.port = url.port || defaultPort;
  plan.host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  plan.path = url.pathname + url.search;
  plan.timeout = plan.handshakeTimeout;
  const key = newKey();
  plan.headers = handshakeHeaders(plan, key, protocols, extensions);
  if (url.username || url.password) {
    plan.auth = `${querystring.unescape(url.username)}:${querystring.unescape(url.password)}`;
  }
  if (url.protocol === 'ws+unix:') splitSocketPath(plan);
  return key;
}

function handshakeHeaders(
  plan: RequestPlan,
  key: string,
  protocols: ReadonlySet<string>,
  extensions: string | undefined,
): Record<string, unknown> {
  const headers: Record<string, unknown> = {
    ...plan.headers,
    'Sec-WebSocket-Version': plan.protocolVersion,
    'Sec-WebSocket-Key': key,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
  };
  if (extensions !== undefined) headers['Sec-WebSocket-Extensions'] = extensions;
  if (protocols.size > 0) headers['Sec-WebSocket-Protocol'] = [...protocols].join(',');
  if (plan.origin) headers[plan.protocolVersion < 13 ? 'Sec-WebSocket-Origin' : 'Origin'] = plan.origin;
  return headers;
}

/** `ws+unix:<path of the socket>:<path of the request>` */
function splitSocketPath(plan: RequestPlan): void {
  const colon = plan.path.indexOf(':');
  plan.socketPath = colon === -1 ? plan.path : plan.path.slice(0, colon);
  plan.path = colon === -1 ? '' : plan.path.slice(colon + 1);
}

/** Connects to the host or to `socketPath`. The request's `path` must not be taken for that of a Unix socket. */
function connectTcp(options: object): Socket {
  const { socketPath } = options as RequestPlan;
  return net.connect(Object.assign(options, { path: socketPath }) as net.NetConnectOpts);
}

function connectTls(options: object): Socket {
  const { host, servername } = options as RequestPlan & { servername?: string };
  // RFC 6066 §3: an IP address is not a server name.
  const byDefault = net.isIP(host ?? '') ? '' : (host ?? '');
  return tls.connect(Object.assign(options, { path: undefined, servername: servername ?? byDefault }));
}

/** Basic authorization (RFC 7617). */
export function basicAuthorization(auth: string): string {
  return `Basic ${Buffer.from(auth).toString('base64')}`;
}
