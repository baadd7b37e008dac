// Health checks for a load balancer, systemd or Kubernetes: an echo server at /ws that answers /livez and /healthz.
// With REDIS_URL (npm install redis) its topics reach other processes.
import { createClient } from 'redis';
import { serve } from 'wasock';
import { redis } from 'wasock/redis';

const { PORT = '9001', REDIS_URL } = process.env;

let isEnding = false;
let hasBeenUp = !REDIS_URL;

/** Whether new clients should come here, and why. */
function readiness() {
  const broker = server.broker?.status ?? 'none';
  hasBeenUp ||= broker === 'up';
  // A broker that goes down later goes down for all processes. If all of them said no, nobody could connect at all, so
  // the status is there for an alarm, and local topics go on.
  return { ready: hasBeenUp && !isEnding, ending: isEnding, broker, connections: server.connections.size };
}

const CHECKS = {
  // Alive is whoever answers: a blocked event loop does not. Nothing else belongs here, because a restart must mend it.
  '/livez': () => ({ status: 200, body: { alive: true } }),
  '/healthz': () => {
    const body = readiness();
    return { status: body.ready ? 200 : 503, body };
  },
};

const server = await serve({
  port: Number(PORT),
  path: '/ws',
  broker: REDIS_URL ? redis(createClient({ url: REDIS_URL })) : undefined,
  request(req, res) {
    const { status, body } = CHECKS[req.url]?.() ?? { status: 404, body: {} };
    res
      .writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
      .end(JSON.stringify(body));
  },
  message: (ws, data) => void ws.send(data),
  error: (error) => console.error(error.message),
});

console.log(`ws://127.0.0.1:${server.port}/ws`);

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    isEnding = true;
    // Over two seconds, in which /healthz is still answered: see shutdown.mjs.
    server.close({ over: 2000, timeout: 5000 });
  });
}
