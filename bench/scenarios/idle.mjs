import { ratiosAgainstPeers } from '../contestants.mjs';

const CONTESTANTS = [
  'wasock',
  'wasock-await',
  'wasock-await-held',
  'wasock-ws',
  'ws',
  'uws',
  'bun',
  'deno',
  'net-handshake',
];
const GOALS = {
  wasock: { ws: 0.75 },
  'wasock-await': { ws: 1.2 },
  'wasock-await-held': { ws: 1.5 },
  'wasock-ws': { ws: 1 },
};
const CONNECTIONS = 10_000;

export const idle = {
  name: 'idle',
  title: 'Idle connections',
  about: 'resident memory that each adds to a new server process; lower is better',
  rows: [
    {
      name: `idle ${CONNECTIONS}`,
      title: `${CONNECTIONS} connections`,
      figures: [{ name: 'octets', title: 'octets/connection', unit: 'B', better: 'lower', isCharted: true }],
      contestants: CONTESTANTS,
      setup: { size: 64 },
      isFresh: true,
      isCounted: true,
      lasts: () => 7,
      ratios: ratiosAgainstPeers('octets', CONTESTANTS, GOALS),
      async measure({ server, load }) {
        const result = await load.run('idle', server.port, { connections: CONNECTIONS, pid: server.pid });
        return { octets: result.bytesPerConnection };
      },
    },
  ],
};
