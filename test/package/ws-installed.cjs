// Runs where wasock-ws is installed in place of npm `ws`: `require` gives this package's classes to everybody.
//
//   node ws-installed.cjs [package that exports the `ws` it gets]…

const assert = require('node:assert/strict');
const { once } = require('node:events');
const WebSocket = require('ws');

async function main(dependants) {
  assert.equal(WebSocket, require('wasock/ws'));
  assert.equal(require('ws/package.json').name, 'wasock-ws');
  assert.match(require('ws/package.json').version, /^8\.23\.\d+$/);
  for (const name of dependants) assert.equal(require(name), WebSocket, `${name} has another ws`);

  const imported = await import('ws');
  assert.equal(imported.default, WebSocket);
  assert.equal(imported.WebSocketServer, WebSocket.Server);

  const server = new WebSocket.Server({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) =>
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
  );
  await once(server, 'listening');
  const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}/`);
  await once(socket, 'open');
  socket.send('hello');
  const [data, isBinary] = await once(socket, 'message');
  assert.deepEqual([String(data), isBinary], ['hello', false]);
  socket.close();
  await once(socket, 'close');
  server.close();
}

main(process.argv.slice(2));
