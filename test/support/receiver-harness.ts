import { expect } from 'vitest';
import { MAX_FRAME_HEADER, WINDOW_SIZE, WINDOW_START } from '../../src/codec/memory-map.js';
import { codec } from '../../src/codec/select.js';
import type { Fault } from '../../src/protocol/faults.js';
import { FrameReceiver } from '../../src/protocol/frame-receiver.js';
import type { InflatedInSteps, ReceiverOptions, ReceiverSink } from '../../src/protocol/receiver-options.js';
import { SEED } from './codecs.js';

/** What a receiver reported, as a plain value. Octets are in hex. */
export type ReceiverEvent =
  | { readonly message: number; readonly text: string }
  | { readonly message: number; readonly octets: string }
  | { readonly control: number; readonly octets: string }
  | { readonly frame: number; readonly fin: boolean; readonly octets: string }
  | { readonly fault: string; readonly closeCode: number };

export interface HarnessOptions extends Partial<ReceiverOptions> {
  /** Called within each callback of the receiver, behind the recording. */
  readonly onEvent?: (event: ReceiverEvent, receiver: FrameReceiver) => void;
}

/** The limits of `wasock`. */
export const DEFAULT_OPTIONS: ReceiverOptions = {
  role: 'server',
  maxPayload: 1_048_576,
  maxFragments: 1024,
  maxPieces: Number.POSITIVE_INFINITY,
  skipUtf8: false,
  textAs: 'string',
  zeroCopy: false,
  awaited: false,
  raw: false,
  lenientLengths: false,
  inflater: null,
};

/** What the window is overwritten with as soon as a receiver has returned. */
const POISON = 0xaa;

export const textMessage = (text: string): ReceiverEvent => ({ message: 1, text });
export const binaryMessage = (octets: string | Uint8Array): ReceiverEvent => ({ message: 2, octets: hexOf(octets) });
export const controlFrame = (opcode: number, octets: string | Uint8Array = ''): ReceiverEvent => ({
  control: opcode,
  octets: hexOf(octets),
});
export const dataFrame = (fin: boolean, opcode: number, octets: string | Uint8Array = ''): ReceiverEvent => ({
  frame: opcode,
  fin,
  octets: hexOf(octets),
});
export const faultEvent = ({ code, closeCode }: Fault): ReceiverEvent => ({ fault: code, closeCode });

function hexOf(octets: string | Uint8Array): string {
  return Buffer.from(octets as string).toString('hex');
}

/**
 * Drives one receiver as the inbox does: octets are put at the start of the window, and those from the returned position
 * on are given again. After each read all that is shared between connections is overwritten.
 */
export class ReceiverHarness implements ReceiverSink {
  readonly events: ReceiverEvent[] = [];
  readonly receiver: FrameReceiver;
  readonly #options: HarnessOptions;
  /** What the sink may keep, and what it held when it was handed over. */
  readonly #kept: { readonly payload: Buffer; readonly octets: string }[] = [];

  constructor(options: HarnessOptions = {}) {
    this.#options = options;
    this.receiver = new FrameReceiver(codec, this, { ...DEFAULT_OPTIONS, ...options });
  }

  /** Gives the receiver `octets` in one read, or in as many as it takes them in. */
  feed(octets: Uint8Array): void {
    let waiting = Buffer.from(octets);
    while (waiting.length > 0) {
      const taken = this.readOnce(waiting);
      if (taken <= 0) expect.unreachable('the receiver took nothing of a read');
      waiting = waiting.subarray(taken);
    }
  }

