import { ratiosAgainstPeers } from '../contestants.mjs';
import { echoFigures, measureEcho, shapeOf } from './echo-load.mjs';

const CONTESTANTS = ['wasock', 'wasock-ws', 'ws', 'uws'];
const SHAPE = shapeOf('1x16x64');
const IDLE = 9999;

async function measure(run) {
  const { server, load, seconds } = run;
  const alone = await measureEcho(SHAPE, run);
  const options = { connections: IDLE, pid: server.pid, active: 1, depth: SHAPE.depth, size: SHAPE.size, seconds };
  const among = echoFigures(await load.run('idle', server.port, options));
  return {
    kept: (among.messagesPerSecond / alone.messagesPerSecond) * 100,
    messagesPerSecond: among.messagesPerSecond,
    cpuMicroseconds: among.cpuMicroseconds,
    alone: alone.messagesPerSecond,
    cpuAlone: alone.cpuMicroseconds,
  };
}

/** One connection alone warms a new server up slowly, and would look better among others for that alone. */
async function warmUp(runs) {
  for (const [, run] of runs) await measureEcho(shapeOf('64x16x64'), run);
}

export const oneActive = {
  name: 'one-active',
  title: `One connection sends, ${IDLE} are idle`,
  about: 'what it keeps of the throughput that it has when it is alone; its CPU time per message shows the cost',
  rows: [
    {
      name: `1 of ${IDLE + 1}`,
      title: '1 connection × 16 in flight × 64 B',
      figures: [
        { name: 'messagesPerSecond', title: 'messages/s among idle ones', better: 'higher', isCharted: true },
        { name: 'kept', title: 'kept of the throughput alone', unit: '%', better: 'higher', isCharted: true },
        { name: 'alone', title: 'messages/s alone', better: 'higher' },
        { name: 'cpuMicroseconds', title: 'CPU/message', unit: 'µs', better: 'lower' },
        { name: 'cpuAlone', title: 'CPU/message alone', unit: 'µs', better: 'lower' },
      ],
      contestants: CONTESTANTS,
      setup: { size: SHAPE.size },
      rounds: (rounds) => Math.min(rounds, 3),
      lasts: (seconds) => 2 * seconds + 8,
      calibrates: (seconds) => CONTESTANTS.length * (seconds + 0.8),
      calibrate: warmUp,
      ratios: ratiosAgainstPeers('messagesPerSecond', CONTESTANTS),
      measure,
    },
  ],
};
