/** A server of which one subscriber never reads. */
function slowPeer(policy) {
  return { script: 'wasock', setup: { slowPeer: policy }, slow: 1 };
}

/** A server that does without some or all private parts of Node. */
function privateParts(value) {
  return { script: 'wasock', environment: { WASOCK_NODE: value } };
}

/** Three processes that share topics over a broker. */
function topics(carrier, broker) {
  return { script: 'wasock-topics', setup: { carrier }, broker, processes: 3 };
}

/**
 * Who takes part: the script that is run, and its name in tables and charts. `runtime` runs it, if that is not Node; `setup` and
 * `environment` make variants of one script; `flags` are for the load, `slow` is how many connections never read; `isExtra` is
 * left out of a quick look. `processes` share topics, over a `broker` that the bench starts if it is a program of its own.
 */
export const CONTESTANTS = {
  wasock: { title: 'wasock', script: 'wasock' },
  'wasock-zero-copy': { title: 'wasock, zeroCopy', script: 'wasock', setup: { zeroCopy: true } },
  'wasock-await': { title: 'wasock, for await', script: 'wasock-await', isExtra: true },
  'wasock-await-held': {
    title: 'wasock, for await, request and response held',
    script: 'wasock-await',
    setup: { holds: true },
    isExtra: true,
  },
  'wasock-ts': { title: 'wasock, ts codec', script: 'wasock', environment: { WASOCK_CODEC: 'ts' } },
  'wasock-documented': { title: 'wasock, documented', ...privateParts('documented') },
  'wasock-no-window': { title: 'wasock, no-window', ...privateParts('no-window') },
  'wasock-no-direct-write': { title: 'wasock, no-direct-write', ...privateParts('no-direct-write') },
  'wasock-ws': { title: 'wasock/ws', script: 'wasock-ws' },
  'wasock-small': { title: 'wasock, small', script: 'wasock', setup: { level: 'small' } },
  'wasock-plain': { title: 'wasock, no compression', script: 'wasock', setup: { compress: null } },
  'wasock-ws-plain': { title: 'wasock/ws, no compression', script: 'wasock-ws', setup: { compress: null } },
  'slow-terminate': { title: 'one does not: terminate', ...slowPeer('terminate') },
  'slow-drop': { title: 'one does not: drop', ...slowPeer('drop') },
  'slow-wait': { title: 'one does not: wait', ...slowPeer('wait') },
  ws: { title: 'ws + bufferutil', script: 'ws' },
  'ws-alone': { title: 'ws alone', script: 'ws', environment: { WS_NO_BUFFER_UTIL: '1' }, isExtra: true },
  'ws-strings': { title: 'ws + bufferutil, as strings', script: 'ws', setup: { strings: true }, isExtra: true },
  'ws-plain': { title: 'ws, no compression', script: 'ws', setup: { compress: null } },
  uws: { title: 'uWebSockets.js (C++)', script: 'uws' },
  'uws-strings': { title: 'uWebSockets.js, as strings', script: 'uws', setup: { strings: true }, isExtra: true },
  'uws-256k': { title: 'uWebSockets.js, 256 KB', script: 'uws', setup: { window: '256KB' }, isExtra: true },
  'uws-plain': { title: 'uWebSockets.js, no compression', script: 'uws', setup: { compress: null } },
  bun: { title: 'Bun.serve', script: 'bun', runtime: 'bun' },
  deno: { title: 'Deno.serve', script: 'deno', runtime: 'deno' },
  net: { title: 'node:net, bare octets', script: 'net', flags: ['--raw'], isExtra: true },
  'net-handles': { title: 'node:net past the stream', script: 'net-handles', flags: ['--raw'], isExtra: true },
  'net-client': { title: 'node:net, frames made before', script: 'net', isExtra: true },
  tls: { title: 'node:tls, bare octets', script: 'tls', flags: ['--raw'], isExtra: true },
  'wasock-redis': { title: 'wasock/redis', ...topics('redis', 'redis-server') },
  'wasock-nats': { title: 'wasock/nats', ...topics('nats', 'nats-server') },
  'wasock-cluster': { title: 'wasock/cluster', script: 'wasock-cluster', processes: 3 },
  'wasock-alone': { title: 'wasock, one process', script: 'wasock-topics' },
  'socket-io': {
    title: 'socket.io, Redis adapter',
    script: 'socket-io',
    broker: 'redis-server',
    processes: 3,
    flags: ['--socket-io'],
  },
  'net-handshake': { title: 'node:net, bare 101', script: 'net-handshake', isExtra: true },
  'http-handshake': { title: 'node:http, bare 101', script: 'http-handshake', isExtra: true },
};

/**
 * The ratios of a row: of each contestant to ws and to uws, and to whom else its goals name.
 *
 * @param goals what is promised: `{ wasock: { ws: 13, uws: 1.4 } }`
 */
export function ratiosAgainstPeers(figure, contestants, goals = {}) {
  const peers = ['ws', 'uws'].filter((peer) => contestants.includes(peer));
  return contestants.flatMap((of) =>
    [...new Set([...peers, ...Object.keys(goals[of] ?? {})])]
      .filter((to) => to !== of)
      .map((to) => ({ figure, of, to, goal: goals[of]?.[to] })),
  );
}
