// A proxy that agrees on compression with both sides by itself, and opens its own sockets on what it has agreed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { getLocal } from 'mockttp';
import WebSocket, { WebSocketServer } from 'ws';
import { done, expectOurs } from './ours.mjs';

const text = JSON.stringify(Array.from({ length: 300 }, (_, id) => ({ id, name: `naïve name ${id}` })));
const messages = ['short', text, Buffer.from(text), 'x'.repeat(400_000), '', text.slice(0, 2000)];

async function exchange(proxy, served, wanted) {
  const upstream = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: served });
  await once(upstream, 'listening');
  upstream.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
  await proxy
    .forAnyWebSocket()
    .thenPassThrough({ transformRequest: { replaceHost: { targetHost: `127.0.0.1:${upstream.address().port}` } } });
  const client = new WebSocket(proxy.url.replace('http:', 'ws:'), { perMessageDeflate: wanted });
  await once(client, 'open');
  const agreed = served && wanted ? 'permessage-deflate' : '';
  assert.deepEqual(
    [client, ...upstream.clients].map(({ extensions }) => extensions),
    [agreed, agreed],
  );
  const received = [];
  client.on('message', (data, isBinary) => received.push(isBinary ? data : String(data)));
  for (const message of messages) client.send(message);
  while (received.length < messages.length) await once(client, 'message');
  assert.deepEqual(received, messages);
  const [server] = upstream.clients;
  const closed = once(server, 'close');
  client.close(3000, 'done');
  const [code, reason] = await closed;
  assert.deepEqual([code, String(reason)], [3000, 'done']);
  upstream.close();
  await proxy.reset();
}

const proxy = getLocal();
await proxy.start();
await exchange(proxy, false, true);
await exchange(proxy, true, true);
await exchange(proxy, { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 }, true);
await exchange(proxy, { serverMaxWindowBits: 10 }, { clientMaxWindowBits: 9 });
await exchange(proxy, true, false);
await proxy.stop();
done(expectOurs('mockttp'));
