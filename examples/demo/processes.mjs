// What `npm start -- --processes 4` adds to the demo: processes on one port, and a broker that carries the chat between them.
import cluster from 'node:cluster';
import { parseArgs } from 'node:util';
import { cluster as clusterBroker } from 'wasock/cluster';
import { redis } from 'wasock/redis';

const MOST = 128;

/** A mistake of the user: its message is all that there is to say. */
export class UsageError extends Error {}

/** How many processes the user has asked for; undefined for this one alone. */
export function processCount() {
  let given;
  try {
    given = parseArgs({ options: { processes: { type: 'string' } } }).values.processes;
  } catch (error) {
    throw new UsageError(`${error.message}. There is one option, as in --processes 4`);
  }
  if (given === undefined) return undefined;
  const count = /^\d+$/.test(given) ? Number(given) : 0;
  if (count >= 1 && count <= MOST) return count;
  throw new UsageError(`--processes must be a whole number from 1 to ${MOST}, not ${JSON.stringify(given)}`);
}

/** Makes a broker: over Redis if REDIS_URL is set, which joins other machines too, else over node:cluster. */
export async function newBroker() {
  const url = process.env.REDIS_URL;
  if (!url) return clusterBroker();
  const { createClient } = await import('redis').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UsageError('REDIS_URL needs the package redis: npm install redis. Without REDIS_URL nothing is needed');
  });
  try {
    return redis(createClient({ url }));
  } catch (error) {
    throw new UsageError(`REDIS_URL must be as redis://127.0.0.1:6379, not ${JSON.stringify(url)}: ${error.message}`);
  }
}

/** In the primary process: starts the others, replaces those that are lost, and passes signals on. */
export async function startProcesses(count) {
  // Whatever is wrong with it is said once, and here.
  await newBroker();
  let isEnding = false;
  let listening = 0;
  cluster.on('listening', (worker, { port }) => {
    // The first one has found the port free.
    if (worker.id === 1) for (let i = 1; i < count; i++) cluster.fork();
    if (++listening !== count) return;
    const way = process.env.REDIS_URL ? 'Redis' : 'wasock/cluster';
    console.log(`${count} process${count === 1 ? '' : 'es'}, whose chat goes over ${way}.`);
    console.log(`Open http://127.0.0.1:${port}/ in a browser, or several. Ctrl-C ends.`);
  });
  cluster.on('exit', (worker, code, signal) => {
    if (isEnding) return;
    if (worker.id === 1 && code === 1) {
      isEnding = true;
      process.exitCode = 1;
      return;
    }
    console.error(`Process ${worker.process.pid} has ended with ${signal ?? code}: another one takes its place`);
    setTimeout(() => isEnding || cluster.fork(), 1000);
  });
  // A terminal and npm send an interrupt to all of them as well: twice is no more than once.
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      isEnding = true;
      for (const worker of Object.values(cluster.workers)) worker.process.kill(signal);
    });
  }
  cluster.fork();
}
