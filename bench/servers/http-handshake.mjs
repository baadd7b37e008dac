// What node:http alone can do: its parser, and a 101 written by the listener for 'upgrade'.
import { createServer } from 'node:http';
import { accepting } from './accepting.mjs';
import { announce } from './announce.mjs';

const server = createServer();
server.on('upgrade', ({ headers }, socket) => {
  socket.on('error', () => {});
  socket.write(accepting(headers['sec-websocket-key']));
});
server.listen(0, () => announce({ port: server.address().port, about: 'node:http, 101' }));
