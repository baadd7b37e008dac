// A route with parameters, and a request that is none for a WebSocket.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import express from 'express';
import expressWs from 'express-ws';
import WebSocket from 'ws';
import { done, expectOurs } from './ours.mjs';

const { app, getWss } = expressWs(express());
app.get('/page', (_request, response) => response.send('page'));
app.ws('/echo/:name', (ws, request) => {
  ws.on('message', (data) => ws.send(`${request.params.name}: ${data}`));
});
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();
assert.equal(await (await fetch(`http://127.0.0.1:${port}/page`)).text(), 'page');

const ws = new WebSocket(`ws://127.0.0.1:${port}/echo/ada`);
await once(ws, 'open');
assert.equal(getWss().clients.size, 1);
ws.send('héllo');
assert.equal(String((await once(ws, 'message'))[0]), 'ada: héllo');
const [peer] = getWss().clients;
const closed = once(peer, 'close');
ws.close(1000);
assert.equal((await closed)[0], 1000);

const refused = new WebSocket(`ws://127.0.0.1:${port}/nothing`);
const [code] = await once(refused, 'close');
assert.notEqual(code, 1000);
server.close();
server.closeAllConnections();
done(expectOurs('express-ws'));
