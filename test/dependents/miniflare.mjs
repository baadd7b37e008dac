// A worker of Cloudflare behind Miniflare: its WebSocket by way of dispatchFetch, and from a client outside.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Miniflare } from 'miniflare';
import WebSocket from 'ws';
import { done, expectOurs } from './ours.mjs';

const miniflare = new Miniflare({
  modules: true,
  script: `export default {
    fetch(request) {
      if (request.headers.get('Upgrade') !== 'websocket') return new Response('page');
      const [client, server] = Object.values(new WebSocketPair());
      server.accept();
      server.addEventListener('message', ({ data }) => {
        if (data === 'close') server.close(4002, 'as you wish');
        else server.send(data);
      });
      // Workers answer a Close themselves.
      server.addEventListener('close', ({ code }) => server.close(code));
      return new Response(null, { status: 101, webSocket: client });
    },
  };`,
});
const url = await miniflare.ready;

const { webSocket } = await miniflare.dispatchFetch('http://localhost/', { headers: { Upgrade: 'websocket' } });
webSocket.accept();
for (const message of ['héllo', 'x'.repeat(100_000)]) {
  const reply = new Promise((resolve) => webSocket.addEventListener('message', resolve, { once: true }));
  webSocket.send(message);
  assert.equal((await reply).data, message);
}
const closed = new Promise((resolve) => webSocket.addEventListener('close', resolve, { once: true }));
webSocket.send('close');
const { code, reason } = await closed;
assert.deepEqual([code, reason], [4002, 'as you wish']);

const ws = new WebSocket(String(url).replace('http', 'ws'));
await once(ws, 'open');
const reply = once(ws, 'message');
ws.send(Buffer.alloc(70_000, 1));
assert.deepEqual(await reply, [Buffer.alloc(70_000, 1), true]);
ws.close(1000);
assert.equal((await once(ws, 'close'))[0], 1000);
await miniflare.dispose();
done(expectOurs('miniflare'));
