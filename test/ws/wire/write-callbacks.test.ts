import { AsyncLocalStorage } from 'node:async_hooks';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WriteCallbacks } from '../../../src/ws/wire/write-callbacks.js';
import { SEED } from '../../support/codecs.js';
import { turns } from '../../support/waiting.js';

const LOST = new Error('lost');

describe('callbacks', () => {
  test('are called once, in a tick of their own, when their bytes have left', async () => {
    const callbacks = new WriteCallbacks();
    const calls: unknown[] = [];
    callbacks.push((error) => calls.push([1, error]), 10);
    callbacks.push((error) => calls.push([2, error]), 20);
    callbacks.settle(10);
    expect(calls).toEqual([]);
    await turns();
    expect(calls).toEqual([[1, null]]);
    callbacks.settle(20);
    callbacks.settle(30);
    callbacks.reject(LOST);
    await turns();
    expect(calls).toEqual([
      [1, null],
      [2, null],
    ]);
  });

  test('whose bytes will not leave get the reason, after those whose bytes have', async () => {
    const callbacks = new WriteCallbacks();
    const calls: unknown[] = [];
    for (const end of [10, 20, 30]) callbacks.push((error) => calls.push([end, error]), end);
    callbacks.settle(20);
    callbacks.reject(LOST);
    await turns();
    expect(calls).toEqual([
      [10, null],
      [20, null],
      [30, LOST],
    ]);
  });

  test('for which there is no frame get their own reason, in their turn', async () => {
    const callbacks = new WriteCallbacks();
    const calls: unknown[] = [];
    callbacks.push((error) => calls.push([1, error]), 10);
    const own = new Error('unreadable');
    callbacks.push((error) => calls.push([2, error]), 10, own);
    callbacks.push((error) => calls.push([3, error]), 20);
    await turns();
    expect(calls).toEqual([]);
    callbacks.settle(20);
    await turns();
    expect(calls).toEqual([
      [1, null],
      [2, own],
      [3, null],
    ]);
  });

  test('for which there is no frame leave those after them in the list, also if they are called first', async () => {
    const callbacks = new WriteCallbacks();
    const calls: unknown[] = [];
    callbacks.push((error) => calls.push([1, error]), 10, LOST);
    await turns();
    callbacks.push((error) => calls.push([2, error]), 20);
    await turns();
    callbacks.settle(20);
    await turns();
    expect(calls).toEqual([
      [1, LOST],
      [2, null],
    ]);
  });

  test('that throw do not keep the others from being called', async () => {
    const callbacks = new WriteCallbacks();
    const calls: number[] = [];
    const uncaught: unknown[] = [];
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    for (const end of [1, 2, 3, 4]) {
      callbacks.push(() => {
        calls.push(end);
        throw end;
      }, end);
      if (end === 2) await turns();
    }
    callbacks.settle(4);
    await turns();
    process.removeAllListeners('uncaughtException');
    for (const listener of before) process.on('uncaughtException', listener);
    expect([calls, uncaught]).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ]);
  });

  test(`come in order, each once and in its own context, whenever their bytes leave (seed ${SEED})`, async () => {
    const storage = new AsyncLocalStorage<number>();
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('push' as const, 'push', 'fail' as const) },
      { weight: 2, arbitrary: fc.constantFrom('settle one' as const, 'settle all' as const) },
      { weight: 3, arbitrary: fc.constantFrom('tick' as const, 'turn' as const) },
    );
    const property = fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.boolean(), async (steps, breaks) => {
      const callbacks = new WriteCallbacks();
      const calls: unknown[] = [];
      const failed = new Set<number>();
      let pushed = 0;
      let departed = 0;
      for (const step of steps) {
        if (step === 'push' || step === 'fail') {
          const end = ++pushed;
          const own = step === 'fail' ? LOST : undefined;
          if (own !== undefined) failed.add(end);
          storage.run(end, () => callbacks.push((error) => calls.push([end, storage.getStore(), error]), end, own));
        } else if (step === 'tick') await new Promise((resolve) => process.nextTick(resolve));
        else if (step === 'turn') await turns(1);
        else {
          departed = step === 'settle all' ? pushed : Math.min(pushed, departed + 1);
          storage.run(-1, () => callbacks.settle(departed));
        }
      }
      const left = departed;
      storage.run(-1, () => (breaks ? callbacks.reject(LOST) : callbacks.settle(pushed)));
      await turns(2);
      const results = Array.from({ length: pushed }, (_, i) => {
        const isLost = failed.has(i + 1) || (breaks && i >= left);
        return [i + 1, i + 1, isLost ? LOST : null];
      });
      expect(calls).toEqual(results);
    });
    await fc.assert(property, { seed: SEED, numRuns: 300 });
  });
});
