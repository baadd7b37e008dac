// The floor that Node sets: octets go back as they came, without a handshake or frames.
import { createServer } from 'node:net';
import { announce } from './announce.mjs';

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', (octets) => void socket.write(octets));
});
server.listen(0, () => announce({ port: server.address().port, about: 'bare node:net' }));
