import { describe, expect, test } from 'vitest';
import { handled, rejected } from '../../src/api/handled-promise.js';
import { runNode } from '../support/program.js';
import { rejection } from '../support/servers.js';

const ALL_IGNORED = `
  const http = require('node:http');
  const { serve, newWebSocket, acceptUpgrades } = require('./build/index.js');
  const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  (async () => {
    newWebSocket('ws://127.0.0.1:1/');
    newWebSocket('http://127.0.0.1:1/');
    newWebSocket('ws://127.0.0.1:1/', [], { signal: AbortSignal.abort() });
    newWebSocket({ rawHeaders: [], headers: {}, httpVersion: '1.1', method: 'GET' });
    const sockets = [];
    const server = await serve({ host: '127.0.0.1', open: (ws) => { sockets.push(ws); ws.receivePacket(); } });
    serve({ host: '127.0.0.1', port: server.port });
    const h = http.createServer((req) => { newWebSocket(req).then((ws) => sockets.push(ws)); newWebSocket(req); });
    const upgrades = acceptUpgrades(h);
    await new Promise((resolve) => h.listen(0, '127.0.0.1', resolve));
    for (const port of [server.port, h.address().port]) {
      newWebSocket('ws://127.0.0.1:' + port, 'nobody-speaks-this');
      const ws = await newWebSocket('ws://127.0.0.1:' + port, [], { maxBackpressure: 1 });
      ws.receivePacket(); ws.receivePacket(); ws.receiveStrPacket(); ws.receiveBinaryPacket();
      ws[Symbol.asyncIterator]().next();
      for (let i = 0; i < 20; i++) ws.send(Buffer.alloc(1_000_000));
      ws.ping();
      await later(50);
      ws.hangup();
      ws.send('x'); ws.ping(); ws.receivePacket(); ws.receiveStrPacket(); ws.close(); ws.closed;
    }
    await later(50);
    for (const ws of sockets) { ws.send('x'); ws.receivePacket(); ws.close(); ws.closed; ws.hangup(); ws.send('x'); }
    upgrades.close(); server.close({ timeout: 10 }); h.close(); h.closeAllConnections();
    await later(100);
    console.log('alive');
  })();
`;

test('every promise may be ignored: a process that takes unhandled rejections for fatal lives', async () => {
  const program = runNode(['--unhandled-rejections=strict', '-e', ALL_IGNORED]);
  const exit = await program.exit;
  expect(program.stderr).toBe('');
  expect(program.stdout).toBe('alive\n');
  expect(exit).toEqual({ code: 0, signal: null });
});

describe('a promise that is marked as handled', () => {
  test('still rejects for who awaits it', async () => {
    const error = new Error('x');
    expect(await rejection(handled(Promise.reject(error)))).toBe(error);
    expect(await rejection(rejected(error))).toBe(error);
  });

  test('is the same promise', () => {
    const promise = Promise.resolve(1);
    expect(handled(promise)).toBe(promise);
  });
});
