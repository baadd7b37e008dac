// The demo behind `npm start`: a page, an echo at /ws and a chat at /chat, all on one port. With `--processes 4` as many
// processes share the port and the chat.
import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { codec, refuse, serve } from 'wasock';
import { newBroker, processCount, startProcesses, UsageError } from './processes.mjs';

const PORT = process.env.PORT || '9001';
const port = Number(PORT);

if (!/^\d+$/.test(PORT) || port > 65_535) {
  console.error(`PORT must be a whole number from 0 to 65535, not ${JSON.stringify(PORT)}`);
  process.exit(1);
}

const read = (name) => readFileSync(new URL(name, import.meta.url));
const FILES = {
  '/': { type: 'text/html; charset=utf-8', body: read('index.html') },
  '/demo.css': { type: 'text/css; charset=utf-8', body: read('demo.css') },
  '/demo.js': { type: 'text/javascript; charset=utf-8', body: read('demo.js') },
  '/icon.svg': { type: 'image/svg+xml', body: read('icon.svg') },
  '/server.mjs': { type: 'text/plain; charset=utf-8', body: read('server.mjs') },
  '/about.json': { type: 'application/json', body: JSON.stringify({ codec: codec.kind }) },
};

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

const pathOf = (req) => req.url.split('?')[0];

const LONGEST_NAME = 30;
const LONGEST_TEXT = 1000;

/** What somebody says in the chat: that they have `joined`, are still `here`, or have `said` something. Undefined for anything else. */
function parse(data) {
  try {
    const { kind, name, text = '' } = JSON.parse(data);
    const isKnown = ['joined', 'here', 'said'].includes(kind) && typeof name === 'string' && typeof text === 'string';
    return isKnown ? { kind, name: name.slice(0, LONGEST_NAME), text: text.slice(0, LONGEST_TEXT) } : undefined;
  } catch {
    return undefined;
  }
}

/** Serves the page and the sockets in this process. @param broker undefined if the chat is this process's alone */
async function start(broker) {
  // The page shows which process has sent something, if there are several.
  const pid = broker === undefined ? undefined : process.pid;
  const tag = broker === undefined ? '' : `\nprocess ${process.pid}`;
  const tagged = (data) => (typeof data === 'string' ? data + tag : data);

  let server;
  server = await serve({
    port,
    broker,

    request(req, res) {
      const file = FILES[pathOf(req)];
      const { type, body } = file ?? { type: 'text/plain; charset=utf-8', body: 'Not found\n' };
      res.writeHead(file ? 200 : 404, { ...HEADERS, 'Content-Type': type }).end(body);
    },

    upgrade(req) {
      const path = pathOf(req);
      if (path === '/ws') return { data: { path } };
      return path === '/chat' ? { data: { path, id: randomUUID(), name: '' } } : refuse(404);
    },

    open(ws) {
      if (ws.data.path !== '/chat') return;
      ws.subscribe('chat');
      ws.send(JSON.stringify({ kind: 'welcome', id: ws.data.id }));
    },

    message(ws, data) {
      if (ws.data.path !== '/chat') return void ws.send(tagged(data));
      const said = parse(data);
      if (said === undefined) return void ws.close(1008, 'not a message of this chat');
      ws.data.name = said.name;
      server.publish('chat', JSON.stringify({ ...said, id: ws.data.id, time: Date.now(), process: pid }));
    },

    close(ws) {
      const { id, name } = ws.data;
      if (name) server.publish('chat', JSON.stringify({ kind: 'left', id, name, process: pid }));
    },

    error(error) {
      // Why a broker is not there is told below. That may be known before the server listens.
      if (broker === undefined || server?.broker.status === 'up') console.error(error);
    },
  });

  let isAway = false;
  server.broker?.on('down', (error) => {
    // Each attempt to come back tells why it failed.
    if (!isAway) console.error(`Process ${process.pid} is without its broker: ${error?.message || error?.code}`);
    isAway = true;
  });
  server.broker?.on('up', () => {
    isAway = false;
  });

  // npm hands an interrupt on that the terminal has sent us as well: twice is no more than once.
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, async () => {
      await server.close();
      // Its channel to the primary process would keep it alive.
      cluster.worker?.disconnect();
    });
  }
  return server;
}

try {
  const count = processCount();
  if (count !== undefined && cluster.isPrimary) {
    await startProcesses(count);
  } else if (count !== undefined) {
    await start(await newBroker());
  } else {
    const server = await start();
    console.log(`Open http://127.0.0.1:${server.port}/ in a browser, or several. Ctrl-C ends.`);
  }
} catch (error) {
  if (error instanceof UsageError) console.error(error.message);
  else if (error.code === 'EADDRINUSE') console.error(`Port ${port} is in use: set PORT to another one`);
  else if (error.syscall === 'listen') console.error(`Port ${port}: ${error.message}`);
  else throw error;
  process.exit(1);
}
