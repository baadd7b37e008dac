import { Buffer } from 'node:buffer';
import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { WINDOW_START } from '../../codec/memory-map.js';
import { codec } from '../../codec/select.js';
import { parseRequestHead } from '../../handshake/request-head.js';
import { NO_BYTES } from '../../protocol/bytes.js';
import { connectPaused } from '../node/http-server.js';
import { canBuildRequests } from '../node/incoming-message.js';
import { canReadIntoBuffer } from '../node/user-buffer.js';
import { cancelDeadline, scheduleDeadline, type Timed } from '../timing/deadlines.js';
import { copyFromWindow } from '../transport/receive-window.js';
import { listenTo, type TransportSocket } from '../transport/stream-transport.js';
import type { ReadEvents, TransportEvents, WriteEvents } from '../transport/transport.js';
import { readAsStream, readIntoWindow } from '../transport/window-transport.js';
import { RequestHead } from './request-head.js';

/** What to do with opening handshakes that need no HTTP parser. */
interface EarlyRoutes {
  /** The most bytes of the head of a request. */
  readonly maxHeaderBytes: number;
  /** After this many milliseconds without a request, node:http gets the socket. */
  readonly patience: number;
  /**
   * @param head what came after the request: the client's first frames
   * @returns whether the request is taken. If not, node:http gets it
   */
  onRequest(request: RequestHead, head: Buffer): boolean;
}

/** A listener of an HTTP server to its own `'connection'` event. node:http is one. */
type Listener = (socket: Socket) => void;

/**
 * The connections of an HTTP server until their first bytes arrive. Nearly always those are an opening handshake in one
 * piece, which needs no HTTP parser and is read from the receive window. All other connections go to node:http
 * untouched, with its rules, limits, time-outs and answers.
 */
export class FirstReads implements Timed {
  slot = 0;
  readonly routes: EarlyRoutes;
  readonly #server: HttpServer;
  /** The waiting connections, those that have waited longest first. A ring allocates nothing for so short a time. */
  readonly #ring = new Ring();
  readonly #listeners: Listener[] = [];

  /** @param server one of our own, on which no user listens for `'connection'` */
  constructor(server: HttpServer, routes: EarlyRoutes) {
    this.routes = routes;
    this.#server = server;
    // A socket must not start reading before its way of reading is chosen.
    if (!canBuildRequests || !connectPaused(server)) return;
    this.#listeners = server.listeners('connection') as Listener[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (canReadIntoBuffer(socket)) this.#wait(new FirstRead(socket, this));
      else this.giveAway(socket);
    });
  }

  #wait(read: FirstRead): void {
    if (this.#ring.next === this.#ring) scheduleDeadline(this, read.since + this.routes.patience);
    read.insertBefore(this.#ring);
  }

  /** Gives the connections to node:http that have waited long enough. */
  onDeadline(now: number): void {
    const { patience } = this.routes;
    for (const read of this.#waiting()) {
      if (read.since + patience > now) return scheduleDeadline(this, read.since + patience);
      read.stopWaiting();
    }
  }

  *#waiting(): Iterable<FirstRead> {
    while (this.#ring.next !== this.#ring) yield this.#ring.next as FirstRead;
  }

  /** Gives a socket to node:http. */
  giveAway(socket: Socket): void {
    for (const listener of this.#listeners) listener.call(this.#server, socket);
    socket.resume();
  }

  /** Gives all waiting connections to node:http. */
  giveAllAway(): void {
    for (const read of this.#waiting()) read.stopWaiting();
    cancelDeadline(this);
  }
}

/** The first `length` bytes of the window. */
function windowText(length: number): string {
  return codec.bytes.toString('latin1', WINDOW_START, WINDOW_START + length);
}

/** The head that the window starts with; empty if it does not end within `length` bytes. */
function readHead(length: number): string {
  const text = windowText(length);
  const emptyLine = text.indexOf('\r\n\r\n');
  if (emptyLine === -1) return '';
  const end = emptyLine + 4;
  // Only the head: substrings keep the whole string alive, and half a megabyte may follow the head.
  return end === length ? text : windowText(end);
}

/** A member of a ring. At first it is alone in its own ring. */
class Ring {
  previous: Ring = this;
  next: Ring = this;

  insertBefore(other: Ring): void {
    this.previous = other.previous;
    this.next = other;
    this.previous.next = this;
    other.previous = this;
  }

  leave(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = this;
    this.next = this;
  }
}

/** One connection until its first bytes arrive. */
class FirstRead extends Ring implements TransportEvents, ReadEvents, WriteEvents {
  readonly inbox = this;
  readonly outbox = this;
  /** Monotonic, in whole milliseconds. */
  readonly since = Math.floor(performance.now());
  readonly #socket: TransportSocket & Socket;
  readonly #reads: FirstReads;

  constructor(socket: Socket, reads: FirstReads) {
    super();
    this.#reads = reads;
    this.#socket = listenTo(socket, this) as TransportSocket & Socket;
    readIntoWindow(this.#socket);
    socket.read(0);
  }

  onWindow(length: number): boolean {
    this.leave();
    const { routes } = this.#reads;
    const end = WINDOW_START + length;
    const text = readHead(Math.min(length, routes.maxHeaderBytes));
    const parsed = parseRequestHead(text, routes.maxHeaderBytes);
    const stop = WINDOW_START + (parsed === null ? 0 : text.length);
    // `onRequest` may run the user's code, which may make other connections receive into the window.
    const rest = stop === end ? NO_BYTES : copyFromWindow(stop, end);
    if (parsed === null) this.#giveAway(rest);
    else if (!routes.onRequest(new RequestHead(parsed, this.#socket), rest)) {
      this.#giveAway(Buffer.concat([Buffer.from(text, 'latin1'), rest]));
    }
    // If reading must stop, the new owner of the socket stops it at the next read.
    return true;
  }

  /** Gives a silent connection to node:http. */
  stopWaiting(): void {
    this.leave();
    this.#giveAway(NO_BYTES);
  }

  #giveAway(bytes: Buffer): void {
    const socket = this.#socket;
    readAsStream(socket);
    if (bytes.length > 0) socket.unshift(bytes);
    this.#reads.giveAway(socket);
  }

  onEnd(): void {
    this.#socket.destroy();
  }

  onClose(): void {
    this.leave();
  }

  // A socket that fails is also closed.
  onError(): void {}

  /** A user listens for `'data'`, and has got the bytes first. */
  onChunk(chunk: Buffer): boolean {
    chunk.copy(codec.bytes, WINDOW_START);
    return this.onWindow(chunk.length);
  }

  onWritten(): void {}
}
