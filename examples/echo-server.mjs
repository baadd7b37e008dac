// An echo server in await style, on a plain node:http server: greets, then sends back whatever it is sent.
// Try it from a browser: ws = new WebSocket('ws://127.0.0.1:9001/ws'), then ws.send('hi')
import { createServer } from 'node:http';
import { acceptUpgrades, newWebSocket } from 'wasock';

const server = createServer(async (req, res) => {
  if (req.url === '/ws') {
    const ws = await newWebSocket(req);
    await ws.send('Welcome to simple echo server');
    for await (const message of ws) await ws.send(message);
  }
  res.end('Hello World');
});

// Lets the handler above await newWebSocket(req).
const upgrades = acceptUpgrades(server);

server.listen(Number(process.env.PORT ?? 9001), () => {
  console.log(`ws://127.0.0.1:${server.address().port}/ws`);
});

process.on('SIGINT', () => {
  upgrades.close();
  server.close();
});
