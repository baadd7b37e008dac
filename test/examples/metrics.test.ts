import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { serve } from '../../src/index.js';
import { redisServer, startRedis } from '../support/broker-servers.js';
import { describePeer } from '../support/peers.js';
import { ROOT, runNode } from '../support/program.js';
import { connectWs } from '../support/ws-client.js';

/** The name by which the example exposes each entry of `server.metrics()`. */
const NAMES: Readonly<Record<string, string>> = {
  connectionsOpen: 'wasock_connections_open',
  connectionsTotal: 'wasock_connections_total',
  connectionsPaused: 'wasock_connections_paused',
  messagesReceived: 'wasock_messages_received_total',
  compressedMessagesReceived: 'wasock_compressed_messages_received_total',
  payloadBytesReceived: 'wasock_payload_received_bytes_total',
  wireBytesReceived: 'wasock_wire_received_bytes_total',
  messagesSent: 'wasock_messages_sent_total',
  compressedMessagesSent: 'wasock_compressed_messages_sent_total',
  payloadBytesSent: 'wasock_payload_sent_bytes_total',
  wireBytesSent: 'wasock_wire_sent_bytes_total',
  bufferedBytes: 'wasock_buffered_bytes',
  messagesDropped: 'wasock_messages_dropped_total',
  slowPeersEnded: 'wasock_slow_peers_ended_total',
  rateLimited: 'wasock_rate_limited_total',
  closesByCode: 'wasock_closes_total',
  handshakesRefused: 'wasock_handshakes_refused_total',
  handshakesPending: 'wasock_handshakes_pending',
};
const BROKER_NAMES: Readonly<Record<string, string>> = {
  status: 'wasock_broker_status',
  buffered: 'wasock_broker_buffered_bytes',
  dropped: 'wasock_broker_dropped_total',
  gaps: 'wasock_broker_gaps_total',
  rejected: 'wasock_broker_rejected_total',
};

/** Entries of which some kinds grow and others do not. */
const isGauge = (name: string) => /_(open|paused|pending|status)$|buffered_bytes$/.test(name);

async function start(env: NodeJS.ProcessEnv = {}) {
  const program = runNode(['examples/metrics.mjs'], { PORT: '0', REDIS_URL: '', ...env });
  const url = await program.url();
  const scrape = async () => {
    const response = await fetch(new URL('/metrics', url.replace('ws', 'http')));
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    return response.text();
  };
  return { program, url, scrape };
}

/** Types by name. */
const typesOf = (text: string) =>
  new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => [name, type]));

/** The value of a sample: a name, and perhaps labels in braces. */
function sampleOf(text: string, sample: string): number | undefined {
  const line = text.split('\n').find((it) => it.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length));
}

test('exposes each entry of metrics(), and no other of ours', async () => {
  const server = await serve({ host: '127.0.0.1' });
  onTestFinished(() => server.close());
  expect(Object.keys(server.metrics()).sort()).toEqual([...Object.keys(NAMES), 'broker'].sort());

  const { scrape } = await start();
  const types = typesOf(await scrape());
  const ours = [...types].filter(([name]) => name.startsWith('wasock_'));
  const names = [...Object.values(NAMES), ...Object.values(BROKER_NAMES)];
  expect(Object.fromEntries(ours)).toEqual(
    Object.fromEntries(names.map((name) => [name, isGauge(name) ? 'gauge' : 'counter'])),
  );
});

test('tells what the server has done, also on the second scrape', async () => {
  const { program, url, scrape } = await start();
  const client = await connectWs(url);
  client.ws.send('hello');
  expect(await client.next()).toBe('hello');
  client.ws.close(4001);
  await client.closed;
  await expect(connectWs(url, [], { origin: 'http://elsewhere.example' })).rejects.toThrow('403');
  await scrape();
  const text = await scrape();
  expect({
    open: sampleOf(text, 'wasock_connections_open'),
    total: sampleOf(text, 'wasock_connections_total'),
    received: sampleOf(text, 'wasock_messages_received_total'),
    bytes: sampleOf(text, 'wasock_payload_sent_bytes_total'),
    closes: sampleOf(text, 'wasock_closes_total{code="4xxx"}'),
    refused: sampleOf(text, 'wasock_handshakes_refused_total{reason="origin"}'),
    broker: sampleOf(text, 'wasock_broker_status{status="up"}'),
  }).toEqual({ open: 0, total: 1, received: 1, bytes: 5, closes: 1, refused: 1, broker: undefined });
  expect(await program.interrupt()).toEqual({ code: 0, signal: null });
});

test('the dashboard asks for nothing that is not exposed, and for each entry of metrics()', async () => {
  const dashboard = JSON.parse(readFileSync(path.join(ROOT, 'examples/metrics-dashboard.json'), 'utf8'));
  const expressions: string[] = dashboard.panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => expr),
  );
  const variables = JSON.stringify(dashboard.templating);
  const asked = [...expressions, variables].flatMap((text) => text.match(/\b(?:wasock|nodejs|process)_\w+/g) ?? []);
  // Each expression names a metric, so that no prefix is overlooked.
  for (const expression of expressions) expect(expression).toMatch(/\b(?:wasock|nodejs|process)_\w+\{/);
  const { scrape } = await start();
  const types = typesOf(await scrape());
  expect(asked.filter((name) => !types.has(name))).toEqual([]);
  const named = new Set(asked);
  expect([...Object.values(NAMES), ...Object.values(BROKER_NAMES)].filter((name) => !named.has(name))).toEqual([]);
  for (const expression of expressions) {
    for (const [, name] of expression.matchAll(/rate\((\w+)/g))
      expect([name, types.get(name)]).toEqual([name, 'counter']);
  }
});

describePeer(redisServer(), () => {
  test('tells how the broker stands', async () => {
    const redis = await startRedis();
    const { program, scrape } = await start({ REDIS_URL: `redis://127.0.0.1:${redis.port}` });
    const status = async (name: string) => sampleOf(await scrape(), `wasock_broker_status{status="${name}"}`);
    while ((await status('up')) !== 1) {}
    const text = await scrape();
    expect(sampleOf(text, 'wasock_broker_status{status="down"}')).toBe(0);
    expect(sampleOf(text, 'wasock_broker_rejected_total{reason="signature"}')).toBe(0);
    await redis.stop();
    while ((await status('down')) !== 1) {}
    expect(await status('up')).toBe(0);
    expect(await program.interrupt()).toEqual({ code: 0, signal: null });
  });
});
