import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const BUILD = path.join(__dirname, '../../build');

/** What jest with jsdom gives a test: timers that are numbers, and no immediates. `unref` of such a timer throws, which would end the process. */
const PROGRAM = `
  const { setTimeout: original } = globalThis;
  globalThis.setTimeout = (...given) => Number(original(...given));
  delete globalThis.setImmediate;
  delete globalThis.clearImmediate;
  const { serve, newWebSocket } = require('./index.js');
  const { WebSocket } = require('./ws.js');
  (async () => {
    const server = await serve({ pingInterval: 10, message: (ws, data) => ws.send(data) });
    const ws = await newWebSocket('ws://127.0.0.1:' + server.port);
    for (let i = 0; i < 100; i++) ws.send(String(i));
    for (let i = 0; i < 100; i++) await ws.receiveStrPacket();
    ws.pause();
    ws.send('last');
    ws.resume();
    await ws.receiveStrPacket();
    const other = new WebSocket('ws://127.0.0.1:' + server.port);
    await new Promise((resolve) => other.on('open', resolve));
    other.close();
    await new Promise((resolve) => other.on('close', resolve));
    console.log((await ws.close()).wasClean);
    await server.close();
  })();
`;

test('both entry points work with the globals of a browser, as in jest with jsdom', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['-e', PROGRAM], { cwd: BUILD });
  expect([stdout.trim(), stderr]).toEqual(['true', '']);
});
