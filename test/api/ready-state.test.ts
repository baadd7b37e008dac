import { expect, test } from 'vitest';
import { ReadyState } from '../../src/api/ready-state.js';

test('the states have the names of the seed and the numbers of browsers', () => {
  expect(Object.entries(ReadyState)).toEqual([
    ['Connecting', 0],
    ['Open', 1],
    ['Closing', 2],
    ['Closed', 3],
  ]);
});
