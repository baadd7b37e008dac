import type { Buffer } from 'node:buffer';
import { nextTick } from 'node:process';
import { CloseCode } from '../protocol/close-code.js';
import { WebSocketClosedError, WebSocketPacketTypeError } from '../protocol/errors.js';
import { Opcode } from '../protocol/opcode.js';
import type { Packet, Reading } from './message-queue.js';

/** After these an iteration over the messages ends as loops do; after others it throws. */
const PLAIN_ENDS: readonly number[] = [CloseCode.Normal, CloseCode.GoingAway, CloseCode.NoStatus];

function fail(error: Error): never {
  throw error;
}

/** Of `receivePacket`. */
export const PACKET: Reading<Packet> = { packet: (packet) => packet, end: fail };

/** Of `receiveStrPacket`. */
export const TEXT: Reading<string> = {
  packet({ opcode, data }) {
    if (opcode === Opcode.Text) return data.toString();
    throw new WebSocketPacketTypeError('Expected string packet, received binary packet');
  },
  end: fail,
};

/** Of `receiveBinaryPacket`. */
export const BYTES: Reading<Buffer> = {
  packet({ opcode, data }) {
    if (opcode === Opcode.Binary) return data as Buffer;
    throw new WebSocketPacketTypeError('Expected binary packet, received string packet');
  },
  end: fail,
};

/** Of `for await`. */
export const NEXT: Reading<IteratorResult<string | Buffer>> = {
  packet: ({ data }) => ({ value: data, done: false }),
  end(error) {
    if (error instanceof WebSocketClosedError && PLAIN_ENDS.includes(error.closeCode)) {
      return { value: undefined, done: true };
    }
    throw error;
  },
};

/** Messages as `for await` takes them. @param leave is called when the loop ends before the messages do */
export function messageIterator<Message>(
  next: () => Promise<IteratorResult<Message>>,
  leave: () => void,
): AsyncIterableIterator<Message> {
  const iterator: AsyncIterableIterator<Message> = {
    next,
    return: () => {
      // `break` and an error end a loop alike. Who learns of the error closes with another code, and comes first.
      nextTick(leave);
      return Promise.resolve({ value: undefined, done: true });
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}
