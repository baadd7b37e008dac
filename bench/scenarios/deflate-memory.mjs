import { ratiosAgainstPeers } from '../contestants.mjs';
import { checkCompression, OFFERS, poolOptions, poolTitle, zlibSizes } from './deflate-load.mjs';

const CONNECTIONS = 10_000;
/** Above the threshold below which ws and wasock send messages as they are. */
const POOL = { size: 2048 };
const IDLE = ['wasock', 'wasock-plain', 'wasock-ws', 'wasock-ws-plain', 'ws', 'ws-plain', 'uws', 'uws-plain'];

const MESSAGES = 2_000_000;
/** A quick look writes no results, and is to be quick. */
const QUICK_MESSAGES = 60_000;
const GROWTH_POOL = { size: 555 };
const GROWTH = ['wasock', 'wasock-small', 'wasock-ws', 'ws', 'uws'];
const GROWTH_KINDS = { 'no-takeover': 'without context takeover', takeover: 'with context takeover' };

const idle = {
  name: `compressed idle ${CONNECTIONS}`,
  title: `${CONNECTIONS} connections, idle, then after ${poolTitle(POOL).replace('64 different messages', 'one message')} on each`,
  figures: [
    { name: 'idle', title: 'B/connection, idle', unit: 'B', better: 'lower', isCharted: true },
    { name: 'after', title: 'B/connection, after a message', unit: 'B', better: 'lower', isCharted: true },
  ],
  contestants: IDLE,
  setup: { size: POOL.size, compress: 'default' },
  needsZlib: true,
  isFresh: true,
  isCounted: true,
  rounds: (rounds) => Math.min(rounds, 3),
  lasts: () => 12,
  ratios: ['idle', 'after'].flatMap((figure) => ratiosAgainstPeers(figure, IDLE)),
  async measure({ name, server, load }) {
    const options = { ...poolOptions(POOL), connections: CONNECTIONS, pid: server.pid };
    const extension = name.endsWith('-plain') ? undefined : OFFERS.default;
    const result = await load.run('idle', server.port, { ...options, extension });
    if (extension && result.compressed === 0) throw new Error('no reply was compressed');
    const { bytesPerConnection, bytesPerConnectionAfterMessage, agreed } = result;
    return { idle: bytesPerConnection, after: bytesPerConnectionAfterMessage, agreed };
  },
};

function growthRow(compress) {
  return {
    name: `compressed ${MESSAGES}${compress === 'takeover' ? ', takeover' : ''}`,
    title: `${MESSAGES / 1e6} million messages, ${GROWTH_KINDS[compress]}`,
    figures: [
      { name: 'lastQuarter', title: 'memory in the last quarter', unit: 'B', better: 'lower', isCharted: true },
      { name: 'growth', title: 'more than in the first', unit: 'B', better: 'lower' },
      { name: 'messagesPerSecond', title: 'messages/s', better: 'higher' },
    ],
    contestants: GROWTH,
    setup: { size: GROWTH_POOL.size, compress },
    needsZlib: true,
    isFresh: true,
    isCounted: true,
    rounds: () => 1,
    // Those that take longest send some 10 000 a second.
    lasts: () => 80,
    ratios: [],
    async measure({ server, load, isQuick }) {
      const count = isQuick ? QUICK_MESSAGES : MESSAGES;
      const options = { ...poolOptions(GROWTH_POOL), connections: 64, depth: 16, count, pid: server.pid };
      const result = await load.run('deflate-growth', server.port, { ...options, extension: OFFERS[compress] });
      checkCompression(result, await zlibSizes(GROWTH_POOL, compress), compress);
      const { lastQuarter, growth, messagesPerSecond, agreed } = result;
      return { lastQuarter, growth, messagesPerSecond, agreed };
    },
  };
}

export const deflateMemory = {
  name: 'deflate-memory',
  title: 'What compression keeps',
  about: 'resident memory of the server process: with compression agreed and all defaults, and while messages go by',
  rows: [idle, growthRow('no-takeover'), growthRow('takeover')],
};
