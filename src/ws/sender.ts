import { AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';
import { isUint8Array } from 'node:util/types';
import { MAX_FRAME_HEADER } from '../codec/memory-map.js';
import { codec } from '../codec/select.js';
import { copyMasked } from '../net/writing/masked-copy.js';
import { NO_BYTES } from '../protocol/bytes.js';
import { isCloseCode, MAX_CLOSE_REASON } from '../protocol/close-code.js';
import { writeFrameHeader, writeMaskingKey } from '../protocol/frame-header.js';
import { newMaskingKey } from '../protocol/masking-key.js';
import { FIN, MAX_CONTROL_PAYLOAD, OPCODE_MASK, Opcode, RSV1 } from '../protocol/opcode.js';
import { agreementIn, compressorFor } from './compression/agreement.js';
import type { Compressed, Compressor, Part } from './compression/compressor.js';
import { isBlob, toBuffer } from './payload.js';
import type { WriteCallback } from './wire/write-callbacks.js';

/** Writes a masking key into the four bytes. */
export type GenerateMask = (mask: Buffer) => void;

/** How to make a frame. `fin` and `mask` are off by default. */
export interface FrameOptions {
  readonly opcode: number;
  readonly fin?: boolean;
  readonly rsv1?: boolean;
  readonly mask?: boolean;
  /** For npm `ws`, `false` allows masking in place. We never do that. */
  readonly readOnly?: boolean;
  readonly generateMask?: GenerateMask;
}

/** How to send a data message. */
export interface SendOptions {
  readonly binary?: boolean;
  readonly fin?: boolean;
  readonly mask?: boolean;
  readonly compress?: boolean;
}

/**
 * Overrides options with those that an object has itself, as npm `ws` does: `undefined` is a value, and what it inherits is
 * none. The spread that says the same costs a tenth of a short message.
 */
export function withOwn(options: Mutable<SendOptions>, given: unknown): SendOptions {
  if (typeof given !== 'object') return options;
  const own = given as SendOptions;
  for (const name in own) {
    if (!Object.hasOwn(own, name)) continue;
    if (name === 'binary') options.binary = own.binary;
    else if (name === 'fin') options.fin = own.fin;
    else if (name === 'mask') options.mask = own.mask;
    else if (name === 'compress') options.compress = own.compress;
  }
  return options;
}

type Mutable<Options> = { -readonly [Name in keyof Options]: Options[Name] };

/** A callback from the user. Anything but a function is ignored. */
type MaybeCallback = WriteCallback | undefined;

/** A payload as it was given to a sender. */
type Payload = string | Buffer | Blob;

/** A frame that waits for its turn. */
interface Waiting {
  /** How many `_bufferedBytes` counts. */
  readonly bytes: number;
  readonly payload: Payload;
  /** How the payload is compressed; `null` if it is not. */
  readonly part: Part | null;
  /** The compressed payload, if it is being made already. */
  readonly compressed?: Promise<Compressed>;
  readonly callback: MaybeCallback;
  /** Sends the frame. @param compressed `null`: `payload` leaves as it is */
  readonly send: (payload: string | Buffer, compressed: Compressed) => void;
  next: Waiting | null;
}

/**
 * Makes frames and writes them to a stream: `ws._sender` of npm `ws`. Payloads leave in the order of the calls, even
 * while the bytes of a Blob are being read, or a message is being compressed.
 */
export class Sender {
  _socket: Duplex;
  /** Bytes to send that the socket has not been given yet. */
  _bufferedBytes = 0;
  readonly #extensions: unknown;
  readonly #generateMask: GenerateMask | undefined;
  /** Whether the next data frame starts a message. */
  #isFirst = true;
  /** Whether the message under way is compressed. */
  #compresses = false;
  /** Made for the first message that may be compressed; `null` if nothing was agreed. */
  #compressor: Compressor | null | undefined;
  /** The frames that wait, first the one whose payload is being made; `null` if none does. */
  #first: Waiting | null = null;
  #last: Waiting | null = null;

  constructor(socket: Duplex, extensions?: unknown, generateMask?: GenerateMask) {
    this._socket = socket;
    this.#extensions = extensions;
    this.#generateMask = generateMask;
  }

  /** Makes a frame, as parts to write one after the other; a masked one is one part. The payload is not changed. */
  static frame(data: string | Uint8Array, options: FrameOptions): Buffer[] {
    const payload = typeof data === 'string' ? Buffer.from(data) : toBuffer(data);
    const { opcode, fin, rsv1, mask, generateMask } = options;
    const firstOctet = opcode | (fin ? FIN : 0) | (rsv1 ? RSV1 : 0);
    const header = Buffer.allocUnsafe(mask ? MAX_FRAME_HEADER + payload.length : MAX_FRAME_HEADER);
    const length = writeFrameHeader(header, 0, firstOctet, mask ? 0x80 : 0, payload.length);
    if (!mask) return payload.length === 0 ? [header.subarray(0, length)] : [header.subarray(0, length), payload];
    const key = maskingKey(generateMask);
    const start = writeMaskingKey(header, length, key);
    copyMasked(header, start, payload, key);
    return [header.subarray(0, start + payload.length)];
  }

  /** Whether what is sent now has to wait. */
  get isBusy(): boolean {
    return this.#first !== null;
  }

  /** Sends a data frame. `compress` of its first frame decides for a message. */
  send(data: unknown, { binary, fin, mask, compress }: SendOptions, callback?: MaybeCallback): void {
    const payload = toPayload(data);
    const isFirst = this.#isFirst;
    if (isFirst) this.#compresses = !!compress && this.#isDue(payload);
    const opcode = !isFirst ? Opcode.Cont : binary ? Opcode.Binary : Opcode.Text;
    this.#isFirst = !!fin;
    const firstOctet = fin ? FIN | opcode : opcode;
    if (!this.#compresses) return this.#enqueue(firstOctet, payload, mask === true, callback, null);
    const part = !fin ? 'fragment' : isFirst ? 'message' : 'last fragment';
    this.#enqueue(isFirst ? RSV1 | firstOctet : firstOctet, payload, mask === true, callback, part);
  }

  /** Whether a message is compressed whose first payload this is. */
  #isDue(payload: Payload): boolean {
    if (this.#compressor === undefined) {
      const agreement = agreementIn(this.#extensions);
      this.#compressor = agreement && compressorFor(agreement);
    }
    return this.#compressor !== null && isLongEnough(payload, this.#compressor.threshold);
  }

  /** Sends a Ping. @throws RangeError above 125 bytes */
  ping(data: unknown, mask?: boolean, callback?: MaybeCallback): void {
    this.#sendControl(Opcode.Ping, data, mask, callback);
  }

  /** Sends a Pong. @throws RangeError above 125 bytes */
  pong(data: unknown, mask?: boolean, callback?: MaybeCallback): void {
    this.#sendControl(Opcode.Pong, data, mask, callback);
  }

  #sendControl(opcode: number, data: unknown, mask: boolean | undefined, callback: MaybeCallback): void {
    const payload = toPayload(data);
    if (lengthOf(payload) > MAX_CONTROL_PAYLOAD) {
      throw new RangeError('The data size must not be greater than 125 bytes');
    }
    this.#enqueue(FIN | opcode, payload, mask === true, callback, null);
  }

  /** Sends a Close frame. @throws TypeError, RangeError if it may not carry the code or the reason */
  close(code: unknown, reason: unknown, mask?: boolean, callback?: MaybeCallback): void {
    this.#enqueue(FIN | Opcode.Close, closePayload(code, reason), mask === true, callback, null);
  }

  /** Writes the parts of a frame. */
  sendFrame(parts: readonly (Uint8Array | string)[], callback?: MaybeCallback): void {
    const socket = this._socket;
    const last = parts.length - 1;
    if (last > 0) socket.cork();
    for (let i = 0; i < last; i++) socket.write(parts[i]);
    socket.write(parts[last], callback);
    if (last > 0) socket.uncork();
  }

  /** Sends a frame whose payload is in memory. The next call may overwrite that. */
  protected transmit(firstOctet: number, payload: string | Buffer, mask: boolean, callback: MaybeCallback): void {
    // What the codec has compressed lies in its memory.
    const own = typeof payload !== 'string' && payload.buffer === codec.memory ? Buffer.from(payload) : payload;
    this.sendFrame(Sender.frame(own, frameOptions(firstOctet, mask, this.#generateMask)), callback);
  }

  /** Reports that a frame will not be sent. */
  protected fail(callback: MaybeCallback, error: Error): void {
    if (callback) nextTick(callback, error);
  }

  /** @param part how the payload is compressed; `null` if it is not */
  #enqueue(firstOctet: number, payload: Payload, mask: boolean, callback: MaybeCallback, part: Part | null): void {
    const done = typeof callback === 'function' ? callback : undefined;
    if (this.#first !== null || isBlob(payload)) return this.#wait(firstOctet, payload, mask, done, part);
    if (part === null) return this.transmit(firstOctet, payload, mask, done);
    const compressed = this.#compressor!.compress(payload, part);
    if (compressed instanceof Promise) this.#wait(firstOctet, payload, mask, done, part, compressed);
    else this.#transmitEither(firstOctet, payload, compressed, mask, done);
  }

  /** @param compressed `null`: the message is not compressed */
  #transmitEither(
    firstOctet: number,
    payload: string | Buffer,
    compressed: Compressed,
    mask: boolean,
    callback: MaybeCallback,
  ): void {
    if (compressed === null) this.transmit(firstOctet & ~RSV1, payload, mask, callback);
    else this.transmit(firstOctet, compressed, mask, callback);
  }

  #wait(
    firstOctet: number,
    payload: Payload,
    mask: boolean,
    done: MaybeCallback,
    part: Part | null,
    compressed?: Promise<Compressed>,
  ): void {
    // The queue is sent in the async context of its first send. Each callback keeps its own context.
    const callback = done && AsyncResource.bind(done);
    this.#push({
      bytes: lengthOf(payload),
      payload,
      part,
      compressed,
      callback,
      send: (bytes, compressed) => this.#transmitEither(firstOctet, bytes, compressed, mask, callback),
      next: null,
    });
  }

  /** Sends what needs no more work, in its turn. */
  protected sendInTurn(bytes: number, callback: MaybeCallback, send: () => void): void {
    if (this.#first === null) send();
    else this.#push({ bytes, payload: '', part: null, callback, send, next: null });
  }

  #push(waiting: Waiting): void {
    this._bufferedBytes += waiting.bytes;
    const before = this.#last;
    this.#last = waiting;
    if (before !== null) {
      before.next = waiting;
      return;
    }
    this.#first = waiting;
    void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    let next = this.#first;
    try {
      while (next !== null) {
        const { bytes, payload, part, send }: Waiting = next;
        const given = isBlob(payload) ? Buffer.from(await payload.arrayBuffer()) : payload;
        const made = part === null ? null : (next.compressed ?? this.#compressor!.compress(given, part));
        // No turn may pass between compressing at once and sending.
        const compressed = made instanceof Promise ? await made : made;
        if (this._socket.destroyed) this.abandon();
        if (this.#first !== next) return;
        this._bufferedBytes -= bytes;
        send(given, compressed);
        const sent = next;
        next = next.next;
        // Whoever still holds it must not hold all that came after.
        sent.next = null;
        this.#first = next;
        if (next === null) this.#last = null;
      }
    } catch (error) {
      if (this.#first !== next) return;
      this.#failAll(error as Error);
      if (!this._socket.destroyed) nextTick(() => this.onerror(error as Error));
    }
  }

  #failAll(error: Error): void {
    const first = this.#first;
    this.#first = null;
    this.#last = null;
    for (let next = first; next !== null; next = next.next) this.fail(next.callback, error);
  }

  /** The socket is closed: nothing that waits will be sent. */
  abandon(): void {
    this.#compressor?.close();
    if (this.#first === null) return;
    const what = isBlob(this.#first.payload) ? 'the blob was being read' : 'data was being compressed';
    this.#failAll(new Error(`The socket was closed while ${what}`));
  }

  /** A Blob could not be read. The owner of the sender replaces this method. */
  onerror(_error: Error): void {}
}

function toPayload(data: unknown): Payload {
  return typeof data === 'string' || isBlob(data) ? data : toBuffer(data);
}

function lengthOf(payload: Payload): number {
  if (typeof payload === 'string') return Buffer.byteLength(payload);
  return isBlob(payload) ? payload.size : payload.length;
}

/** As `lengthOf(payload) >= threshold`, without counting the bytes of a text if its length decides. */
function isLongEnough(payload: Payload, threshold: number): boolean {
  if (typeof payload !== 'string') return lengthOf(payload) >= threshold;
  const { length } = payload;
  // A UTF-16 code unit has at most three bytes in UTF-8.
  return length >= threshold || (length * 3 >= threshold && lengthOf(payload) >= threshold);
}

/** How to make a frame. @param firstOctet FIN, RSV bits and opcode */
export function frameOptions(firstOctet: number, mask: boolean, generateMask: GenerateMask | undefined): FrameOptions {
  const fin = (firstOctet & FIN) !== 0;
  return { opcode: firstOctet & OPCODE_MASK, fin, rsv1: (firstOctet & RSV1) !== 0, mask, generateMask };
}

/**
 * Draws a masking key, as the codec takes it: from the user's function if there is one, otherwise unpredictable (RFC
 * 6455 §5.3).
 */
export function maskingKey(generateMask: GenerateMask | undefined): number {
  if (generateMask === undefined) return newMaskingKey();
  const bytes = Buffer.alloc(4);
  generateMask(bytes);
  return bytes.readUInt32LE(0);
}

/** Makes the payload of a Close frame; empty without a code. */
function closePayload(code: unknown, reason: unknown): Buffer {
  if (code === undefined) return NO_BYTES;
  const closeCode = typeof code === 'number' ? Math.trunc(code) : 0;
  const isBeyond = Number(code) > 4999 || (closeCode === 1014 && code !== 1014);
  if (!isCloseCode(closeCode) || isBeyond) throw new TypeError('First argument must be a valid error code number');
  // An Error, for example, has no length, and so is no reason.
  const text = reason === undefined || (reason !== null && !(reason as string).length) ? '' : reason;
  if (typeof text !== 'string' && !isUint8Array(text)) {
    throw new TypeError('Second argument must be a string or a Uint8Array');
  }
  const bytes = typeof text === 'string' ? Buffer.from(text) : toBuffer(text);
  if (bytes.length > MAX_CLOSE_REASON) throw new RangeError('The message must not be greater than 123 bytes');
  const payload = Buffer.allocUnsafe(2 + bytes.length);
  payload.writeUInt16BE(closeCode, 0);
  payload.set(bytes, 2);
  return payload;
}
