// Await style: a handler of node:http that loops over the messages.
import { createServer } from 'node:http';
import { acceptUpgrades, codec, newWebSocket } from '../../build/index.mjs';
import { announce } from './announce.mjs';

const server = createServer(async (request) => {
  const ws = await newWebSocket(request);
  for await (const message of ws) await ws.send(message);
});
// The load ends its connections without Close frames, which is an error to the loop above.
acceptUpgrades(server, { onError() {} });
server.listen(0, () => announce({ port: server.address().port, about: `wasock, for await (${codec.kind})` }));
