// The packed wasock, used from an ECMAScript module. `.ci/run` copies it into an empty project and runs it there.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as imported from 'wasock';

const { codec, newWebSocket, Opcode, ReadyState, serve, WebSocket, WebSocketClosedError, WebSocketError } = imported;

const required = createRequire(import.meta.url)('wasock');
const byName = { ...imported };
for (const name of Object.keys(required)) assert.equal(byName[name], required[name], `${name} is there twice`);
assert.ok(Object.keys(required).length > 10);
assert.ok(
  typeof imported.default === 'undefined' || imported.default === required,
  'the default export is the package',
);

const expectedKind = process.execArgv.includes('--jitless') ? 'ts' : 'wasm-simd';
assert.equal(codec.kind, process.env.WASOCK_CODEC ?? expectedKind);

const server = await serve({
  port: 0,
  host: '127.0.0.1',
  message: (ws, data, opcode) => {
    ws.send(data, opcode);
  },
});
const ws = await newWebSocket(`ws://127.0.0.1:${server.port}/`);
assert.ok(ws instanceof WebSocket);
assert.equal(ws.readyState, ReadyState.Open);

await ws.send('héllo');
assert.deepEqual(await ws.receivePacket(), { opcode: Opcode.Text, data: 'héllo' });
const bytes = Buffer.alloc(100_000, 'wasock');
await ws.send(bytes);
assert.deepEqual(await ws.receiveBinaryPacket(), bytes);

assert.deepEqual(await ws.close(1000, 'bye'), { closeCode: 1000, reason: '', wasClean: true });
assert.equal(ws.readyState, ReadyState.Closed);
await assert.rejects(
  async () => ws.send('too late'),
  (error) => error instanceof WebSocketClosedError && error instanceof WebSocketError,
);
await server.close();
console.log(`ECMAScript module: ${codec.kind}`);
