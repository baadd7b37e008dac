import type { Buffer } from 'node:buffer';
import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers';
import { Link } from '../../net/link.js';
import { isPausedByUser } from '../../net/node/socket-state.js';
import { showBytes } from '../../net/transport/window-transport.js';
import { UNCOPIED_FROM } from '../../net/writing/sizes.js';
import { NO_BYTES } from '../../protocol/bytes.js';
import { parseClosePayload } from '../../protocol/close-payload.js';
import type { Fault } from '../../protocol/faults.js';
import { Opcode } from '../../protocol/opcode.js';
import type { ReceiverOptions } from '../../protocol/receiver-options.js';
import type { WireSettings } from '../opening/socket-options.js';
import type { MessageBytes } from '../payload.js';
import { Deferral } from './deferral.js';
import { type FaultDetail, verdictOf } from './faults.js';
import type { EndEvents, FrameEvents } from './wire-events.js';
import { type WriteCallback, WriteCallbacks } from './write-callbacks.js';

/*
 * How a connection closes by the rules of npm `ws`, which differ from those of protocol/closing.ts:
 *
 * | event                      | here                                                  | in `wasock`                         |
 * | -------------------------- | ----------------------------------------------------- | ----------------------------------- |
 * | the user closes            | Close; messages go on until the peer's Close          | data is discarded from then on      |
 * | a Close of the peer        | Close with its code and reason; `conclude`            | Close with its code                 |
 * |   both Closes are through  | FIN, on both sides                                    | a server sends FIN, a client waits  |
 * | FIN of the peer            | FIN after what was received, one event a turn if asked | FIN at once                        |
 * | a fault                    | Close with its code, then `error`; FIN once that left | Close, FIN, then `error`            |
 * | a listener throws          | for the process to handle; nothing closes             | Close 1011                          |
 * | `terminate`                | earlier input is emitted; callbacks: success or error | data is discarded                   |
 * | the transport is closed    | what was received, then `close`                       | the same                            |
 *
 * The fields of the WebSocket, which packages read and write, say which Closes went which way.
 */

/**
 * If at least this many bytes wait when `flushAndCount` is called, they are written before the turn ends. With twice as
 * many, a client that sends 16 KiB messages waits longer than it sends.
 */
const COUNTED_FLUSH_BYTES = 32_768;

/**
 * One open connection under a WebSocket of this entry point, by the rules of npm `ws`. What listeners throw is for the
 * process to handle, as with any EventEmitter. The connection continues.
 */
export class Wire extends Link {
  /** Gets the frames. */
  frames: FrameEvents;
  readonly #end: EndEvents;
  /** Is told when nothing more is sent, as frames may wait there for their turn. */
  sender: { abandon(): void } | null = null;
  /** `null` if each event is emitted when its frame arrives. */
  readonly #deferral: Deferral | null;
  #callbacks: WriteCallbacks | null = null;
  #feeding: Feeding | null = null;
  /** The fragments of the unfinished message, in raw mode. */
  #fragments: Buffer[] | null = null;
  #opcode = 0;
  /** Whether the user has paused, either the WebSocket or its socket: there is one state, as with any stream. */
  #paused = false;
  #concluded = false;
  /** The peer has sent FIN, which is reported after what came before it. */
  #endIsDue = false;
  #ended = false;
  /** Nothing more is sent. */
  #closed = false;
  /** The stream is closed. */
  #gone = false;

  constructor(socket: Duplex, settings: WireSettings, frames: FrameEvents, end: EndEvents) {
    super('wasock.Wire', socket, settings.receiver, settings.outbox);
    this.frames = frames;
    this.#end = end;
    this.#deferral = settings.isSynchronous ? null : new Deferral(this);
  }

