import type { Buffer } from 'node:buffer';
import type { ConnectionHandler } from '../net/connection-handler.js';
import type { CloseResult } from '../protocol/errors.js';
import { Opcode } from '../protocol/opcode.js';
import type { ConnectionSet } from './connections.js';
import { messageChannel } from './diagnostics.js';
import type { MessageQueue, Packet } from './message-queue.js';
import { internals, type WebSocket } from './websocket.js';

/** Await style: messages go to the socket's queue. While the queue is full, the socket stops reading. */
export class AwaitDelivery implements ConnectionHandler {
  readonly #ws: WebSocket;
  readonly #queue: MessageQueue;
  readonly #connections: Pick<ConnectionSet<unknown>, 'delete'> | null;

  /** @param connections the sockets of its server; `null` without a server */
  constructor(ws: WebSocket, queue: MessageQueue, connections: Pick<ConnectionSet<unknown>, 'delete'> | null) {
    this.#ws = ws;
    this.#queue = queue;
    this.#connections = connections;
  }

  onMessage(opcode: number, data: string | Buffer, length: number): void {
    if (messageChannel.hasSubscribers) this.#tell(opcode, data, length);
    this.#push({ opcode: opcode as Opcode, data });
  }

  /**
   * Raw mode. A whole Text frame becomes a string. A fragment may end in the middle of a code point, so it stays bytes.
   */
  onFrame(fin: boolean, opcode: number, payload: Buffer): void {
    const data = fin && opcode === Opcode.Text ? payload.toString('utf8') : payload;
    if (messageChannel.hasSubscribers) this.#tell(opcode, data, payload.length);
    this.#push({ opcode: opcode as Opcode, data, fin });
  }

  #tell(opcode: number, data: string | Buffer, length: number): void {
    messageChannel.publish({ socket: this.#ws, opcode: opcode as Opcode, data, length });
  }

  #push(packet: Packet): void {
    this.#queue.push(packet);
    if (this.#queue.isFull) internals.pauseForQueue(this.#ws);
  }

  onPing(): void {}
  onPong(): void {}
  onDrain(): void {}

  /** Nothing: receivers learn of the error from the rejection that `onClose` causes. */
  onError(): void {}

  onClose(result: CloseResult, isOrderly: boolean): void {
    internals.closed(this.#ws, result, isOrderly);
    this.#connections?.delete(this.#ws);
  }
}
