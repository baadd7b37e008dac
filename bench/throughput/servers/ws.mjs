// Echo with npm ws, all defaults; it uses bufferutil where that can be loaded.
import { createRequire } from 'node:module';
import { WebSocketServer } from 'ws';

const require = createRequire(import.meta.url);
const { version } = require('ws/package.json');
const { version: bufferutil } = require('bufferutil/package.json');
// Fails here rather than measuring ws without it.
require('bufferutil');

const server = new WebSocketServer({ port: 0 }, () => {
  console.log(JSON.stringify({ port: server.address().port, about: `ws ${version} + bufferutil ${bufferutil}` }));
});
server.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
});
