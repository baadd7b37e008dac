import { afterEach, describe, expect, test } from 'vitest';
import { checkCompression } from '../../src/api/compression.js';

const DEFAULTS = { threshold: 1024, level: 'fast', contextTakeover: false, windowBits: 15 };

test.each([[undefined], [false]])('%s is off', (value) => {
  expect(checkCompression(value)).toBeNull();
});

test('true is {}: the defaults', () => {
  expect(checkCompression(true)).toEqual(DEFAULTS);
  expect(checkCompression({})).toEqual(DEFAULTS);
  expect(checkCompression(Object.create(null))).toEqual(DEFAULTS);
});

test('what is undefined in it has its default', () => {
  const nothing = { threshold: undefined, level: undefined, contextTakeover: undefined, windowBits: undefined };
  expect(checkCompression(nothing)).toEqual(DEFAULTS);
});

test.each(['on', '', 0, 1, null, [], () => true, Symbol.iterator, 1n])('hostile.A-09: %o is a TypeError', (value) => {
  expect(() => checkCompression(value)).toThrow(TypeError);
  expect(() => checkCompression(value)).toThrow(/^compression must be true, false or an object, not /);
});

describe('threshold', () => {
  test.each([0, 1, 1024, 2 ** 40, Number.POSITIVE_INFINITY])('may be %d', (threshold) => {
    expect(checkCompression({ threshold })).toEqual({ ...DEFAULTS, threshold });
  });

  test.each([-1, 0.5, Number.NaN, Number.NEGATIVE_INFINITY])('%d is a RangeError that tells it', (threshold) => {
    expect(() => checkCompression({ threshold })).toThrow(RangeError);
    expect(() => checkCompression({ threshold })).toThrow(new RegExp(`^compression.threshold .*${threshold}`));
  });

  test.each(['1kb', null, true, {}])('%s is a TypeError that tells it', (threshold) => {
    expect(() => checkCompression({ threshold })).toThrow(TypeError);
    expect(() => checkCompression({ threshold })).toThrow(/^compression.threshold must be a number, not /);
  });
});

describe('level', () => {
  test.each(['fast', 'small'])('may be %s', (level) => {
    expect(checkCompression({ level })).toEqual({ ...DEFAULTS, level });
  });

  test.each(['Fast', 'best', 6, null])('%j is a TypeError that tells it', (level) => {
    expect(() => checkCompression({ level })).toThrow(
      new TypeError(`compression.level must be one of "fast", "small", not ${show(level)}`),
    );
  });
});

describe('contextTakeover', () => {
  test.each([true, false])('may be %s', (contextTakeover) => {
    expect(checkCompression({ contextTakeover })).toEqual({ ...DEFAULTS, contextTakeover });
  });

  test.each([0, 1, 'true', null])('%j is a TypeError that tells it', (contextTakeover) => {
    expect(() => checkCompression({ contextTakeover })).toThrow(
      new TypeError(`compression.contextTakeover must be true or false, not ${show(contextTakeover)}`),
    );
  });
});

describe('windowBits', () => {
  test.each([8, 9, 10, 11, 12, 13, 14, 15])('RFC 7692 §7.1.2: may be %d', (windowBits) => {
    expect(checkCompression({ windowBits })).toEqual({ ...DEFAULTS, windowBits });
  });

  test.each([7, 16, 0, -8, 8.5, Number.NaN, Number.POSITIVE_INFINITY])('%d is a RangeError', (windowBits) => {
    expect(() => checkCompression({ windowBits })).toThrow(RangeError);
    expect(() => checkCompression({ windowBits })).toThrow(new RegExp(`^compression.windowBits .*${windowBits}`));
  });

  test.each(['15', null, true])('%j is a TypeError', (windowBits) => {
    expect(() => checkCompression({ windowBits })).toThrow(TypeError);
  });
});

test.each([
  ['treshold', ': did you mean "threshold"?'],
  ['windowbits', ': did you mean "windowBits"?'],
  ['serverMaxWindowBits', ', only threshold, level, contextTakeover, windowBits'],
  ['__proto__x', ', only threshold, level, contextTakeover, windowBits'],
])('an option %s is a TypeError that names those that there are', (name, hint) => {
  expect(() => checkCompression({ threshold: 1, [name]: 1 })).toThrow(
    new TypeError(`compression has no option "${name}"${hint}`),
  );
});

describe('a polluted prototype', () => {
  const prototype = Object.prototype as Record<string, unknown>;
  afterEach(() => {
    delete prototype.windowBits;
    delete prototype.serverMaxWindowBits;
  });

  test('hostile.A-09: changes nothing', () => {
    Object.assign(prototype, { windowBits: 8, serverMaxWindowBits: 8 });
    expect(checkCompression(true)).toEqual(DEFAULTS);
    expect(checkCompression({ threshold: 5 })).toEqual({ ...DEFAULTS, threshold: 5 });
  });
});

function show(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : String(value);
}
