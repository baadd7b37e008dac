// A chat server in await style: whatever one client says, all of them hear, the speaker included.
import { createServer } from 'node:http';
import { acceptUpgrades, newWebSocket } from 'wasock';

const server = createServer(async (req, res) => {
  if (req.url === '/ws') {
    const ws = await newWebSocket(req);
    await ws.send('Welcome to simple chat server');
    try {
      for await (const message of ws) {
        // Not awaited: nobody waits for a slow reader, and what is sent to one who just left is lost without an error.
        for (const other of upgrades.connections) other.send(message);
      }
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
