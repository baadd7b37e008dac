import http from 'node:http';
import { expect, test } from 'vitest';
import { acceptUpgrades, newWebSocket, serve, WebSocket } from '../../../src/index.js';
import { listening } from '../../support/servers.js';

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

test('one socket is upgraded once, also by who passes it himself, and a call that threw may be made again', async () => {
  const server = http.createServer();
  const outcomes: unknown[] = [];
  server.on('upgrade', async (request, socket, head) => {
    const attempt = (headers: Record<string, string>) => newWebSocket(request, undefined, { socket, head, headers });
    try {
      await attempt({ 'X-Bad': 'a\r\nb' });
    } catch (error) {
      outcomes.push((error as Error).name);
    }
    const ws = await attempt({});
    outcomes.push(await attempt({}).catch((error) => error.code));
    ws.send('once');
  });
  const port = await listening(server);
  const client = await newWebSocket(`ws://127.0.0.1:${port}/`);
  expect(await client.receiveStrPacket()).toBe('once');
  expect(outcomes).toEqual(['TypeError', 'WASOCK_CREATION']);
  client.hangup();
});

test('a server is as it was when the upgrades are closed', async () => {
  const server = http.createServer();
  const before = Object.getOwnPropertySymbols(server).filter((symbol) => String(symbol).includes('rejection'));
  const upgrades = acceptUpgrades(server);
  await upgrades.close();
  expect(Object.getOwnPropertySymbols(server).filter((symbol) => String(symbol).includes('rejection'))).toEqual(before);
  expect(server.listenerCount('upgrade')).toBe(0);
});
