import { ratiosAgainstPeers } from '../contestants.mjs';

const CONTESTANTS = ['wasock', 'wasock-ws', 'ws', 'net-client'];
const GOALS = { 64: 8, 16384: 1.5 };

async function measure(size, { contestant, load, seconds, startScript }) {
  const sink = await load.sink({ size, seconds });
  const client = await startScript(`./clients/${contestant.script}.mjs`, { port: sink.port, size });
  try {
    const { messagesPerSecond, verified } = await sink.result;
    if (verified === 0) throw new Error('no message was verified');
    return { about: client.about, options: client.options, messagesPerSecond };
  } finally {
    await client.end();
  }
}

export const client = {
  name: 'client',
  title: 'A client that sends',
  about: 'masked binary messages as fast as backpressure allows, received by the load',
  rows: Object.entries(GOALS).map(([size, goal]) => ({
    name: `send ${size}`,
    title: `messages of ${Number(size) < 1024 ? `${size} B` : `${size / 1024} KiB`}`,
    figures: [{ name: 'messagesPerSecond', title: 'messages/s', better: 'higher', isCharted: true }],
    contestants: CONTESTANTS,
    setup: null,
    lasts: (seconds) => seconds + 1.2,
    ratios: ratiosAgainstPeers('messagesPerSecond', CONTESTANTS, { wasock: { ws: goal }, 'wasock-ws': { ws: 1 } }),
    measure: (run) => measure(Number(size), run),
  })),
};
