import { expect, test } from 'vitest';
import { inSteps } from '../../src/deflate/in-steps.js';
import { until } from '../support/waiting.js';

test('everyone that is long gets its steps, in turn, and others get turns in between', async () => {
  const log: string[] = [];
  const busy = (milliseconds: number) => {
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
  };
  const long = (name: string, steps: number) => {
    inSteps(() => {
      log.push(name);
      busy(0.6);
      return --steps === 0;
    });
  };
  long('a', 4);
  long('b', 4);
  long('c', 2);
  expect(log).toEqual([]);
  let turns = 0;
  await until(() => {
    turns++;
    return log.length === 10;
  });
  expect(log.slice(0, 6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  expect(log.slice(6)).toEqual(['a', 'b', 'a', 'b']);
  expect(turns).toBeGreaterThan(2);
});

test('what begins while another ends is not forgotten', async () => {
  const log: number[] = [];
  inSteps(() => {
    log.push(1);
    inSteps(() => log.push(2) > 0);
    return true;
  });
  await until(() => log.length === 2);
  expect(log).toEqual([1, 2]);
});
