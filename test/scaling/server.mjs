// One server process of the test: node server.mjs redis|nats|cluster PORT-OF-THE-BROKER BUILD
//
// Its sockets send commands: `+topic`, `-topic`, or `topic\ntext` to publish. It tells the parent what its broker says. The
// parent may have it block its loop, or report its memory.
import { once } from 'node:events';
import { createServer } from 'node:http';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const [kind, port, build] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(path.resolve(build, file)).href);
const { serve } = await load('index.mjs');

async function newBroker() {
  const options = { maxBuffered: 200_000 };
  if (kind === 'cluster') return (await load('cluster.mjs')).cluster(options);
  if (kind === 'nats') return (await load('nats.mjs')).nats({ servers: `127.0.0.1:${port}` }, options);
  const { createClient } = await import('redis');
  return (await load('redis.mjs')).redis(createClient({ url: `redis://127.0.0.1:${port}` }), options);
}

// Workers of a cluster share a port unless they say that it is theirs.
const http = createServer().listen({ port: 0, host: '127.0.0.1', exclusive: true });
await once(http, 'listening');
const server = await serve({
  server: http,
  broker: await newBroker(),
  maxBackpressure: 64 << 20,
  message(ws, text) {
    const rest = text.slice(1);
    if (text[0] === '+') ws.subscribe(rest);
    else if (text[0] === '-') ws.unsubscribe(rest);
    else {
      const end = text.indexOf('\n');
      server.publish(text.slice(0, end), text.slice(end + 1));
    }
  },
  error: (error) => process.send({ error: String(error?.stack ?? error) }),
});

const { broker } = server;
broker.on('up', () => process.send({ up: true }));
broker.on('down', () => process.send({ up: false }));
broker.on('gap', (gap) => process.send({ gap }));
broker.on('dropped', ({ topic }) => process.send({ dropped: topic }));

process.on('message', (message) => {
  if (message.block) {
    const end = performance.now() + message.block;
    while (performance.now() < end);
  } else if (message.report) {
    const { rss } = process.memoryUsage();
    process.send({ report: { rss, rejected: broker.rejected, status: broker.status, buffered: broker.buffered } });
  }
});
process.send({ port: server.port, up: broker.status === 'up' });
