// Text and binary both ways, with and without an upgrade from long polling.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Server } from 'engine.io';
import { Socket } from 'engine.io-client';
import { done, expectOurs, listen } from './ours.mjs';

const http = createServer();
const server = new Server();
server.attach(http);
server.on('connection', (socket) => {
  assert.match(socket.remoteAddress, /127\.0\.0\.1$/);
  socket.on('message', (data) => socket.send(data));
});
const url = `ws://127.0.0.1:${await listen(http)}`;

for (const transports of [['websocket'], ['polling', 'websocket']]) {
  const socket = new Socket(url, { transports });
  socket.binaryType = 'nodebuffer';
  await new Promise((resolve) => socket.once('open', resolve));
  if (transports.length > 1) await new Promise((resolve) => socket.once('upgrade', resolve));
  assert.equal(socket.transport.name, 'websocket');
  const heard = () => new Promise((resolve) => socket.once('message', resolve));
  for (const message of ['héllo', Buffer.from([0, 255]), 'x'.repeat(100_000)]) {
    const reply = heard();
    socket.send(message);
    assert.deepEqual(await reply, message);
  }
  const [peer] = Object.values(server.clients);
  const closed = once(peer, 'close');
  socket.close();
  assert.equal((await closed)[0], 'transport close');
}
server.close();
http.close();
done(expectOurs('engine.io'), expectOurs('engine.io-client'));
