import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SEED } from '../support/codecs.js';
import { IMPLEMENTATIONS, NPM_WS, WASOCK } from './implementations.js';

describe.each(IMPLEMENTATIONS)('%s', (_, { subprotocol }) => {
  test('parse reads a list of subprotocols', () => {
    expect([...subprotocol.parse('a, b ,\tc.d')]).toEqual(['a', 'b', 'c.d']);
  });

  test.each([
    ['', 'Unexpected end of input'],
    ['a,', 'Unexpected end of input'],
    ['a, a', 'The "a" subprotocol is duplicated'],
    ['a b', 'Unexpected character at index 2'],
    ['a;b', 'Unexpected character at index 1'],
  ])('parse of %j is a SyntaxError', (field, message) => {
    expect(() => subprotocol.parse(field)).toThrow(new SyntaxError(message));
  });
});

test('parse agrees with npm ws on whatever is made of the characters of the grammar', () => {
  const outcome = (call: () => Set<string>) => {
    try {
      return [...call()];
    } catch (error) {
      return (error as Error).name;
    }
  };
  const field = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ',', ';', ' ', '\t', 'é'), maxLength: 12 });
  fc.assert(
    fc.property(field, (text) => {
      expect(outcome(() => WASOCK.subprotocol.parse(text))).toEqual(outcome(() => NPM_WS.subprotocol.parse(text)));
    }),
    { seed: SEED, numRuns: 3000 },
  );
  expect(SEED).toBeTypeOf('number');
});
