// A restart without a stampede: an echo server at /ws, with health checks at /healthz and /livez. On SIGTERM /healthz and
// new clients get 503, and sockets are closed with 1012 (service restart), evenly over DRAIN_MS. At DEADLINE_MS what is left
// is ended, and the process exits with 0. docs/operations.md has the arithmetic. Try it: kill -TERM, with some clients
// connected.
import { serve } from 'wasock';

const { PORT = '9001', DRAIN_MS = '20000', DEADLINE_MS = '25000' } = process.env;
if (Number(DRAIN_MS) > Number(DEADLINE_MS)) throw new RangeError('DRAIN_MS must be at most DEADLINE_MS');

let isEnding = false;

const server = await serve({
  port: Number(PORT),
  path: '/ws',
  request(req, res) {
    if (req.url === '/livez') res.end('alive\n');
    // After the 503 a load balancer sends nobody here any more.
    else if (req.url === '/healthz') res.writeHead(isEnding ? 503 : 200).end(isEnding ? 'ending\n' : 'ready\n');
    else res.writeHead(404).end();
  },
  message: (ws, data) => void ws.send(data),
});

console.log(`ws://127.0.0.1:${server.port}/ws`);

// Not `once`: npm and process managers may pass on a signal that the process has got already.
process.on('SIGTERM', async () => {
  if (isEnding) return;
  isEnding = true;
  console.log(`${server.connections.size} sockets are asked to come back elsewhere`);
  await server.close({ code: 1012, reason: 'restarting', over: Number(DRAIN_MS), timeout: Number(DEADLINE_MS) });
  // Close databases and stop timers of your own here. If nothing is left, the process ends with 0.
  console.log('ended');
});

// Somebody at the keyboard does not want to wait.
process.on('SIGINT', () => server.close());
