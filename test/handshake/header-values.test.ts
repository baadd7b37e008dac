import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkExtraField,
  checkField,
  type Extension,
  FieldLines,
  hasToken,
  isFieldValue,
  isToken,
  joinedLines,
  onlyLine,
  parseExtensions,
  parseProtocols,
  parseTokens,
  parseUpgrade,
} from '../../src/handshake/header-values.js';

const TCHARS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const KIB = 1024;

const token = fc.string({ unit: fc.constantFrom(...TCHARS), minLength: 1, maxLength: 8 });
/** OWS, often none. */
const space = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 3 });
/** Text made of what the grammars are made of, so that it comes close to being valid. */
const nearly = fc.string({ unit: fc.constantFrom('a', 'b', ',', ';', '=', '"', '\\', ' ', '\t', '/', 'é', '\0') });

/** A string that counts how many of its characters were looked at. */
class CountingString extends String {
  reads = 0;
  override charCodeAt(at: number): number {
    this.reads++;
    return super.charCodeAt(at);
  }
  override slice(start?: number, end?: number): string {
    const slice = super.slice(start, end);
    this.reads += slice.length;
    return slice;
  }
}

function readsOf(parse: (value: string) => unknown, value: string): number {
  const counting = new CountingString(value);
  parse(counting as unknown as string);
  return counting.reads;
}

const PARSERS = { parseTokens, parseUpgrade, parseProtocols, parseExtensions };

/** Every character is looked at a fixed number of times at most, whatever the length. */
const MAX_READS_PER_CHARACTER = 12;

describe('every parser', () => {
  test.each(Object.entries(PARSERS))('%s never throws and looks at each character a few times', (_, parse) => {
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string({ unit: 'binary' })), (value) => {
        const reads = readsOf(parse, value);
        expect(reads).toBeLessThanOrEqual(MAX_READS_PER_CHARACTER * (value.length + 1));
      }),
    );
  });

  const ATTACKS: [string, (length: number) => string][] = [
    ['hostile.A4.3: spaces inside a protocol', (length) => `b${' '.repeat(length)}x`],
    ['hostile.A4.4: an unterminated quoted value of escapes', (length) => `a; b="${'\\c'.repeat(length / 2)}`],
    ['hostile.A4.5: spaces after Upgrade', (length) => `Upgrade${' '.repeat(length)}`],
    ['hostile.H-24: spaces and escapes', (length) => `a;b="${'\\c'.repeat(length / 4)}${' '.repeat(length / 2)}`],
    ['commas', (length) => ','.repeat(length)],
    ['semicolons', (length) => `a${';a'.repeat(length / 2)}`],
    ['one long token', (length) => 'a'.repeat(length)],
    ['a well-formed quoted value of escapes', (length) => `a;b="${'\\c'.repeat(length / 2)}"`],
  ];
  test.each(ATTACKS)('%s: twice the octets, twice the steps', (_, attack) => {
    for (const parse of Object.values(PARSERS)) {
      const half = readsOf(parse, attack(8 * KIB));
      const whole = readsOf(parse, attack(16 * KIB));
      expect(whole).toBeLessThanOrEqual(2 * half + 16);
      expect(whole).toBeLessThanOrEqual(MAX_READS_PER_CHARACTER * 17 * KIB);
    }
  });
});

describe('isToken', () => {
  test('takes exactly the characters of RFC 9110 §5.6.2', () => {
    for (let code = 0; code < 0x200; code++) {
      const char = String.fromCharCode(code);
      expect(isToken(char), JSON.stringify(char)).toBe(TCHARS.includes(char));
      expect(isToken(`a${char}b`)).toBe(TCHARS.includes(char));
    }
  });

  test.each(['', 5, undefined, null, ['a']])('refuses %j', (value) => {
    expect(isToken(value)).toBe(false);
  });
});

describe('parseTokens', () => {
  test('takes tokens, space around commas, and empty elements', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(space, fc.oneof(token, fc.constant('')), space)), (elements) => {
        const value = elements.map((element) => element.join('')).join(',');
        expect(parseTokens(value)).toEqual(elements.map(([, element]) => element).filter((element) => element !== ''));
      }),
    );
  });

  test.each(['a b', 'a;b', 'a/1', '"a"', 'a,é', 'a\0', 'a\n'])('%j is a syntax error', (value) => {
    expect(parseTokens(value)).toBe(null);
  });
});

