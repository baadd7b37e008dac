import { expect, test } from 'vitest';
import { pathnameOf } from '../../../src/net/opening/request-target.js';

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
  ['localhost:80', '80'],
  [undefined, ''],
])('the pathname of the target %j is %j', (target, pathname) => {
  expect(pathnameOf(target)).toBe(pathname);
});
