// The demo behind `npm start`: a page, an echo at /ws and a chat at /chat, all on one port.
import { readFileSync } from 'node:fs';
import { refuse, serve } from 'wasock';

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

const listening = serve({
  port,

  request(req, res) {
    const file = FILES[pathOf(req)];
    const { type, body } = file ?? { type: 'text/plain; charset=utf-8', body: 'Not found\n' };
    res.writeHead(file ? 200 : 404, { ...HEADERS, 'Content-Type': type }).end(body);
  },

  upgrade(req) {
    const path = pathOf(req);
    return path === '/ws' || path === '/chat' ? { data: { path } } : refuse(404);
  },

  open(ws) {
    if (ws.data.path === '/chat') ws.subscribe('chat');
  },

  message(ws, data) {
    if (ws.data.path === '/chat') server.publish('chat', data);
    else ws.send(data);
  },
});

const server = await listening.catch((error) => {
  const busy = error.code === 'EADDRINUSE';
  console.error(busy ? `Port ${port} is in use: set PORT to another one` : `Port ${port}: ${error.message}`);
  process.exit(1);
});

console.log(`Open http://127.0.0.1:${server.port}/ in a browser, or several. Ctrl-C ends.`);

// npm hands an interrupt on that the terminal has sent us as well: twice is no more than once.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.close());