  /** One read. @returns how many octets the receiver took; expects the others to be as they came */
  readOnce(octets: Buffer): number {
    const read = octets.subarray(0, WINDOW_SIZE);
    const end = WINDOW_START + read.length;
    codec.bytes.set(read, WINDOW_START);
    const stop = this.receiver.receive(WINDOW_START, end);
    const taken = stop - WINDOW_START;
    if (taken > read.length) expect.unreachable('the receiver took more than the read');
    // An `expect` for each octet would take most of the time of the suite.
    if (codec.bytes.compare(read, taken, read.length, stop, end) !== 0) {
      expect.unreachable('the octets that were not taken are not as they came');
    }
    codec.bytes.fill(POISON, 0, end + MAX_FRAME_HEADER);
    return taken;
  }

  /** Expects every payload that was handed over for good to be what it was then. */
  expectKeptIntact(): void {
    const changed = this.#kept.findIndex(({ payload, octets }) => payload.toString('hex') !== octets);
    expect(changed, 'index of the first payload that has changed since it was handed over').toBe(-1);
  }

  onBatchBegin(): void {}
  onFragment(): void {}

  /** As an inbox does, but at once. */
  onLongMessage(message: InflatedInSteps): void {
    while (!message.hasEnded) message.step();
    if (message.fault === null) message.report(this);
    else this.onFault(message.fault);
  }

  onMessage(opcode: number, data: string | Buffer): void {
    if (typeof data === 'string') return this.#record({ message: opcode, text: data });
    const octets = data.toString('hex');
    if (!this.#options.zeroCopy) this.#kept.push({ payload: data, octets });
    this.#record({ message: opcode, octets });
  }

  onControl(opcode: number, payload: Buffer): void {
    this.#record({ control: opcode, octets: this.#keep(payload) });
  }

  onFrame(fin: boolean, opcode: number, payload: Buffer): void {
    this.#record({ frame: opcode, fin, octets: this.#keep(payload) });
  }

  onFault(fault: Fault): void {
    this.#record(faultEvent(fault));
  }

  #keep(payload: Buffer): string {
    const octets = payload.toString('hex');
    this.#kept.push({ payload, octets });
    return octets;
  }

  #record(event: ReceiverEvent): void {
    this.events.push(event);
    this.#options.onEvent?.(event, this.receiver);
  }
}

/** What a new receiver reports for `reads`, one after the other. */
export function receiveReads(reads: readonly Uint8Array[], options?: HarnessOptions): ReceiverEvent[] {
  const harness = new ReceiverHarness(options);
  for (const read of reads) harness.feed(read);
  harness.expectKeptIntact();
  return harness.events;
}

/** What a receiver reports for `octets`; the same whether they come whole, one by one, or cut at random. */
export function receiveAllWays(octets: Buffer | readonly Buffer[], options?: HarnessOptions): ReceiverEvent[] {
  const stream = Array.isArray(octets) ? Buffer.concat(octets) : (octets as Buffer);
  const whole = receiveReads([stream], options);
  expect(receiveReads(singleOctets(stream), options), 'octet by octet').toEqual(whole);
  const random = randomNumbers(SEED);
  for (const longest of [4, 40, stream.length]) {
    const reads = cutAtRandom(stream, longest, random);
    expect(receiveReads(reads, options), `cut at random, FC_SEED=${SEED}`).toEqual(whole);
  }
  return whole;
}

/** After how many octets, given one by one, the receiver reports a fault; `null` if it reports none. */
export function octetsUntilFault(octets: Uint8Array, options?: HarnessOptions): number | null {
  const harness = new ReceiverHarness(options);
  for (let i = 0; i < octets.length; i++) {
    harness.feed(octets.subarray(i, i + 1));
    if (harness.events.some((event) => 'fault' in event)) return i + 1;
  }
  return null;
}

export function singleOctets(octets: Uint8Array): Uint8Array[] {
  return Array.from(octets, (_, i) => octets.subarray(i, i + 1));
}

/** Cuts `octets` into parts of 1 to `longest` octets. */
export function cutAtRandom(octets: Uint8Array, longest: number, random: () => number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < octets.length; ) {
    const size = 1 + Math.floor(random() * longest);
    parts.push(octets.subarray(at, at + size));
    at += size;
  }
  return parts;
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
