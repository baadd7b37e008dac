// Clients of shutdown.mjs, in a process of their own: node test/operations/clients.mjs URL COUNT. Every tenth is mute: it reads
// nothing after its opening handshake, and answers no Close. Messages to the parent process: that all are connected, and when
// and with what each of the others was closed.
import { once } from 'node:events';
import { connect } from 'node:net';
import { WebSocket } from 'ws';

const [url, count] = [process.argv[2], Number(process.argv[3])];
const { port, pathname } = new URL(url);

/** How many connect at once, so that the queue of the listening socket does not overflow. */
const AT_ONCE = 100;

async function connectMute() {
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await once(socket, 'data');
  socket.pause();
}

async function connectOther() {
  const ws = new WebSocket(url, { perMessageDeflate: false });
  ws.on('close', (code) => process.send({ closed: code, at: performance.timeOrigin + performance.now() }));
  await once(ws, 'open');
}

for (let i = 0; i < count; i += AT_ONCE) {
  const batch = Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, j) => i + j);
  await Promise.all(batch.map((number) => (number % 10 === 9 ? connectMute() : connectOther())));
}
process.send({ connected: count });
