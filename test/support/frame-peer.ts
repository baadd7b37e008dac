import type { Duplex } from 'node:stream';
import { FrameParser, type ParsedFrame } from './frame-parser.js';
import { until } from './waiting.js';

/** The other end of a connection under test: octets go out as they are given, frames come in parsed. It answers nothing by itself. */
export class FramePeer {
  readonly socket: Duplex;
  readonly #parser = new FrameParser();
  /** Whether the FIN of the connection under test has come. */
  ended = false;
  closed = false;
  error: Error | undefined;
  /** Octets received. */
  received = 0;

  /** @param reading false: it does not read before `read` is called */
  constructor(socket: Duplex, reading = true) {
    this.socket = socket;
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', (error: Error) => {
      this.error = error;
    });
    socket.on('close', () => {
      this.closed = true;
    });
    if (reading) this.read();
  }

  read(): void {
    this.socket.on('data', (octets: Buffer) => {
      this.received += octets.length;
      this.#parser.push(octets);
    });
  }

  get frames(): readonly ParsedFrame[] {
    return this.#parser.frames;
  }

  get opcodes(): readonly number[] {
    return this.frames.map(({ opcode }) => opcode);
  }

  /** The payloads of all frames, as text. */
  get texts(): readonly string[] {
    return this.frames.map(({ payload }) => payload.toString());
  }

  /** Octets of a frame that has not come whole. */
  get rest(): Buffer {
    return this.#parser.rest;
  }

  send(...octets: Uint8Array[]): void {
    this.socket.write(Buffer.concat(octets));
  }

  /** Waits until `count` frames have come. */
  async framesReceived(count: number): Promise<readonly ParsedFrame[]> {
    await until(
      () => this.frames.length >= count,
      () => `${count} frames, of which ${this.frames.length} came`,
    );
    return this.frames;
  }

  /** Waits for a frame of this opcode. */
  async frameOf(opcode: number): Promise<ParsedFrame> {
    const find = () => this.frames.find((frame) => frame.opcode === opcode);
    await until(
      () => find() !== undefined,
      () => `a frame with opcode ${opcode}`,
    );
    return find() as ParsedFrame;
  }

  /** The code of the Close frame that came. */
  async closeCode(): Promise<number> {
    const { payload } = await this.frameOf(8);
    return payload.length === 0 ? 1005 : payload.readUInt16BE(0);
  }

  async finReceived(): Promise<void> {
    await until(
      () => this.ended,
      () => 'FIN',
    );
  }
}
