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

/** Writes a masking key of its own into the four bytes. */
export type GenerateMask = (mask: Buffer) => void;

/** What a frame is to be like; `fin` and `mask` are off unless they are given. */
export interface FrameOptions {
  readonly opcode: number;
  readonly fin?: boolean;
  readonly rsv1?: boolean;
  readonly mask?: boolean;
  /** The payload may be masked in place if this is `false`; no payload is, here. */
  readonly readOnly?: boolean;
  readonly generateMask?: GenerateMask;
}

/** What a data message is to be like. */
export interface SendOptions {
  readonly binary?: boolean;
  readonly fin?: boolean;
  readonly mask?: boolean;
  readonly compress?: boolean;
}

/** A callback as users give it: anything that is no function is none. */
type MaybeCallback = WriteCallback | undefined;

/**
 * Makes frames and writes them to a stream: what npm `ws` has under `ws._sender`. Payloads are sent in the order of the calls,
 * also while the bytes of a Blob are being fetched.
 */
export class Sender {
  _socket: Duplex;
  /** Bytes that are to be sent and are not in the socket's hands yet. */
  _bufferedBytes = 0;
  readonly #generateMask: GenerateMask | undefined;
  /** Whether the next data frame begins a message. */
  #isFirst = true;
  /** What waits for the bytes of a Blob; `null` while none is being fetched. */
  #queue: Queued[] | null = null;

  constructor(socket: Duplex, _extensions?: unknown, generateMask?: GenerateMask) {
    this._socket = socket;
    this.#generateMask = generateMask;
  }

  /** The frame of a payload, as parts to be written one behind the other; one part if it is masked. The payload is only read. */
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

  /** @throws RangeError above 125 bytes */
  ping(data: unknown, mask?: boolean, callback?: MaybeCallback): void {
    this.#sendControl(Opcode.Ping, data, mask, callback);
  }

  /** @throws RangeError above 125 bytes */
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

  /** @throws TypeError, RangeError for what may not stand in a Close frame */
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

  /** Sends a frame of which the payload is at hand. */
  protected transmit(firstOctet: number, payload: string | Buffer, mask: boolean, callback: MaybeCallback): void {
    const options = {
      opcode: firstOctet & ~FIN,
      fin: (firstOctet & FIN) !== 0,
      mask,
      generateMask: this.#generateMask,
    };
    this.sendFrame(Sender.frame(payload, options), callback);
  }

  /** Tells that a frame will not be sent. */
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
    // The queue is sent in the context of its first send; each callback keeps its own.
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

  /** A Blob could not be read. To be replaced. */
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

/** A masking key as the codec takes it: from the user's function, or else unpredictable (RFC 6455 §5.3). */
export function maskingKey(generateMask: GenerateMask | undefined): number {
  if (generateMask === undefined) return newMaskingKey();
  const bytes = Buffer.alloc(4);
  generateMask(bytes);
  return bytes.readUInt32LE(0);
}

/** The payload of a Close frame; empty without a code. */
function closePayload(code: unknown, reason: unknown): Buffer {
  if (code === undefined) return NO_BYTES;
  if (typeof code !== 'number' || !Number.isInteger(code) || !isCloseCode(code)) {
    throw new TypeError('First argument must be a valid error code number');
  }
  const text = reason === undefined || (reason as string).length === 0 ? '' : reason;
  if (typeof text !== 'string' && !isUint8Array(text)) {
    throw new TypeError('Second argument must be a string or a Uint8Array');
  }
  const bytes = typeof text === 'string' ? Buffer.from(text) : toBuffer(text);
  if (bytes.length > MAX_CLOSE_REASON) throw new RangeError('The message must not be greater than 123 bytes');
  const payload = Buffer.allocUnsafe(2 + bytes.length);
  payload.writeUInt16BE(code, 0);
  payload.set(bytes, 2);
  return payload;
}
