import assert from 'node:assert/strict';
import { once } from 'node:events';
import { serve } from '@hono/node-server';
import { createNodeWebSocket } from '@hono/node-ws';
import { Hono } from 'hono';
import WebSocket from 'ws';
import { done, expectOurs } from './ours.mjs';

const app = new Hono();
const { injectWebSocket, upgradeWebSocket } = createNodeWebSocket({ app });
const ends = [];
app.get(
  '/echo',
  upgradeWebSocket(() => ({
    onOpen: (_event, ws) => ws.send('welcome'),
    onMessage: (event, ws) => ws.send(event.data),
    onClose: (event) => ends.push([event.code, event.reason]),
  })),
);
const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
injectWebSocket(server);
await once(server, 'listening');

const ws = new WebSocket(`ws://127.0.0.1:${server.address().port}/echo`);
assert.equal(String((await once(ws, 'message'))[0]), 'welcome');
ws.send('héllo');
assert.deepEqual(await once(ws, 'message'), [Buffer.from('héllo'), false]);
ws.send(Buffer.from([0, 255]));
assert.deepEqual(await once(ws, 'message'), [Buffer.from([0, 255]), true]);
ws.close(4001, 'bye');
assert.deepEqual((await once(ws, 'close')).map(String), ['4001', 'bye']);
assert.deepEqual(ends, [[4001, 'bye']]);
server.close();
done(expectOurs('@hono/node-ws'));
