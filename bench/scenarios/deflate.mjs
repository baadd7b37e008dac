import { ratiosAgainstPeers } from '../contestants.mjs';
import {
  ANSWERS,
  checkCompression,
  OFFERS,
  poolOptions,
  poolTitle,
  SIZE_FIGURES,
  sizesOf,
  zlibSizes,
} from './deflate-load.mjs';
import { ECHO_FIGURES, echoFigures } from './echo-load.mjs';
import { FANOUT_FIGURES } from './fanout.mjs';

const CONNECTIONS = 64;
const DEPTH = 16;
const SUBSCRIBERS = 1000;

const POOLS = {
  555: { size: 555 },
  one: { size: 555, first: 1 },
  64: { size: 64 },
  2048: { size: 2048 },
  16384: { size: 16_384 },
};

const CONTESTANTS = {
  'no-takeover': ['wasock', 'wasock-small', 'wasock-ts', 'wasock-ws', 'ws', 'uws'],
  takeover: ['wasock', 'wasock-small', 'wasock-ws', 'ws', 'uws', 'uws-256k'],
};
const WORDS = { 'no-takeover': 'without context takeover', takeover: 'with context takeover' };
const CLIENTS = ['wasock', 'wasock-small', 'wasock-ws', 'ws'];
const FANOUT_CONTESTANTS = ['wasock', 'wasock-small', 'wasock-ws', 'ws', 'uws'];

async function figuresOf(result, pool, compress) {
  const sizes = await zlibSizes(pool, compress);
  checkCompression(result, sizes, compress);
  return { ...echoFigures(result), ...sizesOf(result, sizes), agreed: result.agreed };
}

function echoRow(compress, name) {
  const pool = POOLS[name];
  return {
    name: `${compress === 'takeover' ? 'takeover' : 'deflate'} ${name}`,
    title: `${poolTitle(pool)}, ${WORDS[compress]}`,
    figures: [...ECHO_FIGURES, ...SIZE_FIGURES],
    contestants: CONTESTANTS[compress],
    setup: { size: pool.size, compress },
    needsZlib: true,
    ratios: ratiosAgainstPeers('messagesPerSecond', CONTESTANTS[compress]),
    async measure({ server, load, seconds }) {
      const options = { ...poolOptions(pool), connections: CONNECTIONS, depth: DEPTH, seconds, pid: server.pid };
      const result = await load.run('deflate', server.port, { ...options, extension: OFFERS[compress] });
      return figuresOf(result, pool, compress);
    },
  };
}

/** A client that echoes what the load sends it: the same work as that of a server, but for masking. */
function clientRow(compress) {
  const pool = POOLS[555];
  return {
    name: `deflate client${compress === 'takeover' ? ', takeover' : ''}`,
    title: `a client: ${poolTitle(pool)}, ${WORDS[compress]}`,
    figures: [...ECHO_FIGURES, ...SIZE_FIGURES],
    contestants: CLIENTS,
    setup: null,
    needsZlib: true,
    lasts: (seconds) => seconds + 1.2,
    ratios: ratiosAgainstPeers('messagesPerSecond', CLIENTS),
    async measure({ contestant, load, seconds, startScript }) {
      const options = { ...poolOptions(pool), connections: CONNECTIONS, depth: DEPTH, seconds };
      const { port, result } = await load.sink({ ...options, extension: ANSWERS[compress] }, 'deflate-client');
      const setup = { port, echo: true, connections: CONNECTIONS, compress, ...contestant.setup };
      const client = await startScript(`./clients/${contestant.script}.mjs`, setup);
      try {
        const figures = await figuresOf(await Promise.race([result, client.failed]), pool, compress);
        return { about: client.about, options: client.options, ...figures };
      } finally {
        await client.end();
      }
    },
  };
}

function fanoutRow() {
  const pool = POOLS[555];
  const compress = 'no-takeover';
  return {
    name: 'deflate fan-out',
    title: `${DEPTH} publishes in flight to ${SUBSCRIBERS}: ${poolTitle(pool)}, ${WORDS[compress]}`,
    figures: [...FANOUT_FIGURES, ...SIZE_FIGURES],
    contestants: FANOUT_CONTESTANTS,
    setup: { size: pool.size, fanout: true, compress },
    needsZlib: true,
    lasts: (seconds) => seconds + 1.2,
    ratios: ratiosAgainstPeers('deliveriesPerSecond', FANOUT_CONTESTANTS),
    async measure({ server, load, seconds }) {
      const options = { ...poolOptions(pool), connections: SUBSCRIBERS, inFlight: DEPTH, seconds, pid: server.pid };
      const result = await load.run('deflate-fanout', server.port, { ...options, extension: OFFERS[compress] });
      const sizes = await zlibSizes(pool, compress);
      checkCompression(result, sizes, compress);
      const { agreed, deliveriesPerSecond, deliveries } = result;
      return {
        agreed,
        deliveriesPerSecond,
        cpuMicroseconds: (result.serverCpuSeconds / deliveries) * 1e6,
        busy: (result.serverCpuSeconds / result.seconds) * 100,
        loadBusy: (result.loadCpuSeconds / result.seconds) * 100,
        ...sizesOf(result, sizes),
      };
    },
  };
}

export const deflate = {
  name: 'deflate',
  title: 'Compressed messages',
  about: `JSON on ${CONNECTIONS} connections × ${DEPTH} in flight, sent compressed; every reply is inflated and compared`,
  rows: [
    ...['no-takeover', 'takeover'].flatMap((compress) => Object.keys(POOLS).map((name) => echoRow(compress, name))),
    clientRow('no-takeover'),
    clientRow('takeover'),
    fanoutRow(),
  ],
};
