// An echo server within Express 5 (npm install express): a route accepts the WebSocket like any other request.
import { createServer } from 'node:http';
import express from 'express';
import { acceptUpgrades, isUpgrade, newWebSocket } from 'wasock';

const router = express.Router();

router.get('/ws', (req, res) => {
  // Somebody has opened it as a page.
  if (!isUpgrade(req)) return res.status(426).set('Upgrade', 'websocket').end();
  return newWebSocket(req, async (ws) => {
    await ws.send('Welcome to simple echo server');
    for await (const message of ws) await ws.send(message);
  });
});

router.get('/', (_req, res) => {
  res.send('Hello World');
});

const server = createServer(express().use(router));
const upgrades = acceptUpgrades(server);

server.listen(Number(process.env.PORT ?? 9001), () => {
  console.log(`ws://127.0.0.1:${server.address().port}/ws`);
});

process.on('SIGINT', () => {
  upgrades.close();
  server.close();
});
