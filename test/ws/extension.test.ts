import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SEED } from '../support/codecs.js';
import { IMPLEMENTATIONS, NPM_WS, WASOCK } from './implementations.js';

/** What a call returns, or which error it throws. */
function outcome(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return (error as Error).name;
  }
}

describe.each(IMPLEMENTATIONS)('%s', (_, { extension }) => {
  test('parse lists the offers of each extension, and their parameters', () => {
    const parsed = extension.parse('a; x; y=1; y="2", b ,a;z="\\q"');
    expect(JSON.stringify(parsed)).toBe('{"a":[{"x":[true],"y":["1","2"]},{"z":["q"]}],"b":[{}]}');
    expect(Object.getPrototypeOf(parsed)).toBeNull();
  });

  test('format writes what parse reads', () => {
    const written = extension.format({ a: [{ x: [true], y: ['1', '2'] }, { z: 3 }], b: {} });
    expect(written).toBe('a; x; y=1; y=2, a; z=3, b');
  });

  test.each([
    ['', 'Unexpected end of input'],
    ['a,', 'Unexpected end of input'],
    ['a ', 'Unexpected end of input'],
    [',a', 'Unexpected character at index 0'],
    ['a b', 'Unexpected character at index 2'],
    ['a; b="', 'Unexpected end of input'],
    ['a; b=""', 'Unexpected character at index 6'],
    ['a; b= c', 'Unexpected character at index 5'],
    ['ä', 'Unexpected character at index 0'],
  ])('parse of %j is a SyntaxError', (field, message) => {
    expect(() => extension.parse(field)).toThrow(new SyntaxError(message));
  });
});

test('parse agrees with npm ws on whatever is made of the characters of the grammar', () => {
  const field = fc.string({
    unit: fc.constantFrom('a', 'b', ';', ',', '=', '"', '\\', ' ', '\t', 'é', '('),
    maxLength: 20,
  });
  fc.assert(
    fc.property(field, (text) => {
      expect(outcome(() => WASOCK.extension.parse(text))).toEqual(outcome(() => NPM_WS.extension.parse(text)));
    }),
    { seed: SEED, numRuns: 3000 },
  );
  expect(SEED).toBeTypeOf('number');
});
