import type { Buffer } from 'node:buffer';
import { nextTick } from 'node:process';
import { WebSocketPacketTypeError } from '../protocol/errors.js';
import { Opcode } from '../protocol/opcode.js';
import type { Packet, Reading } from './message-queue.js';

/** For `receivePacket`. */
export const PACKET: Reading<Packet> = { packet: (packet) => packet };

/** For `receiveStrPacket`. */
export const TEXT: Reading<string> = {
  packet({ opcode, data }) {
    if (opcode === Opcode.Text) return data.toString();
    throw new WebSocketPacketTypeError('Expected string packet, received binary packet');
  },
};

/** For `receiveBinaryPacket`. */
export const BYTES: Reading<Buffer> = {
  packet({ opcode, data }) {
    if (opcode === Opcode.Binary) return data as Buffer;
    throw new WebSocketPacketTypeError('Expected binary packet, received string packet');
  },
};

/** For `for await`. */
export const NEXT: Reading<IteratorResult<string | Buffer>> = {
  packet: ({ data }) => ({ value: data, done: false }),
  end: (isOrderly) => (isOrderly ? { value: undefined, done: true } : undefined),
};

/** The iterator for `for await` over the messages of a socket. */
export class MessageIterator<Socket extends { close(): unknown }, Message> implements AsyncIterableIterator<Message> {
  readonly #socket: Socket;
  readonly #receive: (socket: Socket) => Promise<IteratorResult<Message>>;

  /** @param receive gets the next result; shared by all iterators */
  constructor(socket: Socket, receive: (socket: Socket) => Promise<IteratorResult<Message>>) {
    this.#socket = socket;
    this.#receive = receive;
  }

  next(): Promise<IteratorResult<Message>> {
    return this.#receive(this.#socket);
  }

  /** The user leaves the loop before the messages end. */
  return(): Promise<IteratorResult<Message>> {
    // A loop ends in the same way by `break` and by an error. The code that handles the error may close with another
    // code first.
    nextTick(() => this.#socket.close());
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
