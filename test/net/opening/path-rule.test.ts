import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { conflictOf, Fit, fitOf, type PathRule, pathnameOf } from '../../../src/net/opening/path-rule.js';
import { RequestHead } from '../../../src/net/opening/request-head.js';

const requestFor = (url: string) => new RequestHead({ url } as IncomingMessage, new Duplex());

describe('how closely a rule fits', () => {
  test.each<[string, PathRule | undefined, string, number]>([
    ['no rule', undefined, '/any', Fit.EveryPath],
    ['a path', '/ws', '/ws?token=1', Fit.Exact],
    ['another path', '/ws', '/ws/', Fit.None],
    ['a list with the path', ['/a', '/ws'], '/ws', Fit.Exact],
    ['a list without it', ['/a', '/b'], '/ws', Fit.None],
    ['an empty list', [], '/ws', Fit.None],
    ['a RegExp', /^\/rooms\/\d+$/, '/rooms/17?x=/rooms/', Fit.Pattern],
    ['a RegExp that is searched for in the pathname alone', /secret/, '/ws?secret', Fit.None],
    ['a list with a path and a RegExp', [/^\/w/, '/ws'], '/ws', Fit.Exact],
    ['a list with a RegExp', ['/a', /^\/w/], '/ws', Fit.Pattern],
    ['a function', (request) => request.url === '/ws?a', '/ws?a', Fit.Pattern],
    ['a function that returns what is not true', (() => 1) as unknown as PathRule, '/ws', Fit.None],
  ])('%s', (_name, rule, url, fit) => {
    expect(fitOf(rule, requestFor(url))).toBe(fit);
  });

  test('a RegExp with the flag g fits each time', () => {
    const rule = /ws/g;
    for (let i = 0; i < 3; i++) expect(fitOf(rule, requestFor('/ws'))).toBe(Fit.Pattern);
  });
});

test('an async function is a TypeError, and its rejection ends nothing', () => {
  const rule = (async () => {
    throw new Error('no route');
  }) as unknown as PathRule;
  expect(() => fitOf(rule, requestFor('/ws'))).toThrow(
    new TypeError('The path function is async: it must return true or false'),
  );
});

test.each<[string, PathRule | undefined, PathRule | undefined, string | undefined]>([
  ['every path twice', undefined, undefined, 'every path'],
  ['every path and one', undefined, '/a', undefined],
  ['the same path', '/a', '/a', '/a'],
  ['lists that share a path', ['/a', '/b'], ['/c', '/b'], '/b'],
  ['different paths', '/a', ['/b', /a/], undefined],
  ['a function and a path', () => true, '/a', undefined],
])('a conflict of %s', (_name, rule, other, conflict) => {
  expect(conflictOf(rule, other)).toBe(conflict);
  expect(conflictOf(other, rule)).toBe(conflict);
});

test.each([
  ['/', '/'],
  ['/ws', '/ws'],
  ['/ws?a=/b', '/ws'],
  ['/ws#f', '/ws'],
  ['//evil.example/ws', '//evil.example/ws'],
  ['/a/../ws', '/a/../ws'],
  ['/%2e%2e/ws', '/%2e%2e/ws'],
  ['http://localhost/ws?a', '/ws'],
  ['*', '*'],
  ['localhost:80', 'localhost:80'],
  ['http://localhost', '/'],
  ['http://localhost?a', '/'],
  ['ws://a/x/../ws#f', '/x/../ws'],
  [undefined, ''],
])('the pathname of the target %j is %j', (target, pathname) => {
  expect(pathnameOf(target)).toBe(pathname);
});
