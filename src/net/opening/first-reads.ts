import type { Buffer } from 'node:buffer';
import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { WINDOW_START } from '../../codec/memory-map.js';
import { codec } from '../../codec/select.js';
import { type ParsedHead, parseRequestHead } from '../../handshake/request-head.js';
import { NO_BYTES } from '../../protocol/bytes.js';
import { connectPaused } from '../node/http-server.js';
import { canBuildRequests } from '../node/incoming-message.js';
import { canReadIntoBuffer } from '../node/user-buffer.js';
import { cancelDeadline, scheduleDeadline, type Timed } from '../timing/deadlines.js';
import { copyFromWindow } from '../transport/receive-window.js';
import { listenTo, type TransportSocket } from '../transport/stream-transport.js';
import type { ReadEvents, TransportEvents, WriteEvents } from '../transport/transport.js';
import { readAsStream, readIntoWindow } from '../transport/window-transport.js';

/** What becomes of an opening handshake that needed no HTTP parser. */
export interface EarlyRoutes {
  /** Bytes that the head of a request may have. */
  readonly maxHeaderBytes: number;
  /** Milliseconds that a client has for its request before the socket is given to node:http. */
  readonly patience: number;
  /** Whether requests for this target are wanted. */
  wants(url: string): boolean;
  /** @param head what came behind it: the client's first frames */
  onRequest(request: ParsedHead, socket: Socket, head: Buffer): void;
}

/** The listeners of an HTTP server to its own `'connection'` event: node:http is one. */
type Listener = (socket: Socket) => void;

/**
 * The connections of an HTTP server until their first bytes have come. Nearly always those are an opening handshake in
 * one piece, which is read from the receive window without an HTTP parser; all others go to node:http as if nobody had
 * looked at them, with its rules, limits, time-outs and answers.
 */
export class FirstReads implements Timed {
  slot = 0;
  readonly routes: EarlyRoutes;
  readonly #server: HttpServer;
  /** Those that wait, in a ring from the one that has waited longest: nothing to allocate for so short a time. */
  readonly #ring = new Ring();
  readonly #listeners: Listener[] = [];

  /** @param server made for this, with nobody else's listeners to `'connection'` */
  constructor(server: HttpServer, routes: EarlyRoutes) {
    this.routes = routes;
    this.#server = server;
    // A socket must not begin to read before it is known how.
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

  /** Some have waited long enough. */
  onDeadline(now: number): void {
    const { patience } = this.routes;
    for (const read of this.#waiting()) {
      if (read.since + patience > now) return scheduleDeadline(this, read.since + patience);
      read.giveUp();
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

  /** Gives all that wait to node:http. */
  giveAllAway(): void {
    for (const read of this.#waiting()) read.giveUp();
    cancelDeadline(this);
  }
}

/** Where the head of the request ends that begins the window, before `end`; where it begins, if it has no end there. */
function headEnd(end: number): number {
  const emptyLine = codec.bytes.subarray(WINDOW_START, end).indexOf('\r\n\r\n');
  return emptyLine === -1 ? WINDOW_START : WINDOW_START + emptyLine + 4;
}

/** A member of a ring, at first of one of its own. */
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

/** One connection until its first bytes. */
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
    const socket = this.#socket;
    const { routes } = this.#reads;
    const end = WINDOW_START + length;
    // Only the head: all strings that are cut out of this one keep it alive, and behind it there may be half a megabyte.
    const behind = headEnd(Math.min(end, WINDOW_START + routes.maxHeaderBytes));
    const text = codec.bytes.toString('latin1', WINDOW_START, behind);
    const request = parseRequestHead(text, routes.maxHeaderBytes);
    if (request === null || !routes.wants(request.url)) this.#giveAway(copyFromWindow(WINDOW_START, end));
    else routes.onRequest(request, socket, behind === end ? NO_BYTES : copyFromWindow(behind, end));
    // Whoever has the socket now stops it at the next read, if it is to stop.
    return true;
  }

  /** It has not said anything yet. */
  giveUp(): void {
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

  // A socket that fails is closed as well.
  onError(): void {}
  onChunk(): boolean {
    return true;
  }
  onWritten(): void {}
}
