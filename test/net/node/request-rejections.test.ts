import http from 'node:http';
import { expect, test } from 'vitest';
import { watchRequestListeners } from '../../../src/net/node/request-rejections.js';
import { IS_DOCUMENTED } from '../../support/documented.js';
import { getPage, listening, until } from '../../support/servers.js';

const REJECTION = Symbol.for('nodejs.rejection');

test('the rejection of an async listener is told, with request and response', async () => {
  const told: unknown[][] = [];
  const server = http.createServer(async () => Promise.reject(new Error('listener')));
  watchRequestListeners(server, (...args) => {
    told.push(args);
    args[2].end('told');
  });
  const port = await listening(server);
  expect((await getPage(port, '/')).text).toBe('told');
  expect(told).toMatchObject([[{ message: 'listener' }, { url: '/' }, { writableEnded: true }]]);
});

test('who captures rejections already has decided what becomes of them', async () => {
  const told: unknown[] = [];
  const server = http.createServer(async () => Promise.reject(new Error('listener')));
  const captured: unknown[] = [];
  Object.assign(server, { [REJECTION]: (error: unknown) => captured.push(error) });
  watchRequestListeners(server, (error) => told.push(error));
  watchRequestListeners(server, (error) => told.push(['again', error]));
  const port = await listening(server);
  const answer = getPage(port, '/').catch(() => {});
  await until(() => told.length + captured.length > 0);
  expect(told).toHaveLength(1);
  server.closeAllConnections();
  await answer;
});

// The documented way knows of 'request' alone.
test.skipIf(IS_DOCUMENTED)('the rejections of listeners to other events go where they went', async () => {
  const server = http.createServer();
  watchRequestListeners(server, () => {});
  const errors: unknown[] = [];
  server.on('error', (error) => errors.push(error));
  server.on('custom', async () => Promise.reject(new Error('custom')));
  server.emit('custom');
  await until(() => errors.length === 1);
  expect(errors).toMatchObject([{ message: 'custom' }]);
});

test('of several watchers the first is told, and when it has ended the next', async () => {
  const told: string[] = [];
  const server = http.createServer(async () => Promise.reject(new Error('listener')));
  const watch = (name: string) =>
    watchRequestListeners(server, (_error, _request, response) => {
      told.push(name);
      response.end();
    });
  const ends = [watch('one'), watch('two')];
  const port = await listening(server);
  await getPage(port, '/');
  ends[0]();
  await getPage(port, '/');
  expect(told).toEqual(['one', 'two']);
});

test('the end of the last watcher leaves the server as it was, with what its user has set', async () => {
  const server = http.createServer();
  const handler = () => {};
  const names = () =>
    [...Object.getOwnPropertyNames(server), ...Object.getOwnPropertySymbols(server)].map(String).sort();
  Object.assign(server, { [REJECTION]: handler });
  const before = names();
  const ends = [watchRequestListeners(server, () => {}), watchRequestListeners(server, () => {})];
  for (const end of [...ends, ...ends]) end();
  expect((server as unknown as Record<symbol, unknown>)[REJECTION]).toBe(handler);
  expect(names()).toEqual(before);
});
