import { describe, expect, test } from 'vitest';
import { runNode } from '../support/program.js';

/** Takes a number of bytes, prints how many came, and with which code the client closed. */
const COUNTING = `
  const { serve } = require('./build/index.js');
  let bytes = 0;
  serve({
    host: '127.0.0.1',
    maxPayload: Infinity,
    message: (_ws, data) => { bytes += data.length; },
    close: async (_ws, code) => { console.log('came', bytes, code); await server.close(); },
  }).then((running) => { globalThis.server = running; console.log('port', running.port); });
`;

const NAMES = [
  'exit',
  'beforeExit',
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'uncaughtException',
  'unhandledRejection',
  'warning',
];

/** Serves and connects on both entry points, and prints the listeners that the process has then and had before. */
const LISTENING = `
  const names = ${JSON.stringify(NAMES)};
  const count = () => JSON.stringify(names.map((name) => process.listenerCount(name)));
  const before = count();
  const { serve, newWebSocket } = require('./build/index.js');
  const WS = require('./build/ws.js');
  (async () => {
    const server = await serve({ host: '127.0.0.1', message: (ws, data) => void ws.send(data) });
    const ws = await newWebSocket('ws://127.0.0.1:' + server.port);
    await ws.send('x');
    await ws.receiveStrPacket();
    const wss = new WS.WebSocketServer({ port: 0, host: '127.0.0.1' });
    await new Promise((resolve) => wss.once('listening', resolve));
    const other = new WS('ws://127.0.0.1:' + wss.address().port);
    await new Promise((resolve) => other.once('open', resolve));
    console.log(before === count() ? 'no hooks' : before + ' ' + count());
    other.close();
    wss.close();
    await ws.close();
    await server.close();
  })();
`;

describe('the process', () => {
  test('has no hook of the library: for its exit, for signals, for what nobody catches', async () => {
    const program = runNode(['-e', LISTENING]);
    expect(await program.exit).toEqual({ code: 0, signal: null });
    expect([program.stdout, program.stderr]).toEqual(['no hooks\n', '']);
  });

  test.each([
    [
      'newWebSocket',
      'newWebSocket(url, [], { maxBackpressure: Infinity }).then(async (ws) => { for (let i = 0; i < 20; i++) ws.send(bytes); await ws.close(4000); })',
    ],
    [
      'wasock/ws',
      "const ws = new WS(url); ws.once('open', () => { for (let i = 0; i < 20; i++) ws.send(bytes); ws.close(4000); })",
    ],
  ])('of a client of %s that has closed ends by itself, once all has arrived', async (_name, script) => {
    const server = runNode(['-e', COUNTING]);
    const [, port] = await server.printed(/port (\d+)/);
    const prelude = `
      const { newWebSocket } = require('./build/index.js');
      const WS = require('./build/ws.js');
      const url = 'ws://127.0.0.1:${port}/';
      const bytes = Buffer.alloc(1_000_000);
    `;
    const client = runNode(['-e', `${prelude}${script};`]);
    expect(await client.exit).toEqual({ code: 0, signal: null });
    expect((await server.printed(/came (\d+ \d+)/))[1]).toBe('20000000 4000');
    expect(await server.exit).toEqual({ code: 0, signal: null });
    expect(client.stderr + server.stderr).toBe('');
  });
});
