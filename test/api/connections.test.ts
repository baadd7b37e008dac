import { describe, expect, test, vi } from 'vitest';
import { ConnectionSet, checkCloseOptions, within } from '../../src/api/connections.js';
import type { WebSocket } from '../../src/index.js';
import { aWhile, settles, withResolvers } from '../support/servers.js';
import { blockLoop } from '../support/stall.js';
import { until } from '../support/waiting.js';

const socket = () => ({ close: vi.fn(), hangup: vi.fn() }) as unknown as WebSocket;

describe('a set of connections', () => {
  test('tells how many there are and which', () => {
    const set = new ConnectionSet<unknown>();
    const [a, b] = [socket(), socket()];
    set.add(a);
    set.add(b);
    set.add(a);
    expect(set.size).toBe(2);
    expect([...set]).toEqual([a, b]);
    set.delete(a);
    expect([...set]).toEqual([b]);
  });

  test('closeAll closes each with the code, and resolves when none is left', async () => {
    const set = new ConnectionSet<unknown>();
    const [a, b] = [socket(), socket()];
    set.add(a);
    set.add(b);
    const closed = set.closeAll(4000, 'bye');
    for (const ws of [a, b]) expect(ws.close).toHaveBeenCalledWith(4000, 'bye');
    set.delete(a);
    expect(await settles(closed, 10)).toBe(false);
    set.delete(b);
    await closed;
    await set.closeAll(1000, '');
    expect(set.size).toBe(0);
  });

  test('closeOver closes each once, in another order than they came in', async () => {
    const set = new ConnectionSet<unknown>();
    const order: number[] = [];
    for (let i = 0; i < 100; i++) {
      set.add({ close: (code: number, reason: string) => code === 1012 && reason === 'bye' && order.push(i) } as never);
    }
    await set.closeOver(1012, 'bye', 200);
    const came = Array.from({ length: 100 }, (_, i) => i);
    expect(order).not.toEqual(came);
    expect(order.toSorted((a, b) => a - b)).toEqual(came);
  });

  test('closeOver does not catch up after a stall of our own loop', async () => {
    const set = new ConnectionSet<unknown>();
    let told = 0;
    const sockets = Array.from({ length: 1000 }, () => ({ close: () => told++ }) as unknown as WebSocket);
    for (const ws of sockets) set.add(ws);
    const closed = set.closeOver(1012, '', 20_000);
    await until(() => told > 0);
    const before = told;
    blockLoop(2000);
    await until(() => told > before);
    // Two seconds would be 100. A step is 80 ms at most, and the machine may take several for one look.
    expect(told - before).toBeLessThan(50);
    for (const ws of sockets) set.delete(ws);
    await closed;
  });

  test('hangupAll hangs up each', () => {
    const set = new ConnectionSet<unknown>();
    const a = socket();
    set.add(a);
    set.hangupAll();
    expect(a.hangup).toHaveBeenCalledOnce();
  });
});

describe('within', () => {
  test('makes an end at the time-out, and still waits for the work', async () => {
    const { promise, resolve } = withResolvers();
    let ends = 0;
    const waited = within(20, promise, () => ends++);
    await aWhile(80);
    expect(ends).toBe(1);
    expect(await settles(waited, 10)).toBe(false);
    resolve();
    await waited;
  });

  test.each([0, 30, 2 ** 40])('makes no end of work that is done before: %d', async (timeout) => {
    let ends = 0;
    await within(timeout, aWhile(5), () => ends++);
    await aWhile(60);
    expect(ends).toBe(0);
  });
});

describe('checkCloseOptions', () => {
  test('adds the defaults; a time-out that is not given is none', () => {
    expect(checkCloseOptions({})).toEqual({ code: 1001, reason: '', timeout: undefined, over: 0 });
    expect(checkCloseOptions({ code: 4000, reason: 'x', timeout: Number.POSITIVE_INFINITY })).toEqual({
      code: 4000,
      reason: 'x',
      timeout: 0,
      over: 0,
    });
  });

  test.each([
    [{ code: 1006 }, TypeError],
    [{ code: '1000' }, TypeError],
    [{ reason: 5 }, TypeError],
    [{ reason: 'x'.repeat(124) }, RangeError],
    [{ timeout: '1' }, TypeError],
    [{ timeout: -1 }, RangeError],
  ])('throws for %j', (options, error) => {
    expect(() => checkCloseOptions(options as object)).toThrow(error);
  });
});
