import { ratiosAgainstPeers } from '../contestants.mjs';

const CONTESTANTS = ['wasock', 'ws', 'ws-alone'];

async function measure({ contestant, startScript }) {
  const before = performance.now();
  const script = await startScript(`./imports/${contestant.script}.mjs`, {});
  await script.ended;
  const { about, options, milliseconds } = script;
  return { about, options, milliseconds, process: performance.now() - before };
}

export const imports = {
  name: 'import',
  title: 'From the import to the first frame',
  about: 'a new process each time: wasock until it has scanned a frame, ws until it is imported; lower is better',
  rows: [
    {
      name: 'import',
      title: 'in a process that has just started',
      figures: [
        { name: 'milliseconds', title: 'import', unit: 'ms', better: 'lower', isCharted: true },
        { name: 'process', title: 'the whole process', unit: 'ms', better: 'lower', isCharted: true },
      ],
      contestants: CONTESTANTS,
      setup: null,
      isCounted: true,
      rounds: (rounds) => rounds * 5,
      lasts: () => 0.15,
      ratios: ['milliseconds', 'process'].flatMap((figure) =>
        ratiosAgainstPeers(figure, CONTESTANTS, figure === 'milliseconds' ? { wasock: { ws: 1 } } : {}),
      ),
      measure,
    },
  ],
};
