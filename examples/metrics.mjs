// Metrics for Prometheus (npm install prom-client redis): an echo server at /ws whose figures are at /metrics. With
// REDIS_URL its topics reach other processes, and the figures of that broker are there, too. metrics-dashboard.json beside
// this file shows all of them in Grafana; docs/operations.md says when to worry.
//
// Whoever can read /metrics learns how busy you are: let Prometheus alone reach it.
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { createClient } from 'redis';
import { serve } from 'wasock';
import { redis } from 'wasock/redis';

const { PORT = '9001', REDIS_URL } = process.env;

const registry = new Registry();
// Of the process: its memory, and how late its event loop comes.
collectDefaultMetrics({ register: registry });

/** What `server.metrics()` said for the scrape that is under way: it is asked once, so that all figures belong together. */
let current;

/** The server counts by itself, so its figure replaces that of the last scrape. `read` may return `undefined`. */
function counter(name, help, read) {
  const collect = (metric) => {
    metric.reset();
    metric.inc(read(current) ?? 0);
  };
  define(Counter, { name, help, collect });
}

function gauge(name, help, read) {
  define(Gauge, { name, help, collect: (metric) => metric.set(read(current) ?? 0) });
}

/** Many counters of one name. `readAll` returns an object of them by the value of the label. */
function counters(name, label, help, readAll) {
  const collect = (metric) => {
    metric.reset();
    for (const [value, count] of Object.entries(readAll(current) ?? {})) metric.inc({ [label]: value }, count);
  };
  define(Counter, { name, help, labelNames: [label], collect });
}

/** Codes of applications as one, because each peer may choose any of two thousand. */
function grouped(closesByCode) {
  const groups = {};
  for (const [code, count] of Object.entries(closesByCode)) {
    const label = code < 3000 ? code : `${code[0]}xxx`;
    groups[label] = (groups[label] ?? 0) + count;
  }
  return groups;
}

function define(Metric, { collect, ...settings }) {
  new Metric({
    ...settings,
    registers: [registry],
    collect() {
      collect(this);
    },
  });
}

gauge('wasock_connections_open', 'Sockets that are open or closing', (it) => it.connectionsOpen);
counter('wasock_connections_total', 'Sockets that were opened', (it) => it.connectionsTotal);
gauge('wasock_connections_paused', 'Sockets that are not read from', (it) => it.connectionsPaused);

counter('wasock_messages_received_total', 'Messages received', (it) => it.messagesReceived);
counter(
  'wasock_compressed_messages_received_total',
  'Messages received compressed',
  (it) => it.compressedMessagesReceived,
);
counter('wasock_payload_received_bytes_total', 'Bytes of messages received, inflated', (it) => it.payloadBytesReceived);
counter('wasock_wire_received_bytes_total', 'Bytes of frames received', (it) => it.wireBytesReceived);
counter('wasock_messages_sent_total', 'Messages sent, one for each socket', (it) => it.messagesSent);
counter('wasock_compressed_messages_sent_total', 'Messages sent compressed', (it) => it.compressedMessagesSent);
counter('wasock_payload_sent_bytes_total', 'Bytes of messages sent, before compression', (it) => it.payloadBytesSent);
counter('wasock_wire_sent_bytes_total', 'Bytes of frames sent', (it) => it.wireBytesSent);

gauge('wasock_buffered_bytes', 'Bytes of frames that wait for slow peers', (it) => it.bufferedBytes);
counter('wasock_messages_dropped_total', 'Messages not sent to slow peers', (it) => it.messagesDropped);
counter('wasock_slow_peers_ended_total', 'Sockets ended because they were too slow', (it) => it.slowPeersEnded);
counter('wasock_rate_limited_total', 'How often rateLimit stopped or closed a socket', (it) => it.rateLimited);

counters('wasock_closes_total', 'code', 'Sockets closed, by close code', (it) => grouped(it.closesByCode));
counters('wasock_handshakes_refused_total', 'reason', 'Handshakes refused, by reason', (it) => it.handshakesRefused);
gauge('wasock_handshakes_pending', 'Handshakes that wait for an answer', (it) => it.handshakesPending);

// Without a broker these are 0, and there is no `wasock_broker_status`.
define(Gauge, {
  name: 'wasock_broker_status',
  help: '1 for what the broker is, 0 for what it is not',
  labelNames: ['status'],
  collect(metric) {
    metric.reset();
    if (current.broker === null) return;
    for (const status of ['connecting', 'up', 'down', 'closed']) {
      metric.set({ status }, status === current.broker.status ? 1 : 0);
    }
  },
});
gauge('wasock_broker_buffered_bytes', 'Published bytes that the broker does not have', (it) => it.broker?.buffered);
counter('wasock_broker_dropped_total', 'Messages other processes will not get', (it) => it.broker?.dropped);
counter('wasock_broker_gaps_total', 'Holes in what others published', (it) => it.broker?.gaps);
counters('wasock_broker_rejected_total', 'reason', 'Payloads that are not ours', (it) => it.broker?.rejected);

const server = await serve({
  port: Number(PORT),
  path: '/ws',
  broker: REDIS_URL ? redis(createClient({ url: REDIS_URL })) : undefined,
  async request(req, res) {
    if (req.url !== '/metrics') return void res.writeHead(404).end();
    current = server.metrics();
    const text = await registry.metrics();
    res.writeHead(200, { 'Content-Type': registry.contentType }).end(text);
  },
  open: (ws) => ws.subscribe('all'),
  message: (ws, data) => void ws.send(data),
  error: (error) => console.error(error.message),
});

console.log(`ws://127.0.0.1:${server.port}/ws and http://127.0.0.1:${server.port}/metrics`);

process.on('SIGINT', () => server.close());
