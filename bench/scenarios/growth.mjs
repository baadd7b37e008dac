import { ratiosAgainstPeers } from '../contestants.mjs';
import { peakMemory } from '../peak-memory.mjs';
import { measureEcho } from './echo-load.mjs';

const CONTESTANTS = ['wasock', 'wasock-ws', 'ws', 'uws'];
const SIZES = [10, 100, 1000, 10_000];

async function measure(connections, run) {
  const echo = await measureEcho({ connections, depth: 1, size: 64 }, run);
  return { ...echo, memory: peakMemory(run.server.pid) };
}

export const growth = {
  name: 'growth',
  title: 'From 10 to 10 000 connections',
  about:
    'each of them echoes 64 B, one message in flight; memory is the most that the server process ever had resident',
  rows: SIZES.map((connections) => ({
    name: `grow ${connections}`,
    title: `${connections} connections`,
    figures: [
      { name: 'messagesPerSecond', title: 'messages/s', better: 'higher', isCharted: true },
      { name: 'memory', title: 'peak memory', unit: 'B', better: 'lower', isCharted: true },
      { name: 'cpuMicroseconds', title: 'CPU/message', unit: 'µs', better: 'lower' },
    ],
    contestants: CONTESTANTS,
    setup: { size: 64 },
    rounds: (rounds) => Math.min(rounds, 3),
    lasts: (seconds) => seconds + 0.8 + connections / 5000,
    ratios: ['messagesPerSecond', 'memory'].flatMap((figure) => ratiosAgainstPeers(figure, CONTESTANTS)),
    measure: (run) => measure(connections, run),
  })),
};
