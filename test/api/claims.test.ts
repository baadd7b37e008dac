import http from 'node:http';
import { expect, test } from 'vitest';
import { acceptUpgrades, newWebSocket, serve, WebSocket } from '../../src/index.js';
import { listening } from '../support/servers.js';

test('two claims to the same upgrades are a TypeError', async () => {
  const server = http.createServer();
  acceptUpgrades(server);
  expect(() => acceptUpgrades(server)).toThrow(TypeError);
  expect(() => serve({ server })).toThrow('at every path');
  const { close } = await serve({ server, path: '/b' });
  expect(() => serve({ server, path: '/b' })).toThrow('at /b');
  expect(close).toBeInstanceOf(Function);
});

test('an exact path goes before one that takes every path: each upgrade is accepted once', async () => {
  const server = http.createServer(async (request) => {
    const ws = await newWebSocket(request);
    ws.send('every path');
  });
  const upgrades = acceptUpgrades(server);
  const exact = await serve({ server, path: '/b', open: (ws) => ws.send('/b') });
  const port = await listening(server);
  for (const [path, greeting] of [
    ['/a', 'every path'],
    ['/b', '/b'],
  ]) {
    const client = await newWebSocket(`ws://127.0.0.1:${port}${path}`);
    expect(await client.receiveStrPacket()).toBe(greeting);
    client.hangup();
  }
  await Promise.all([upgrades.close({ timeout: 1 }), exact.close({ timeout: 1 })]);
});

test('an app in place of a server is a TypeError that says what to pass', () => {
  const app = Object.assign(() => {}, { on: () => {} });
  expect(() => acceptUpgrades(app as unknown as http.Server)).toThrow('createServer(app)');
});

test('new WebSocket(url), the habit from browsers, is a TypeError that says where one comes from', () => {
  const Constructor = WebSocket as unknown as new (url: string) => WebSocket;
  expect(() => new Constructor('ws://127.0.0.1/')).toThrow('await newWebSocket(url)');
});