  /** Starts reading. @param head bytes that came after the opening handshake: they are frames */
  start(head: Buffer): void {
    if (this.#paused || isPausedByUser(this.socket)) this.pause();
    if (head.length > 0) {
      showBytes(this.socket, head);
      this.inbox.onChunk(head);
    }
    if (!this.#closed) this.inbox.start();
  }

  /** Takes bytes as if the peer had sent them. @param done is called after they are handled */
  feed(bytes: Buffer, done: () => void): void {
    this.#feeding ??= new Feeding(this.inbox);
    this.#feeding.feed(bytes, done);
  }

  get socket(): Duplex {
    return this.transport.socket;
  }

  get receiverOptions(): ReceiverOptions {
    return this.inbox.options;
  }

  /** A change takes effect with the next message. */
  set receiverOptions(options: ReceiverOptions) {
    this.inbox.options = options;
  }

  /**
   * Bytes of frames, headers included, that the kernel has not taken. Bytes that only wait for the end of this turn do
   * not count, because npm `ws` would have written them. If they are many, they are written now.
   */
  flushAndCount(): number {
    if (!this.outbox.isBlocked && this.outbox.bufferedAmount >= COUNTED_FLUSH_BYTES) this.flush();
    return this.outbox.isBlocked ? this.outbox.bufferedAmount : 0;
  }

  /**
   * Sends one frame.
   *
   * @param firstOctet FIN, RSV bits and opcode
   * @param payload must not be changed before the callback if it is long, as with any stream
   */
  send(firstOctet: number, payload: string | Uint8Array, callback?: WriteCallback): void {
    if (this.#closed || this.#ended) return this.fail(callback, this.closedError());
    this.outbox.append(firstOctet, payload);
    if (callback !== undefined) this.#expect(callback);
    // Many users change a Buffer right after they send it, which works with streams that write at once.
    if (payload.length >= UNCOPIED_FROM) this.outbox.flush();
  }

  /** Sends an encoded frame. Nobody may write to it again. */
  sendFrame(frame: Uint8Array, callback?: WriteCallback): void {
    if (this.#closed || this.#ended) return this.fail(callback, this.closedError());
    this.outbox.appendFrame(frame);
    if (callback !== undefined) this.#expect(callback);
  }

  /** Calls the callback, in its turn, for a frame that will not be sent. */
  fail(callback: WriteCallback | undefined, error: Error): void {
    if (callback !== undefined) this.#expect(callback, error);
  }

  #expect(callback: WriteCallback, error?: Error): void {
    this.#callbacks ??= new WriteCallbacks();
    this.#callbacks.push(callback, this.outbox.appended, error);
    this.onDeparted();
  }

  onDeparted(): void {
    this.#callbacks?.settle(this.outbox.departed);
    if (this.#closed) this.#callbacks?.reject(this.closedError());
  }

  /** Writes the frames that wait for the end of the turn. */
  flush(): void {
    // `end` flushes by itself, and the socket's `end` then calls this again.
    if (!this.#ended) this.outbox.flush();
  }

  /** Sends FIN after what was sent. */
  end(): void {
    this.#ended = true;
    this.outbox.end();
  }

  /** Ends the connection at once, after what the kernel takes at once. What was received before is still delivered. */
  destroy(): void {
    if (this.#closed) return;
    this.outbox.flush();
    this.#close();
    this.transport.destroy();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // The outbox drops everything that has not left.
    this.outbox.close();
    this.onDeparted();
    this.sender?.abandon();
  }

  /** The error for callbacks of frames that have not left. */
  closedError(): Error {
    return Object.assign(new Error('Cannot call write after a stream was destroyed'), { code: 'ERR_STREAM_DESTROYED' });
  }

  /** Holds events until `resume`, or until the connection ends, when everything received is delivered first. */
  pause(): void {
    this.#paused = true;
    this.transport.markPaused();
    if (!this.#gone) this.inbox.pause();
  }

  resume(): void {
    this.#paused = false;
    this.runInAsyncScope(() => this.transport.markResumed());
    if (this.#deferral?.isDue) this.#deferral.proceed();
    else this.#resumeInbox();
  }

  /** Whether events are held. At the end of the connection they never are. */
  get isPaused(): boolean {
    return this.#paused && !this.#gone;
  }

  #resumeInbox(): void {
    this.inbox.resume();
    this.#feeding?.proceed();
  }

  /** Stops between two frames, until `proceed`. */
  hold(): void {
    this.inbox.pause();
  }

  proceed(): void {
    if (this.#gone) return this.#finish();
    if (!this.#paused || this.#concluded) this.#resumeInbox();
    if (this.#endIsDue) this.onInputEnd();
  }

  /** From now on only the end of the connection matters. */
  #conclude(): void {
    this.#concluded = true;
    this.inbox.discard();
    this.#resumeInbox();
  }

  onMessage(opcode: number, data: string | Buffer): void {
    this.#tellMessage(data as Buffer, opcode === Opcode.Binary);
    this.inbox.countMessage();
  }

  /** A fragment, if `binaryType` is 'fragments'. */
  onFrame(fin: boolean, opcode: number, payload: Buffer): void {
    if (opcode !== Opcode.Cont) this.#opcode = opcode;
    this.#fragments ??= [];
    if (payload.length > 0) this.#fragments.push(payload);
    if (fin) {
      const fragments = this.#fragments;
      this.#fragments = null;
      this.#tellMessage(fragments, this.#opcode === Opcode.Binary);
    }
    this.inbox.countMessage();
  }

  #tellMessage(bytes: MessageBytes, isBinary: boolean): void {
    if (this.#deferral !== null) return this.#deferral.tell(() => this.frames.onMessage(bytes, isBinary));
    try {
      this.frames.onMessage(bytes, isBinary);
    } catch (error) {
      this.onThrow(error);
    }
  }

  onControl(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.Ping) this.#tell(() => this.frames.onPing(payload));
    else if (opcode === Opcode.Pong) this.#tell(() => this.frames.onPong(payload));
    else this.#onCloseFrame(payload);
    this.inbox.countMessage();
  }

  #onCloseFrame(payload: Buffer): void {
    const status = parseClosePayload(payload, this.receiverOptions.skipUtf8);
    if ('section' in status) {
      return this.#fail(status, { closeCode: payload.length > 1 ? payload.readUInt16BE(0) : 0 });
    }
    this.#conclude();
    this.run(() => this.frames.onConclude(status.closeCode, payload.length > 2 ? payload.subarray(2) : NO_BYTES));
  }

  onFault(fault: Fault, flags: number, length: number): void {
    this.#fail(fault, { flags, length, inflates: this.receiverOptions.inflater !== null });
  }

  #fail(fault: Fault, detail: FaultDetail): void {
    this.#conclude();
    this.run(() => this.frames.onFault(verdictOf(fault, detail)));
  }

  #tell(event: () => void): void {
    if (this.#deferral === null) this.run(event);
    else this.#deferral.tell(event);
  }

  /** Calls listeners. What they throw does not reach the caller. */
  run(event: () => void): void {
    try {
      event();
    } catch (error) {
      this.onThrow(error);
    }
  }

  // ——— from inbox, outbox and transport

  onRead(): void {}

  /** As npm `ws` does, which does not read while paused. */
  get answersWhilePaused(): boolean {
    return false;
  }

  onThrow(error: unknown): void {
    nextTick(() => {
      throw error;
    });
  }

  onWritten(): void {
    // For users who listen on the socket itself, whose stream does not know of these writes.
    if (this.outbox.bufferedAmount === 0) this.runInAsyncScope(this.socket.emit, this.socket, 'drain');
  }

  /** Never called: the high-water mark is infinite. */
  onDrain(): void {}

  onInputEnd(): void {
    this.#endIsDue = !!this.#deferral?.isDue;
    if (this.#endIsDue) return;
    this.#end.onEnd();
    this.end();
  }

  /** npm `ws` turns to CLOSING and reports only the close. */
  onError(): void {
    this.#end.onEnd();
  }

  onClose(): void {
    // Some streams emit 'close' twice, and for others the transport reports it.
    if (this.#gone) return;
    this.#gone = true;
    this.#close();
    this.#finish();
  }

  /** Delivers what was received while paused, and what waits for its turn. Then comes the last event. */
  #finish(): void {
    if (this.#deferral?.isDue) return this.#deferral.proceed();
    this.inbox.resume();
    this.inbox.onClose();
  }

  onInputClose(): void {
    // The last event has its turn first. Then this is called again.
    if (this.#deferral?.isDue) return;
    this.inbox.discard();
    this.#feeding?.proceed();
    // After the callbacks of what was not sent.
    nextTick(() => this.runInAsyncScope(() => this.run(() => this.#end.onClosed())));
  }
}

/** The inbox that is fed. */
interface Fed {
  /** Whether everything it was given is handled. */
  readonly isEmpty: boolean;
  readonly isPaused: boolean;
  onChunk(bytes: Buffer): void;
}

/** Gives an inbox bytes that no transport brought, and reports when they are handled. */
class Feeding {
  readonly #inbox: Fed;
  /** Callbacks that wait for a paused inbox. */
  #held: (() => void)[] = [];

  constructor(inbox: Fed) {
    this.#inbox = inbox;
  }

  /** @param done is called after the bytes are handled or dropped */
  feed(bytes: Buffer, done: () => void): void {
    this.#inbox.onChunk(bytes);
    this.#whenHandled(done);
  }

  /** The inbox is no longer paused. */
  proceed(): void {
    const held = this.#held;
    this.#held = [];
    for (const done of held) this.#whenHandled(done);
  }

  #whenHandled(done: () => void): void {
    if (this.#inbox.isEmpty) done();
    else if (this.#inbox.isPaused) this.#held.push(done);
    else setImmediate(() => this.#whenHandled(done));
  }
}
