// The floor that Node sets over TLS: octets go back as they came, without a handshake of ours or frames.
import { createServer } from 'node:tls';
import { announce, tls } from './announce.mjs';

const server = createServer({ ...tls, noDelay: true }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', (octets) => void socket.write(octets));
});
server.on('tlsClientError', () => {});
server.listen(0, () => announce({ port: server.address().port, about: 'bare node:tls' }));
