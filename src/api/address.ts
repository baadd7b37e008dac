import type { Server as HttpServer } from 'node:http';
import type { ServerOptions as TlsOptions } from 'node:https';
import { checkPath, checkType } from './limits.js';

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
