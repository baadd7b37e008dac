import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ParsedHead } from '../../handshake/request-head.js';
import { mayUse } from './private-parts.js';

/*
 * Private, seen on Node 20 to 26: `_addHeaderLines`, and that a message can be constructed and completed here. The
 * documented way: every request goes to node:http.
 */

/** The parser of node:http calls this on each message that it makes. Others that make one have to call it, too. */
interface Headed {
  _addHeaderLines?: (rawHeaders: string[], count: number) => void;
}

/** Whether `buildRequest` works on this Node. */
export const canBuildRequests =
  mayUse('incoming-message') && typeof (IncomingMessage.prototype as Headed)._addHeaderLines === 'function';

/** Makes the request that node:http would have made of this head: an upgrade request, complete, without a body. */
export function buildRequest({ method, url, rawHeaders }: ParsedHead, socket: Duplex): IncomingMessage {
  const request = new IncomingMessage(socket as Socket);
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  request.httpVersion = '1.1';
  (request as Headed)._addHeaderLines?.(rawHeaders, rawHeaders.length);
  request.method = method;
  request.url = url;
  Object.assign(request, { upgrade: true });
  request.complete = true;
  request.push(null);
  return request;
}
