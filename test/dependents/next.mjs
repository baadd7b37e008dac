// The custom server of Next.js in development, with WebSockets of wasock on one path: both get their upgrades, and each answers only
// its own.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import next from 'next';
import { acceptUpgrades, newWebSocket } from 'wasock';
import { listen, versionOf } from './ours.mjs';

process.env.NEXT_TELEMETRY_DISABLED = '1';

// Next.js serves one folder once at a time, and this may run on several Nodes at once.
const dir = path.join(import.meta.dirname, `next-app-${process.pid}`);
cpSync(path.join(import.meta.dirname, 'next-app'), dir, { recursive: true });

const server = http.createServer(async (request, response) => {
  if (request.url !== '/ws') return handle(request, response);
  await newWebSocket(request, async (ws) => {
    for await (const message of ws) ws.send(message);
  });
});
const upgrades = acceptUpgrades(server, { path: ['/ws'], handshakeTimeout: 500 });
const port = await listen(server);
const app = next({ dev: true, dir, hostname: '127.0.0.1', port });
const handle = app.getRequestHandler();
await app.prepare();
const connect = (to) => newWebSocket(`ws://127.0.0.1:${port}${to}`);

async function expectEcho() {
  const ws = await connect('/ws');
  ws.send('hello');
  assert.equal(await ws.receiveStrPacket(), 'hello');
  await ws.close();
}

await expectEcho();
// Next.js listens for upgrades from its first request on.
assert.match(await (await fetch(`http://127.0.0.1:${port}/`)).text(), /a page of Next\.js/);
await expectEcho();

const hmr = await connect('/_next/hmr?id=wasock');
assert.ok((await hmr.receivePacket()).data.length > 0);
hmr.hangup();
// By wasock, some time after handshakeTimeout: Next.js listens for the end of every upgrade, and does no more about those.
await assert.rejects(connect('/elsewhere'), ({ status }) => status === 404);

await upgrades.close();
await app.close();
server.close();
server.closeAllConnections();
console.log(versionOf('next'));
process.exit(0);
