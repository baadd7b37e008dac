import zlib from 'node:zlib';
import { inflateSync } from 'fflate';
import { inflateRaw } from 'pako';
import type { Codec, DeflateCodec } from '../../src/codec/codec.js';
import {
  DEFLATE_OUT,
  INDEX_SIZE,
  INDEX_START,
  INFLATE_STATE,
  MEMORY_SIZE,
  SCRATCH_START,
  WINDOW_START,
} from '../../src/codec/memory-map.js';
import { naiveInflate } from './naive-inflate.js';

const NOTHING = Buffer.alloc(0);

/** What the receiver puts back (RFC 7692 §7.2.2), and a final block, without which the others would not end. */
const END = Buffer.of(0x00, 0x00, 0xff, 0xff, 0x03, 0x00);

/** One call of `deflate`; what is not given is nothing, or no bound. */
export interface DeflateCase {
  readonly message: Buffer;
  readonly history?: Buffer;
  /** What is in the memory before the history, and not part of it. */
  readonly before?: Buffer;
  /** The bytes of the index, as the last call of the stream left them. */
  readonly index?: Buffer;
  readonly keep?: number;
  readonly windowSize?: number;
  readonly level: number;
  readonly most?: number;
  /** Where the message is put. */
  readonly start?: number;
}

/** Deflates with one codec, and sees to it that nothing but its areas changes. */
export class DeflateHarness {
  readonly codec: Codec & DeflateCodec;
  /** What the memory before the areas of deflate must be. */
  readonly #expected: Buffer;

  constructor(codec: Codec & DeflateCodec) {
    this.codec = codec;
    const { bytes } = codec;
    for (let at = 0; at < INDEX_START; at++) bytes[at] = at * 11 + (at >> 8);
    this.#expected = Buffer.from(bytes.subarray(0, INDEX_START));
  }

  /** @returns the payload; nothing if it needs more than `most` */
  deflate(given: DeflateCase): Buffer | undefined {
    const { message, history = NOTHING, before = NOTHING, index, keep = 0, windowSize = 32_768, level } = given;
    const { most = MEMORY_SIZE - DEFLATE_OUT, start = SCRATCH_START + history.length } = given;
    const { bytes } = this.codec;
    const end = start + message.length;
    for (const memory of [bytes, this.#expected]) {
      before.copy(memory, start - history.length - before.length);
      history.copy(memory, start - history.length);
      message.copy(memory, start);
    }
    // Without an index there is whatever another stream has left.
    if (index === undefined) bytes.fill(0x5a, INDEX_START, INDEX_START + INDEX_SIZE);
    else index.copy(bytes, INDEX_START);
    bytes.fill(0xc3, DEFLATE_OUT, DEFLATE_OUT + most);

    const isIndexed = index !== undefined;
    const size = this.codec.deflate(start, end, history.length, isIndexed, keep, windowSize, level, most);
    if (this.#expected.compare(bytes, 0, INDEX_START) !== 0) {
      const at = this.#expected.findIndex((byte, i) => byte !== bytes[i]);
      throw new Error(`deflate changed byte ${at}, for [${start}, ${end})`);
    }
    if (size < 0 || size > most) throw new Error(`deflate said ${size}, of ${most}`);
    return size === 0 ? undefined : Buffer.from(bytes.subarray(DEFLATE_OUT, DEFLATE_OUT + size));
  }

  /** What the index is now. */
  get index(): Buffer {
    return Buffer.from(this.codec.bytes.subarray(INDEX_START, INDEX_START + INDEX_SIZE));
  }
}

/** Whether to ask fflate and pako, too, which takes longer. */
export type Judges = 'all' | 'some';

/** Throws if a payload is not that of the message for everybody. */
export function expectInflates(
  payload: Buffer,
  { message, history = NOTHING, windowSize }: DeflateCase,
  by: Judges = 'all',
): void {
  const naive = naiveInflate(payload, { history, windowSize });
  if (naive.verdict !== 'whole') throw new Error(`The oracle says: ${naive.verdict}, ${naive.reason}`);
  if (!naive.message.equals(message)) throw new Error('The oracle has another message');

  const whole = Buffer.concat([payload, END]);
  const dictionary = history.length > 0 ? { dictionary: history } : {};
  const { buffer, engine } = zlib.inflateRawSync(whole, { ...dictionary, info: true }) as unknown as {
    buffer: Buffer;
    engine: zlib.Zlib;
  };
  if (!buffer.equals(message)) throw new Error('zlib has another message');
  if (engine.bytesWritten !== whole.length) throw new Error('zlib ends before the payload does');
  if (by === 'some') return;
  if (!Buffer.from(inflateSync(whole, dictionary)).equals(message)) throw new Error('fflate has another message');
  if (!Buffer.from(inflateRaw(whole, dictionary)).equals(message)) throw new Error('pako has another message');
}

/** The messages of one connection, which keeps its last bytes and the index. */
export class DeflateStream {
  readonly #harness: DeflateHarness;
  readonly #options: { readonly keep: number; readonly windowSize: number; readonly level: number };
  #history: Buffer = NOTHING;
  #index: Buffer | undefined;

  constructor(harness: DeflateHarness, options: { keep: number; windowSize: number; level: number }) {
    this.#harness = harness;
    this.#options = options;
  }

  /** How many bytes it may refer to. */
  get historySize(): number {
    return this.#history.length;
  }

  /** Forgets the index, so that the next message finds its history unknown. */
  loseIndex(): void {
    this.#index = undefined;
  }

  /** Deflates the next message, and has it inflated. @returns the payload; nothing if it needs more than `most` */
  send(message: Buffer, most?: number, start?: number, by?: Judges): Buffer | undefined {
    const given = { message, history: this.#history, index: this.#index, most, start, ...this.#options };
    const payload = this.#harness.deflate(given);
    if (payload === undefined) return undefined;
    expectInflates(payload, given, by);
    const { keep } = this.#options;
    this.#history = keep === 0 ? NOTHING : Buffer.concat([this.#history, message]).subarray(-keep);
    this.#index = keep === 0 ? undefined : this.#harness.index;
    return payload;
  }
}

/** Where a message with its history may lie: at the edges of window and scratch memory. */
export function deflatePlacesOf(size: number, history: number): number[] {
  return [WINDOW_START + history, SCRATCH_START - size, SCRATCH_START + history, INFLATE_STATE - size].filter(
    (start) => start - history >= WINDOW_START && start + size <= INFLATE_STATE,
  );
}
