import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WINDOW_START } from '../../../src/codec/memory-map.js';
import { codec } from '../../../src/codec/select.js';
import { Reserve } from '../../../src/net/reading/reserve.js';
import { SEED } from '../../support/codecs.js';

/** The first bytes, as the window gets them. */
function peek(reserve: Reserve): Buffer {
  const length = reserve.copyToWindow();
  return Buffer.from(codec.bytes.subarray(WINDOW_START, WINDOW_START + length));
}

describe('a reserve', () => {
  test('holds a copy of what it is given', () => {
    const reserve = new Reserve();
    const source = Buffer.from('..first..');
    reserve.append(source, 2, 7);
    source.fill(0);
    expect([reserve.length, peek(reserve).toString()]).toEqual([5, 'first']);
  });

  test('gives the window at most 64 KiB', () => {
    const reserve = new Reserve();
    const bytes = randomBytes(200_000);
    reserve.append(bytes, 0, bytes.length);
    const first = peek(reserve);
    expect(first.equals(bytes.subarray(0, 65_536))).toBe(true);
    reserve.skip(100);
    expect(peek(reserve).equals(bytes.subarray(100, 65_636))).toBe(true);
  });

  test('can be given what comes first', () => {
    const reserve = new Reserve();
    reserve.prepend(Buffer.from('b'));
    reserve.append(Buffer.from('xcd'), 1, 3);
    reserve.prepend(Buffer.from('a'));
    expect(peek(reserve).toString()).toBe('abcd');
  });

  test(`is a queue of bytes (seed ${SEED})`, () => {
    const step = fc.oneof(
      fc.record({ append: fc.uint8Array({ maxLength: 5000 }) }),
      fc.record({ prepend: fc.uint8Array({ maxLength: 50 }) }),
      fc.record({ skip: fc.double({ min: 0, max: 1, noNaN: true }) }),
    );
    const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const reserve = new Reserve();
      let model = Buffer.alloc(0);
      for (const step of steps) {
        if ('append' in step) {
          reserve.append(Buffer.from(step.append), 0, step.append.length);
          model = Buffer.concat([model, step.append]);
        } else if ('prepend' in step) {
          reserve.prepend(Buffer.from(step.prepend));
          model = Buffer.concat([step.prepend, model]);
        } else {
          const length = Math.floor(step.skip * model.length);
          reserve.skip(length);
          model = model.subarray(length);
        }
        expect(reserve.length).toBe(model.length);
        expect(peek(reserve).equals(model.subarray(0, 65_536))).toBe(true);
      }
    });
    fc.assert(property, { seed: SEED, numRuns: 200 });
  });
});
