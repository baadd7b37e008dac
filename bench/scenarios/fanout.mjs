import { ratiosAgainstPeers } from '../contestants.mjs';

const CONTESTANTS = ['wasock', 'wasock-ws', 'ws', 'uws', 'bun', 'deno'];
const CONNECTIONS = 1000;
const SIZE = 64;

/** Publishes in flight, and what is promised. */
const GOALS = { 16: { ws: 12, uws: 0.95 }, 1: { ws: 1.3, uws: 0.95 } };

/** What a measurement of fan-out says. */
export const FANOUT_FIGURES = [
  { name: 'deliveriesPerSecond', title: 'deliveries/s', better: 'higher', isCharted: true },
  { name: 'cpuMicroseconds', title: 'CPU/delivery', unit: 'µs', better: 'lower' },
  { name: 'busy', title: 'server busy', unit: '%' },
  { name: 'loadBusy', title: 'load busy', unit: '%' },
];

/** Measures the fan-out of one server, of whose subscribers `contestant.slow` more never read. */
export async function measureFanout(inFlight, { server, load, seconds, contestant }) {
  const { slow } = contestant;
  const options = { connections: CONNECTIONS, inFlight, size: SIZE, seconds, slow, pid: server.pid };
  const result = await load.run('fanout', server.port, options);
  if (result.verified === 0) throw new Error('no delivery was verified');
  if (result.missing > 0) throw new Error(`${result.missing} subscribers did not get every message`);
  const deliveries = result.deliveriesPerSecond * result.seconds;
  return {
    deliveriesPerSecond: result.deliveriesPerSecond,
    cpuMicroseconds: (result.serverCpuSeconds / deliveries) * 1e6,
    busy: (result.serverCpuSeconds / result.seconds) * 100,
    loadBusy: (result.loadCpuSeconds / result.seconds) * 100,
  };
}

export const fanout = {
  name: 'fanout',
  title: `Fan-out to ${CONNECTIONS} subscribers`,
  about: 'ws and Deno have no topics: they send to each of their clients in a loop',
  rows: [16, 1].map((inFlight) => ({
    name: `${CONNECTIONS}x${inFlight}x${SIZE}`,
    title: `${SIZE} B to ${CONNECTIONS} connections, ${inFlight} publish${inFlight === 1 ? '' : 'es'} in flight`,
    figures: FANOUT_FIGURES,
    contestants: CONTESTANTS,
    setup: { size: SIZE, fanout: true },
    lasts: (seconds) => seconds + 1.2,
    ratios: ratiosAgainstPeers('deliveriesPerSecond', CONTESTANTS, { wasock: GOALS[inFlight], 'wasock-ws': { ws: 1 } }),
    measure: (run) => measureFanout(inFlight, run),
  })),
};
