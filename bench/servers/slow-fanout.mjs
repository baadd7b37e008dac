// Fan-out by a topic, to measure what subscribers that never read cost the others: every socket subscribes, every message
// goes to all, its sender included.
//   SLOW_PEER=terminate|drop|wait   what becomes of a subscriber that falls behind; default as in serve
//   MAX_BACKPRESSURE=octets         default as in serve
import { codec, serve } from '../../build/index.mjs';

const { SLOW_PEER, MAX_BACKPRESSURE } = process.env;
const options = {};
if (SLOW_PEER) options.slowPeer = SLOW_PEER;
if (MAX_BACKPRESSURE) options.maxBackpressure = Number(MAX_BACKPRESSURE);

const server = await serve({
  host: '127.0.0.1',
  ...options,
  open: (ws) => ws.subscribe('all'),
  message: (_ws, data, opcode) => void server.publish('all', data, opcode),
});
const about = `wasock (${codec.kind}), topic fan-out`;
console.log(JSON.stringify({ port: server.port, pid: process.pid, about, options }));
