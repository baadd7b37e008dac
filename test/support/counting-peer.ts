import zlib from 'node:zlib';
import { type ParsedFrame, parseFrame } from './frame-parser.js';
import { type FrameForm, frameFor } from './framer.js';
import { type Fields, type RawPeer, rawClient, requestText } from './raw-peer.js';

const FLUSHED = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const WINDOW = 32_768;

/** What one peer has counted of its connection, named as `server.metrics()` names it. */
export interface PeerCounts {
  messagesReceived: number;
  compressedMessagesReceived: number;
  payloadBytesReceived: number;
  wireBytesReceived: number;
  messagesSent: number;
  compressedMessagesSent: number;
  payloadBytesSent: number;
  wireBytesSent: number;
}

/** A message as a peer sends it. */
export interface PeerMessage {
  readonly opcode: number;
  readonly payload: Buffer;
  readonly isCompressed: boolean;
  /** Into how many frames it is cut. */
  readonly fragments: number;
}

/** The client's end of a connection, on octets alone, which counts what goes in both directions. It answers Pings. */
export class CountingPeer {
  readonly raw: RawPeer;
  readonly counts: PeerCounts = {
    messagesReceived: 0,
    compressedMessagesReceived: 0,
    payloadBytesReceived: 0,
    wireBytesReceived: 0,
    messagesSent: 0,
    compressedMessagesSent: 0,
    payloadBytesSent: 0,
    wireBytesSent: 0,
  };
  /** Control frames that came. */
  readonly control: ParsedFrame[] = [];
  readonly deflates: boolean;
  readonly #keepsOurs: boolean;
  #ours: Buffer = Buffer.alloc(0);
  #theirs: Buffer = Buffer.alloc(0);
  #waiting: Buffer = Buffer.alloc(0);

  private constructor(raw: RawPeer, head: string) {
    this.raw = raw;
    this.deflates = head.includes('permessage-deflate');
    this.#keepsOurs = this.deflates && !head.includes('client_no_context_takeover');
    this.#onData(raw.received);
    raw.socket.on('data', (octets) => this.#onData(octets));
  }

  static async connect(port: number, path = '/ws', changes: Fields = {}): Promise<CountingPeer> {
    const raw = await rawClient(port);
    raw.write(requestText(changes, `GET ${path} HTTP/1.1`));
    const head = await raw.takeHead();
    if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(head);
    return new CountingPeer(raw, head);
  }

  /** Octets of a frame that has not come whole. */
  get rest(): number {
    return this.#waiting.length;
  }

  /** @param isDelivered whether the server should count it now */
  send({ opcode, payload, isCompressed, fragments }: PeerMessage, isDelivered: boolean): void {
    const isDeflated = isCompressed && this.deflates;
    const bytes = isDeflated ? this.#deflate(payload) : payload;
    const size = Math.max(1, Math.ceil(bytes.length / fragments));
    for (let at = 0; at === 0 || at < bytes.length; at += size) {
      const form = { fin: at + size >= bytes.length, rsv: isDeflated && at === 0 ? 0x40 : 0 };
      this.frame(at === 0 ? opcode : 0, bytes.subarray(at, at + size), form);
    }
    if (isDelivered) this.delivered({ payload, isCompressed });
  }

  delivered({ payload, isCompressed }: Pick<PeerMessage, 'payload' | 'isCompressed'>): void {
    this.counts.messagesReceived++;
    this.counts.payloadBytesReceived += payload.length;
    if (isCompressed && this.deflates) this.counts.compressedMessagesReceived++;
  }

  frame(opcode: number, payload: string | Uint8Array = '', form: FrameForm = {}): void {
    const octets = frameFor('server', opcode, payload, form);
    this.counts.wireBytesReceived += octets.length;
    this.raw.write(octets);
  }

  #deflate(payload: Buffer): Buffer {
    const dictionary = this.#ours.length > 0 ? { dictionary: this.#ours } : {};
    const deflated = zlib.deflateRawSync(payload, { finishFlush: zlib.constants.Z_SYNC_FLUSH, ...dictionary });
    if (this.#keepsOurs) this.#ours = Buffer.concat([this.#ours, payload]).subarray(-WINDOW);
    return payload.length === 0 ? Buffer.from([0]) : deflated.subarray(0, -FLUSHED.length);
  }

  #inflate(payload: Buffer): Buffer {
    const dictionary = this.#theirs.length > 0 ? { dictionary: this.#theirs } : {};
    const options = { finishFlush: zlib.constants.Z_SYNC_FLUSH, ...dictionary };
    const inflated = zlib.inflateRawSync(Buffer.concat([payload, FLUSHED]), options);
    // Without context takeover the server refers to none of it.
    this.#theirs = Buffer.concat([this.#theirs, inflated]).subarray(-WINDOW);
    return inflated;
  }

  #onData(octets: Buffer): void {
    this.counts.wireBytesSent += octets.length;
    this.#waiting = Buffer.concat([this.#waiting, octets]);
    for (let parsed = parseFrame(this.#waiting); parsed !== null; parsed = parseFrame(this.#waiting)) {
      this.#waiting = this.#waiting.subarray(parsed.size);
      this.#onFrame(parsed.frame);
    }
  }

  #onFrame(frame: ParsedFrame): void {
    if (frame.opcode >= 8) {
      this.control.push(frame);
      if (frame.opcode === 9) this.frame(10, frame.payload);
      return;
    }
    const isDeflated = frame.rsv === 0x40;
    this.counts.messagesSent++;
    this.counts.payloadBytesSent += (isDeflated ? this.#inflate(frame.payload) : frame.payload).length;
    if (isDeflated) this.counts.compressedMessagesSent++;
  }
}