describe('parseUpgrade', () => {
  test('takes names with and without a version (RFC 9110 §7.8)', () => {
    expect(parseUpgrade('HTTP/2.0, SHTTP/1.3,, IRC/6.9 ,websocket')).toEqual([
      'HTTP/2.0',
      'SHTTP/1.3',
      'IRC/6.9',
      'websocket',
    ]);
  });

  test.each(['websocket/', '/13', '/', 'a/b/c', 'websocket;x', 'a b'])('%j is a syntax error', (value) => {
    expect(parseUpgrade(value)).toBe(null);
  });
});

describe('parseProtocols', () => {
  test('takes what a list of distinct tokens looks like, in its order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(token, { minLength: 1 }), space, space, (protocols, before, after) => {
        expect(parseProtocols(protocols.join(`${before},${after}`))).toEqual(protocols);
      }),
    );
  });

  test.each(['', ' ', ',', 'a,,b', ',a', 'a,', 'a b', 'a\tb', 'a;b', 'caf\xe9', 'a,b,a', '"a"', 'a\0'])(
    'hostile.H-23: %j: a syntax error or a duplicate',
    (value) => {
      expect(parseProtocols(value)).toBe(null);
    },
  );

  test('hostile.H-23: TAB around a comma is space, and names differ by case', () => {
    expect(parseProtocols('a\t,\tA')).toEqual(['a', 'A']);
  });
});

describe('parseExtensions', () => {
  test('§9.1: the examples', () => {
    expect(parseExtensions('foo')).toEqual([{ name: 'foo', params: [] }]);
    expect(parseExtensions('bar; baz=2')).toEqual([{ name: 'bar', params: [{ name: 'baz', value: '2' }] }]);
    expect(parseExtensions('foo, bar; baz=2')).toEqual([
      { name: 'foo', params: [] },
      { name: 'bar', params: [{ name: 'baz', value: '2' }] },
    ]);
    expect(parseExtensions('mux; max-channels=4; flow-control, deflate-stream')).toEqual([
      { name: 'mux', params: [{ name: 'max-channels', value: '4' }, { name: 'flow-control' }] },
      { name: 'deflate-stream', params: [] },
    ]);
  });

  test('takes back whatever was written by the grammar, values quoted or not', () => {
    const param = fc.record({ name: token, value: token }, { requiredKeys: ['name'] });
    const extension = fc.record({ name: token, params: fc.array(param, { maxLength: 4 }) });
    const style = fc.record({ space, quote: fc.constantFrom('none', 'plain', 'escaped') });
    fc.assert(
      fc.property(fc.array(extension, { minLength: 1 }), style, (extensions, { space, quote }) => {
        const write = ({ name, params }: Extension) =>
          [name, ...params.map((each) => writeParam(each, quote, space))].join(`${space};${space}`);
        expect(parseExtensions(extensions.map(write).join(`${space},${space}`))).toEqual(extensions);
      }),
    );
  });

  test('hostile.H-25 hostile.A4.2: names of Object.prototype are names like any other', () => {
    expect(parseExtensions('constructor')).toEqual([{ name: 'constructor', params: [] }]);
    expect(parseExtensions('__proto__')).toEqual([{ name: '__proto__', params: [] }]);
    expect(parseExtensions('hasOwnProperty; toString=1')).toEqual([
      { name: 'hasOwnProperty', params: [{ name: 'toString', value: '1' }] },
    ]);
    expect(parseExtensions('permessage-deflate; __proto__=1')?.[0].params).toEqual([{ name: '__proto__', value: '1' }]);
    expect(parseExtensions(',;constructor')).toBe(null);
  });

  test('hostile.H-26 hostile.A4.6: a quoted value does not smuggle an offer in, nor may a quote stay open', () => {
    expect(parseExtensions('x; y=",permessage-deflate; client_max_window_bits,"')).toBe(null);
    expect(parseExtensions('x; y="permessage-deflate')).toBe(null);
    expect(parseExtensions('x; y="a')).toBe(null);
  });

  test.each([
    ['nothing', ''],
    ['commas only', ' , ,'],
    ['no name', ';a'],
    ['no parameter name', 'a;'],
    ['no parameter name before =', 'a;=1'],
    ['no value', 'a;b='],
    ['an empty quoted value', 'a;b=""'],
    ['a quoted space', 'a;b="c d"'],
    ['an escaped quote', 'a;b="\\""'],
    ['an escape at the end', 'a;b="\\'],
    ['something after the quote', 'a;b="c"d'],
    ['two words', 'a b'],
    ['non-ASCII', 'caf\xe9'],
    ['NUL', 'a\0'],
  ])('%s is a syntax error', (_, value) => {
    expect(parseExtensions(value)).toBe(null);
  });

  test('empty elements are ignored (RFC 9110 §5.6.1.2), duplicates kept for the negotiation', () => {
    expect(parseExtensions(', a;b;b=1 ,, a,')).toEqual([
      { name: 'a', params: [{ name: 'b' }, { name: 'b', value: '1' }] },
      { name: 'a', params: [] },
    ]);
  });
});

