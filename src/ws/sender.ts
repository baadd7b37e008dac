import { AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';
import { isUint8Array } from 'node:util/types';
import { MAX_FRAME_HEADER } from '../codec/memory-map.js';
import { copyMasked } from '../net/writing/masked-copy.js';
import { NO_BYTES } from '../protocol/bytes.js';
import { isCloseCode, MAX_CLOSE_REASON } from '../protocol/close-code.js';
import { writeFrameHeader, writeMaskingKey } from '../protocol/frame-header.js';
import { newMaskingKey } from '../protocol/masking-key.js';
import { FIN, MAX_CONTROL_PAYLOAD, Opcode, RSV1 } from '../protocol/opcode.js';
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

/** A callback from the user. Anything but a function is ignored. */
type MaybeCallback = WriteCallback | undefined;

/**
 * Makes frames and writes them to a stream: `ws._sender` of npm `ws`. Payloads leave in the order of the calls, even
 * while the bytes of a Blob are being read.
 */
export class Sender {
  _socket: Duplex;
  /** Bytes to send that the socket has not been given yet. */
  _bufferedBytes = 0;
  readonly #generateMask: GenerateMask | undefined;
  /** Whether the next data frame starts a message. */
  #isFirst = true;
  /** Frames that wait for the bytes of a Blob; `null` while none is being read. */
  #queue: Queued[] | null = null;

  constructor(socket: Duplex, _extensions?: unknown, generateMask?: GenerateMask) {
    this._socket = socket;
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

  /** Sends a data frame. */
  send(data: unknown, { binary, fin, mask }: SendOptions, callback?: MaybeCallback): void {
    const opcode = !this.#isFirst ? Opcode.Cont : binary ? Opcode.Binary : Opcode.Text;
    this.#isFirst = fin === true;
    this.#enqueue(fin ? FIN | opcode : opcode, data, mask === true, callback);
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
    const payload = typeof data === 'string' || isBlob(data) ? data : toBuffer(data);
    if (lengthOf(payload) > MAX_CONTROL_PAYLOAD) {
      throw new RangeError('The data size must not be greater than 125 bytes');
    }
    this.#enqueue(FIN | opcode, payload, mask === true, callback);
  }

  /** Sends a Close frame. @throws TypeError, RangeError if it may not carry the code or the reason */
  close(code: unknown, reason: unknown, mask?: boolean, callback?: MaybeCallback): void {
    this.#enqueue(FIN | Opcode.Close, closePayload(code, reason), mask === true, callback);
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

  /** Sends a frame whose payload is in memory. */
  protected transmit(firstOctet: number, payload: string | Buffer, mask: boolean, callback: MaybeCallback): void {
    const options = {
      opcode: firstOctet & ~FIN,
      fin: (firstOctet & FIN) !== 0,
      mask,
      generateMask: this.#generateMask,
    };
    this.sendFrame(Sender.frame(payload, options), callback);
  }

  /** Reports that a frame will not be sent. */
  protected fail(callback: MaybeCallback, error: Error): void {
    if (callback) nextTick(callback, error);
  }

  #enqueue(firstOctet: number, data: unknown, mask: boolean, callback: MaybeCallback): void {
    const payload = typeof data === 'string' || isBlob(data) ? data : toBuffer(data);
    const done = typeof callback === 'function' ? callback : undefined;
    if (this.#queue === null && !isBlob(payload)) return this.transmit(firstOctet, payload, mask, done);
    this._bufferedBytes += lengthOf(payload);
    const isBusy = this.#queue !== null;
    this.#queue ??= [];
    // The queue is sent in the async context of its first send. Each callback keeps its own context.
    this.#queue.push({ firstOctet, payload, mask, callback: done && AsyncResource.bind(done) });
    if (!isBusy) void this.#sendQueued(this.#queue);
  }

  async #sendQueued(queue: Queued[]): Promise<void> {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { firstOctet, payload, mask, callback } = next;
      try {
        const bytes = isBlob(payload) ? Buffer.from(await payload.arrayBuffer()) : payload;
        if (this._socket.destroyed) throw new Error('The socket was closed while the blob was being read');
        this._bufferedBytes -= lengthOf(payload);
        this.transmit(firstOctet, bytes, mask, callback);
      } catch (error) {
        for (const failed of [next, ...queue.splice(0)]) this.fail(failed.callback, error as Error);
        if (!this._socket.destroyed) nextTick(() => this.onerror(error as Error));
      }
    }
    this.#queue = null;
  }

  /** A Blob could not be read. The owner of the sender replaces this method. */
  onerror(_error: Error): void {}
}

interface Queued {
  readonly firstOctet: number;
  readonly payload: string | Buffer | Blob;
  readonly mask: boolean;
  readonly callback: MaybeCallback;
}

function lengthOf(payload: string | Buffer | Blob): number {
  if (typeof payload === 'string') return Buffer.byteLength(payload);
  return isBlob(payload) ? payload.size : payload.length;
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
