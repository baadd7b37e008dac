// The tracer of Datadog sees connections, messages in both directions and closes. It sends nothing: its spans are listened to here.
import assert from 'node:assert/strict';
import { tracingChannel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const tracer = require('dd-trace');
tracer.init({ startupLogs: false, telemetry: { enabled: false }, remoteConfig: { enabled: false }, plugins: true });

const { done, expectOurs } = await import('./ours.mjs');
const WebSocket = require('ws');

const seen = { 'ws:server:connect': 0, 'ws:send': 0, 'ws:receive': 0, 'ws:close': 0 };
const received = [];
for (const name of Object.keys(seen)) {
  tracingChannel(name).start.subscribe((context) => {
    seen[name]++;
    if (name === 'ws:receive') received.push([String(context.data), context.binary, context.byteLength]);
  });
}

const wss = new WebSocket.Server({ port: 0, host: '127.0.0.1' });
wss.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
await once(wss, 'listening');
const client = new WebSocket(`ws://127.0.0.1:${wss.address().port}`);
await once(client, 'open');
client.on('message', () => {});
for (const message of ['text', Buffer.from('bytes')]) {
  const reply = once(client, 'message');
  client.send(message);
  await reply;
}
const closed = once(client, 'close');
client.close();
await closed;
wss.close();
await once(wss, 'close');
// Each message is received on both ends.
assert.deepEqual(received, [
  ['text', false, 4],
  ['text', false, 4],
  ['bytes', true, 5],
  ['bytes', true, 5],
]);
assert.deepEqual(seen, { 'ws:server:connect': 1, 'ws:send': 4, 'ws:receive': 4, 'ws:close': 3 });
done(expectOurs('dd-trace'));
process.exit(0);
