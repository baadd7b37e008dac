// The floor for handshakes: a 101 over bare node:net, without an HTTP parser.
import { createServer } from 'node:net';
import { accepting } from './accepting.mjs';
import { announce } from './announce.mjs';

const KEY = /\r\nsec-websocket-key: *([^\r]+)/i;

const server = createServer({ noDelay: true }, (socket) => {
  let head = '';
  socket.on('error', () => {});
  socket.on('data', (octets) => {
    head += octets.latin1Slice();
    if (head.endsWith('\r\n\r\n')) socket.write(accepting(KEY.exec(head)[1]));
  });
});
server.listen(0, () => announce({ port: server.address().port, about: 'bare node:net, 101' }));
