// One of several processes of a chat, which a proxy stands in front of: see nginx.conf, haproxy.cfg and Caddyfile beside this
// file, docs/deployment.md and docs/scaling.md. Start it once for each port, all with the same REDIS_URL.
import { createClient } from 'redis';
import { serve } from 'wasock';
import { redis } from 'wasock/redis';

const { PORT = '9001', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env;

let isEnding = false;

// The client's address. The proxies set this header anew, whatever the client has sent.
const addressOf = (req) => req.headers['x-forwarded-for'];

const server = await serve({
  // The proxy alone may connect. Whoever else could would choose what X-Forwarded-For says.
  host: '127.0.0.1',
  port: Number(PORT),
  // Less than the 60 s after which the proxies end a connection on which nothing moves.
  pingInterval: 25_000,
  broker: redis(createClient({ url: REDIS_URL })),

  maxConnectionsPerAddress: 100,
  addressOf,
  upgrade: (req) => ({ data: { address: addressOf(req) } }),
  open(ws) {
    ws.subscribe('chat');
    ws.send(`You are ${ws.data.address}, in process ${process.pid}`);
  },
  message: (_ws, data, opcode) => void server.publish('chat', data, opcode),

  // What the proxy asks to know whether this process takes clients.
  request: (req, res) => void res.writeHead(req.url !== '/healthz' ? 404 : isEnding ? 503 : 200).end(),
  error: (error) => console.error(error.message),
});

server.broker.on('down', (error) => console.error(`Redis is away: ${error?.message}`));
console.log(`ws://127.0.0.1:${server.port}/`);

process.on('SIGINT', () => server.close());

// A new version takes over: docs/operations.md has the arithmetic of these times.
process.on('SIGTERM', () => {
  isEnding = true;
  server.close({ code: 1012, reason: 'restarting', over: 20_000, timeout: 25_000 });
});
