// Deno.serve, under Deno. Text arrives as a string.
import { announce, setup, tls } from './announce.mjs';

/** By default each binary message is a Blob, whose bytes would have to be awaited. */
const options = { binaryType: 'arraybuffer' };
const clients = new Set();

function echo({ target, data }) {
  target.send(data);
}

function publish({ data }) {
  for (const client of clients) if (client.readyState === WebSocket.OPEN) client.send(data);
}

function accept(request) {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.binaryType = options.binaryType;
  socket.onmessage = setup.fanout ? publish : echo;
  socket.onopen = () => clients.add(socket);
  socket.onclose = () => clients.delete(socket);
  return response;
}

const onListen = ({ port }) => announce({ port, about: `Deno ${Deno.version.deno}`, options });
Deno.serve({ port: 0, ...(tls && { key: tls.key.toString(), cert: tls.cert.toString() }), onListen }, accept);
