import { ratiosAgainstPeers } from '../contestants.mjs';
import { ECHO_FIGURES, measureEcho, shapeOf, titleOf } from './echo-load.mjs';

const CONTESTANTS = ['wasock', 'wasock-ts', 'ws', 'uws'];
const SHAPE = shapeOf('64x16x64');

export const codecTs = {
  name: 'codec-ts',
  title: 'Echo without WebAssembly',
  about: 'WASOCK_CODEC=ts: what is left where WebAssembly cannot be had',
  rows: [
    {
      name: '64x16x64',
      title: titleOf(SHAPE),
      figures: ECHO_FIGURES,
      contestants: CONTESTANTS,
      setup: { size: SHAPE.size },
      ratios: ratiosAgainstPeers('messagesPerSecond', CONTESTANTS, { 'wasock-ts': { ws: 5 } }),
      measure: (run) => measureEcho(SHAPE, run),
    },
  ],
};
