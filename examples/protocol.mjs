// Subprotocols: a server that speaks only 'alpha', a client that asks for it, and one that asks for something else.
import { createServer } from 'node:http';
import { acceptUpgrades, newWebSocket } from 'wasock';

const server = createServer(async (req) => {
  const ws = await newWebSocket(req, 'alpha');
  await ws.send(`We speak ${ws.protocol || 'no protocol'}`);
  for await (const message of ws) await ws.send(message);
});

const upgrades = acceptUpgrades(server, { path: '/ws', onError: (error) => console.log(`server: ${error.message}`) });

server.listen(Number(process.env.PORT ?? 9001), async () => {
  const url = `ws://127.0.0.1:${server.address().port}/ws`;
  console.log(url);

  const ws = await newWebSocket(url, ['gamma', 'alpha']);
  console.log(`client: ${await ws.receiveStrPacket()}`);
  await ws.close();

  await newWebSocket(url, 'beta').catch((error) => console.log(`client: ${error.name}`));
});

process.on('SIGINT', () => {
  upgrades.close();
  server.close();
});
