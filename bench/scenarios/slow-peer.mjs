import { peakMemory } from '../peak-memory.mjs';
import { FANOUT_FIGURES, measureFanout } from './fanout.mjs';

const POLICIES = ['slow-terminate', 'slow-drop', 'slow-wait'];
const IN_FLIGHT = 16;

export const slowPeer = {
  name: 'slow-peer',
  title: 'Fan-out, and one subscriber that never reads',
  about: 'every message has to reach the 1000 others; memory is the most that the server process ever had resident',
  rows: [
    {
      name: 'slow 1',
      title: '64 B to 1000 connections that read',
      figures: [
        ...FANOUT_FIGURES,
        { name: 'memory', title: 'peak memory', unit: 'B', better: 'lower', isCharted: true },
      ],
      contestants: ['wasock', ...POLICIES],
      setup: { size: 64, fanout: true },
      lasts: (seconds) => seconds + 1.2,
      ratios: POLICIES.flatMap((of) => [
        { figure: 'deliveriesPerSecond', of, to: 'wasock', goal: 0.95 },
        { figure: 'memory', of, to: 'wasock' },
      ]),
      async measure(run) {
        return { ...(await measureFanout(IN_FLIGHT, run)), memory: peakMemory(run.server.pid) };
      },
    },
  ],
};
