// Vite's development server, with WebSockets of wasock on one of its paths: both get their upgrades, and each answers only its own.
import assert from 'node:assert/strict';
import { createServer } from 'vite';
import { acceptUpgrades, newWebSocket } from 'wasock';
import { done, versionOf } from './ours.mjs';

/** A plugin's middleware comes before the 404 of Vite. */
const rooms = {
  name: 'rooms',
  configureServer(server) {
    server.middlewares.use(async (request, _response, next) => {
      if (!request.url.startsWith('/rooms/')) return next();
      await newWebSocket(request, async (ws) => {
        for await (const message of ws) ws.send(`${request.url} ${message}`);
      });
    });
  },
};

const vite = await createServer({
  configFile: false,
  logLevel: 'silent',
  root: import.meta.dirname,
  plugins: [rooms],
  optimizeDeps: { noDiscovery: true },
  server: { host: '127.0.0.1', port: 0 },
});
const upgrades = acceptUpgrades(vite.httpServer, { path: /^\/rooms\/\w+$/, handshakeTimeout: 1000 });
await vite.listen();
const { port } = vite.httpServer.address();
const connect = (path, protocols) => newWebSocket(`ws://127.0.0.1:${port}${path}`, protocols);

const room = await connect('/rooms/green');
room.send('hello');
assert.equal(await room.receiveStrPacket(), '/rooms/green hello');

const hmr = await connect(`/?token=${vite.config.webSocketToken}`, 'vite-hmr');
assert.deepEqual(JSON.parse(await hmr.receiveStrPacket()), { type: 'connected' });
vite.ws.send({ type: 'full-reload' });
assert.equal(JSON.parse(await hmr.receiveStrPacket()).type, 'full-reload');

await assert.rejects(connect('/elsewhere'), { status: 404 });
assert.match(await (await fetch(`http://127.0.0.1:${port}/@vite/client`)).text(), /createHotContext/);

await upgrades.close();
assert.equal((await room.closed).closeCode, 1001);
await vite.close();
done(versionOf('vite'));
