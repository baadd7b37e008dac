import { expect, test } from 'vitest';
import { escaped, inQuotes, quoted } from '../../src/protocol/quoted.js';

test('quoted: text is cut off, and control characters are escaped', () => {
  expect(quoted('a\r\n"')).toBe('"a\\r\\n\\""');
  expect(quoted('a'.repeat(101))).toBe(`"${'a'.repeat(100)}"…`);
});

test.each([
  [5, '5'],
  [1n, '1'],
  [null, 'null'],
  [undefined, 'undefined'],
  [Symbol('s'), 'Symbol(s)'],
  [{ secret: 1 }, 'an object'],
  [Object.create(null), 'an object'],
  [new Date(0), 'an object'],
  [['secret'], 'an array'],
  [() => 'secret', 'a function'],
])('quoted: what is no text is named, and not looked into (%#)', (value, shown) => {
  expect(quoted(value)).toBe(shown);
});

test('inQuotes and escaped leave nothing that a terminal or a log takes for a line or a command', () => {
  expect(inQuotes('\u001b[2J\u009b\u2028')).toBe('"\\u001b[2J\\u009b\\u2028"');
  expect(escaped('{"a":"\u007f"}')).toBe('{"a":"\\u007f"}');
});
