import { ratiosAgainstPeers } from '../contestants.mjs';
import { ECHO_FIGURES, measureEcho, shapeOf, titleOf } from './echo-load.mjs';

const CONTESTANTS = ['wasock', 'wasock-ws', 'ws', 'ws-strings', 'uws', 'uws-strings', 'bun', 'deno'];
const SHAPE = shapeOf('64x16x64');
const TEXTS = { ascii: 'ASCII', utf8: 'UTF-8 that is not ASCII' };

export const text = {
  name: 'text',
  title: 'Echo of text',
  about:
    'text is a string to wasock, Bun and Deno; to ws and uWebSockets.js it is the bytes that came, of which "as strings" makes strings',
  rows: Object.entries(TEXTS).map(([name, kind]) => ({
    name,
    title: `${titleOf(SHAPE)}, ${kind}`,
    figures: ECHO_FIGURES,
    contestants: CONTESTANTS,
    setup: { size: SHAPE.size },
    ratios: ratiosAgainstPeers('messagesPerSecond', CONTESTANTS, {
      wasock: { ws: 10, uws: 1 },
      'wasock-ws': { ws: 1 },
    }),
    measure: (run) => measureEcho({ ...SHAPE, text: name }, run),
  })),
};
