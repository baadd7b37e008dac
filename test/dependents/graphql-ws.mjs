// A subscription with several results, and one that the client ends, uncompressed and compressed.
import assert from 'node:assert/strict';
import { buildSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import WebSocket, { WebSocketServer } from 'ws';
import { done, expectOurs } from './ours.mjs';

const schema = buildSchema('type Query { hello: String } type Subscription { count(to: Int!): Int }');
async function exchange(perMessageDeflate) {
  let ended = 0;
  const roots = {
    query: { hello: () => 'wörld' },
    subscription: {
      async *count({ to }) {
        try {
          for (let i = 1; i <= to; i++) yield { count: i };
        } finally {
          ended++;
        }
      },
    },
  };
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/graphql', perMessageDeflate });
  const server = useServer({ schema, roots }, wss);
  await new Promise((resolve) => wss.once('listening', resolve));

  let closeEvent;
  const closed = new Promise((resolve) => {
    closeEvent = resolve;
  });
  const client = createClient({
    url: `ws://127.0.0.1:${wss.address().port}/graphql`,
    webSocketImpl: WebSocket,
    lazy: false,
    on: { closed: closeEvent },
  });
  await new Promise((resolve) => wss.once('connection', resolve));
  assert.deepEqual(
    [...wss.clients].map(({ extensions }) => extensions),
    [perMessageDeflate ? 'permessage-deflate' : ''],
  );
  const results = [];
  for await (const { data } of client.iterate({ query: 'subscription { count(to: 5) }' })) results.push(data.count);
  assert.deepEqual(results, [1, 2, 3, 4, 5]);
  for await (const { data } of client.iterate({ query: '{ hello }' })) assert.equal(data.hello, 'wörld');
  for await (const { data } of client.iterate({ query: 'subscription { count(to: 1000000) }' })) {
    if (data.count === 3) break;
  }
  await client.dispose();
  const { code, wasClean } = await closed;
  assert.deepEqual([code, wasClean], [1000, true]);
  await server.dispose();
  assert.equal(ended, 2);
}

for (const perMessageDeflate of [false, true]) await exchange(perMessageDeflate);
done(expectOurs('graphql-ws'));
