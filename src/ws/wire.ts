import type { Buffer } from 'node:buffer';
import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';
import { Inbox, type InboxEvents } from '../net/inbox.js';
import { Outbox, type OutboxEvents, type OutboxSettings } from '../net/outbox.js';
import { StreamTransport } from '../net/stream-transport.js';
import type { Transport, TransportEvents } from '../net/transport.js';
import { UNCOPIED_FROM } from '../net/uncopied.js';
import { canUseWindow, WindowTransport } from '../net/window-transport.js';
import { parseClosePayload } from '../protocol/close-payload.js';
import type { Fault } from '../protocol/errors.js';
import { Opcode } from '../protocol/opcode.js';
import type { ReceiverOptions } from '../protocol/receiver-options.js';
import { Deferral } from './deferral.js';
import { type FaultDetail, type Verdict, verdictOf } from './faults.js';
import { NO_OCTETS, type Octets } from './payload.js';
import { type WriteCallback, WriteCallbacks } from './write-callbacks.js';

// Names that no subclass of a user can have taken.
export const ON_MESSAGE = Symbol('wasock.onMessage');
export const ON_PING = Symbol('wasock.onPing');
export const ON_PONG = Symbol('wasock.onPong');
export const ON_CONCLUDE = Symbol('wasock.onConclude');
export const ON_FAULT = Symbol('wasock.onFault');
export const ON_END = Symbol('wasock.onEnd');
export const ON_CLOSED = Symbol('wasock.onClosed');

/** What the peer sends. The octets are the listener's to keep. */
export interface FrameEvents {
  [ON_MESSAGE](octets: Octets, isBinary: boolean): void;
  [ON_PING](payload: Buffer): void;
  [ON_PONG](payload: Buffer): void;
  /** The peer's Close frame; what comes behind it is discarded. @param reason may be no UTF-8 if that is not asked for */
  [ON_CONCLUDE](code: number, reason: Buffer): void;
  /** The peer broke a rule; what comes behind it is discarded. */
  [ON_FAULT](verdict: Verdict): void;
}

/** How the connection ends. */
export interface EndEvents {
  /** The peer sent FIN. */
  [ON_END](): void;
  /** The connection is closed. The last event. */
  [ON_CLOSED](): void;
}

/** What the wires of a server, or of a client, have in common. */
export interface WireSettings {
  readonly receiver: ReceiverOptions;
  readonly outbox: OutboxSettings;
  /** Whether several events may be told in one turn of the event loop. */
  readonly isSynchronous: boolean;
}

/** Octets that are worth a write before the turn is over: with twice as many a client that sends 16 KiB waits longer than it sends. */
const MUCH = 32_768;

/**
 * One open connection below a WebSocket of this door: transport, inbox and outbox of the engine, joined as npm `ws` has it.
 * What listeners throw is for the process to handle, as with any EventEmitter; the connection goes on.
 */
export class Wire implements TransportEvents, InboxEvents, OutboxEvents {
  /** Who is told of frames. */
  frames: FrameEvents;
  readonly #end: EndEvents;
  readonly #transport: Transport;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  /** `null` if events are told as frames come. */
  readonly #deferral: Deferral | null;
  #callbacks: WriteCallbacks | null = null;
  /** Those of the message under way, in raw mode. */
  #fragments: Buffer[] | null = null;
  #opcode = 0;
  #paused = false;
  #concluded = false;
  #ended = false;
  /** Nothing more is sent or received. */
  #closed = false;
  /** The stream is closed. */
  #gone = false;

  constructor(socket: Duplex, settings: WireSettings, frames: FrameEvents, end: EndEvents) {
    this.frames = frames;
    this.#end = end;
    this.#transport = canUseWindow(socket) ? new WindowTransport(socket, this) : new StreamTransport(socket, this);
    this.#inbox = new Inbox(this.#transport, this, settings.receiver);
    this.#outbox = new Outbox(this.#transport, this, settings.outbox);
    this.#deferral = settings.isSynchronous ? null : new Deferral(this);
  }

