import { Buffer } from 'node:buffer';
import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { nextTick } from 'node:process';
import type { Refusal } from '../../handshake/refusal.js';
import { lendSocket } from '../node/http-server.js';
import type { PendingAnswer, PendingUpgrade } from './pending-upgrade.js';

/** The properties, besides `finished`, that are true for a spent response. */
const SPENT = ['headersSent', 'writableEnded', 'writableFinished'];

/**
 * A response to an upgrade request, for handlers that know only requests and responses. node:http makes none, because
 * it leaves the socket to the `'upgrade'` listeners. Once it is spent, its methods do nothing.
 */
class UpgradeResponse extends ServerResponse {
  static {
    // The typings call these properties, so they cannot be written as accessors.
    const becomes = (name: string, isTrue: (response: UpgradeResponse) => boolean) => {
      const get = function (this: UpgradeResponse): unknown {
        // The constructor of the base class may ask before there are fields.
        return (#isSpent in this && isTrue(this)) || Reflect.get(ServerResponse.prototype, name, this);
      };
      Object.defineProperty(UpgradeResponse.prototype, name, { get, configurable: true });
    };
    for (const name of SPENT) becomes(name, (response) => response.#isSpent);
    becomes('closed', (response) => response.#isClosed);
  }

  #isSpent = false;
  #isClosed = false;

  /** @returns whether that works: it does not if a framework has given the response another prototype */
  static spend(response: ServerResponse, status: number): boolean {
    if (Object.getPrototypeOf(response) !== UpgradeResponse.prototype) return false;
    (response as UpgradeResponse).#isSpent = true;
    response.statusCode = status;
    (response as { finished: boolean }).finished = true;
    return true;
  }

  /** @returns as `spend` */
  static close(response: ServerResponse): boolean {
    if (Object.getPrototypeOf(response) !== UpgradeResponse.prototype) return false;
    (response as UpgradeResponse).#isClosed = true;
    response.destroyed = true;
    return true;
  }

  override writeHead(...given: unknown[]): this {
    return this.#isSpent ? this : Reflect.apply(super.writeHead, this, given);
  }

  override flushHeaders(): void {
    if (!this.#isSpent) super.flushHeaders();
  }

  override write(...given: unknown[]): boolean {
    return this.#isSpent ? calledBack(given, true) : Reflect.apply(super.write, this, given);
  }

  override end(...given: unknown[]): this {
    return this.#isSpent ? calledBack(given, this) : Reflect.apply(super.end, this, given);
  }
}

/**
 * Makes a response to an upgrade request. When it is finished, the connection ends. Nearly always the request is
 * accepted before the handler returns, and the response is not used. So it listens to nothing until the handler has
 * returned.
 */
export function bindResponse(pending: PendingUpgrade): ServerResponse {
  const response = new UpgradeResponse(pending.request.message);
  // Makes node:http write `Connection: close`: what follows the request must not be taken for another request.
  response.shouldKeepAlive = false;
  lendSocket(response, pending.socket as Socket);
  pending.answer = new BoundAnswer(response, pending);
  return response;
}

/** The answer that a handler may give through a response. */
class BoundAnswer implements PendingAnswer {
  readonly #response: ServerResponse;
  readonly #pending: PendingUpgrade;

  constructor(response: ServerResponse, pending: PendingUpgrade) {
    this.#response = response;
    this.#pending = pending;
  }

  get hasBegun(): boolean {
    return this.#response.headersSent;
  }

  /** Passes on what node:http passes on to its own responses. */
  onWatched(): void {
    const response = this.#response;
    const socket = this.#pending.socket as Socket;
    const onDrain = () => void (isOpen(response) && response.emit('drain'));
    const onClose = () => response.closed || emitClose(response);
    Object.defineProperty(response, 'writableNeedDrain', NEEDS_DRAIN);
    socket.on('drain', onDrain).on('close', onClose);
    // It runs before the listeners of users, which may throw.
    response.prependOnceListener('finish', () => {
      socket.off('drain', onDrain).off('close', onClose);
      // It was spent.
      if (response.socket !== socket) return;
      response.detachSocket(socket);
      this.#pending.end();
      // As node:http does with its own responses, after the listeners to 'finish'.
      nextTick(emitClose, response);
    });
  }
}

function emitClose(response: ServerResponse): void {
  if (!UpgradeResponse.close(response)) {
    for (const name of ['destroyed', 'closed']) Object.defineProperty(response, name, { value: true });
  }
  response.emit('close');
}

function isOpen(response: ServerResponse): boolean {
  return !response.writableEnded && !response.destroyed;
}

/** All responses share one, because objects with accessors of their own are slow. */
const NEEDS_DRAIN = {
  get(this: ServerResponse): boolean {
    // Newer Nodes keep what is written in one turn in the response until its end.
    const isFull = this.socket?.writableNeedDrain || this.writableLength >= this.writableHighWaterMark;
    return isOpen(this) && isFull;
  },
};

/**
 * Gives another answer than the one that a handler has begun, without its headers. If only a part of that answer has
 * left, the connection ends.
 */
export function answerInstead(response: ServerResponse, { status, headers, body }: Refusal): void {
  if (response.writableEnded) return;
  if (response.headersSent) return void response.destroy();
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  const type = body === '' ? {} : { 'Content-Type': 'text/plain; charset=utf-8' };
  const fields = { Connection: 'close', 'Content-Length': Buffer.byteLength(body), ...type, ...headers };
  // The reason phrase is given, because the handler may have set another.
  response.writeHead(status, STATUS_CODES[status], fields).end(body);
}

/**
 * Marks a response as sent, so that whatever a handler or its framework does with it afterwards does nothing: the
 * answer was written to the socket.
 *
 * @param status of that answer
 */
export function spendResponse(response: ServerResponse, pending: PendingUpgrade, status: number): void {
  response.detachSocket(pending.socket as Socket);
  if (!UpgradeResponse.spend(response, status)) overwrite(response, status);
  nextTick(emitSpent, response, pending);
}

/** Loggers and counters of connections wait for these events. They know the socket by its identity. */
function emitSpent(response: ServerResponse, { socket }: PendingUpgrade): void {
  const { req } = response;
  const shown = req.socket;
  const isShield = (shown as { [IS_SHIELD]?: true })[IS_SHIELD] === true;
  if (isShield) setSocket(req, socket as Socket);
  try {
    response.emit('finish');
    emitClose(response);
  } finally {
    if (isShield) setSocket(req, shown);
  }
}

/** Does what `UpgradeResponse.spend` does, for a response that has a framework's prototype. */
function overwrite(response: ServerResponse, status: number): void {
  Object.assign(response, {
    statusCode: status,
    writeHead: () => response,
    flushHeaders: () => {},
    write: (...given: unknown[]) => calledBack(given, true),
    end: (...given: unknown[]) => calledBack(given, response),
  });
  for (const name of [...SPENT, 'finished']) {
    Object.defineProperty(response, name, { value: true, configurable: true });
  }
}

/** Calls the callback among the arguments of `write` or `end`. @returns `returned` */
function calledBack<T>(given: readonly unknown[], returned: T): T {
  const callback = given.find((each) => typeof each === 'function');
  if (callback !== undefined) nextTick(callback as () => void);
  return returned;
}

/** A shield has `true` under this name. */
const IS_SHIELD = Symbol('wasock.shield');

/** Makes a proxy behave like its socket, except for `destroy`. Whoever hears of that call extends it. */
export abstract class Shield implements ProxyHandler<Socket> {
  /** `destroy` was called. */
  abstract onDestroyed(error?: Error | null): void;

  get(socket: Socket, name: string | symbol, shield: Socket): unknown {
    if (name === 'destroy') return (error?: Error) => this.#destroy(shield, error);
    if (name === IS_SHIELD) return true;
    const member: unknown = Reflect.get(socket, name);
    if (typeof member !== 'function' || name === 'constructor' || Object.hasOwn(socket, name)) return member;
    return (...given: unknown[]) => {
      const returned = Reflect.apply(member, socket, given);
      return returned === socket ? shield : returned;
    };
  }

  #destroy(shield: Socket, error: Error | undefined): Socket {
    this.onDestroyed(error);
    return shield;
  }
}

/**
 * Makes `request.socket.destroy()` tell `shield` instead, after an accepted upgrade: Express destroys the socket of a
 * request whose handler throws, which would end the connection without a Close frame. All else reaches the socket.
 */
export function shieldSocket(request: IncomingMessage, socket: Socket, shield: Shield): void {
  setSocket(request, new Proxy(socket, shield));
}

function setSocket(request: IncomingMessage, socket: Socket): void {
  request.socket = socket;
  // Other runtimes may not have such a field.
  if (request.socket !== socket)
    Object.defineProperty(request, 'socket', { value: socket, configurable: true, writable: true });
}
