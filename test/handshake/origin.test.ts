import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Authority,
  isAllowedHost,
  isAllowedOrigin,
  isSameHost,
  parseAuthority,
  targetAuthority,
} from '../../src/handshake/origin.js';

function authority(text: string): Authority {
  const parsed = parseAuthority(text);
  if (parsed === null) throw new Error(`no authority: ${text}`);
  return parsed;
}

describe('parseAuthority', () => {
  test.each([
    ['Example.COM', 'example.com', undefined],
    ['a:80', 'a', 80],
    ['a:', 'a', undefined],
    ['a:00443', 'a', 443],
    ['a.', 'a.', undefined],
    ['a_b', 'a_b', undefined],
    ['127.0.0.1:8080', '127.0.0.1', 8080],
    ['[::1]', '[::1]', undefined],
    ['[2001:DB8::1]:8080', '[2001:db8::1]', 8080],
  ])('%s', (text, host, port) => {
    expect(parseAuthority(text)).toEqual({ host, port });
  });

  test.each([
    '',
    ':80',
    'a:65536',
    'a:123456',
    'a:-1',
    'a:8o',
    'a:1:2',
    'user@a',
    'a/b',
    'a b',
    ' a',
    'a\n',
    'a\\b',
    'a?b',
    'a#b',
    '::1',
    '[::1',
    '[]',
    '[::1]x',
    'caf\xe9',
    'a, b',
  ])('%j is none', (text) => {
    expect(parseAuthority(text)).toBe(null);
  });

  test('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(() => parseAuthority(text)).not.toThrow();
      }),
    );
  });
});

describe('targetAuthority', () => {
  test.each([
    ['/', undefined],
    ['/http://evil/', undefined],
    ['*', undefined],
    [undefined, undefined],
    ['http://evil', 'evil'],
    ['WS://Evil:81/x', 'Evil:81'],
    ['http://a@b?c', 'a@b'],
    ['http:///x', ''],
    ['http://a#b', 'a'],
  ])('%s', (target, expected) => {
    expect(targetAuthority(target)).toBe(expected);
  });
});

describe('isSameHost', () => {
  const SAME: [string, string][] = [
    ['http://example.com', 'example.com'],
    ['https://example.com', 'example.com'],
    ['https://example.com:443', 'example.com'],
    ['http://example.com', 'example.com:80'],
    ['https://example.com', 'example.com:443'],
    ['HTTP://EXAMPLE.com', 'Example.COM'],
    ['http://localhost:3000', 'localhost:3000'],
    ['https://localhost:3000', 'localhost:3000'],
    ['http://[::1]:8080', '[::1]:8080'],
    ['http://[2001:DB8::1]', '[2001:db8::1]'],
  ];
  test.each(SAME)('hostile.A5.1: %s is the page of %s', (origin, host) => {
    expect(isSameHost(origin, authority(host))).toBe(true);
  });

  const OTHER: [string, string, string][] = [
    ['another host', 'https://evil.example', 'example.com'],
    ['null', 'null', 'example.com'],
    ['null for a host of that name', 'null', 'null'],
    ['the host as a prefix', 'http://example.com.evil.example', 'example.com'],
    ['the host as a suffix', 'http://evilexample.com', 'example.com'],
    ['a subdomain', 'http://a.example.com', 'example.com'],
    ['another port', 'http://example.com:8080', 'example.com'],
    ['another port on both', 'http://example.com:8080', 'example.com:8081'],
    ['the default port of the other scheme', 'https://example.com:80', 'example.com'],
    ['http, where the host says 443', 'http://example.com', 'example.com:443'],
    ['a trailing dot', 'http://example.com.', 'example.com'],
    ['the trailing dot on our side', 'http://example.com', 'example.com.'],
    ['another IPv6 literal', 'http://[::2]:8080', '[::1]:8080'],
    ['no http scheme', 'chrome-extension://example.com', 'example.com'],
    ['file', 'file://', 'example.com'],
    ['user information', 'http://example.com@evil.example', 'example.com'],
    ['user information of our name', 'http://evil@example.com', 'example.com'],
    ['a path', 'http://example.com/', 'example.com'],
    ['a backslash', 'http://evil.example\\example.com', 'example.com'],
    ['two in one', 'http://evil.example, http://example.com', 'example.com'],
    ['two in one, ours first', 'http://example.com http://evil.example', 'example.com'],
    ['empty', '', 'example.com'],
    ['no host', 'http://', 'example.com'],
    ['DNS rebinding by a name that starts like ours', 'http://127.0.0.1.evil', '127.0.0.1'],
  ];
  test.each(OTHER)('hostile.A5.1 hostile.H-01: %s: %s is not the page of %s', (_, origin, host) => {
    expect(isSameHost(origin, authority(host))).toBe(false);
  });
});

