import { Buffer } from 'node:buffer';
import { LEVEL_FAST, LEVEL_SMALL } from '../codec/codec.js';
import { DEFLATE_MOST, DEFLATE_OUT, INDEX_SIZE, INDEX_START, SCRATCH_START } from '../codec/memory-map.js';
import { codec } from '../codec/select.js';

/** Bytes before a message that a stream keeps, at most. */
const MOST_KEPT = 4096;

/**
 * Bytes of a message that are deflated at once, by level: what takes about a quarter of a millisecond. With the level
 * `small`, text of very few different characters takes up to a millisecond.
 */
const AT_ONCE = [DEFLATE_MOST - MOST_KEPT, 16_384];

/** How to deflate; see `CompressionSettings`. */
export interface DeflaterSettings {
  readonly threshold: number;
  readonly level: 'fast' | 'small';
  /** 8 to 15 */
  readonly windowBits: number;
}

/**
 * Deflates messages of which each stands for itself (RFC 7692 §7.1.1): it keeps nothing, so all connections with the same
 * parameters may share it.
 */
export class Deflater {
  /** Bytes below which messages are better left as they are. */
  readonly threshold: number;
  /** `LEVEL_FAST` or `LEVEL_SMALL`. */
  readonly level: number;
  /** Bytes: no distance is longer. */
  readonly windowSize: number;
  /** Bytes of a message that are deflated at once. A longer one needs a `LongDeflation`. */
  readonly atOnce: number;
  /** Bytes of the message that was deflated last, before it was deflated. */
  inputLength = 0;

  constructor({ threshold, level, windowBits }: DeflaterSettings) {
    this.threshold = threshold;
    this.level = level === 'small' ? LEVEL_SMALL : LEVEL_FAST;
    this.windowSize = 2 ** windowBits;
    this.atOnce = AT_ONCE[this.level];
  }

  /** Deflates what goes to many connections, with nothing that only one of them knows. */
  get shared(): Deflater {
    return this;
  }

  /** Whether a message is long enough to be compressed. */
  isDue(payload: string | Uint8Array): boolean {
    const { length } = payload;
    if (length >= this.threshold || typeof payload !== 'string') return length >= this.threshold;
    // A UTF-16 code unit has at most three bytes in UTF-8.
    return length * 3 >= this.threshold && Buffer.byteLength(payload) >= this.threshold;
  }

  /** Whether a message is too long to be deflated at once. */
  isLong(payload: string | Uint8Array): boolean {
    const { length } = payload;
    if (typeof payload !== 'string' || length > this.atOnce) return length > this.atOnce;
    return length * 3 > this.atOnce && Buffer.byteLength(payload) > this.atOnce;
  }

  /**
   * Deflates a message that is not too long.
   *
   * @returns its payload (RFC 7692 §7.2.1), a view of the codec's memory that the next call overwrites; `null` if it
   *   would not be shorter than the message
   */
  deflate(payload: string | Uint8Array): Buffer | null {
    const isInPlace = typeof payload !== 'string' && payload.buffer === codec.memory;
    const start = isInPlace ? payload.byteOffset : SCRATCH_START;
    this.inputLength = isInPlace ? payload.length : copyTo(start, payload);
    const end = start + this.inputLength;
    const length = codec.deflate(start, end, 0, false, 0, this.windowSize, this.level, Math.max(0, end - start - 1));
    return length === 0 ? null : codec.bytes.subarray(DEFLATE_OUT, DEFLATE_OUT + length);
  }

  /** The peer has got a message that a shared deflater has made: what was kept is no longer what it knows. */
  forget(): void {}
}

/** Copies a message to `at` in the codec's memory, as UTF-8. @returns how many bytes that is */
function copyTo(at: number, payload: string | Uint8Array): number {
  if (typeof payload === 'string') return codec.bytes.write(payload, at);
  codec.bytes.set(payload, at);
  return payload.length;
}

/**
 * Deflates the messages of one connection, which may refer to what was sent before (context takeover): it keeps the end of
 * that, and an index of it, 8 KiB in all.
 */
export class KeepingDeflater extends Deflater {
  readonly #shared: Deflater;
  readonly #keep: number;
  readonly #growth: number;
  #history: Buffer | null = null;
  #length = 0;
  #index: Buffer | null = null;

  /**
   * @param shared with the same parameters
   * @param growth bytes that `deflate` may add to a message rather than return `null`, so that later ones can refer to it
   */
  constructor(settings: DeflaterSettings, shared: Deflater, growth = 0) {
    super(settings);
    this.#shared = shared;
    this.#growth = growth;
    this.#keep = Math.min(MOST_KEPT, this.windowSize);
  }

  override get shared(): Deflater {
    return this.#shared;
  }

  override deflate(payload: string | Uint8Array): Buffer | null {
    const { bytes } = codec;
    const before = this.#length;
    const start = SCRATCH_START + before;
    // First the message, which may be a view of the same memory.
    this.inputLength = copyTo(start, payload);
    const end = start + this.inputLength;
    if (before > 0) this.#history!.copy(bytes, SCRATCH_START, 0, before);
    const isIndexed = before > 0 && this.#index !== null;
    if (isIndexed) this.#index!.copy(bytes, INDEX_START);
    const keep = Math.min(this.#keep, end - SCRATCH_START);
    const most = Math.max(0, end - start - 1 + this.#growth);
    const length = codec.deflate(start, end, before, isIndexed, keep, this.windowSize, this.level, most);
    if (length === 0) return null;
    this.#save(end, keep);
    return bytes.subarray(DEFLATE_OUT, DEFLATE_OUT + length);
  }

  #save(end: number, keep: number): void {
    const { bytes } = codec;
    this.#history ??= Buffer.allocUnsafeSlow(this.#keep);
    bytes.copy(this.#history, 0, end - keep, end);
    this.#length = keep;
    if (this.level !== LEVEL_FAST) return;
    this.#index ??= Buffer.allocUnsafeSlow(INDEX_SIZE);
    bytes.copy(this.#index, 0, INDEX_START, INDEX_START + INDEX_SIZE);
  }

  override forget(): void {
    this.#length = 0;
  }
}
