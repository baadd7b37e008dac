import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { refuse } from '../../handshake/server.js';
import { NO_BYTES } from '../../protocol/bytes.js';
import { scheduleDeadline, type Timed } from '../timing/deadlines.js';
import { type PendingOwner, PendingUpgrade } from './pending-upgrade.js';
import { RequestHead } from './request-head.js';

const NOBODY: PendingOwner = { onWatched() {}, onSettled() {} };

/**
 * An upgrade that is left to others, who may ignore it: the socket is nobody's then, and an RST would end the process.
 * So it has an error listener from the start. Once the time for an opening handshake is over, the client is told 404,
 * unless somebody has claimed the socket: has written to it, reads it, pipes it, set its time-out or listens to it.
 */
export class UnclaimedUpgrade implements Timed {
  slot = 0;
  readonly #request: IncomingMessage;
  readonly #socket: Duplex;
  readonly #untouched: string;

  /** To be made before anybody else sees the socket. @param timeout milliseconds; 0 for never */
  constructor(request: IncomingMessage, socket: Duplex, timeout: number) {
    this.#request = request;
    this.#socket = socket.on('error', ignore);
    this.#untouched = stateOf(socket);
    if (timeout > 0) scheduleDeadline(this, performance.now() + timeout);
  }

  onDeadline(): void {
    const isClaimed = stateOf(this.#socket) !== this.#untouched;
    if (isClaimed || this.#socket.destroyed) return;
    new PendingUpgrade(new RequestHead(this.#request, this.#socket), NO_BYTES, 0, NOBODY).refuse(refuse(404));
  }
}

function ignore(): void {}

/** What of a socket changes when somebody claims it, and not when bytes merely arrive. */
function stateOf(socket: Duplex): string {
  const { bytesRead = 0, bytesWritten, timeout } = socket as Partial<Socket>;
  const { readableLength, readableFlowing, writableLength, writableEnded } = socket;
  const listeners = socket.eventNames().map((name) => [String(name), socket.listenerCount(name)]);
  const taken = bytesRead - readableLength;
  return JSON.stringify([taken, readableFlowing, bytesWritten, writableLength, writableEnded, timeout, listeners]);
}
