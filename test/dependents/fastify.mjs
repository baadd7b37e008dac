// A route over TCP, and one without any network by injectWS.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fastifyWebSocket from '@fastify/websocket';
import Fastify from 'fastify';
import WebSocket from 'ws';
import { done, expectOurs } from './ours.mjs';

const fastify = Fastify();
// The streams of injectWS do not close by themselves, so that the server waits for as long as it may; with npm ws, too.
await fastify.register(fastifyWebSocket, { options: { closeTimeout: 200 } });
const ends = [];
fastify.get('/echo', { websocket: true }, (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  ends.push(once(socket, 'close'));
});
await fastify.listen({ port: 0, host: '127.0.0.1' });

async function exchange(ws) {
  for (const message of [Buffer.from('héllo'), Buffer.alloc(70_000, 1)]) {
    const reply = once(ws, 'message');
    ws.send(message);
    assert.deepEqual(await reply, [message, true]);
  }
  const closed = once(ws, 'close');
  ws.close(4000, 'enough');
  assert.deepEqual((await closed).map(String), ['4000', 'enough']);
  assert.deepEqual((await ends.shift()).map(String), ['4000', 'enough']);
}

const ws = new WebSocket(`ws://127.0.0.1:${fastify.server.address().port}/echo`);
await once(ws, 'open');
await exchange(ws);
await fastify.ready();
await exchange(await fastify.injectWS('/echo'));
await fastify.close();
done(expectOurs('@fastify/websocket'));
