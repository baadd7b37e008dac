// A broker over WebSocket streams, a client that publishes and one that has subscribed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Aedes } from 'aedes';
import mqtt from 'mqtt';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { done, expectOurs, listen } from './ours.mjs';

/**
 * aedes reads once for each 'readable' and expects all that is there, which `read` returns up to Node 24 only: on Node 26 no
 * client of aedes connects over streams of npm ws either.
 */
function readingAll(stream) {
  const { read } = stream;
  stream.read = (size) => read.call(stream, size === null ? stream.readableLength || undefined : size);
  return stream;
}

const broker = await Aedes.createBroker();
const http = createServer();
const wss = new WebSocketServer({ server: http, handleProtocols: () => 'mqtt' });
wss.on('connection', (ws, request) => broker.handle(readingAll(createWebSocketStream(ws)), request));
const url = `ws://127.0.0.1:${await listen(http)}/mqtt`;

const [reader, writer] = await Promise.all([mqtt.connectAsync(url), mqtt.connectAsync(url)]);
await reader.subscribeAsync('things/#', { qos: 1 });
for (const payload of [Buffer.from('héllo'), Buffer.alloc(200_000, 3)]) {
  const message = once(reader, 'message');
  await writer.publishAsync('things/one', payload, { qos: 1 });
  const [topic, received] = await message;
  assert.equal(topic, 'things/one');
  assert.deepEqual(received, payload);
}
const gone = [...wss.clients].map((ws) => once(ws, 'close'));
await Promise.all([reader.endAsync(), writer.endAsync()]);
assert.equal((await Promise.all(gone)).length, 2);
await new Promise((resolve) => broker.close(resolve));
wss.close();
http.close();
done(expectOurs('mqtt'), 'aedes');