describe('isAllowedOrigin', () => {
  const request = { id: 1 };

  test("'*' lets everybody in, also inside a list", () => {
    expect(isAllowedOrigin('*', 'null', () => request)).toBe(true);
    expect(isAllowedOrigin(['https://a', '*'], 'https://evil', () => request)).toBe(true);
  });

  test('a string is a whole origin, case and default port aside', () => {
    expect(isAllowedOrigin('https://A.example:443', 'https://a.example', () => request)).toBe(true);
    expect(isAllowedOrigin('https://a.example', 'https://a.example:443', () => request)).toBe(true);
    expect(isAllowedOrigin('https://a.example', 'http://a.example', () => request)).toBe(false);
    expect(isAllowedOrigin('https://a.example', 'https://a.example.evil', () => request)).toBe(false);
    expect(isAllowedOrigin('https://a.example', 'https://a.example:444', () => request)).toBe(false);
    expect(isAllowedOrigin('a.example', 'https://a.example', () => request)).toBe(false);
    expect(isAllowedOrigin('null', 'null', () => request)).toBe(true);
    expect(isAllowedOrigin('chrome-extension://ABC', 'chrome-extension://abc', () => request)).toBe(true);
  });

  test('a RegExp answers the same each time, flags or not', () => {
    const pattern = /^https:\/\/[a-z]+\.example$/g;
    for (let round = 0; round < 3; round++) {
      expect(isAllowedOrigin(pattern, 'https://abc.example', () => request)).toBe(true);
      expect(isAllowedOrigin([pattern], 'https://abc.example.evil', () => request)).toBe(false);
    }
  });

  test('an empty list lets nobody in', () => {
    expect(isAllowedOrigin([], 'https://a.example', () => request)).toBe(false);
  });

  test('a function sees origin and request, and only `true` counts', () => {
    expect(
      isAllowedOrigin(
        (origin, { id }) => origin === 'https://a' && id === 1,
        'https://a',
        () => request,
      ),
    ).toBe(true);
    const promising = (async () => false) as unknown as () => boolean;
    expect(isAllowedOrigin(promising, 'https://a', () => request)).toBe(false);
    expect(() =>
      isAllowedOrigin(
        () => {
          throw new Error('mine');
        },
        'https://a',
        () => request,
      ),
    ).toThrow('mine');
  });
});

describe('isAllowedHost', () => {
  test('a string without a port stands for any port', () => {
    expect(isAllowedHost('Localhost', authority('localhost:3000'), () => ({}))).toBe(true);
    expect(isAllowedHost('localhost:3000', authority('localhost:3000'), () => ({}))).toBe(true);
    expect(isAllowedHost('localhost:3000', authority('localhost'), () => ({}))).toBe(false);
    expect(isAllowedHost('[::1]', authority('[::1]:80'), () => ({}))).toBe(true);
    expect(isAllowedHost('no host', authority('localhost'), () => ({}))).toBe(false);
    expect(isAllowedHost('*', authority('localhost'), () => ({}))).toBe(true);
  });

  test('patterns and functions see host and port in lower case', () => {
    expect(isAllowedHost(/^a:80$/, authority('A:80'), () => ({}))).toBe(true);
    expect(
      isAllowedHost(
        (host) => host === 'a',
        authority('A'),
        () => ({}),
      ),
    ).toBe(true);
    expect(isAllowedHost(['b', /^c/], authority('a'), () => ({}))).toBe(false);
  });

  test('hostile.A5.1: DNS rebinding: a name that is not ours is refused', () => {
    expect(isAllowedHost('127.0.0.1', authority('127.0.0.1.evil'), () => ({}))).toBe(false);
    expect(isAllowedHost(['localhost', '127.0.0.1'], authority('rebind.evil:8080'), () => ({}))).toBe(false);
  });
});
