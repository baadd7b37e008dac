import http, { type ServerOptions as HttpOptions, type Server as HttpServer, type RequestListener } from 'node:http';
import https, { type ServerOptions as TlsOptions } from 'node:https';
import { readBeforeTimeouts } from '../net/node/http-server.js';
import type { PathRule } from '../net/opening/path-rule.js';
import { MAX_INT32 } from '../net/timing/after-reading.js';
import { quoted } from '../protocol/quoted.js';
import type { ResolvedLimits } from './limits.js';
import { checkPath, checkType } from './option-checks.js';

/** Where a server listens. */
interface Address {
  readonly port?: number | string;
  readonly host?: string;
  readonly unix?: string;
  readonly tls?: TlsOptions;
  readonly server?: HttpServer;
  readonly path?: PathRule;
}

/** @throws TypeError, RangeError if these options do not say where to listen */
export function checkAddress({ port, host, unix, server, tls, path }: Address): void {
  portOf(port);
  checkType('host', host, 'string');
  checkType('unix', unix, 'string');
  checkPath(path);
  if (server !== undefined && typeof server?.on !== 'function') {
    throw new TypeError(`server must be a server of node:http or node:https, not ${quoted(server)}`);
  }
  const given = Object.entries({ port, unix, server }).filter(([, value]) => value !== undefined);
  if (given.length > 1) throw new TypeError(`${given.map(([name]) => name).join(' and ')} exclude each other`);
  if (server !== undefined && tls !== undefined) {
    throw new TypeError('tls and server exclude each other: pass a server of node:https');
  }
}

/** @returns 0 for `undefined` @throws TypeError, RangeError with the value, if it is not a port */
export function portOf(port: unknown): number {
  if (port === undefined) return 0;
  // From the environment: `port: process.env.PORT`.
  const number = typeof port === 'string' && /^\d+$/.test(port) ? Number(port) : port;
  if (typeof number !== 'number') throw new TypeError(`port must be a number, not ${quoted(port)}`);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new RangeError(`port must be 0 to 65535, not ${port}`);
}

/** After this many milliseconds of silence, node:http gets a client's connection, and applies its own time-outs. */
const PATIENCE = 500;

/** The default of node:http for a whole request with its body, in milliseconds. */
const REQUEST_TIMEOUT = 300_000;

/**
 * `PATIENCE`, or less if the time for the opening handshake is short.
 *
 * @param handshakeTimeout milliseconds; 0 is off
 */
export function patienceOf(handshakeTimeout: number): number {
  return handshakeTimeout === 0 ? PATIENCE : Math.min(PATIENCE, Math.floor(handshakeTimeout / 4));
}

/**
 * Makes the HTTP server of `serve`, if the user passes none.
 *
 * @param takesBodies whether there is a `request` handler
 */
export function createHttpServer(
  limits: Pick<ResolvedLimits, 'maxHeaderBytes' | 'maxHeaders' | 'handshakeTimeout'>,
  tls: TlsOptions | undefined,
  takesBodies: boolean,
  listener: RequestListener,
): HttpServer {
  const { maxHeaderBytes, maxHeaders, handshakeTimeout } = limits;
  // What is left of `handshakeTimeout` when node:http starts counting. For node:http, too, 0 means no limit.
  const isSeenBefore = tls === undefined && handshakeTimeout > 0;
  const headersTimeout = isSeenBefore ? handshakeTimeout - patienceOf(handshakeTimeout) : handshakeTimeout;
  const options: HttpOptions = {
    maxHeaderSize: Math.min(maxHeaderBytes, MAX_INT32),
    headersTimeout,
    // Requests to the user's handler may have a body, which takes longer than an opening handshake.
    requestTimeout: takesBodies ? Math.max(handshakeTimeout, REQUEST_TIMEOUT) : headersTimeout,
    connectionsCheckingInterval: Math.max(50, Math.min(500, handshakeTimeout / 10)),
  };
  const server =
    tls === undefined
      ? http.createServer(options, listener)
      : https.createServer({ ...options, handshakeTimeout: handshakeTimeout || MAX_INT32, ...tls }, listener);
  readBeforeTimeouts(server);
  // node:http drops header lines above its limit. So it keeps one more than ours, which shows that there were too many.
  server.maxHeadersCount = maxHeaders === Number.POSITIVE_INFINITY ? 0 : maxHeaders + 1;
  return server;
}
