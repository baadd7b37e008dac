import { describe, expect, test } from 'vitest';
import { type PrivatePart, privateParts } from '../../../src/net/node/private-parts.js';

const SOME: PrivatePart[] = ['user-buffer', 'direct-write', 'peer-address'];

describe('WASOCK_NODE', () => {
  test.each([
    [undefined, [true, true, true]],
    ['', [true, true, true]],
    ['auto', [true, true, true]],
    ['documented', [false, false, false]],
    ['no-window', [false, true, true]],
    ['no-direct-write', [true, false, true]],
  ])('%j', (wanted, expected) => {
    expect(SOME.map(privateParts(wanted))).toEqual(expected);
  });

  test.each(['Documented', 'no', 'constructor'])('%j is an error, never a silent default', (wanted) => {
    expect(() => privateParts(wanted)).toThrow(
      new RangeError(`WASOCK_NODE must be auto, documented, no-window or no-direct-write, but is "${wanted}"`),
    );
  });
});
