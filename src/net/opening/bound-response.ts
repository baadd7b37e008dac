import { Buffer } from 'node:buffer';
import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { nextTick } from 'node:process';
import type { Refusal } from '../../handshake/refusal.js';
import type { PendingUpgrade } from './pending-upgrade.js';

/**
 * Makes a response to an upgrade request, for handlers that know only requests and responses. node:http makes none,
 * because it leaves the socket to the `'upgrade'` listeners. When the response is finished, the connection ends.
 */
export function bindResponse(pending: PendingUpgrade): ServerResponse {
  const response = new ServerResponse(pending.request.message);
  const socket = pending.socket as Socket;
  // Makes node:http write `Connection: close`: what follows the request must not be taken for another request.
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  passOnDrain(socket, response);
  response.once('finish', () => {
    // It was spent.
    if (response.socket !== socket) return;
    response.detachSocket(socket);
    pending.end();
    // As node:http does with its own responses, after the listeners to 'finish'.
    nextTick(() => emitClose(response));
  });
  return response;
}

function emitClose(response: ServerResponse): void {
  for (const name of ['destroyed', 'closed']) Object.defineProperty(response, name, { value: true });
  response.emit('close');
}

/** node:http does this only for responses that it has made itself. */
function passOnDrain(socket: Socket, response: ServerResponse): void {
  const isOpen = () => !response.writableEnded && !response.destroyed;
  const onDrain = () => void (isOpen() && response.emit('drain'));
  // Newer Nodes keep what is written in one turn in the response until its end.
  const isFull = () => socket.writableNeedDrain || response.writableLength >= response.writableHighWaterMark;
  Object.defineProperty(response, 'writableNeedDrain', { get: () => isOpen() && isFull() });
  socket.on('drain', onDrain);
  response.once('finish', () => socket.off('drain', onDrain));
}

/**
 * Gives another answer than the one that a handler had begun, whose headers would describe something else. If only a
 * part of that one is on its way, the connection ends.
 */
export function answerInstead(response: ServerResponse, { status, headers, body }: Refusal): void {
  if (response.writableEnded) return;
  if (response.headersSent) return void response.destroy();
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  const type = body === '' ? {} : { 'Content-Type': 'text/plain; charset=utf-8' };
  const fields = { Connection: 'close', 'Content-Length': Buffer.byteLength(body), ...type, ...headers };
  // With its reason phrase, as the handler may have set another.
  response.writeHead(status, STATUS_CODES[status], fields).end(body);
}

/**
 * Marks a response as sent, so that whatever a handler or its framework does with it afterwards does nothing: the answer
 * was written to the socket.
 *
 * @param status of that answer
 */
export function spendResponse(response: ServerResponse, pending: PendingUpgrade, status: number): void {
  response.detachSocket(pending.socket as Socket);
  // Overwritten rather than called: Bun would write a second head to the client.
  Object.assign(response, {
    statusCode: status,
    writeHead: () => response,
    flushHeaders: () => {},
    write: (...given: unknown[]) => {
      callBack(given);
      return true;
    },
    end: (...given: unknown[]) => {
      callBack(given);
      return response;
    },
  });
  for (const name of ['headersSent', 'writableEnded', 'writableFinished', 'finished']) {
    Object.defineProperty(response, name, { value: true, configurable: true });
  }
  nextTick(() => {
    // Loggers and those who count connections wait for these events.
    telling = response.req;
    try {
      response.emit('finish');
      emitClose(response);
    } finally {
      telling = null;
    }
  });
}

/** Calls the callback among the arguments of `write` or `end`. */
function callBack(given: readonly unknown[]): void {
  const callback = given.find((each) => typeof each === 'function');
  if (callback !== undefined) nextTick(callback as () => void);
}

/** The request whose response emits its last events. Their listeners know the socket by its identity. */
let telling: IncomingMessage | null = null;

/**
 * Makes `request.socket.destroy()` call `onDestroy` instead, after an accepted upgrade: Express destroys the socket of a
 * request whose handler throws, which would end the connection without a Close frame. All else reaches the socket.
 */
export function shieldSocket(request: IncomingMessage, socket: Socket, onDestroy: (error?: Error) => void): void {
  let shield: Socket | null = null;
  const shielded = (returned: unknown) => (returned === socket ? shield : returned);
  const destroy = (error?: Error) => {
    onDestroy(error);
    return shield;
  };
  const get = (_target: Socket, name: string | symbol): unknown => {
    if (name === 'destroy') return destroy;
    const member: unknown = Reflect.get(socket, name);
    if (typeof member !== 'function' || name === 'constructor' || Object.hasOwn(socket, name)) return member;
    return (...given: unknown[]) => shielded(Reflect.apply(member, socket, given));
  };
  Object.defineProperty(request, 'socket', {
    get: () => {
      if (telling === request) return socket;
      shield ??= new Proxy(socket, { get });
      return shield;
    },
    // Whoever replaces it means it.
    set: (value: unknown) => void Object.defineProperty(request, 'socket', { value, writable: true }),
    configurable: true,
    enumerable: true,
  });
}
