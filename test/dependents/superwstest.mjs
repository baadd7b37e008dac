// The test kit for WebSocket servers: expectations of messages, pings, closes and refusals.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import request from 'superwstest';
import { WebSocketServer } from 'ws';
import { done, expectOurs, listen } from './ours.mjs';

const server = createServer((_request, response) => void response.writeHead(403).end('no'));
const wss = new WebSocketServer({ noServer: true });
server.on('upgrade', (message, socket, head) => {
  if (message.url === '/denied') return socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
  wss.handleUpgrade(message, socket, head, (ws) => {
    ws.on('message', (data, isBinary) => (isBinary ? ws.send(data) : ws.send(`echo ${data}`)));
    ws.send('hello');
  });
});
await listen(server);

await request(server)
  .ws('/path')
  .expectText('hello')
  .sendText('foo')
  .expectText('echo foo')
  .sendJson({ abc: [1] })
  .expectText(/^echo \{"abc":\[1\]\}$/)
  .sendBinary([5, 250, 6])
  .expectBinary([5, 250, 6])
  .wait(5)
  .close(4000, 'done')
  .expectClosed(4000, 'done');
await request(server).ws('/denied').expectConnectionError(403);
await request(server)
  .ws('/path')
  .expectUpgrade((response) => assert.equal(response.statusCode, 101))
  .close()
  .expectClosed();

wss.close();
server.close();
server.closeAllConnections();
done(expectOurs('superwstest'));
