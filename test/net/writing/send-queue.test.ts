import { describe, expect, test } from 'vitest';
import { Deflater } from '../../../src/deflate/deflater.js';
import { LongDeflation } from '../../../src/deflate/long-deflation.js';
import { SendQueue } from '../../../src/net/writing/send-queue.js';
import { FIN, Opcode } from '../../../src/protocol/opcode.js';
import { parseFrames } from '../../support/frame-parser.js';
import { heldMemory } from '../../support/memory.js';
import { makeOutbox, stateOf } from '../../support/outbox-harness.js';
import { until } from '../../support/waiting.js';

const deflater = new Deflater({ threshold: 0, level: 'fast', windowBits: 15 });
/** Takes several turns. */
const LONG = Array.from({ length: 150_000 }, (_, i) => (i * 7919) % 100_003).join();

function makeQueue() {
  const { outbox, transport } = makeOutbox();
  const log: string[] = [];
  const queue = new SendQueue(outbox, () => log.push('empty'));
  const long = (name: string, text = LONG) =>
    queue.addLong(new LongDeflation(deflater, text), () => {
      log.push(name);
      return outbox.append(FIN | Opcode.Text, name);
    });
  const short = (name: string) =>
    queue.add(name.length, () => {
      log.push(name);
      return outbox.append(FIN | Opcode.Text, name);
    });
  return { outbox, transport, queue, log, long, short };
}

describe('what is sent while a long message is deflated', () => {
  test('hostile.C-13: leaves in the order of the calls, and then the queue is empty', async () => {
    const { queue, log, long, short, outbox, transport } = makeQueue();
    long('1');
    short('2');
    long('3');
    short('4');
    short('5');
    expect(log).toEqual([]);
    expect(queue.bytes).toBe(2 * LONG.length + 3);
    await until(() => log.includes('empty'));
    expect(log).toEqual(['1', '2', '3', '4', '5', 'empty']);
    expect(queue.bytes).toBe(0);
    outbox.flush();
    expect(parseFrames(transport.octets).map(({ payload }) => payload.toString())).toEqual(['1', '2', '3', '4', '5']);
  });

  test('is not kept any longer, even if something always waits', async () => {
    const { queue, log } = makeQueue();
    const message = Buffer.from(LONG);
    let sent = 0;
    const add = () => queue.addLong(new LongDeflation(deflater, Buffer.from(message)), onSent);
    const onSent = () => {
      if (++sent < 40) add();
      return true;
    };
    const before = heldMemory();
    add();
    add();
    await until(() => sent >= 30);
    expect(heldMemory().arrayBuffers - before.arrayBuffers).toBeLessThan(8 * message.length);
    await until(() => log.includes('empty'));
  });

  test('its promise resolves when all of it has left', async () => {
    const { queue, log, long, short } = makeQueue();
    long('1');
    const free = queue.whenFree();
    short('2');
    expect(queue.whenFree()).toBe(free);
    expect(await stateOf(free)).toBe('pending');
    await until(() => log.includes('empty'));
    expect(await stateOf(free)).toBe('resolved');
  });

  test('its promise waits for a peer that is behind', async () => {
    const { queue, log, long, outbox, transport } = makeQueue();
    transport.takesWhole = false;
    outbox.append(FIN | Opcode.Binary, Buffer.alloc(30_000));
    outbox.flush();
    outbox.append(FIN | Opcode.Binary, Buffer.alloc(70_000));
    long('1');
    const free = queue.whenFree();
    await until(() => log.includes('empty'));
    expect(await stateOf(free)).toBe('pending');
    transport.takesWhole = true;
    transport.complete();
    expect(await stateOf(free)).toBe('resolved');
  });

  test('leaves at once, as it is, if it cannot wait', async () => {
    const { queue, log, long, short } = makeQueue();
    long('1');
    short('2');
    queue.flush();
    expect(log).toEqual(['1', '2', 'empty']);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(log).toEqual(['1', '2', 'empty']);
  });

  test('only the latest of its Pongs waits, where the first would have been', async () => {
    const { queue, log, long, short } = makeQueue();
    long('1');
    queue.setPong(() => log.push('pong 1'));
    short('2');
    queue.setPong(() => log.push('pong 2'));
    await until(() => log.includes('empty'));
    expect(log).toEqual(['1', 'pong 2', '2', 'empty']);
  });

  test('is dropped if the connection ends, and its promise is rejected', async () => {
    const { queue, log, long, short } = makeQueue();
    const deflation = new LongDeflation(deflater, LONG);
    queue.addLong(deflation, () => log.push('never') > 0);
    long('1');
    short('2');
    const free = queue.whenFree();
    queue.close(new Error('the end'));
    expect(queue.bytes).toBe(0);
    await expect(free).rejects.toThrow('the end');
    await until(() => deflation.hasEnded);
    await new Promise(setImmediate);
    expect(log).toEqual([]);
  });
});
