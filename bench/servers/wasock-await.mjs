// Await style: a handler of node:http that loops over the messages.
import { createServer } from 'node:http';
import { acceptUpgrades, codec, newWebSocket } from '../../build/index.mjs';
import { announce, setup } from './announce.mjs';

/** Holds nothing but the socket. */
async function echo(accepted) {
  const ws = await accepted;
  for await (const message of ws) await ws.send(message);
}

/** Its frame holds request and response as long as the connection lives. */
async function echoAndLog(request, response) {
  await echo(newWebSocket(request));
  if (process.env.BENCH_LOGS) console.log(request.url, response.statusCode);
}

const server = createServer(setup.holds ? echoAndLog : (request) => echo(newWebSocket(request)));
// The load ends its connections without Close frames, which is an error to the loop above.
acceptUpgrades(server, { onError() {}, maxBackpressure: setup.maxBackpressure });
server.listen(0, () => announce({ port: server.address().port, about: `wasock, for await (${codec.kind})` }));
