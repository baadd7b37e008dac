// The packed wasock, used from a CommonJS module, in handlers of a plain server of node:http.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const wasock = require('wasock');

const { acceptUpgrades, codec, isUpgrade, newWebSocket, offeredProtocols, refuse, WebSocket } = wasock;

async function main() {
  assert.equal(typeof refuse, 'function');
  const imported = await import('wasock');
  for (const name of Object.keys(wasock)) assert.equal(imported[name], wasock[name], `${name} is there twice`);

  const httpServer = http.createServer(async (req, res) => {
    if (!isUpgrade(req)) return res.end('no WebSocket');
    assert.deepEqual(offeredProtocols(req), ['chat', 'echo']);
    const ws = await newWebSocket(req, 'echo');
    assert.ok(ws instanceof WebSocket);
    for await (const message of ws) await ws.send(message);
  });
  const upgrades = acceptUpgrades(httpServer);
  httpServer.listen(0, '127.0.0.1');
  await once(httpServer, 'listening');
  const { port } = httpServer.address();

  const ws = await newWebSocket(`ws://127.0.0.1:${port}/`, ['chat', 'echo']);
  assert.equal(ws.protocol, 'echo');
  await ws.send('hello');
  assert.equal(await ws.receiveStrPacket(), 'hello');
  await ws.close();
  await upgrades.close();
  httpServer.close();
  await once(httpServer, 'close');
  console.log(`CommonJS: ${codec.kind}`);
}

main();
