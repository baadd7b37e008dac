import { ratiosAgainstPeers } from '../contestants.mjs';
import { measureEcho, shapeOf, titleOf, verifyEvery } from './echo-load.mjs';

const CONTESTANTS = ['wasock', 'wasock-zero-copy', 'wasock-await', 'wasock-ws', 'ws', 'uws', 'bun', 'deno'];
const SHAPES = ['64x1x64', '64x16x64', '64x16x1024', '16x4x16384', '4x2x1048576'];

/**
 * An open loop does not wait for who is behind: when a server has been held up, all that was to be sent comes at once. With
 * their defaults wasock would end the connection, and uWebSockets.js and Bun drop replies; ws and Deno have no limit.
 */
const MAX_BACKPRESSURE = 64 * 1_048_576;

const FIGURES = [
  { name: 'p50', title: 'p50 at half of what ws can', unit: 'µs', better: 'lower', isCharted: true },
  { name: 'p99', title: 'p99 at half of what ws can', unit: 'µs', better: 'lower', isCharted: true },
  { name: 'late', title: 'the load late by', unit: 'µs', better: 'lower' },
  { name: 'ownP50', title: 'p50 at half of what it can', unit: 'µs', better: 'lower' },
  { name: 'ownP99', title: 'p99 at half of what it can', unit: 'µs', better: 'lower' },
  { name: 'ownLate', title: 'the load late by', unit: 'µs', better: 'lower' },
  { name: 'ownRate', title: 'that rate', better: 'higher' },
];

/** Half of the throughput of each in a closed loop, measured right before. */
async function calibrate(shape, runs) {
  const half = {};
  for (const [name, run] of runs) half[name] = Math.round((await measureEcho(shape, run)).messagesPerSecond / 2);
  return half;
}

async function measureAt(rate, { connections, depth, size }, { server, load, seconds }) {
  const options = { connections, rate, burst: depth, size, seconds, verifyEvery: verifyEvery(size) };
  const result = await load.run('rate', server.port, options);
  if (result.verified === 0) throw new Error('no reply was verified');
  return result;
}

/** Nothing is promised at each one's own rate: every so many rounds are enough. */
const OWN_EVERY = 5;

async function measure(shape, run) {
  const { calibration: half, name, round } = run;
  const { p50Us: p50, p99Us: p99, lateP99Us: late } = await measureAt(half.ws, shape, run);
  if (round % OWN_EVERY > 0) return { p50, p99, late };
  const own = await measureAt(half[name], shape, run);
  return { p50, p99, late, ownP50: own.p50Us, ownP99: own.p99Us, ownLate: own.lateP99Us, ownRate: half[name] };
}

/** No row of ours may be worse than ws at the same rate. */
const GOALS = { wasock: { ws: 1 }, 'wasock-zero-copy': { ws: 1 }, 'wasock-await': { ws: 1 }, 'wasock-ws': { ws: 1 } };

export const latency = {
  name: 'latency',
  title: 'Latency under an open loop',
  about: 'counted from the time at which each message was to be sent, in bursts of one connection; lower is better',
  rows: SHAPES.map((name) => {
    const shape = shapeOf(name);
    return {
      name: `latency ${name}`,
      title: titleOf(shape).replace('in flight', 'in a burst'),
      figures: FIGURES,
      contestants: CONTESTANTS,
      setup: { size: shape.size, maxBackpressure: MAX_BACKPRESSURE },
      lasts: (seconds) => (1 + 1 / OWN_EVERY) * (seconds + 0.85),
      calibrates: (seconds) => CONTESTANTS.length * (seconds + 0.8),
      calibrate: (runs) => calibrate(shape, runs),
      ratios: ['p50', 'p99'].flatMap((figure) => ratiosAgainstPeers(figure, CONTESTANTS, GOALS)),
      measure: (run) => measure(shape, run),
    };
  }),
};
