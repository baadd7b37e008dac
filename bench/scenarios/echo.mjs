import { ratiosAgainstPeers } from '../contestants.mjs';
import { ECHO_FIGURES, measureEcho, shapeOf, titleOf } from './echo-load.mjs';

const CONTESTANTS = [
  'wasock',
  'wasock-zero-copy',
  'wasock-await',
  'wasock-ws',
  'ws',
  'ws-alone',
  'uws',
  'bun',
  'deno',
  'net',
];
/** The floor is that of small messages: with large ones the kernel does not take every write whole. */
const SMALL = [...CONTESTANTS, 'net-handles'];

/** What is promised of owned messages, of messages that are valid only in the handler, and of messages that are awaited. */
const GOALS = {
  '64x1x64': { wasock: { ws: 1.4, uws: 0.95 }, 'wasock-ws': { ws: 1.35 } },
  '64x16x64': {
    wasock: { ws: 13, uws: 1.4 },
    'wasock-zero-copy': { ws: 15, uws: 1.6 },
    'wasock-await': { wasock: 0.85 },
    'wasock-ws': { ws: 8 },
  },
  '64x16x1024': { wasock: { ws: 9, uws: 1.1 }, 'wasock-zero-copy': { ws: 14, uws: 1.7 }, 'wasock-ws': { ws: 9 } },
  '16x4x16384': { wasock: { ws: 1.6, uws: 0.85 }, 'wasock-zero-copy': { ws: 3, uws: 1.5 }, 'wasock-ws': { ws: 1.4 } },
  '4x2x1048576': { wasock: { ws: 1.3, uws: 0.85 }, 'wasock-zero-copy': { ws: 1.8, uws: 0.95 }, 'wasock-ws': { ws: 1 } },
};

export const echo = {
  name: 'echo',
  title: 'Echo of binary messages',
  rows: Object.entries(GOALS).map(([name, goals]) => {
    const shape = shapeOf(name);
    return {
      name,
      title: titleOf(shape),
      figures: ECHO_FIGURES,
      contestants: shape.size > 64 ? CONTESTANTS : SMALL,
      setup: { size: shape.size },
      ratios: ratiosAgainstPeers('messagesPerSecond', CONTESTANTS, goals),
      measure: (run) => measureEcho(shape, run),
    };
  }),
};