function writeParam(
  { name, value }: { name: string; value?: string },
  quote: 'none' | 'plain' | 'escaped' | string,
  space: string,
): string {
  if (value === undefined) return name;
  const written = { none: value, plain: `"${value}"`, escaped: `"${value.replace(/./g, '\\$&')}"` }[quote];
  return `${name}${space}=${space}${written}`;
}

describe('isFieldValue', () => {
  test('takes TAB, space, visible ASCII and 0x80 to 0xff, and nothing else', () => {
    for (let code = 0; code < 0x300; code++) {
      const isAllowed = code === 9 || (code >= 0x20 && code <= 0x7e) || (code >= 0x80 && code <= 0xff);
      expect(isFieldValue(`a${String.fromCharCode(code)}b`), `0x${code.toString(16)}`).toBe(isAllowed);
    }
    // As Latin-1 these would become CR and LF.
    expect(isFieldValue('\u010d\u010aX: y')).toBe(false);
    expect(isFieldValue(5)).toBe(false);
    expect(isFieldValue('')).toBe(true);
  });
});

describe('checkField and checkExtraField', () => {
  test('throw a TypeError with the value', () => {
    expect(() => checkField('a b', 'c')).toThrow(
      new TypeError('The header name "a b" is not a token: it may have letters, digits and !#$%&\'*+-.^_`|~ only'),
    );
    expect(() => checkField('a', 'b\r\nX: y')).toThrow(
      new TypeError(
        'The header a must be a string without control characters and characters above U+00FF, not "b\\r\\nX: y"',
      ),
    );
    expect(() => checkField('a', undefined)).toThrow(TypeError);
    expect(() => checkExtraField('a', 'b\n')).toThrow(TypeError);
    expect(checkField('a', 'b')).toBe(undefined);
  });

  test.each([
    'Upgrade',
    'connection',
    'CONTENT-LENGTH',
    'Transfer-Encoding',
    'Sec-WebSocket-Accept',
    'sec-websocket-protocol',
    'Sec-WebSocket-Anything',
  ])('%s belongs to the opening handshake', (name) => {
    expect(() => checkExtraField(name, 'x')).toThrow(TypeError);
    expect(() => checkExtraField(`X-${name}`, 'x')).not.toThrow();
  });
});

describe('FieldLines', () => {
  test('keeps every line of a header, whatever its case, and prototype names', () => {
    const lines = new FieldLines(['A', '1', 'b', '2', 'a', '3', '__proto__', '4', 'A', '5', 'odd']);
    const names = ['a', 'b', '__proto__', 'odd', 'constructor', 'A'];
    expect(names.map((name) => lines.get(name))).toEqual([['1', '3', '5'], '2', '4', undefined, undefined, undefined]);
    expect(names.map((name) => lines.has(name))).toEqual([true, true, true, false, false, false]);
    expect([onlyLine(lines, 'a'), onlyLine(lines, 'b'), onlyLine(lines, 'c')]).toEqual([undefined, '2', undefined]);
    expect(joinedLines(lines, 'a')).toBe('1, 3, 5');
    expect(joinedLines(lines, 'constructor')).toBe(undefined);
  });
});

describe('hasToken', () => {
  test('compares whole tokens without case', () => {
    expect(hasToken(['keep-alive', 'UpGrade'], 'upgrade')).toBe(true);
    expect(hasToken(['upgrades', 'x-upgrade'], 'upgrade')).toBe(false);
    expect(hasToken(null, 'upgrade')).toBe(false);
  });
});
