import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { cancelDeadline, scheduleDeadline, type Timed } from '../../../src/net/timing/deadlines.js';
import { runNode } from '../../support/program.js';
import { tcpPair } from '../../support/sockets.js';
import { turns, until } from '../../support/waiting.js';

class Item implements Timed {
  slot = 0;
  readonly calls: number[] = [];
  /** When each call was due. */
  readonly dues: number[] = [];
  readonly #then: (item: Item) => void;
  constructor(then: (item: Item) => void = () => {}) {
    this.#then = then;
  }
  onDeadline(now: number, due: number): void {
    this.calls.push(now);
    this.dues.push(due);
    this.#then(this);
  }
}

/** Runs a script with the module in a process of its own. */
async function runAlone(script: string) {
  const program = runNode(['-e', `const deadlines = require('./build/net/timing/deadlines.js');\n${script}`]);
  const { code } = await program.exit;
  return { code, lines: program.stdout.trim().split('\n') };
}

const timeIn = (milliseconds: number) => performance.now() + milliseconds;

describe.each(['a timer', 'the reading of a socket'])('after the loop was blocked in %s', (where) => {
  test('a deadline comes after whatever waited in the kernel was read, with the time before that', async () => {
    const [first, second] = [await tcpPair(), await tcpPair()];
    const events: string[] = [];
    const block = () => {
      const end = performance.now() + 200;
      while (performance.now() < end);
      // It is in the kernel when the call returns.
      second.far.write('x');
    };
    second.near.on('data', () => void events.push('read'));
    const item = new Item(() => void events.push('deadline'));
    await turns();
    const at = performance.now() + 50;
    scheduleDeadline(item, at);
    if (where === 'a timer') setTimeout(block, 10);
    else {
      first.near.on('data', block);
      first.far.write('x');
    }
    await until(() => events.length === 2);
    expect(events).toEqual(['read', 'deadline']);
    expect(item.calls[0]).toBeGreaterThanOrEqual(at);
    expect(item.dues[0]).toBeGreaterThanOrEqual(at);
    expect(item.dues[0]).toBeLessThan(at + 100);
  });
});

describe('a deadline', () => {
  test('comes once, not before its time', async () => {
    const item = new Item();
    const at = timeIn(60);
    scheduleDeadline(item, at);
    expect(item.calls).toEqual([]);
    await until(() => item.calls.length > 0);
    expect(item.calls[0]).toBeGreaterThanOrEqual(at);
    await sleep(120);
    expect(item.calls).toHaveLength(1);
    expect(item.slot).toBe(0);
  });

  test('that is over already comes soon, and not within the call', async () => {
    const item = new Item();
    scheduleDeadline(item, performance.now() - 1000);
    expect(item.calls).toEqual([]);
    await until(() => item.calls.length > 0);
    expect(item.calls).toHaveLength(1);
  });

  test('gives way to an earlier one', async () => {
    const item = new Item();
    scheduleDeadline(item, timeIn(60_000));
    scheduleDeadline(item, timeIn(10));
    await until(() => item.calls.length > 0);
    expect(item.calls).toHaveLength(1);
  });

  test('stays where a later one is asked for: who is called too early looks and asks again', async () => {
    const item = new Item();
    scheduleDeadline(item, timeIn(10));
    const { slot } = item;
    scheduleDeadline(item, timeIn(60_000));
    expect(item.slot).toBe(slot);
    await until(() => item.calls.length > 0);
    expect(item.calls).toHaveLength(1);
  });

  test('does not come once it was cancelled, and may be asked for again', async () => {
    const item = new Item();
    const other = new Item();
    scheduleDeadline(item, timeIn(10));
    scheduleDeadline(other, timeIn(70));
    cancelDeadline(item);
    cancelDeadline(item);
    expect(item.slot).toBe(0);
    await until(() => other.calls.length > 0);
    expect(item.calls).toEqual([]);
    scheduleDeadline(item, timeIn(10));
    await until(() => item.calls.length > 0);
    expect(item.calls).toHaveLength(1);
  });

  test('that is asked for again within its call comes again', async () => {
    const item = new Item((self) => {
      // In the past, too: it must not be called again in the same turn for ever.
      if (self.calls.length < 3) scheduleDeadline(self, performance.now() - 100);
    });
    scheduleDeadline(item, timeIn(1));
    await until(() => item.calls.length === 3);
    await sleep(80);
    expect(item.calls).toHaveLength(3);
  });

  test('that another one of the same moment cancels does not come', async () => {
    const second = new Item();
    const first = new Item(() => cancelDeadline(second));
    const third = new Item();
    const at = timeIn(20);
    for (const item of [first, second, third]) scheduleDeadline(item, at);
    await until(() => third.calls.length > 0);
    expect([first.calls.length, second.calls.length]).toEqual([1, 0]);
  });

  test('hostile.R-18: comes for each of thousands, the earlier ones first', async () => {
    const order: number[] = [];
    const items = Array.from({ length: 3000 }, (_, i) => new Item(() => order.push(i % 3)));
    const now = performance.now();
    for (const [i, item] of items.entries()) scheduleDeadline(item, now + 20 + (i % 3) * 100);
    await until(() => order.length === items.length);
    expect(order).toEqual([...order].sort());
    expect(items.every((item) => item.calls.length === 1)).toBe(true);
  });

  test('of which one throws does not take the others along', async () => {
    const { code, lines } = await runAlone(
      `process.on('uncaughtException', (error) => console.log('uncaught', error.message));
       const item = (onDeadline) => ({ slot: 0, onDeadline });
       const at = performance.now() + 10;
       deadlines.scheduleDeadline(item(() => { throw new Error('one'); }), at);
       deadlines.scheduleDeadline(item(() => console.log('two')), at);
       deadlines.scheduleDeadline(item(() => console.log('three')), at + 200);
       setTimeout(() => {}, 600);`,
    );
    expect(lines).toEqual(['uncaught one', 'two', 'three']);
    expect(code).toBe(0);
  });

  test('hostile.R-18: does not keep the process alive', async () => {
    const { code, lines } = await runAlone(
      `deadlines.scheduleDeadline({ slot: 0, onDeadline() { console.log('late'); } }, performance.now() + 300_000);
       console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')));`,
    );
    expect(lines).toEqual(['[]']);
    expect(code).toBe(0);
  });
});
