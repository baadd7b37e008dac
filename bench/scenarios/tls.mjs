import { ratiosAgainstPeers } from '../contestants.mjs';
import { ECHO_FIGURES, measureEcho, shapeOf, titleOf } from './echo-load.mjs';

const CONTESTANTS = ['wasock', 'wasock-zero-copy', 'wasock-ws', 'ws', 'uws', 'bun', 'deno', 'tls'];
const SHAPE = shapeOf('64x16x64');

export const tls = {
  name: 'tls',
  title: 'Echo over TLS',
  rows: [
    {
      name: '64x16x64',
      title: titleOf(SHAPE),
      figures: ECHO_FIGURES,
      contestants: CONTESTANTS,
      setup: { size: SHAPE.size },
      isTls: true,
      ratios: ratiosAgainstPeers('messagesPerSecond', CONTESTANTS, {
        wasock: { ws: 5, uws: 0.7 },
        'wasock-ws': { ws: 1 },
      }),
      measure: (run) => measureEcho(SHAPE, { ...run, flags: ['--tls', ...(run.flags ?? [])] }),
    },
  ],
};
