import { AsyncResource } from 'node:async_hooks';
import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { Fault } from '../protocol/faults.js';
import type { InflatedInSteps, ReceiverOptions } from '../protocol/receiver-options.js';
import { Inbox, type InboxEvents } from './reading/inbox.js';
import { StreamTransport } from './transport/stream-transport.js';
import type { Transport, TransportEvents } from './transport/transport.js';
import { canTakeOver, WindowTransport } from './transport/window-transport.js';
import { Outbox, type OutboxEvents, type OutboxSettings } from './writing/outbox.js';

/**
 * Joins transport, inbox and outbox over one socket after its opening handshake. It is an async resource, so that
 * events caused by a timer or by another connection's turn run in the async context of its opening handshake.
 */
export abstract class Link extends AsyncResource implements TransportEvents, InboxEvents, OutboxEvents {
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  protected readonly transport: Transport;

  constructor(name: string, socket: Duplex, receiver: ReceiverOptions, outbox: OutboxSettings) {
    super(name);
    this.transport = canTakeOver(socket) ? new WindowTransport(socket, this) : new StreamTransport(socket, this);
    this.inbox = new Inbox(this.transport, this, receiver);
    this.outbox = new Outbox(this.transport, this, outbox);
  }

  onBatchBegin(): void {
    this.inbox.onBatchBegin();
  }

  onTurnBegin(): void {
    this.outbox.hold();
  }

  onTurnEnd(): void {
    this.outbox.release();
  }

  abstract readonly answersWhilePaused: boolean;
  abstract onMessage(opcode: number, data: string | Buffer, length: number, isInflated: boolean): void;
  onFragment(): void {}

  abstract onFrame(fin: boolean, opcode: number, payload: Buffer): void;
  abstract onControl(opcode: number, payload: Buffer): void;
  abstract onFault(fault: Fault, flags: number, length: number): void;
  onLongMessage(message: InflatedInSteps): void {
    this.inbox.inflateOn(message);
  }

  abstract onThrow(error: unknown): void;
  abstract onInputEnd(): void;
  abstract onInputClose(): void;
  abstract onRead(length: number): void;
  abstract onDeparted(): void;
  abstract onWritten(): void;
  abstract onDrain(): void;
  abstract onError(error: Error): void;
  abstract onClose(): void;
  abstract closedError(): Error;
}
