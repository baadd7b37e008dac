import { expect, test } from 'vitest';
import { runNode } from '../support/program.js';

/** A server of which a listener throws at each first message. @param specifier the module it comes from */
const program = (specifier: string) => `
const { WebSocket, WebSocketServer } = require(${JSON.stringify(specifier)});
const told = [];
process.on('uncaughtException', (error) => told.push('uncaught ' + error.message));
const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' }, () => {
  const ws = new WebSocket('ws://127.0.0.1:' + wss.address().port);
  ws.on('open', () => {
    for (const text of ['throw', 'second', 'third']) ws.send(text);
    setTimeout(() => ws.close(), 50);
  });
  ws.on('close', (code) => {
    console.log(JSON.stringify([...told, code]));
    process.exit();
  });
});
wss.on('connection', (socket) => socket.on('message', (data) => {
  told.push(String(data));
  if (String(data) === 'throw') throw new Error('of the listener');
}));
setTimeout(() => { console.log(JSON.stringify(told)); process.exit(); }, 2000).unref();
`;

test('ws.V1: what a listener throws is uncaught, in npm ws too', async () => {
  const { stdout } = await ended('ws');
  expect(JSON.parse(stdout).slice(0, 2)).toEqual(['throw', 'uncaught of the listener']);
});

test('ws.V1: if the process survives it, the messages behind it are told, and the connection can close', async () => {
  const { stdout } = await ended('./build/ws.js');
  expect(JSON.parse(stdout)).toEqual(
    expect.arrayContaining(['throw', 'uncaught of the listener', 'second', 'third', 1005]),
  );
  expect(JSON.parse(stdout).at(-1)).toBe(1005);
});

async function ended(specifier: string) {
  const run = runNode(['-e', program(specifier)]);
  await run.exit;
  return run;
}
