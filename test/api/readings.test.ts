import { describe, expect, test } from 'vitest';
import { BYTES, MessageIterator, NEXT, PACKET, TEXT } from '../../src/api/readings.js';
import { Opcode, WebSocketPacketTypeError } from '../../src/index.js';

const text = { opcode: Opcode.Text, data: 'a', fin: true };
const binary = { opcode: Opcode.Binary, data: Buffer.from('b'), fin: true };

describe('what a receiver makes of a packet', () => {
  test('the packet itself', () => {
    expect(PACKET.packet(text)).toBe(text);
    expect(PACKET.packet(binary)).toBe(binary);
  });

  test('a string of Text, and of Text as bytes; an error of Binary', () => {
    expect(TEXT.packet(text)).toBe('a');
    expect(TEXT.packet({ ...text, data: Buffer.from('ü') })).toBe('ü');
    expect(() => TEXT.packet(binary)).toThrow(WebSocketPacketTypeError);
  });

  test('bytes of Binary; an error of Text', () => {
    expect(BYTES.packet(binary)).toBe(binary.data);
    expect(() => BYTES.packet(text)).toThrow(WebSocketPacketTypeError);
  });

  test('a step of an iteration', () => {
    expect(NEXT.packet(text)).toEqual({ value: 'a', done: false });
    expect(NEXT.packet(binary)).toEqual({ value: binary.data, done: false });
  });
});

describe('what a receiver makes of the end', () => {
  test.each([PACKET, TEXT, BYTES])('its error', (reading) => {
    expect(reading.end?.(true)).toBeUndefined();
  });

  test('an orderly one ends an iteration; any other is its error', () => {
    expect(NEXT.end?.(true)).toEqual({ value: undefined, done: true });
    expect(NEXT.end?.(false)).toBeUndefined();
  });
});

describe('an iteration over the messages', () => {
  /** Two messages, and the end. */
  function twoMessages() {
    const results: IteratorResult<string>[] = [
      { value: 'a', done: false },
      { value: 'b', done: false },
      { value: undefined, done: true },
    ];
    return () => Promise.resolve(results.shift()!);
  }

  /** @param leave is called when the loop closes its socket */
  function iterator(leave: () => void): MessageIterator<{ close(): void }, string> {
    return new MessageIterator({ close: leave }, twoMessages());
  }

  test('gives the messages up to their end, and does not leave then', async () => {
    let left = 0;
    const messages: string[] = [];
    for await (const message of iterator(() => left++)) messages.push(message);
    await new Promise(setImmediate);
    expect(messages).toEqual(['a', 'b']);
    expect(left).toBe(0);
  });

  test('a loop that ends early leaves, behind what else happens in that turn', async () => {
    const events: string[] = [];
    const leave = () => void events.push('left');
    for await (const message of iterator(leave)) {
      events.push(message);
      break;
    }
    events.push('behind the loop');
    await new Promise(setImmediate);
    expect(events).toEqual(['a', 'behind the loop', 'left']);
  });

  test('so does one that ends with an error, which goes on', async () => {
    let left = 0;
    const loop = (async () => {
      for await (const message of iterator(() => left++)) throw new Error(message);
    })();
    await expect(loop).rejects.toThrow('a');
    await new Promise(setImmediate);
    expect(left).toBe(1);
  });
});
