import { startBroker } from '../brokers.mjs';

const CONTESTANTS = ['wasock-redis', 'wasock-nats', 'wasock-cluster', 'wasock-alone', 'socket-io'];
const OVER_A_SERVER = ['wasock-redis', 'wasock-nats'];
const CONNECTIONS = 300;
const PROCESSES = 3;
const SIZE = 200;
const RATE = 1000;

/** What is promised: deliveries for each CPU second against socket.io, and the median of the latency in microseconds. */
const DELIVERIES_GOAL = 5;
const LATENCY_GOAL = 1500;

/** The options of the load for all servers of a contestant, and for the job. */
function optionsOf({ ports, pid, pids }, topics) {
  return {
    connections: CONNECTIONS,
    topics,
    publishers: PROCESSES,
    size: SIZE,
    text: 'ascii',
    pid,
    ports: listOf(ports),
    pids: listOf(pids),
  };
}

function listOf(numbers) {
  return numbers.length === 0 ? undefined : numbers.join();
}

/** Starts the processes of one contestant, and first its broker: one server to the runner, whose CPU times are added up. */
async function startServers({ start, contestant: { broker, script, processes = 1 }, core }) {
  const parts = [];
  const end = async () => {
    for (const part of parts) await part.end();
  };
  try {
    if (broker) parts.push(await startBroker(broker, core));
    const brokerPort = parts[0]?.port;
    // Workers of node:cluster are started by their primary process.
    const scripts = script === 'wasock-cluster' ? 1 : processes;
    const servers = [];
    for (let i = 0; i < scripts; i++) {
      const server = await start({ brokerPort, processes });
      servers.push(server);
      parts.push(server);
    }
    const [first, ...others] = servers;
    const pids = [...parts.map(({ pid }) => pid).filter((pid) => pid !== first.pid), ...(first.pids ?? [])];
    return { ...first, ports: first.ports ?? others.map(({ port }) => port), pids, end };
  } catch (error) {
    await end();
    throw error;
  }
}

function busyOf({ seconds, serverCpuSeconds, loadCpuSeconds }) {
  return { busy: (serverCpuSeconds / seconds) * 100, loadBusy: (loadCpuSeconds / seconds) * 100 };
}

async function measureThroughput(topics, inFlight, { server, load, seconds, flags }) {
  const result = await load.run('topics', server.port, { ...optionsOf(server, topics), inFlight, seconds }, flags);
  if (result.verified === 0) throw new Error('no delivery was verified');
  const deliveries = result.deliveriesPerSecond * result.seconds;
  return {
    deliveriesPerCpuSecond: deliveries / result.serverCpuSeconds,
    deliveriesPerSecond: result.deliveriesPerSecond,
    ...busyOf(result),
  };
}

async function measureLatency(topics, { server, load, seconds, flags }) {
  const options = { ...optionsOf(server, topics), rate: RATE, seconds };
  const result = await load.run('topics-rate', server.port, options, flags);
  if (result.verified === 0) throw new Error('no delivery was verified');
  return { p50: result.p50Us, p99: result.p99Us, late: result.lateP99Us, ...busyOf(result) };
}

const BUSY_FIGURES = [
  { name: 'busy', title: 'servers and broker busy', unit: '%' },
  { name: 'loadBusy', title: 'load busy', unit: '%' },
];

const THROUGHPUT_FIGURES = [
  { name: 'deliveriesPerCpuSecond', title: 'deliveries/CPU second', better: 'higher', isCharted: true },
  { name: 'deliveriesPerSecond', title: 'deliveries/s', better: 'higher' },
  ...BUSY_FIGURES,
];

const LATENCY_FIGURES = [
  { name: 'p50', title: 'p50', unit: 'µs', better: 'lower', isCharted: true },
  { name: 'p99', title: 'p99', unit: 'µs', better: 'lower', isCharted: true },
  { name: 'late', title: 'the load late by', unit: 'µs', better: 'lower' },
  ...BUSY_FIGURES,
];

/** What all rows have in common. */
const JOB = { contestants: CONTESTANTS, setup: {}, startServers, lasts: (seconds) => seconds + 1.8 };

function throughputRow(topics, inFlight) {
  const figure = 'deliveriesPerCpuSecond';
  return {
    ...JOB,
    name: `topics ${topics}x${inFlight}`,
    title: `${SIZE} B in ${topics} topic${topics === 1 ? '' : 's'}, ${PROCESSES} publishers in each, ${inFlight} in flight`,
    figures: THROUGHPUT_FIGURES,
    ratios: [
      ...CONTESTANTS.filter((of) => of !== 'socket-io').map((of) => ({
        figure,
        of,
        to: 'socket-io',
        goal: of === 'wasock-redis' ? DELIVERIES_GOAL : undefined,
      })),
      ...CONTESTANTS.filter((of) => of !== 'wasock-alone').map((of) => ({ figure, of, to: 'wasock-alone' })),
    ],
    measure: (run) => measureThroughput(topics, inFlight, run),
  };
}

export const cluster = {
  name: 'cluster',
  title: `Topics across ${PROCESSES} processes and a broker, all on one core`,
  about: `${CONNECTIONS} subscribers, each in one topic; every delivery is checked`,
  rows: [
    throughputRow(20, 4),
    throughputRow(1, 16),
    {
      ...JOB,
      name: 'topics latency',
      title: `to another process, ${RATE} messages a second of ${SIZE} B in 20 topics`,
      figures: LATENCY_FIGURES,
      ratios: [],
      limits: OVER_A_SERVER.map((of) => ({ figure: 'p50', of, goal: LATENCY_GOAL })),
      measure: (run) => measureLatency(20, run),
    },
  ],
};
