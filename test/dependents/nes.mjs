// A server of hapi with nes: requests, subscriptions, broadcasts, its heartbeat, and a client that comes back.
import assert from 'node:assert/strict';
import Hapi from '@hapi/hapi';
import Nes from '@hapi/nes';
import { done, expectOurs } from './ours.mjs';

const server = Hapi.server({ port: 0, host: '127.0.0.1' });
await server.register({ plugin: Nes, options: { heartbeat: { interval: 100, timeout: 50 } } });
server.route({ method: 'POST', path: '/echo', handler: (request) => ({ got: request.payload }) });
server.route({
  method: 'GET',
  path: '/fails',
  handler: () => {
    throw new Error('on purpose');
  },
});
server.subscription('/items/{id}');
await server.start();

const client = new Nes.Client(`ws://127.0.0.1:${server.info.port}`);
await client.connect();
const payload = { text: 'héllo', long: 'x'.repeat(100_000) };
const { payload: answer, statusCode } = await client.request({ path: '/echo', method: 'POST', payload });
assert.deepEqual([answer, statusCode], [{ got: payload }, 200]);
await assert.rejects(client.request('/fails'), { statusCode: 500 });

const updates = [];
await client.subscribe('/items/5', (update) => updates.push(update));
server.publish('/items/5', { id: 5 });
server.publish('/items/6', { id: 6 });
const broadcast = new Promise((resolve) => (client.onUpdate = resolve));
server.broadcast('to all');
assert.equal(await broadcast, 'to all');
assert.deepEqual(updates, [{ id: 5 }]);

// Several heartbeats.
await new Promise((resolve) => setTimeout(resolve, 350));
assert.equal(await client.request('/fails').catch(({ statusCode }) => statusCode), 500);

const back = new Promise((resolve) => (client.onConnect = resolve));
client.onError = () => {};
client._ws._socket.destroy();
await back;
assert.equal((await client.request({ path: '/echo', method: 'POST', payload: 1 })).payload.got, 1);

await client.disconnect();
await server.stop();
done(expectOurs('@hapi/nes'));
