// A proxy before a server: text, bytes, a close code, and a peer that is cut off.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import httpProxy from 'http-proxy';
import WebSocket, { WebSocketServer } from 'ws';
import { done, listen, versionOf } from './ours.mjs';

const behind = createServer();
const wss = new WebSocketServer({ server: behind });
wss.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
const proxy = httpProxy.createProxyServer({ target: `ws://127.0.0.1:${await listen(behind)}`, ws: true });
proxy.on('error', () => {});
const front = createServer();
front.on('upgrade', (request, socket, head) => proxy.ws(request, socket, head));
const url = `ws://127.0.0.1:${await listen(front)}`;

async function opened() {
  const atServer = once(wss, 'connection');
  const ws = new WebSocket(url);
  await once(ws, 'open');
  return [ws, (await atServer)[0]];
}

const [ws, server] = await opened();
for (const message of ['héllo', Buffer.alloc(300_000, 7)]) {
  const reply = once(ws, 'message');
  ws.send(message);
  assert.deepEqual(await reply, [Buffer.from(message), typeof message !== 'string']);
}
const ends = Promise.all([once(ws, 'close'), once(server, 'close')]);
ws.close(4001, 'enough');
assert.deepEqual(
  (await ends).map((end) => end.map(String)),
  Array(2).fill(['4001', 'enough']),
);

const [cut, atServer] = await opened();
const gone = once(atServer, 'close');
cut.terminate();
assert.equal((await gone)[0], 1006);

proxy.close();
front.close();
wss.close();
behind.close();
done(versionOf('http-proxy'));
