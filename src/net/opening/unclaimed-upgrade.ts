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
 * An upgrade that is left to other listeners, which may ignore it. Then the socket has no owner, and an RST would end
 * the process, so it gets an error listener at once. If no listener has claimed the socket when the time for an opening
 * handshake is over, the client gets a 404. A listener claims it by writing to it, reading or piping it, setting its
 * time-out or listening to it.
 */
export class UnclaimedUpgrade implements Timed {
  slot = 0;
  readonly #request: IncomingMessage;
  readonly #socket: Duplex;
  readonly #untouched: string;
  readonly #owner: PendingOwner;

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
    this.#untouched = stateOf(socket);
    if (timeout > 0) scheduleDeadline(this, performance.now() + timeout);
  }

  onDeadline(): void {
    const isClaimed = stateOf(this.#socket) !== this.#untouched;
    if (isClaimed || this.#socket.destroyed) return;
    const request = new RequestHead(this.#request, this.#socket);
    new PendingUpgrade(request, NO_BYTES, 0, this.#owner).refuse(refusalFor('path', 404));
  }
}

function ignore(): void {}

/** A fingerprint of a socket that changes if a listener claims it, but not if bytes merely arrive. */
function stateOf(socket: Duplex): string {
  const { bytesRead = 0, bytesWritten, timeout } = socket as Partial<Socket>;
  const { readableLength, readableFlowing, writableLength, writableEnded } = socket;
  const listeners = socket.eventNames().map((name) => [String(name), socket.listenerCount(name)]);
  const taken = bytesRead - readableLength;
  return JSON.stringify([taken, readableFlowing, bytesWritten, writableLength, writableEnded, timeout, listeners]);
}
