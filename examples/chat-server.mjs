// A chat server in await style: whatever one client says, all of them hear, the speaker included.
import { createServer } from 'node:http';
import { acceptUpgrades, newWebSocket } from 'wasock';

const server = createServer(async (req, res) => {
  if (req.url === '/ws') {
    const ws = await newWebSocket(req);
    await ws.send('Welcome to simple chat server');
    ws.subscribe('chat');
    try {
      // Encoded once for all of them. Nobody waits for a slow reader, and who has left does not get it.
      for await (const message of ws) upgrades.publish('chat', message);
    } catch (error) {
      // A lost connection. The others go on.
      console.error(error.message);
    }
  }
  res.end('Hello World');
});

const upgrades = acceptUpgrades(server);

server.listen(Number(process.env.PORT ?? 9001), () => {
  console.log(`ws://127.0.0.1:${server.address().port}/ws`);
});

process.on('SIGINT', () => {
  upgrades.close();
  server.close();
});
