import { describe, expect, test } from 'vitest';
import { runNode } from '../support/program.js';

/** Of ten seconds in a run of all tests; CI runs it for longer. */
const MINUTES = Number(process.env.MODEL_MINUTES ?? 0.16);

/** What the model test prints, if it finds nothing. */
async function outcome(entry: string, minutes: number): Promise<string> {
  const run = runNode(['test/model/run.mjs', '--entry', entry, '--minutes', String(minutes)]);
  await run.exit;
  return run.stdout + run.stderr;
}

describe('model test: random programs over real sockets', () => {
  test(
    'messages, callbacks, promises, pauses and ends are those of the model, and those of npm ws',
    async () => {
      expect(await outcome('all', MINUTES)).toMatch(/^model: \d+ programs of seed \d+ on Node v[\d.]+, 0 findings$/m);
    },
    MINUTES * 60_000 + 60_000,
  );

  test(
    'the model is right about npm ws',
    async () => {
      expect(await outcome('npm', MINUTES / 4)).toMatch(
        /^model: \d+ programs of seed \d+ on Node v[\d.]+, 0 findings$/m,
      );
    },
    MINUTES * 60_000 + 60_000,
  );
});
