// The primary process of the test with node:cluster: node primary.mjs BUILD. It starts workers when the parent asks for them, and
// passes on what both say.
import cluster from 'node:cluster';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [build] = process.argv.slice(2);
await import(pathToFileURL(path.resolve(build, 'cluster.mjs')).href);
cluster.setupPrimary({ exec: fileURLToPath(new URL('server.mjs', import.meta.url)), args: ['cluster', '0', build] });

const workers = new Map();
process.on('message', ({ to, start, kill, message }) => {
  if (start) {
    const worker = cluster.fork();
    workers.set(to, worker);
    worker.on('message', (said) => {
      // Its broker speaks over the same channel.
      if (said.wasock === undefined) process.send({ from: to, said });
    });
    worker.on('online', () => process.send({ from: to, pid: worker.process.pid }));
    worker.on('exit', () => process.send({ from: to, exited: true }));
  } else if (kill) workers.get(to)?.process.kill(kill);
  else workers.get(to)?.send(message);
});
process.on('disconnect', () => process.exit());
