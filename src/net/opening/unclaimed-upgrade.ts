import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { refusalFor } from '../../handshake/server.js';
import { NO_BYTES } from '../../protocol/bytes.js';
import { scheduleDeadline, type Timed } from '../timing/deadlines.js';
import { type PendingOwner, PendingUpgrade } from './pending-upgrade.js';
import { RequestHead } from './request-head.js';

/**
 * How much longer whoever only listens for errors or the end may take, in multiples of the time for an opening handshake.
 * Some look a user up meanwhile; Next.js does it to every upgrade, and leaves those that it does not know.
 */
const PATIENCE = 5;

/**
 * An upgrade that is left to other listeners, which may ignore it. Then the socket has no owner, and an RST would end
 * the process, so it gets an error listener at once. If no listener has claimed the socket when the time for an opening
 * handshake is over, the client gets a 404. A listener claims it by writing to it, reading or piping it, or setting its
 * time-out. Any other listener on it delays the 404.
 */
export class UnclaimedUpgrade implements Timed {
  slot = 0;
  readonly #request: IncomingMessage;
  readonly #socket: Duplex;
  readonly #owner: PendingOwner;
  readonly #unused: string;
  readonly #unheard: string;
  /** Milliseconds that the 404 waits for a listener that only listens. */
  #patience: number;

  /**
   * Make it before other listeners see the socket.
   *
   * @param timeout milliseconds; 0 is never
   * @param owner is told if the client gets a 404
   */
  constructor(request: IncomingMessage, socket: Duplex, timeout: number, owner: PendingOwner) {
    this.#request = request;
    this.#owner = owner;
    this.#socket = socket.on('error', ignore);
    this.#unused = useOf(socket);
    this.#unheard = listenersOf(socket);
    this.#patience = timeout * PATIENCE;
    if (timeout > 0) scheduleDeadline(this, performance.now() + timeout);
  }

  onDeadline(): void {
    if (useOf(this.#socket) !== this.#unused || this.#socket.destroyed) return;
    if (listenersOf(this.#socket) !== this.#unheard && this.#patience > 0) {
      scheduleDeadline(this, performance.now() + this.#patience);
      this.#patience = 0;
      return;
    }
    const request = new RequestHead(this.#request, this.#socket);
    new PendingUpgrade(request, NO_BYTES, 0, this.#owner).refuse(refusalFor('path', 404));
  }
}

function ignore(): void {}

/** A fingerprint of a socket that changes if somebody uses it, but not if bytes merely arrive. */
function useOf(socket: Duplex): string {
  const { bytesRead = 0, bytesWritten, timeout } = socket as Partial<Socket>;
  const { readableLength, readableFlowing, writableLength, writableEnded } = socket;
  return JSON.stringify([
    bytesRead - readableLength,
    readableFlowing,
    bytesWritten,
    writableLength,
    writableEnded,
    timeout,
  ]);
}

function listenersOf(socket: Duplex): string {
  return JSON.stringify(socket.eventNames().map((name) => [String(name), socket.listenerCount(name)]));
}