  /** Begins to read. @param head octets that came behind the opening handshake: they are frames */
  start(head: Buffer): void {
    if (this.#closed) return;
    if (head.length > 0) this.#inbox.onChunk(head);
    if (!this.#closed) this.#inbox.start();
  }

  /** Takes octets as if the peer had sent them. @param done is called when they are handled */
  feed(octets: Buffer, done: () => void): void {
    this.#inbox.onChunk(octets);
    if (this.#inbox.isEmpty) done();
    else setImmediate(() => this.feed(NO_OCTETS, done));
  }

  get socket(): Duplex {
    return this.#transport.socket;
  }

  get receiverOptions(): ReceiverOptions {
    return this.#inbox.options;
  }

  /** Holds from the next message on. */
  set receiverOptions(options: ReceiverOptions) {
    this.#inbox.options = options;
  }

  /**
   * Octets of frames, headers included, that the kernel does not take. What only waits for the end of this turn is none, as
   * npm `ws` would have written it; if it is much, it is written now.
   */
  get bufferedAmount(): number {
    if (!this.#outbox.isBlocked && this.#outbox.bufferedAmount >= MUCH) this.flush();
    return this.#outbox.isBlocked ? this.#outbox.bufferedAmount : 0;
  }

  // ——— sending

  /**
   * Sends one frame. A long payload is not to be written to before the callback, as with any stream.
   *
   * @param firstOctet FIN, RSV bits and opcode
   */
  send(firstOctet: number, payload: string | Uint8Array, callback?: WriteCallback): void {
    if (!this.#closed) this.#outbox.append(firstOctet, payload);
    if (callback !== undefined) this.#expect(callback);
    // Many who send a Buffer write to it again right away, which goes well where a stream writes at once.
    if (payload.length >= UNCOPIED_FROM) this.#outbox.flush();
  }

  /** Sends octets that are a frame already. They are never written to again by anybody. */
  sendFrame(frame: Uint8Array, callback?: WriteCallback): void {
    if (!this.#closed) this.#outbox.appendFrame(frame);
    if (callback !== undefined) this.#expect(callback);
  }

  #expect(callback: WriteCallback): void {
    this.#callbacks ??= new WriteCallbacks();
    // Behind the flush at the end of this turn, which was asked for before.
    if (this.#callbacks.isIdle) nextTick(() => this.#settle());
    this.#callbacks.push(callback, this.#outbox.departed + this.#outbox.bufferedAmount);
  }

  #settle(): void {
    if (this.#closed) this.#callbacks?.reject(this.closedError());
    else this.#callbacks?.settle(this.#outbox.departed);
  }

  /** Writes what waits for the end of the turn. */
  flush(): void {
    // The end is a flush of its own, from which the socket asks for one again.
    if (!this.#ended) this.#outbox.flush();
  }

  /** Sends FIN behind what was sent. */
  end(): void {
    this.#ended = true;
    this.#outbox.end();
  }

  /** Ends the connection at once, behind what the kernel takes at once. */
  destroy(): void {
    if (this.#closed) return;
    this.#outbox.flush();
    this.#close();
    this.#transport.destroy();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inbox.discard();
    this.#inbox.close();
    this.#outbox.close();
    this.#settle();
  }

  /** What those get whose frame has not left. */
  closedError(): Error {
    return Object.assign(new Error('Cannot call write after a stream was destroyed'), { code: 'ERR_STREAM_DESTROYED' });
  }

  // ——— receiving

  pause(): void {
    this.#paused = true;
    this.#inbox.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#deferral?.isDue) this.#inbox.resume();
  }

  /** Stops between two frames, until `goOn`. */
  hold(): void {
    this.#inbox.pause();
  }

  goOn(): void {
    if (!this.#paused || this.#concluded) this.#inbox.resume();
  }

  /** Nothing but the end is waited for any more. */
  #conclude(): void {
    this.#concluded = true;
    this.#inbox.discard();
    this.#inbox.resume();
  }

  onMessage(opcode: number, data: string | Buffer): void {
    this.#inbox.countMessage();
    this.#tellMessage(data as Buffer, opcode === Opcode.Binary);
  }

  /** A fragment, where fragments are asked for. */
  onFrame(fin: boolean, opcode: number, payload: Buffer): void {
    this.#inbox.countMessage();
    if (opcode !== Opcode.Cont) this.#opcode = opcode;
    this.#fragments ??= [];
    if (payload.length > 0) this.#fragments.push(payload);
    if (!fin) return;
    const fragments = this.#fragments;
    this.#fragments = null;
    this.#tellMessage(fragments, this.#opcode === Opcode.Binary);
  }

  #tellMessage(octets: Octets, isBinary: boolean): void {
    if (this.#deferral !== null) return this.#deferral.tell(() => this.frames[ON_MESSAGE](octets, isBinary));
    try {
      this.frames[ON_MESSAGE](octets, isBinary);
    } catch (error) {
      this.onThrow(error);
    }
  }

  onControl(opcode: number, payload: Buffer): void {
    this.#inbox.countMessage();
    if (opcode === Opcode.Ping) this.#tell(() => this.frames[ON_PING](payload));
    else if (opcode === Opcode.Pong) this.#tell(() => this.frames[ON_PONG](payload));
    else this.#onCloseFrame(payload);
  }

  #onCloseFrame(payload: Buffer): void {
    const status = parseClosePayload(payload, this.receiverOptions.skipUtf8);
    if ('section' in status) {
      return this.#fail(status, { closeCode: payload.length > 1 ? payload.readUInt16BE(0) : 0 });
    }
    this.#conclude();
    this.run(() => this.frames[ON_CONCLUDE](status.closeCode, payload.length > 2 ? payload.subarray(2) : NO_OCTETS));
  }

  onFault(fault: Fault, flags: number, length: number): void {
    this.#fail(fault, { flags, length });
  }

  #fail(fault: Fault, detail: FaultDetail): void {
    this.#conclude();
    this.run(() => this.frames[ON_FAULT](verdictOf(fault, detail)));
  }

  #tell(event: () => void): void {
    if (this.#deferral === null) this.run(event);
    else this.#deferral.tell(event);
  }

  /** Calls listeners; nothing that they throw comes back. */
  run(event: () => void): void {
    try {
      event();
    } catch (error) {
      this.onThrow(error);
    }
  }

  // ——— from inbox, outbox and transport

  onWindow(length: number): void {
    this.#inbox.onWindow(length);
  }

  onChunk(chunk: Buffer): void {
    this.#inbox.onChunk(chunk);
  }

  onTurnBegin(): void {
    this.#outbox.hold();
  }

  onTurnEnd(): void {
    this.#outbox.release();
  }

  onThrow(error: unknown): void {
    nextTick(() => {
      throw error;
    });
  }

  onWritten(): void {
    this.#outbox.written();
    this.#settle();
    // For those who wait at the socket itself, which knows nothing of what is written past its stream.
    if (this.#outbox.bufferedAmount === 0) this.socket.emit('drain');
  }

  /** The high-water mark is never reached. */
  onDrain(): void {}

  onEnd(): void {
    this.#inbox.onEnd();
  }

  onInputEnd(): void {
    this.#end[ON_END]();
    this.end();
  }

  /** A socket that fails is closed, which is all that npm `ws` tells of it. */
  onError(): void {}

  onClose(): void {
    // Some streams say so twice, or have to be taken to have said so.
    if (this.#gone) return;
    this.#gone = true;
    // What was received while the user had paused comes first.
    if (!this.#closed) this.#inbox.finish();
    this.#close();
    this.run(() => this.#end[ON_CLOSED]());
  }
}
