// A client that does not give up: node examples/reconnect.mjs [URL]. Pings every 15 seconds, so that it notices a dead
// connection, and connects anew after pauses that grow from one second to thirty.
import { setTimeout as pause } from 'node:timers/promises';
import { newWebSocket } from 'wasock';

const url = process.argv[2] ?? 'ws://127.0.0.1:9001/ws';
const stopping = new AbortController();
const { signal } = stopping;

let ws;
let failures = 0;

process.on('SIGINT', () => {
  stopping.abort();
  ws?.close(1001);
});

while (!signal.aborted) {
  try {
    ws = await newWebSocket(url, [], { signal });
    console.log(`connected to ${url}`);
    failures = 0;
    ws.setupPings(15, { timeout: 10_000 });
    for await (const message of ws) console.log(message);
    console.log('the server has closed');
  } catch (error) {
    console.log(error.message);
  }
  // Up to a half more, at random: clients that lost one server shall not all come back at once.
  const wait = Math.min(1000 * 2 ** failures++, 30_000) * (1 + Math.random() / 2);
  await pause(wait, undefined, { signal }).catch(() => {});
}
