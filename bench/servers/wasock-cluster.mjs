// A primary process of node:cluster, whose workers share topics.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { cluster as clusterBroker } from '../../build/cluster.mjs';
import { announce, setup } from './announce.mjs';
import { serveTopics } from './topics.mjs';

if (cluster.isPrimary) await startWorkers();
else await work();

async function startWorkers() {
  const workers = Array.from({ length: setup.processes }, () => cluster.fork());
  // Its workers tell why they ended.
  for (const worker of workers) worker.on('exit', (code) => process.exit(code ?? 1));
  const [port, ...ports] = await Promise.all(workers.map(portOf));
  const pids = workers.map((worker) => worker.process.pid);
  announce({ port, ports, pids, about: 'wasock over node:cluster' });
}

/** What a worker tells, among the messages of its broker. */
function portOf(worker) {
  return new Promise((resolve) => {
    worker.on('message', ({ port }) => {
      if (port !== undefined) resolve(port);
    });
  });
}

/** At a port of its own, so that the load knows which process it is connected to. */
async function work() {
  const http = createServer();
  http.listen({ port: 0, exclusive: true });
  await once(http, 'listening');
  await serveTopics({ server: http, broker: clusterBroker() });
  process.send({ port: http.address().port });
}
