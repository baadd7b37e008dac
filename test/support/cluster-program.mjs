// A node:cluster: the primary process runs the code in PRIMARY, its workers that in WORKER.
import cluster from 'node:cluster';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { publisher, serve } from '../../build/index.mjs';

const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);

/** Numbered, and with a hash of it all. */
function message(from, number, topic, size = 0) {
  const text = `${from} ${number} ${encodeURIComponent(topic)} `.padEnd(size, 'x');
  return `${createHash('sha256').update(text).digest('hex')} ${text}`;
}

/** A server on a port of its own, which it says. Its sockets send it the names of these commands, and arguments. */
async function server(broker, commands = {}, name = cluster.worker?.id ?? 0) {
  const http = createServer().listen({ port: 0, host: '127.0.0.1', exclusive: true });
  await once(http, 'listening');
  const all = {
    join: (ws, ...topics) => {
      for (const topic of topics) ws.subscribe(topic);
    },
    publish: (_, topic, text) => served.publish(topic, text),
    flood: (_, topic, count, size) => {
      for (let i = 0; i < count; i++) served.publish(topic, message(name, i, topic, size));
    },
    ...commands,
  };
  const served = await serve({
    server: http,
    broker,
    message: (ws, text) => {
      const [command, ...args] = JSON.parse(text);
      all[command](ws, ...args);
    },
    error: (error) => say('error', error.message),
  });
  for (const event of ['up', 'down', 'gap']) served.broker.on(event, () => say(event, name));
  say('port', name, http.address().port, process.pid);
  return served;
}

const load = () => import('../../build/cluster.mjs');
const names = { cluster, load, message, publisher, say, server, sleep };
const code = cluster.isPrimary ? process.env.PRIMARY : process.env.WORKER;
await new (async () => {}).constructor(...Object.keys(names), code)(...Object.values(names));
