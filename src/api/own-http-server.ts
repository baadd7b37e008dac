import http, { type ServerOptions as HttpOptions, type Server as HttpServer, type RequestListener } from 'node:http';
import https, { type ServerOptions as TlsOptions } from 'node:https';
import { readBeforeTimeouts } from '../net/node/http-server.js';
import { MAX_INT32 } from '../net/timing/after-reading.js';
import { checkPath, checkType, type ResolvedLimits } from './limits.js';

/** Where a server listens. */
interface Address {
  readonly port?: number;
  readonly host?: string;
  readonly unix?: string;
  readonly tls?: TlsOptions;
  readonly server?: HttpServer;
  readonly path?: string;
}

/** @throws TypeError, RangeError if these options do not say where to listen */
export function checkAddress({ port, host, unix, server, tls, path }: Address): void {
  if (port !== undefined && typeof port !== 'number')
    throw new TypeError(`port must be a number, not ${JSON.stringify(port)}`);
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new RangeError(`port must be 0 to 65535, not ${port}`);
  }
  checkType('host', host, 'string');
  checkType('unix', unix, 'string');
  checkPath(path);
  if (server !== undefined && typeof server?.on !== 'function') {
    throw new TypeError(`server must be a server of node:http or node:https, not ${String(server)}`);
  }
  const given = Object.entries({ port, unix, server }).filter(([, value]) => value !== undefined);
  if (given.length > 1) throw new TypeError(`${given.map(([name]) => name).join(' and ')} exclude each other`);
  if (server !== undefined && tls !== undefined) {
    throw new TypeError('tls is for a server of its own: pass a node:https server instead');
  }
}

/** How long a client may be silent before its connection is given to node:http, whose time-outs then count, in milliseconds. */
const PATIENCE = 500;

/** node:http's own default for a request with its body, in milliseconds. */
const REQUEST_TIMEOUT = 300_000;

/** As `PATIENCE`, within a time for the opening handshake; 0 is no limit. */
export function patienceOf(handshakeTimeout: number): number {
  return handshakeTimeout === 0 ? PATIENCE : Math.min(PATIENCE, Math.floor(handshakeTimeout / 4));
}

/** The HTTP server that `serve` makes if it is not passed one. @param takesBodies whether requests have a handler */
export function createHttpServer(
  limits: Pick<ResolvedLimits, 'maxHeaderBytes' | 'maxHeaders' | 'handshakeTimeout'>,
  tls: TlsOptions | undefined,
  takesBodies: boolean,
  listener: RequestListener,
): HttpServer {
  const { maxHeaderBytes, maxHeaders, handshakeTimeout } = limits;
  // What is left of the time for an opening handshake when node:http begins to count; 0 is no limit to it, too.
  const isSeenBefore = tls === undefined && handshakeTimeout > 0;
  const headersTimeout = isSeenBefore ? handshakeTimeout - patienceOf(handshakeTimeout) : handshakeTimeout;
  const options: HttpOptions = {
    maxHeaderSize: Math.min(maxHeaderBytes, MAX_INT32),
    headersTimeout,
    // Requests of the user's own may have a body, which takes longer than an opening handshake.
    requestTimeout: takesBodies ? Math.max(handshakeTimeout, REQUEST_TIMEOUT) : headersTimeout,
    connectionsCheckingInterval: Math.max(50, Math.min(500, handshakeTimeout / 10)),
  };
  const server =
    tls === undefined
      ? http.createServer(options, listener)
      : https.createServer({ ...options, handshakeTimeout: handshakeTimeout || MAX_INT32, ...tls }, listener);
  readBeforeTimeouts(server);
  // node:http drops the header lines above its limit; one more than ours tells that there were too many.
  server.maxHeadersCount = maxHeaders === Number.POSITIVE_INFINITY ? 0 : maxHeaders + 1;
  return server;
}
