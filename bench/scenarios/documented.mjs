import { ratiosAgainstPeers } from '../contestants.mjs';
import { ECHO_FIGURES, measureEcho, shapeOf, titleOf } from './echo-load.mjs';

const VARIANTS = ['wasock-documented', 'wasock-no-window', 'wasock-no-direct-write'];
const CONTESTANTS = ['wasock', ...VARIANTS, 'ws'];

/** What is promised where wasock uses nothing of Node but what is documented. */
const GOALS = { '64x1x64': {}, '64x16x64': { 'wasock-documented': { ws: 4 } }, '16x4x16384': {} };

export const documented = {
  name: 'documented',
  title: 'Echo without private parts of Node',
  about:
    'WASOCK_NODE=documented uses nothing private of Node; no-window reads, and no-direct-write writes, as Node documents it',
  rows: Object.entries(GOALS).map(([name, goals]) => {
    const shape = shapeOf(name);
    return {
      name,
      title: titleOf(shape),
      figures: ECHO_FIGURES,
      contestants: CONTESTANTS,
      setup: { size: shape.size },
      ratios: [
        ...ratiosAgainstPeers('messagesPerSecond', CONTESTANTS, goals),
        ...VARIANTS.map((of) => ({ figure: 'messagesPerSecond', of, to: 'wasock' })),
      ],
      measure: (run) => measureEcho(shape, run),
    };
  }),
};
