import { ratiosAgainstPeers } from '../contestants.mjs';

const CONTESTANTS = [
  'wasock',
  'wasock-await',
  'wasock-ws',
  'ws',
  'uws',
  'bun',
  'deno',
  'http-handshake',
  'net-handshake',
];
const GOALS = { wasock: { ws: 1.6 }, 'wasock-await': { ws: 1 }, 'wasock-ws': { ws: 1.1 } };
const PARALLEL = 32;

async function measure({ server, load, seconds }) {
  const options = { parallel: PARALLEL, seconds, pid: server.pid };
  const result = await load.run('handshakes', server.port, options);
  if (result.verified === 0) throw new Error('no handshake was verified');
  return {
    handshakesPerSecond: result.handshakesPerSecond,
    cpuMicroseconds: (result.serverCpuSeconds / result.handshakes) * 1e6,
    busy: (result.serverCpuSeconds / result.seconds) * 100,
    loadBusy: (result.loadCpuSeconds / result.seconds) * 100,
  };
}

export const handshakes = {
  name: 'handshakes',
  title: 'Opening handshakes',
  rows: [
    {
      name: `handshakes x${PARALLEL}`,
      title: `${PARALLEL} at a time: connect, upgrade, reset`,
      figures: [
        { name: 'handshakesPerSecond', title: 'handshakes/s', better: 'higher', isCharted: true },
        { name: 'cpuMicroseconds', title: 'CPU/handshake', unit: 'µs', better: 'lower' },
        { name: 'busy', title: 'server busy', unit: '%' },
        { name: 'loadBusy', title: 'load busy', unit: '%' },
      ],
      contestants: CONTESTANTS,
      setup: { size: 64 },
      ratios: ratiosAgainstPeers('handshakesPerSecond', CONTESTANTS, GOALS),
      measure,
    },
  ],
};
