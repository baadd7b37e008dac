import { expect, test } from 'vitest';
import { WINDOW_START } from '../../src/codec/memory-map.js';
import { codec } from '../../src/codec/select.js';
import type { FrameReceiver } from '../../src/protocol/frame-receiver.js';
import { giveReceiverBack, takeReceiver } from '../../src/protocol/frame-receiver.js';
import type { ReceiverSink } from '../../src/protocol/receiver-options.js';
import { frameFor } from '../support/framer.js';
import { DEFAULT_OPTIONS } from '../support/receiver-harness.js';

class Texts implements ReceiverSink {
  readonly texts: string[] = [];
  onMessage(_opcode: number, data: string | Buffer): void {
    this.texts.push(data.toString());
  }
  onControl(): void {}
  onFrame(): void {}
  onBatchBegin(): void {}
  onFragment(): void {}
  onLongMessage(): void {}
  onFault(): void {
    this.texts.push('fault');
  }
}

function feed(receiver: FrameReceiver, octets: Buffer): void {
  octets.copy(codec.bytes, WINDOW_START);
  receiver.receive(WINDOW_START, WINDOW_START + octets.length);
}

test('an idle receiver serves one connection after the other, and reports to the right one', () => {
  const [first, second] = [new Texts(), new Texts()];
  const options = { ...DEFAULT_OPTIONS };
  const receiver = takeReceiver(codec, first, options);
  feed(receiver, Buffer.concat([frameFor('server', 1, 'ön', { fin: false }), frameFor('server', 0, 'e')]));
  expect(receiver.isIdle).toBe(true);
  giveReceiverBack(receiver);
  expect(takeReceiver(codec, second, options)).toBe(receiver);
  feed(receiver, frameFor('server', 1, 'two'));
  expect([first.texts, second.texts]).toEqual([['öne'], ['two']]);
});

test('is not idle with part of a frame, of a message, of a header, or after a fault', () => {
  const frame = frameFor('server', 2, Buffer.alloc(1000));
  const parts = [
    frame.subarray(0, 100),
    frame.subarray(0, 1),
    frameFor('server', 1, 'x', { fin: false }),
    Buffer.of(0xff),
  ];
  for (const part of parts) {
    const receiver = takeReceiver(codec, new Texts(), { ...DEFAULT_OPTIONS });
    expect(receiver.isIdle).toBe(true);
    feed(receiver, part);
    expect(receiver.isIdle).toBe(false);
  }
});

test('an idle receiver takes up the options of the next connection', () => {
  const receiver = takeReceiver(codec, new Texts(), { ...DEFAULT_OPTIONS });
  giveReceiverBack(receiver);
  const limited = new Texts();
  const again = takeReceiver(codec, limited, { ...DEFAULT_OPTIONS, maxPayload: 3 });
  expect(again).toBe(receiver);
  feed(again, frameFor('server', 1, 'four'));
  expect([limited.texts, again.isIdle]).toEqual([['fault'], false]);
  const client = new Texts();
  const other = takeReceiver(codec, client, { ...DEFAULT_OPTIONS, role: 'client' });
  feed(other, frameFor('client', 1, 'not masked'));
  expect(client.texts).toEqual(['not masked']);
});

test('a receiver that is kept does not keep the connection that it served', () => {
  const sink = new Texts();
  const receiver = takeReceiver(codec, sink, { ...DEFAULT_OPTIONS });
  giveReceiverBack(receiver);
  expect(receiver.sink).not.toBe(sink);
});

test('no more than 16 are kept', () => {
  const options = { ...DEFAULT_OPTIONS };
  const made = Array.from({ length: 40 }, () => takeReceiver(codec, new Texts(), options));
  for (const receiver of made) giveReceiverBack(receiver);
  const taken = Array.from({ length: 40 }, () => takeReceiver(codec, new Texts(), options));
  expect(taken.filter((receiver) => made.includes(receiver))).toHaveLength(16);
});
