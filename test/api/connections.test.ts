import { describe, expect, test, vi } from 'vitest';
import { ConnectionSet, checkCloseOptions, within } from '../../src/api/connections.js';
import type { WebSocket } from '../../src/index.js';
import { aWhile, settles, withResolvers } from '../support/servers.js';

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
